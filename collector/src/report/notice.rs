//! Drafts of what users are told: by mail, on site and app, by SMS, by disaster text, and to the
//! press first where the telecommunications themselves are down.

use std::fmt::Write as _;

use super::sms::{Limit, Part, compose};
use super::wording::Wording;
use super::words::Topic;
use crate::web::page::Lang;

/// Features that a long text lists before it says how many more there are.
const LISTED_MAX: usize = 30;

/// The notice as a mail: a subject line, an empty one, the text.
pub(super) fn mail(wording: &Wording<'_>) -> String {
    let subject = match wording.lang {
        Lang::Ko => format!("제목: {}", headline(wording)),
        Lang::En => format!("Subject: {}", headline(wording)),
    };
    format!("{subject}\n\n{}", text(wording))
}

/// The notice as site and app show it.
pub(super) fn site(wording: &Wording<'_>) -> String {
    format!("{}\n\n{}", headline(wording), text(wording))
}

fn headline(wording: &Wording<'_>) -> String {
    let (first, more) = wording.features_in_short();
    let is_back = wording.subject.out().next().is_none();
    let mark = match wording.simulated() {
        Some(_) => wording.pick("[모의] ", "[SIMULATED] "),
        None => "",
    };
    match (wording.lang, is_back) {
        (Lang::Ko, false) => format!("{mark}[장애 안내] {first}{more} 이용 중단"),
        (Lang::Ko, true) => format!("{mark}[복구 안내] {first}{more} 복구"),
        (Lang::En, false) => format!("{mark}[Service notice] {first}{more} interrupted"),
        (Lang::En, true) => format!("{mark}[Service notice] {first}{more} restored"),
    }
}

fn text(wording: &Wording<'_>) -> String {
    let mut out = String::new();
    write_text(&mut out, wording).expect("writing to a String does not fail");
    out
}

fn write_text(out: &mut String, wording: &Wording<'_>) -> std::fmt::Result {
    let subject = wording.subject;
    if let Some(simulated) = wording.simulated() {
        writeln!(out, "{simulated}\n")?;
    }
    writeln!(
        out,
        "{}",
        wording.pick("1. 중단 사실", "1. What is interrupted")
    )?;
    for feature in subject.features.iter().take(LISTED_MAX) {
        writeln!(out, "- {}", wording.line(feature))?;
    }
    if let Some(more) = subject.features.len().checked_sub(LISTED_MAX + 1) {
        let more = more + 1;
        match wording.lang {
            Lang::Ko => writeln!(out, "- 그 밖에 {more}개")?,
            Lang::En => writeln!(out, "- and {more} more")?,
        }
    }
    let facts = [
        (wording.pick("지역", "Regions"), wording.regions()),
        (
            wording.pick("시작", "Since"),
            wording.time(subject.incident.onset),
        ),
        (wording.pick("현재", "Now"), wording.progress()),
    ];
    for (name, fact) in facts {
        writeln!(out, "- {name}: {fact}")?;
    }
    for (number, name, topic) in [
        (2, wording.pick("원인", "Cause"), Topic::Cause),
        (
            3,
            wording.pick("대응 현황", "State of the response"),
            Topic::Response,
        ),
        (4, wording.pick("상담·문의", "Contact"), Topic::Contact),
    ] {
        writeln!(out, "\n{number}. {name}\n{}", wording.topic(topic))?;
    }
    let name = wording.pick("지금 쓸 수 있는 기능", "Still working");
    writeln!(out, "\n5. {name}\n{}", wording.alternatives())?;
    let (as_of, next) = (
        wording.pick("기준 시각", "As of"),
        wording.pick("다음 안내", "Next update"),
    );
    writeln!(out, "\n{as_of}: {}", wording.time(subject.as_of))?;
    writeln!(out, "{next}: {}", wording.next_update())
}

/// The notice as an SMS.
pub(super) fn sms(wording: &Wording<'_>) -> String {
    short(wording, Limit::SMS)
}

/// The notice as a disaster text.
pub(super) fn disaster(wording: &Wording<'_>) -> String {
    short(wording, Limit::DISASTER)
}

fn short(wording: &Wording<'_>, limit: Limit) -> String {
    let subject = wording.subject;
    let (first, more) = wording.features_in_short();
    let mark = match wording.simulated() {
        Some(_) => wording.pick("[모의]", "[SIM] "),
        None => "",
    };
    let service = wording.services().first().map_or(String::new(), |service| {
        // A short name in brackets is what people know senders by.
        compose(&[Part::Yields(service)], Limit::Cp949Bytes(16))
    });
    let service = format!("[{service}]{}", wording.pick("", " "));
    let back = subject.features.iter().map(|feature| feature.until).max();
    let back = back.flatten().filter(|_| subject.out().next().is_none());
    let state = match (back, wording.lang) {
        (Some(back), Lang::Ko) => format!("{more} 복구 {}.", wording.short(back)),
        (Some(back), Lang::En) => format!("{more} back {}.", wording.short(back)),
        (None, Lang::Ko) => format!("{more} 장애 {}부터.", wording.short(subject.incident.onset)),
        (None, Lang::En) => format!(
            "{more} down since {}.",
            wording.short(subject.incident.onset)
        ),
    };
    let cause = format!(
        " {}.",
        match wording.lang {
            Lang::Ko if subject.said(Topic::Cause).is_none() => "원인 조사 중".to_owned(),
            Lang::Ko => format!("원인: {}", wording.topic(Topic::Cause)),
            Lang::En => format!("Cause: {}", wording.topic(Topic::Cause)),
        }
    );
    let cause = match subject.said(Topic::Cause) {
        // A long cause is no reason to leave the fact of it out.
        Some(_) => compose(&[Part::Yields(&cause)], Limit::Cp949Bytes(30)),
        None => cause.trim_start().to_owned(),
    };
    let cause = format!(" {}", cause.trim());
    let contact = subject.said(Topic::Contact);
    let contact = contact.map(|said| format!(" {}", wording.name(said.text)));
    let mut parts = vec![
        Part::Fixed(mark),
        Part::Fixed(&service),
        Part::Yields(first),
        Part::Fixed(&state),
        Part::Extra(&cause),
    ];
    if let Some(contact) = &contact {
        parts.push(Part::Extra(contact));
    }
    compose(&parts, limit)
}

/// What the press is given first when users cannot be told over the telecommunications.
pub(super) fn press(wording: &Wording<'_>) -> String {
    let services = wording.services().join(", ");
    let (head, why) = match wording.lang {
        Lang::Ko => (
            format!("[보도 참고] {services} 장애"),
            "전기통신설비를 통한 고지가 어려울 때 언론에 먼저 알리고, 가능해지는 즉시 이용자에게 고지하기 위한 글입니다.",
        ),
        Lang::En => (
            format!("[To the press] Outage of {services}"),
            "For when notice over telecommunications is difficult: the press is told first, and users as soon as that is possible.",
        ),
    };
    let forms = [
        (
            wording.pick("문자 (90바이트)", "SMS (90 bytes)"),
            sms(wording),
        ),
        (
            wording.pick("재난문자 (90자)", "Disaster text (90 characters)"),
            disaster(wording),
        ),
    ];
    let forms: Vec<_> = forms
        .iter()
        .map(|(name, text)| format!("{name}: {text}\n"))
        .collect();
    format!("{head}\n({why})\n\n{}\n{}", text(wording), forms.concat())
}
