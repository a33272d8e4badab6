//! Claims as rows of a table (RFC 4180), in the columns in which outages are written down:
//! `ts_kst,track,feature,from,to,conf,source,note`, or by the names of a claim's fields.

use super::{ClaimFile, FileMistake, PassedOver, Written};
use crate::claims::RawClaim;

/// Korea has no summer time since 1988: what a `ts_kst` lacks.
const KST: &str = "+09:00";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    /// A field of a claim, by its name.
    Field(&'static str),
    /// The as-of time in Korea, to the minute or the second.
    Kst,
    /// Whose the row is: `claim`, `obs` or `observed`; `fact` and `infer` are no claims.
    Track,
    /// `high`, `med`, `medium` or `low`.
    Confidence,
    /// The state before, which a claim does not need.
    Before,
}

impl Column {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ts_kst" => Self::Kst,
            "track" => Self::Track,
            "conf" | "confidence" => Self::Confidence,
            "from" => Self::Before,
            "to" | "state" => Self::Field("state"),
            "as_of" => Self::Field("as_of"),
            "published" => Self::Field("published"),
            "feature" => Self::Field("feature"),
            "source" => Self::Field("source"),
            "note" => Self::Field("note"),
            "target" => Self::Field("target"),
            _ => return None,
        })
    }
}

const NAMES: &str = "ts_kst or as_of, published, track, feature, from, to or state, conf or \
                     confidence, source, note, target";

pub(super) fn read(text: &str) -> ClaimFile {
    let mut file = ClaimFile::default();
    let mut rows = rows(text, &mut file.mistakes).into_iter();
    let Some((line, names)) = rows.next() else {
        return super::wrong(
            None,
            "the file is empty".to_owned(),
            "begin it with column names",
        );
    };
    let mut columns = Vec::new();
    for name in &names {
        let column = Column::named(name.trim());
        if column.is_none() {
            file.mistakes.push(FileMistake {
                line: Some(line),
                place: String::new(),
                message: format!("`{}` is not a column of claims", name.trim()),
                remedy: format!("use {NAMES}"),
            });
        } else if columns.contains(&column) {
            file.mistakes.push(FileMistake {
                line: Some(line),
                place: String::new(),
                message: format!("the column `{}` is there twice", name.trim()),
                remedy: "keep one of the two".to_owned(),
            });
        }
        columns.push(column);
    }
    if !file.mistakes.is_empty() {
        return file;
    }
    let columns: Vec<Column> = columns.into_iter().flatten().collect();
    for (line, cells) in rows {
        if cells.len() != columns.len() {
            file.mistakes.push(FileMistake {
                line: Some(line),
                place: String::new(),
                message: format!("{} cells under {} columns", cells.len(), columns.len()),
                remedy: "put a cell that holds a comma in double quotes".to_owned(),
            });
            continue;
        }
        match claim(&columns, cells) {
            Ok(raw) => file.claims.push(Written {
                line: Some(line),
                raw,
            }),
            Err(why) => file.passed_over.push(PassedOver { line, why }),
        }
    }
    file
}

/// The claim of a row; else why it is none.
fn claim(columns: &[Column], cells: Vec<String>) -> Result<RawClaim, String> {
    let mut raw = RawClaim::default();
    let mut has_track = false;
    for (column, cell) in columns.iter().zip(cells) {
        let cell = Some(cell.trim().to_owned()).filter(|cell| !cell.is_empty());
        match column {
            Column::Field(name) => *raw.field(name) = cell,
            Column::Kst => raw.as_of = cell.map(kst),
            Column::Track => {
                has_track = true;
                raw.track = cell;
            }
            Column::Confidence => raw.confidence = cell.map(confidence),
            Column::Before => {}
        }
    }
    match raw.track.as_deref() {
        Some("obs") => raw.track = Some("observed".to_owned()),
        Some(track @ ("fact" | "infer")) => return Err(format!("`{track}` is no statement")),
        None if has_track => return Err("nobody is named who said it".to_owned()),
        Some(_) | None => {}
    }
    if raw.state.is_none() {
        return Err("it gives no state: an annotation".to_owned());
    }
    Ok(raw)
}

/// A local time of Korea with its offset; what already has one, or is no time, stays.
fn kst(text: String) -> String {
    let civil = text.parse::<jiff::civil::DateTime>();
    match civil {
        Ok(at) if !text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_err() => {
            format!("{at}{KST}")
        }
        Ok(_) | Err(_) => text,
    }
}

fn confidence(word: String) -> String {
    if word == "med" {
        return "medium".to_owned();
    }
    word
}

/// The rows of the text, each with its line. A quoted cell may hold commas, quotes (doubled) and
/// line breaks; lines without a cell are left out.
fn rows(text: &str, mistakes: &mut Vec<FileMistake>) -> Vec<(usize, Vec<String>)> {
    let mut rows = Vec::new();
    let (mut line, mut start) = (1, 1);
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    let mut end_row = |start: usize, cells: &mut Vec<String>| {
        let row = std::mem::replace(cells, vec![String::new()]);
        if row.len() > 1 || !row[0].trim().is_empty() {
            rows.push((start, row));
        }
    };
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("never empty");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.trim().is_empty() => {
                cell.clear();
                quoted = true;
            }
            ',' if !quoted => cells.push(String::new()),
            '\n' => {
                line += 1;
                if quoted {
                    // A note goes on; claims are kept on one line.
                    cell.push(' ');
                } else {
                    end_row(start, &mut cells);
                    start = line;
                }
            }
            '\r' if characters.peek() == Some(&'\n') => {}
            other => cell.push(other),
        }
    }
    if quoted {
        mistakes.push(FileMistake {
            line: Some(start),
            place: String::new(),
            message: "a quote is opened and never closed".to_owned(),
            remedy: "close it, and write a quote within quotes twice".to_owned(),
        });
    } else {
        end_row(start, &mut cells);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "ts_kst,track,feature,from,to,conf,source,note\n";

    fn only(row: &str) -> RawClaim {
        let mut file = read(&format!("{HEAD}{row}\n"));
        assert_eq!((file.mistakes.len(), file.claims.len()), (0, 1), "{file:?}");
        assert_eq!(file.claims[0].line, Some(2));
        file.claims.remove(0).raw
    }

    #[test]
    fn a_row_is_a_claim_about_a_minute_in_korea() {
        let raw = only(
            "2022-10-16T10:25,claim,talk.login.pc,down,degraded,med,T6,\"not for all, \"\"yet\"\"\"",
        );
        assert_eq!(
            raw,
            RawClaim {
                feature: Some("talk.login.pc".to_owned()),
                state: Some("degraded".to_owned()),
                as_of: Some("2022-10-16T10:25:00+09:00".to_owned()),
                source: Some("T6".to_owned()),
                note: Some("not for all, \"yet\"".to_owned()),
                track: Some("claim".to_owned()),
                confidence: Some("medium".to_owned()),
                ..RawClaim::default()
            }
        );
        let raw = only("2022-10-16T01:30:00Z,obs,*,,down,,seen,");
        assert_eq!(raw.as_of.as_deref(), Some("2022-10-16T01:30:00Z"));
        assert_eq!(raw.track.as_deref(), Some("observed"));
        assert_eq!((raw.confidence, raw.note), (None, None));
    }

    #[test]
    fn what_is_no_statement_is_passed_over_and_told() {
        let file = read(&format!(
            "{HEAD}2022-10-15T15:19,fact,facility.fire,,on,high,T17,\r\n\
             2022-10-15T18:50,claim,eta,,,med,T30,\"all back\nwithin 2 h\"\r\n\n\
             unknown,,talk.wallet,recovering,unknown,,,same\n\
             2022-10-15T15:30,claim,*,up,down,high,T16,\n"
        ));
        let lines: Vec<_> = file.passed_over.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 3, 6]);
        assert_eq!(file.claims[0].line, Some(7));
        assert_eq!(file.mistakes, []);
    }

    #[test]
    fn every_wrong_row_is_told() {
        let file = read(&format!(
            "{HEAD}2022-10-15T15:30,claim,*,up,down,high,T16,a, b\nx,y\n"
        ));
        let told: Vec<_> = file
            .mistakes
            .iter()
            .map(|m| (m.line, m.message.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Some(2), "9 cells under 8 columns"),
                (Some(3), "2 cells under 8 columns"),
            ]
        );
        let file = read("as_of,sate,state,to\n");
        let told: Vec<_> = file.mistakes.iter().map(|m| m.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "`sate` is not a column of claims",
                "the column `to` is there twice"
            ]
        );
        let file = read(&format!("{HEAD}2022,claim,\"*,up\n"));
        assert_eq!(file.mistakes[0].line, Some(2));
        assert_eq!(read("").mistakes.len(), 1);
    }
}
