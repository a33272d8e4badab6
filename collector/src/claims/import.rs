//! Reads files of claims: CSV as outages are written down, TOML, and the API's own JSON.
//!
//! Nothing is checked here but the shape of the file: what comes out are claims as they were
//! written, each with its place, for [`lower`](super::lower) to look at.

mod csv;
mod toml;

use std::path::Path;

use serde_json::Value;

use super::{Mistake, RawClaim};

/// Largest file in bytes: some years of statements.
pub const FILE_BYTES_MAX: u64 = 16 << 20;

/// A claim as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its line, from 1; None where the format does not tell.
    pub line: Option<usize>,
    /// What is written there.
    pub raw: RawClaim,
}

/// A row that is no claim, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Its line, from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

/// Something in a file that is wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMistake {
    /// Its line, from 1; None where the format does not tell.
    pub line: Option<usize>,
    /// Where in it, if there is more to say: `claims[3].state`, `state`.
    pub place: String,
    /// What.
    pub message: String,
    /// How to mend it.
    pub remedy: String,
}

impl FileMistake {
    /// A mistake of a claim of the file.
    pub fn of(mistake: &Mistake, line: Option<usize>) -> Self {
        let place = if line.is_some() {
            mistake.place.field.to_owned()
        } else {
            mistake.place.to_string()
        };
        Self {
            line,
            place,
            message: mistake.message.clone(),
            remedy: mistake.remedy.clone(),
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimFile {
    /// The claims, in the order of the file.
    pub claims: Vec<Written>,
    /// Rows that are none.
    pub passed_over: Vec<PassedOver>,
    /// What is wrong with its shape.
    pub mistakes: Vec<FileMistake>,
}

/// Reads the text of a file whose name ends in `.csv`, `.toml` or `.json`.
pub fn read(file: &Path, text: &str) -> ClaimFile {
    // Some spreadsheets put a byte order mark before UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => csv::read(text),
        Some("toml") => toml::read(text),
        Some("json") => json(text),
        Some(_) | None => wrong(
            None,
            "nobody knows how to read it by its name".to_owned(),
            "name it .csv, .toml or .json after what is in it",
        ),
    }
}

fn wrong(line: Option<usize>, message: String, remedy: &str) -> ClaimFile {
    ClaimFile {
        mistakes: vec![FileMistake {
            line,
            place: String::new(),
            message,
            remedy: remedy.to_owned(),
        }],
        ..ClaimFile::default()
    }
}

/// The body of the API: one claim, or `{ "claims": [ … ] }`.
fn json(text: &str) -> ClaimFile {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            return wrong(
                Some(error.line()),
                format!("it is no JSON: {error}"),
                "mend the JSON",
            );
        }
    };
    let items = match value.get("claims") {
        Some(Value::Array(items)) => items.as_slice(),
        None if value.is_object() => std::slice::from_ref(&value),
        Some(_) | None => {
            let message = "it is neither one claim nor a list of them".to_owned();
            return wrong(None, message, "write { \"claims\": [ { … }, … ] }");
        }
    };
    let mut file = ClaimFile::default();
    let mut mistakes = Vec::new();
    for (item, value) in items.iter().enumerate() {
        let raw = RawClaim::from_json(item, value, &mut mistakes);
        if value.is_object() {
            file.claims.push(Written { line: None, raw });
        }
    }
    file.mistakes = mistakes
        .iter()
        .map(|mistake| FileMistake::of(mistake, None))
        .collect();
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_how_to_read_it() {
        let csv = "as_of,feature,state,source\n2022-10-16T14:30:00+09:00,*,up,notice\n";
        let toml = "[[claim]]\nas_of = 2022-10-16T14:30:00+09:00\nfeature = \"*\"\nstate = \"up\"\n\
                    source = \"notice\"\n";
        let json = r#"{"claims":[{"as_of":"2022-10-16T14:30:00+09:00","feature":"*","state":"up","source":"notice"}]}"#;
        for (name, text) in [
            ("a.csv", csv),
            ("a.toml", toml),
            ("a.json", json),
            ("b.csv", &format!("\u{feff}{csv}")),
        ] {
            let file = read(Path::new(name), text);
            assert_eq!(file.mistakes, [], "{name}");
            let raw = &file.claims[0].raw;
            assert_eq!(
                raw.as_of.as_deref(),
                Some("2022-10-16T14:30:00+09:00"),
                "{name}"
            );
            assert_eq!(raw.feature.as_deref(), Some("*"), "{name}");
            assert_eq!(raw.state.as_deref(), Some("up"), "{name}");
        }
        assert_eq!(read(Path::new("claims.txt"), csv).mistakes.len(), 1);
    }

    #[test]
    fn the_commented_example_is_a_file_of_claims() {
        let text = include_str!("../../../deploy/config/claims.toml");
        let file = read(Path::new("claims.toml"), text);
        assert_eq!(
            (file.mistakes.len(), file.claims.len()),
            (0, 2),
            "{file:#?}"
        );
        let ids = ["talk.message.text"].map(|id| bongsu_model::FeatureId::new(id).unwrap());
        let targets = [bongsu_model::TargetName::new("superapp").unwrap()];
        let grounds = crate::claims::Grounds {
            features: &ids,
            targets: &targets,
            latest: bongsu_model::Timestamp::MAX,
        };
        let mut mistakes = Vec::new();
        for written in &file.claims {
            crate::claims::lower(0, &written.raw, &grounds, &mut mistakes);
        }
        assert_eq!(mistakes, []);
    }

    #[test]
    fn json_that_is_none_is_told_with_its_line() {
        let file = read(Path::new("a.json"), "{\n\"claims\": [\n{]\n");
        assert_eq!(file.mistakes[0].line, Some(3));
        for text in ["[]", "7", "{\"claims\": 7}"] {
            assert_eq!(read(Path::new("a.json"), text).mistakes.len(), 1, "{text}");
        }
    }
}
