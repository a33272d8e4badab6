//! What a person can tell a running rehearsal, on its terminal or from another one.

use bongsu_superapp::{Component, Facility, PlatformFeature};
use serde::{Deserialize, Serialize};

/// A thing to do to the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Break a component or a feature, take a data centre's power, or cut an agent off.
    Break {
        /// `account`, `talk.message.text`, `dc-a`, or `agent:seoul-1`.
        what: String,
        /// How; `refuse` unless said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// Where; everywhere unless said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
    /// Mend what was broken; everything unless said, and then every component goes home too.
    Mend {
        /// What to mend.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        what: Option<String>,
    },
    /// Take a component into service in the standby centre.
    FailOver {
        /// `account`.
        what: String,
    },
    /// Take it back to where it belongs.
    FailBack {
        /// `account`.
        what: String,
    },
    /// Say what is broken and what the board shows.
    Status,
}

/// How a line on the terminal is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Do this.
    Do(Command),
    /// Print the words that are understood.
    Help,
    /// End the rehearsal.
    Quit,
    /// Nothing was typed.
    Empty,
}

/// Widest line of the help, in characters.
const WIDTH: usize = 78;

/// The words that are understood on the terminal.
pub fn help() -> String {
    let facilities = Facility::ALL.iter().copied().map(Facility::as_str);
    let components = Component::ALL.iter().copied().map(Component::as_str);
    let features = PlatformFeature::ALL
        .iter()
        .copied()
        .map(PlatformFeature::as_str);
    format!(
        "break WHAT [KIND] [in REGION]   WHAT: a component, a feature, a data centre, which loses its
                                      power, or an agent: agent:seoul-1
                                KIND: refuse (default), reset, hang, slow, error,
                                      wrong-content, lost-delivery, duplicate,
                                      large-payloads, dns-failure, bad-certificate;
                                      behind it @accounts=8% or @requests=20% for some
mend [WHAT]                     mends WHAT, or everything
fail-over COMPONENT             serves it from dc-b, if it runs in dc-a
fail-back COMPONENT             takes it back home
status                          what is broken, what the board shows
quit                            ends the rehearsal
data centres:
{}
components:
{}
features:
{}",
        wrapped(facilities),
        wrapped(components),
        wrapped(features)
    )
}

/// Names on indented lines.
fn wrapped<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut lines = vec!["  ".to_owned()];
    for name in names {
        let is_full = lines
            .last()
            .is_some_and(|line| line.len() + name.len() > WIDTH);
        if is_full {
            lines.push("  ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(name);
            line.push(' ');
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

/// A line was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not understood; type help for the words that are")]
pub struct LineError(String);

/// Understands a line: `break account hang in kr-seoul`, `fail-over account`, `mend`, `status`,
/// `quit`.
///
/// # Errors
/// When it is none of these.
pub fn parse_line(line: &str) -> Result<Line, LineError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let broken = |what: &str, kind: Option<&str>, region: Option<&str>| {
        Line::Do(Command::Break {
            what: what.to_owned(),
            kind: kind.map(str::to_owned),
            region: region.map(str::to_owned),
        })
    };
    Ok(match words.as_slice() {
        [] => Line::Empty,
        ["help" | "h" | "?"] => Line::Help,
        ["quit" | "q" | "exit"] => Line::Quit,
        ["status" | "s"] => Line::Do(Command::Status),
        ["mend"] | ["mend", "all"] => Line::Do(Command::Mend { what: None }),
        ["mend", what] => Line::Do(Command::Mend {
            what: Some((*what).to_owned()),
        }),
        ["fail-over" | "failover", what] => Line::Do(Command::FailOver {
            what: (*what).to_owned(),
        }),
        ["fail-back" | "failback", what] => Line::Do(Command::FailBack {
            what: (*what).to_owned(),
        }),
        ["break", what] => broken(what, None, None),
        ["break", what, "in", region] => broken(what, None, Some(region)),
        ["break", what, kind] => broken(what, Some(kind), None),
        ["break", what, kind, "in", region] => broken(what, Some(kind), Some(region)),
        _ => return Err(LineError(line.trim().chars().take(80).collect())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood_with_and_without_kind_and_region() {
        let broken = |kind: Option<&str>, region: Option<&str>| {
            Ok(Line::Do(Command::Break {
                what: "account".to_owned(),
                kind: kind.map(str::to_owned),
                region: region.map(str::to_owned),
            }))
        };
        assert_eq!(parse_line("break account"), broken(None, None));
        assert_eq!(
            parse_line(" break  account hang "),
            broken(Some("hang"), None)
        );
        assert_eq!(
            parse_line("break account in kr-seoul"),
            broken(None, Some("kr-seoul"))
        );
        assert_eq!(
            parse_line("break account hang in kr-seoul"),
            broken(Some("hang"), Some("kr-seoul"))
        );
        assert_eq!(
            parse_line("mend all"),
            Ok(Line::Do(Command::Mend { what: None }))
        );
        for (line, command) in [
            (
                "fail-over account",
                Command::FailOver {
                    what: "account".to_owned(),
                },
            ),
            (
                "failback account",
                Command::FailBack {
                    what: "account".to_owned(),
                },
            ),
        ] {
            assert_eq!(parse_line(line), Ok(Line::Do(command)));
        }
        assert_eq!(parse_line(""), Ok(Line::Empty));
        assert_eq!(parse_line("q"), Ok(Line::Quit));
    }

    #[test]
    fn help_names_everything_that_can_be_broken() {
        let points = bongsu_superapp::FaultPoint::all();
        let help = help();
        let facilities = Facility::ALL.iter().map(|one| one.as_str());
        for name in points
            .map(bongsu_superapp::FaultPoint::as_str)
            .chain(facilities)
        {
            assert!(help.contains(name), "{name}");
        }
        assert!(
            help.lines().all(|line| line.chars().count() <= 92),
            "{help}"
        );
    }

    #[test]
    fn other_lines_are_refused_with_a_way_out() {
        assert_eq!(
            parse_line("brake account").unwrap_err().to_string(),
            "`brake account` is not understood; type help for the words that are"
        );
        assert!(parse_line("break").is_err());
        assert!(parse_line("fail-over").is_err());
        assert!(parse_line("fail-back account in kr-seoul").is_err());
        assert!(parse_line("break a b c").is_err());
    }
}
