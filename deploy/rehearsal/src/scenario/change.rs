//! Changes as rows write them: `down`, `degraded by error=503 30%, slow=2s@kr-seoul`.

use bongsu_superapp::{Fault, FaultPoint};

use super::{Condition, Injection};

/// The share of the time for which something degraded fails where the row says nothing: enough to
/// be seen within an hour, and no figure from history.
pub const DEGRADED_SHARE: f64 = 0.3;

/// What a condition's word may be, for remedies and `--help`.
pub const CONDITIONS: &str = "`up`, `down` or `degraded`, the last two with faults: `degraded by error=503 30%, slow=2s`; \
     `failed over` or `back home` of a component";

/// What fails where the row says no more.
const DEFAULT_FAULT: &str = "error=503";

/// Reads a condition of `on`.
pub(super) fn parse(on: FaultPoint, text: &str) -> Result<Condition, String> {
    let (word, faults) = match text.split_once(" by ") {
        Some((word, faults)) => (word.trim(), Some(faults)),
        None => (text.trim(), None),
    };
    let usual = match word {
        "up" if faults.is_none() => return Ok(Condition::Up),
        "up" => return Err("what is up is not broken by anything: leave out `by …`".to_owned()),
        "down" => 1.0,
        "degraded" => DEGRADED_SHARE,
        _ => {
            let shown: String = word.chars().take(40).collect();
            return Err(format!("`{shown}` is no condition; write {CONDITIONS}"));
        }
    };
    let injections = faults
        .unwrap_or(DEFAULT_FAULT)
        .split(',')
        .map(|one| injection(on, one.trim(), usual))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Condition::Broken(injections))
}

/// One fault with the share of the time: `error=503 30%`. What delays is there all the time unless
/// a share is written.
fn injection(on: FaultPoint, text: &str, usual: f64) -> Result<Injection, String> {
    let (fault, share) = match text.rsplit_once(' ') {
        Some((fault, share)) => (fault.trim(), Some(percent(share)?)),
        None => (text, None),
    };
    let fault: Fault = format!("{on}:{fault}")
        .parse()
        .map_err(|error: bongsu_superapp::FaultError| error.to_string())?;
    let is_delay = matches!(fault.kind, bongsu_superapp::FaultKind::Slow(_));
    Ok(Injection {
        share: share.unwrap_or(if is_delay { 1.0 } else { usual }),
        fault,
    })
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text
        .strip_suffix('%')
        .and_then(|number| number.parse().ok());
    number
        .filter(|percent: &f64| *percent > 0.0 && *percent <= 100.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| {
            format!("`{text}` is no share of the time: write 1% to 100% behind the fault")
        })
}

#[cfg(test)]
mod tests {
    use bongsu_superapp::{Component, FaultKind};

    use super::*;

    fn read(text: &str) -> Result<Condition, String> {
        parse(FaultPoint::Component(Component::Relay), text)
    }

    fn broken(text: &str) -> Vec<(String, f64)> {
        let Ok(Condition::Broken(injections)) = read(text) else {
            panic!("{text}")
        };
        let told = |one: Injection| (one.fault.to_string(), one.share);
        injections.into_iter().map(told).collect()
    }

    #[test]
    fn a_condition_names_faults_their_share_and_their_region() {
        assert_eq!(read("up"), Ok(Condition::Up));
        assert_eq!(broken("down"), [("relay:error=503".to_owned(), 1.0)]);
        assert_eq!(
            broken("degraded"),
            [("relay:error=503".to_owned(), DEGRADED_SHARE)]
        );
        assert_eq!(
            broken("degraded by hang 12.5%, slow=2s@kr-seoul"),
            [
                ("relay:hang".to_owned(), 0.125),
                ("relay:slow=2000ms@kr-seoul".to_owned(), 1.0)
            ]
        );
        let Ok(Condition::Broken(lost)) = read("down by lost-delivery@jp-tokyo") else {
            panic!("a condition")
        };
        assert_eq!(lost[0].fault.kind, FaultKind::LostDelivery);
    }

    #[test]
    fn what_is_no_condition_says_what_would_be() {
        for (text, wanted) in [
            ("broken", "`up`, `down` or `degraded`"),
            ("up by refuse", "leave out"),
            ("down by refusal", "did you mean `refuse`?"),
            ("down by error=503 120%", "1% to 100%"),
            ("down by error=503 half", "1% to 100%"),
            ("down by error=200", "500 to 599"),
            ("down by refuse, ", "is no kind of fault"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
