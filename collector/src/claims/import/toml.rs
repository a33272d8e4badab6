//! Claims as `[[claim]]` tables whose keys are a claim's fields.

use toml::de::{DeTable, DeValue};

use super::{ClaimFile, FileMistake, Written};
use crate::claims::RawClaim;

pub(super) fn read(text: &str) -> ClaimFile {
    let line = |at: usize| Some(text[..at.min(text.len())].matches('\n').count() + 1);
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return super::wrong(line(at), error.message().to_owned(), "mend the TOML");
        }
    };
    let mut file = ClaimFile::default();
    let mut wrong = |at: usize, message: String, remedy: &str| {
        file.mistakes.push(FileMistake {
            line: line(at),
            place: String::new(),
            message,
            remedy: remedy.to_owned(),
        });
    };
    for (key, value) in root.get_ref() {
        let tables = value
            .get_ref()
            .as_array()
            .filter(|_| key.get_ref() == "claim");
        let Some(tables) = tables else {
            let message = format!("`{}` is no list of claims", key.get_ref());
            wrong(
                key.span().start,
                message,
                "write each claim under [[claim]]",
            );
            continue;
        };
        for item in tables {
            let Some(table) = item.get_ref().as_table() else {
                let at = item.span().start;
                wrong(
                    at,
                    "a claim is a table".to_owned(),
                    "write it under [[claim]]",
                );
                continue;
            };
            let mut raw = RawClaim::default();
            for (key, value) in table {
                let name = key.get_ref().as_ref();
                if !RawClaim::knows(name) {
                    wrong(
                        key.span().start,
                        format!("`{name}` is not a field of a claim"),
                        "use feature, state, as_of, published, source, note, track, confidence, \
                         target",
                    );
                    continue;
                }
                match value.get_ref() {
                    DeValue::String(text) => *raw.field(name) = Some(text.to_string()),
                    DeValue::Datetime(at) => *raw.field(name) = Some(at.to_string()),
                    DeValue::Integer(_)
                    | DeValue::Float(_)
                    | DeValue::Boolean(_)
                    | DeValue::Array(_)
                    | DeValue::Table(_) => {
                        let message = format!("`{name}` is not a text");
                        wrong(value.span().start, message, "write it in quotes");
                    }
                }
            }
            file.claims.push(Written {
                line: line(item.span().start),
                raw,
            });
        }
    }
    // Keys come sorted by their names.
    file.mistakes.sort_by_key(|mistake| mistake.line);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_claims_with_the_line_of_their_head() {
        let file = read(
            "# the board of 14:30\n[[claim]]\nfeature = \"map.core\"\nstate = \"unmeasured\"\n\n\
             [[claim]]\nfeature = \"*\"\nas_of = 2022-10-16T14:30:00+09:00\n",
        );
        assert_eq!(file.mistakes, []);
        let lines: Vec<_> = file.claims.iter().map(|claim| claim.line).collect();
        assert_eq!(lines, [Some(2), Some(6)]);
        let at = file.claims[1].raw.as_of.as_deref();
        assert_eq!(at, Some("2022-10-16T14:30:00+09:00"));
    }

    #[test]
    fn every_mistake_has_its_line() {
        let file = read("claim = 7\n[claims]\na = 1\n");
        assert_eq!(file.mistakes.len(), 2);
        let file = read("[[claim]]\nstate = 1\nsate = \"up\"\n");
        let told: Vec<_> = file.mistakes.iter().map(|m| m.line).collect();
        assert_eq!(told, [Some(2), Some(3)]);
        assert_eq!(read("[[claim]]\nstate = \n").mistakes[0].line, Some(2));
    }
}
