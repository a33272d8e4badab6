//! People who may act on the collector: each by a token of their own.

use bongsu_model::OperatorId;

use super::document::Section;
use super::forward::Forwarding;
use super::roster::{Roster, TokenHash, token_hash};

/// Someone who may act: hand in claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Who acts is written in the journal by this name.
    pub id: OperatorId,
    /// What their token hashes to.
    pub token: TokenHash,
}

/// All who may act, with different names and tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Operators(Vec<Operator>);

impl Operators {
    /// In the order of the file.
    pub fn all(&self) -> &[Operator] {
        &self.0
    }

    /// The operator whose token hashes to `token`.
    pub fn by_token(&self, token: &TokenHash) -> Option<&Operator> {
        self.0.iter().find(|operator| operator.token == *token)
    }
}

/// Reads `[[operator]]`. None only after a problem was reported.
pub(super) fn read(
    root: &Section<'_>,
    roster: Option<&Roster>,
    forwarding: Option<&Forwarding>,
) -> Option<Operators> {
    let mut operators = Operators::default();
    let mut whole = true;
    for section in root.sections("operator") {
        let Some(operator) = operator(&section) else {
            whole = false;
            continue;
        };
        let id = &operator.id;
        let agent = roster.and_then(|roster| roster.agent_by_token(&operator.token));
        let sender = forwarding.and_then(|known| known.sender_by_token(&operator.token));
        let wrong = if operators.0.iter().any(|known| known.id == *id) {
            Some(("id", format!("operator `{id}` is listed twice")))
        } else if let Some(other) = operators.by_token(&operator.token) {
            let message = format!("operators `{}` and `{id}` have the same token", other.id);
            Some(("token_sha256", message))
        } else if let Some(agent) = agent {
            let agent = &agent.vantage.agent;
            let message = format!("operator `{id}` and agent `{agent}` have the same token");
            Some(("token_sha256", message))
        } else if let Some(sender) = sender {
            let message = format!(
                "operator `{id}` and sender `{}` have the same token",
                sender.id
            );
            Some(("token_sha256", message))
        } else {
            None
        };
        if let Some((key, message)) = wrong {
            section.refuse(key, message);
            whole = false;
        }
        operators.0.push(operator);
    }
    whole.then_some(operators)
}

fn operator(section: &Section<'_>) -> Option<Operator> {
    let id = section.required("id", |value| value.name(OperatorId::new));
    let token = section.required("token_sha256", token_hash);
    section.finish();
    Some(Operator {
        id: id?,
        token: token?,
    })
}
