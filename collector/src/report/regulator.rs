//! The outage report for an authority, in the fields that it asks for.
//!
//! Times, features, ratios and regions are filled in from measurement, each figure with the runs
//! that it is from; cause, damage, measures and plan are people's.

use std::fmt::Write as _;

use super::duty::Assessment;
use super::wording::{Wording, gaps, standing_of};
use super::words::Topic;
use crate::web::page::{Lang, percent};

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Of a data centre (`kr-regulator-dc`).
    DataCentre,
    /// Of an operator of value-added services (`kr-regulator-vas`).
    ValueAdded,
}

impl Form {
    pub(super) const fn profile(self) -> &'static str {
        match self {
            Self::DataCentre => "kr-regulator-dc",
            Self::ValueAdded => "kr-regulator-vas",
        }
    }

    const fn title(self, lang: Lang) -> &'static str {
        match self {
            Self::DataCentre => lang.pick(
                "집적정보통신시설 중단 보고서 (초안)",
                "Report of an interrupted data centre (draft)",
            ),
            Self::ValueAdded => lang.pick(
                "방송통신재난 보고서 (초안)",
                "Report of a communications disaster (draft)",
            ),
        }
    }
}

/// The report.
pub(super) fn report(wording: &Wording<'_>, form: Form, duties: &[Assessment]) -> String {
    let mut out = String::new();
    write(&mut out, wording, form, duties).expect("writing to a String does not fail");
    out
}

fn write(
    out: &mut String,
    wording: &Wording<'_>,
    form: Form,
    duties: &[Assessment],
) -> std::fmt::Result {
    let subject = wording.subject;
    writeln!(out, "{}", form.title(wording.lang))?;
    let incident = &subject.incident;
    let (number, kind) = (
        subject.number,
        match incident.resolved.is_some() {
            true => wording.pick("결과 보고", "final"),
            false => wording.pick("중간 보고", "interim"),
        },
    );
    match wording.lang {
        Lang::Ko => writeln!(out, "제{number}보 · {kind}")?,
        Lang::En => writeln!(out, "Report no. {number} · {kind}")?,
    }
    if let Some(simulated) = wording.simulated() {
        writeln!(out, "{simulated}")?;
    }
    let as_of = wording.pick("기준 시각", "As of");
    writeln!(out, "{as_of}: {}", wording.time(subject.as_of))?;
    writeln!(out, "{}: {}", wording.pick("사고", "Incident"), incident.id)?;
    if let Some(merged) = wording.merged() {
        writeln!(out, "{merged}")?;
    }
    let found = duties.iter().find(|duty| duty.profile == form.profile());
    let standing = found.map_or_else(
        || {
            wording
                .pick("사고일에 시행 전", "not in force on the day")
                .to_owned()
        },
        |duty| standing_of(wording, duty),
    );
    let duty = wording.pick("보고 의무", "Duty to report");
    writeln!(out, "{duty}: {} · {standing}", form.profile())?;
    match form {
        Form::DataCentre => {
            section(out, 1, wording.pick("일시와 장소", "Time and place"))?;
            times(out, wording)?;
            line(out, wording, wording.pick("장소", "Place"), Topic::Place)?;
            section(out, 2, wording.pick("원인과 피해", "Cause and damage"))?;
            line(out, wording, wording.pick("원인", "Cause"), Topic::Cause)?;
            measured(out, wording)?;
            line(out, wording, wording.pick("피해", "Damage"), Topic::Damage)?;
            section(out, 3, wording.pick("응급조치", "Emergency measures"))?;
            line(out, wording, wording.pick("내용", "Done"), Topic::Measures)?;
            section(out, 4, wording.pick("대응과 복구", "Response and recovery"))?;
            line(
                out,
                wording,
                wording.pick("대응", "Response"),
                Topic::Response,
            )?;
            writeln!(out, "- {}", wording.progress())?;
            section(out, 5, wording.pick("향후 계획", "Further plan"))?;
            line(out, wording, wording.pick("계획", "Plan"), Topic::Plan)?;
            section(out, 6, wording.pick("그 밖의 사항", "Other"))?;
            line(out, wording, wording.pick("내용", "Text"), Topic::Other)?;
        }
        Form::ValueAdded => {
            section(out, 1, wording.pick("현황", "Status"))?;
            times(out, wording)?;
            writeln!(out, "- {}", wording.progress())?;
            measured(out, wording)?;
            section(out, 2, wording.pick("원인", "Cause"))?;
            line(out, wording, wording.pick("원인", "Cause"), Topic::Cause)?;
            section(out, 3, wording.pick("응급조치", "Emergency measures"))?;
            line(out, wording, wording.pick("내용", "Done"), Topic::Measures)?;
            section(out, 4, wording.pick("복구 계획", "Plan of recovery"))?;
            line(
                out,
                wording,
                wording.pick("대응", "Response"),
                Topic::Response,
            )?;
            line(out, wording, wording.pick("계획", "Plan"), Topic::Plan)?;
        }
    }
    evidence(out, wording)
}

fn section(out: &mut String, number: u32, name: &str) -> std::fmt::Result {
    writeln!(out, "\n{number}. {name}")
}

fn line(out: &mut String, wording: &Wording<'_>, name: &str, topic: Topic) -> std::fmt::Result {
    writeln!(out, "- {name}: {}", wording.signed(topic))
}

fn times(out: &mut String, wording: &Wording<'_>) -> std::fmt::Result {
    for clock in &wording.subject.clocks {
        let at = clock
            .at
            .map_or_else(|| "–".to_owned(), |at| wording.time(at));
        let name = wording.lang.incident_clock(&clock.name);
        writeln!(out, "- {name} ({}): {at}", clock.name)?;
    }
    Ok(())
}

/// Feature by feature and region by region, with the runs behind each figure.
fn measured(out: &mut String, wording: &Wording<'_>) -> std::fmt::Result {
    let (ratio_of, runs_of, blocked_of) = (
        wording.pick("실패율", "failure ratio"),
        wording.pick("실행", "runs"),
        wording.pick("막힌 실행", "blocked runs"),
    );
    for feature in &wording.subject.features {
        writeln!(
            out,
            "- {} [{}] {}",
            wording.name(&feature.names),
            feature.id,
            wording.paid(feature.paid)
        )?;
        for scope in &feature.regions {
            let (ratio, runs) = (percent(scope.runs.failure_ratio()), scope.runs.valid());
            let interval = scope.runs.interval().map_or(String::new(), |(low, high)| {
                format!(" (95%: {}–{})", percent(Some(low)), percent(Some(high)))
            });
            writeln!(
                out,
                "  · {}: {}, {ratio_of} {ratio}{interval}, {runs_of} {runs}, {blocked_of} {}",
                wording.name(&scope.names),
                wording.span(scope.from, scope.until),
                scope.runs.blocked,
            )?;
            let evidence: Vec<_> = scope.evidence.iter().map(ToString::to_string).collect();
            if !evidence.is_empty() {
                let name = wording.pick("근거", "evidence");
                writeln!(out, "    {name}: {}", evidence.join(" "))?;
            }
        }
    }
    Ok(())
}

fn evidence(out: &mut String, wording: &Wording<'_>) -> std::fmt::Result {
    let evidence = &wording.subject.evidence;
    writeln!(out, "\n{}", wording.pick("근거 자료", "Evidence"))?;
    match wording.lang {
        Lang::Ko => writeln!(
            out,
            "- 실행 {}건, 해시 사슬의 끝 {}",
            evidence.records, evidence.head
        )?,
        Lang::En => writeln!(
            out,
            "- {} runs, head of the chain {}",
            evidence.records, evidence.head
        )?,
    }
    for note in gaps(wording) {
        writeln!(out, "- {note}")?;
    }
    Ok(())
}
