//! The skeleton of the notice of how damages are claimed, with its clock of 30 days.

use std::fmt::Write as _;

use super::duty::Assessment;
use super::profile::Duty;
use super::wording::{Wording, standing_of};
use super::words::Topic;

/// The skeleton.
pub(super) fn notice(wording: &Wording<'_>, duties: &[Assessment]) -> String {
    let mut out = String::new();
    write(&mut out, wording, duties).expect("writing to a String does not fail");
    out
}

fn write(out: &mut String, wording: &Wording<'_>, duties: &[Assessment]) -> std::fmt::Result {
    let subject = wording.subject;
    let title = wording.pick("손해배상 안내 (초안)", "Notice of damages (draft)");
    writeln!(out, "{title}")?;
    if let Some(simulated) = wording.simulated() {
        writeln!(out, "{simulated}")?;
    }
    let (as_of, fact) = (
        wording.pick("기준 시각", "As of"),
        wording.pick("1. 중단된 기능", "1. What was interrupted"),
    );
    writeln!(out, "{as_of}: {}\n\n{fact}", wording.time(subject.as_of))?;
    let duty = duties.iter().find(|duty| duty.duty == Duty::NotifyDamages);
    for feature in &subject.features {
        let exempt = duty.and_then(|duty| {
            let mut freed = duty.exempt.iter();
            freed.find(|freed| freed.feature == feature.id)
        });
        let exempt = exempt.map_or(String::new(), |freed| {
            format!(
                " – {}: {}",
                wording.pick("제외", "exempt"),
                wording.name(&freed.why)
            )
        });
        let paid = wording.paid(feature.paid);
        writeln!(out, "- {} [{paid}]{exempt}", wording.line(feature))?;
    }
    for (number, name, topic) in [
        (
            2,
            wording.pick("청구할 수 있는 사람", "Who may claim"),
            Topic::Claimant,
        ),
        (3, wording.pick("배상 기준", "Standard"), Topic::Standard),
        (
            4,
            wording.pick("청구 절차와 방법", "Procedure and method"),
            Topic::Procedure,
        ),
        (5, wording.pick("상담·문의", "Contact"), Topic::Contact),
    ] {
        writeln!(out, "\n{number}. {name}\n{}", wording.topic(topic))?;
    }
    let clock = subject.clocks.iter().find(|clock| clock.name == "t_30d");
    let at = clock.and_then(|clock| clock.at);
    let at = at.map_or_else(
        || {
            wording
                .pick("재개 뒤에 시작", "begins with the resumption")
                .to_owned()
        },
        |at| wording.time(at),
    );
    let limit = wording.pick(
        "고지 기한 (재개 후 30일)",
        "To be told by (30 days after resumption)",
    );
    writeln!(out, "\n{limit}: {at}")?;
    if let Some(duty) = duty {
        let name = wording.pick("고지 의무", "Duty");
        writeln!(
            out,
            "{name}: {} · {}",
            duty.profile,
            standing_of(wording, duty)
        )?;
    }
    Ok(())
}
