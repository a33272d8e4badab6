//! `spends`: the money that a step may move, as a number or as one of the journey's constants.

use crate::document::{Node, Table};
use crate::parser::Parser;
use crate::rule::Rule;
use crate::source::Position;
use crate::template::Template;

/// What a step says of the money that it moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spends {
    /// So much.
    Amount(u64),
    /// As much as this constant of `vars` says.
    Constant(String),
}

impl Parser<'_> {
    pub(super) fn spends(&mut self, table: &Table) -> Option<(Spends, Position)> {
        let node = table.get("spends")?;
        let spends = match (node.as_integer(), node.as_text()) {
            (Some(amount), _) => u64::try_from(amount).ok().map(Spends::Amount),
            (None, Some(text)) => constant(text).map(Spends::Constant),
            (None, None) => None,
        };
        if spends.is_none() {
            self.refuse_spends(node);
        }
        if let Some(said) = table.get("side_effect")
            && said.as_bool() == Some(false)
            && spends
                .as_ref()
                .is_some_and(|spends| *spends != Spends::Amount(0))
        {
            let _ = self
                .error(&said.span, "a step that spends money has a side effect")
                .help("remove `side_effect = false`, or `spends`: a kill switch goes by it");
        }
        Some((spends?, self.position(&node.span)))
    }

    fn refuse_spends(&mut self, node: &Node) {
        let _ = self
            .error(&node.span, "this is not an amount of money")
            .rule(Rule::UnknownSpending)
            .label(format!("this is {}", node.kind()))
            .help(
                "write a whole number of minor units, 0 or more, or one constant of `vars`, as in \
                 \"{{ amount }}\": it must be known before the run",
            );
    }
}

/// The name in a lone `{{ name }}`.
fn constant(text: &str) -> Option<String> {
    let template = Template::parse(text).ok()?;
    let expression = template.lone()?;
    let [name] = expression.names() else {
        return None;
    };
    (name.text() == expression.text()).then(|| name.text())
}
