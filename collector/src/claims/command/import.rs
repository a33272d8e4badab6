//! `claim import FILE`: reads, checks, hands in, and tells what was new.

use std::fmt::Write as _;

use bongsu_model::{Claim, ClaimConfidence, FeatureId, TargetName, Timestamp};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::{ImportArguments, Told, failed};
use crate::claims::import::{ClaimFile, FILE_BYTES_MAX, FileMistake, PassedOver, read};
use crate::claims::{CLAIMS_PER_REQUEST_MAX, Grounds, Place, lower};
use crate::web::answer::Time;

/// A claim with the line that it stands on.
type Placed = (Option<usize>, Claim);

pub(super) async fn run(arguments: &ImportArguments) -> Told {
    let name = arguments.file.display().to_string();
    let text = match text(arguments) {
        Ok(text) => text,
        Err(why) => return failed(2, &why),
    };
    let token = match arguments.token() {
        Ok(token) => token,
        Err(error) => return failed(2, &error.to_string()),
    };
    let client = match Client::new(&arguments.whom) {
        Ok(client) => client,
        Err(why) => return failed(2, &why),
    };
    let target = arguments.whom.target.as_deref();
    let board = match client.get("/board", &[("target", target)]).await {
        Ok(answer) if answer.status == 200 => answer.body,
        Ok(refused) => return failed(1, &refused.message()),
        Err(why) => return failed(1, &why),
    };
    let Some(known) = Known::of(&board) else {
        return failed(1, "the collector's board names neither target nor features");
    };
    let mut file = read(&arguments.file, &text);
    let claims = check(&mut file, &known, arguments.skip_unknown);
    if !file.mistakes.is_empty() {
        return mistaken(&name, &file.mistakes);
    }
    if claims.is_empty() {
        let mut told = failed(2, &format!("{name} holds no claim"));
        told.err.push_str(&passed_over(&file.passed_over));
        return told;
    }
    let mut done = Done::default();
    for batch in claims.chunks(CLAIMS_PER_REQUEST_MAX) {
        let body =
            json!({ "claims": batch.iter().map(|(_, claim)| body(claim)).collect::<Vec<_>>() });
        match client.post("/claims", &token, &body).await {
            Ok(answer) if matches!(answer.status, 200 | 201) => done.note(batch, &answer.body),
            Ok(answer) => return refused(&name, batch, &answer, &done),
            Err(why) => return stopped(&failed(1, &why), &done),
        }
    }
    Told {
        out: format!("{name}: {}{}", done.told(), passed_over(&file.passed_over)),
        err: String::new(),
        code: 0,
    }
}

fn text(arguments: &ImportArguments) -> Result<String, String> {
    let file = &arguments.file;
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let bytes = std::fs::metadata(file).map_err(unreadable)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!(
            "{} has {bytes} bytes, at most {FILE_BYTES_MAX} are read: split it",
            file.display()
        ));
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

/// What the collector knows: claims are checked against it before they are sent.
struct Known {
    features: Vec<FeatureId>,
    targets: Vec<TargetName>,
}

impl Known {
    fn of(board: &Value) -> Option<Self> {
        let target = TargetName::new(board["target"].as_str()?).ok()?;
        let features = board["features"].as_array()?.iter();
        let ids = features.filter_map(|feature| FeatureId::new(feature["id"].as_str()?).ok());
        Some(Self {
            features: ids.collect(),
            targets: vec![target],
        })
    }
}

/// The claims of a file that make sense; mistakes and rows to pass over are added to it.
fn check(file: &mut ClaimFile, known: &Known, skip_unknown: bool) -> Vec<Placed> {
    let grounds = Grounds {
        features: &known.features,
        targets: &known.targets,
        // What lies in the future is for the collector's clock to say.
        latest: Timestamp::MAX,
    };
    let mut claims = Vec::new();
    for (item, written) in std::mem::take(&mut file.claims).into_iter().enumerate() {
        let mut raw = written.raw;
        if skip_unknown
            && let Some(feature) = raw.feature.as_deref().filter(|feature| *feature != "*")
            && !known.features.iter().any(|known| known.as_str() == feature)
        {
            file.passed_over.push(PassedOver {
                line: written.line.unwrap_or(item + 1),
                why: format!("`{feature}` is not a feature of the catalogue"),
            });
            continue;
        }
        // Another target than the one that was asked for is the collector's to know.
        let elsewhere = raw.target.take().map(|target| TargetName::new(&target));
        let mut mistakes = Vec::new();
        let claim = lower(item, &raw, &grounds, &mut mistakes);
        if let Some(Err(error)) = &elsewhere {
            mistakes.push(crate::claims::Mistake {
                place: Place {
                    item,
                    field: "target",
                },
                message: error.to_string(),
                remedy: "name an environment of the collector".to_owned(),
            });
        }
        for mistake in mistakes.iter().map(|m| FileMistake::of(m, written.line)) {
            // What is no text at all was told as that.
            let place = (mistake.line, &mistake.place);
            let told = file
                .mistakes
                .iter()
                .any(|known| (known.line, &known.place) == place);
            if !told {
                file.mistakes.push(mistake);
            }
        }
        if let (Some(mut claim), None | Some(Ok(_))) = (claim, &elsewhere) {
            if let Some(Ok(target)) = elsewhere {
                claim.target = target;
            }
            claims.push((written.line, claim));
        }
    }
    file.mistakes.sort_by_key(|mistake| mistake.line);
    file.passed_over.sort_by_key(|row| row.line);
    claims
}

fn body(claim: &Claim) -> Value {
    json!({
        "feature": claim.subject,
        "state": claim.state,
        "as_of": Time(claim.as_of),
        "published": (claim.published != claim.as_of).then_some(Time(claim.published)),
        "source": claim.source,
        "note": claim.note,
        "track": claim.track,
        "confidence": claim.confidence,
        "target": claim.target,
    })
}

/// What was handed in so far.
#[derive(Default)]
struct Done {
    new: Vec<String>,
    known: usize,
}

impl Done {
    fn note(&mut self, batch: &[Placed], answer: &Value) {
        let became = answer["claims"].as_array().map_or(&[][..], Vec::as_slice);
        for ((_, claim), became) in batch.iter().zip(became) {
            if became["new"] == true {
                self.new.push(line(claim));
            } else {
                self.known += 1;
            }
        }
    }

    fn told(&self) -> String {
        let mut told = format!("{} new, {} known already\n", self.new.len(), self.known);
        for line in &self.new {
            let _ = writeln!(told, "  {line}");
        }
        told
    }
}

/// A claim in a line: `2022-10-16T05:30:00.000Z  claim  map.core  unmeasured  SEED`.
fn line(claim: &Claim) -> String {
    let sure = match claim.confidence {
        ClaimConfidence::High => String::new(),
        less => format!(" ({less} confidence)"),
    };
    format!(
        "{}  {:8}  {:28}  {:11}  {}{sure}",
        Time(claim.as_of),
        claim.track.as_str(),
        claim.subject.as_str(),
        claim.state.as_str(),
        claim.source,
    )
}

fn passed_over(rows: &[PassedOver]) -> String {
    let mut told = String::new();
    if !rows.is_empty() {
        let word = if rows.len() == 1 { "row" } else { "rows" };
        let _ = writeln!(told, "{} {word} passed over:", rows.len());
    }
    for row in rows {
        let _ = writeln!(told, "  line {}: {}", row.line, row.why);
    }
    told
}

fn mistaken(name: &str, mistakes: &[FileMistake]) -> Told {
    let mut err = String::new();
    for mistake in mistakes {
        let line = mistake
            .line
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        let place = if mistake.place.is_empty() {
            String::new()
        } else {
            format!(" {}:", mistake.place)
        };
        let _ = writeln!(
            err,
            "{name}{line}:{place} {}; {}",
            mistake.message, mistake.remedy
        );
    }
    let count = mistakes.len();
    let word = if count == 1 { "mistake" } else { "mistakes" };
    let _ = writeln!(
        err,
        "error: {count} {word} in {name}: nothing was handed in"
    );
    Told {
        out: String::new(),
        err,
        code: 2,
    }
}

/// The collector refused a batch: mistakes that only it could find are told with their lines.
fn refused(name: &str, batch: &[Placed], answer: &Answer, done: &Done) -> Told {
    let Some(mistakes) = answer.body["error"]["mistakes"].as_array() else {
        return stopped(&failed(1, &answer.message()), done);
    };
    let found: Vec<_> = mistakes
        .iter()
        .map(|mistake| {
            let text = |key: &str| mistake[key].as_str().unwrap_or_default();
            let place = text("place");
            let item = place
                .strip_prefix("claims[")
                .and_then(|rest| rest.split(']').next());
            let item = item.and_then(|item| item.parse::<usize>().ok());
            let line = item
                .and_then(|item| batch.get(item))
                .and_then(|(line, _)| *line);
            let field = place.split_once('.').map_or("", |(_, field)| field);
            FileMistake {
                line,
                place: if line.is_some() { field } else { place }.to_owned(),
                message: text("message").to_owned(),
                remedy: text("remedy").to_owned(),
            }
        })
        .collect();
    stopped(&mistaken(name, &found), done)
}

/// What went wrong, after what earlier requests had done.
fn stopped(told: &Told, done: &Done) -> Told {
    let out = if done.new.is_empty() && done.known == 0 {
        String::new()
    } else {
        format!("before that: {}", done.told())
    };
    Told {
        out,
        ..told.clone()
    }
}
