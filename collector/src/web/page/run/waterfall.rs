//! The waterfall: every step of every actor on the run's one time axis, and the same as figures.

use bongsu_model::StepKind;
use maud::{Markup, html};

use super::super::Lang;
use super::super::figures;
use super::super::icon::Icon;
use super::super::layout::PageContext;
use super::timeline::{Bar, Lane, Timeline};
use crate::web::answer::{PhasesAnswer, RunDetailAnswer, StepAnswer};

/// The parts of a bar with their names, in the order in which they happen.
const PARTS: [&str; 7] = [
    "earlier", "rest", "dns", "connect", "tls", "wait", "receive",
];

/// The rest of a step is shown from five microseconds on: below it lies only rounding.
const UNSEEN: f64 = 0.000_005;

/// The narrowest bar in percent of the axis, so that a short step is seen.
const NARROWEST: f64 = 0.35;

/// The steps of a run on one axis.
pub(super) fn waterfall(
    context: &PageContext,
    detail: &RunDetailAnswer,
    steps: &[StepAnswer],
) -> Markup {
    let lang = context.lang;
    let timeline = Timeline::of(&detail.run, steps);
    html! {
        div.card {
            (legend(lang))
            table.flow {
                caption.unseen {
                    (lang.pick(
                        "단계별 시간 흐름. 같은 값이 아래 표에 있습니다.",
                        "Steps over time. The table below has the same figures.",
                    ))
                }
                thead {
                    tr {
                        th scope="col" { (lang.pick("단계", "Step")) }
                        th scope="col" { (lang.pick("걸린 시간", "Took")) }
                        td { (axis(&timeline)) }
                    }
                }
                @for lane in &timeline.lanes { (lane_rows(lang, &timeline, lane)) }
            }
        }
    }
}

fn legend(lang: Lang) -> Markup {
    html! {
        p.legend aria-hidden="true" {
            @for part in PARTS {
                span {
                    svg viewBox="0 0 8 8" { rect class={ "p-" (part) } width="8" height="8" rx="2" {} }
                    (part_name(lang, part))
                }
            }
            span {
                svg viewBox="0 0 8 8" { rect.after width="8" height="8" {} }
                (lang.pick("측정이 끝난 뒤", "after measuring"))
            }
        }
    }
}

pub(super) const fn part_name(lang: Lang, part: &'static str) -> &'static str {
    match part.as_bytes() {
        b"earlier" => lang.pick("앞선 시도", "earlier attempts"),
        b"rest" => lang.pick("그 밖", "other"),
        _ => part,
    }
}

/// The axis' figures, and the lines that every row draws again.
fn axis(timeline: &Timeline<'_>) -> Markup {
    let ticks = timeline.ticks();
    html! {
        svg.axis aria-hidden="true" {
            defs {
                g #grid {
                    rect.after x=(timeline.percent(timeline.measured_until)) y="0"
                        width=(timeline.percent(timeline.length - timeline.measured_until)) height="100%" {}
                    @for tick in &ticks {
                        @let x = timeline.percent(*tick);
                        line.tick x1=(x) x2=(x) y1="0" y2="100%" {}
                    }
                }
            }
            @for tick in &ticks {
                @let share = tick / timeline.length;
                text x=(timeline.percent(*tick)) y="12"
                    text-anchor=(if share < 0.04 { "start" } else if share > 0.93 { "end" } else { "middle" }) {
                    (tick_text(*tick, timeline.length))
                }
            }
        }
    }
}

/// An instant of the axis in one unit for all: milliseconds on a short one.
fn tick_text(seconds: f64, length: f64) -> String {
    let trim = |text: String| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    if length < 1.0 {
        trim(format!("{:.3}", seconds * 1000.0)) + " ms"
    } else {
        trim(format!("{seconds:.1}")) + " s"
    }
}

fn lane_rows(lang: Lang, timeline: &Timeline<'_>, lane: &Lane<'_>) -> Markup {
    let cleanup = lane.kind == StepKind::Cleanup;
    html! {
        tbody class=[cleanup.then_some("cleanup")] {
            tr.lane {
                th colspan="3" scope="rowgroup" {
                    (lane.actor)
                    @if cleanup {
                        " " span.label { (lang.pick("정리", "Cleanup")) } " "
                        small { (lang.pick("판정에 들지 않음", "no part of the verdict")) }
                    }
                }
            }
            @for bar in &lane.bars { (bar_row(lang, timeline, bar)) }
        }
    }
}

fn bar_row(lang: Lang, timeline: &Timeline<'_>, bar: &Bar<'_>) -> Markup {
    let step = bar.step;
    let icon = Icon::of_outcome(step.outcome);
    html! {
        tr class={ "t-" (icon.name()) } {
            th scope="row" {
                (icon)
                span.unseen { (lang.outcome(step.outcome)) " " }
                a href={ "#step-" (bar.place) } { (step.name) }
                @if step.attempts > 1 || step.polls > 1 {
                    " " small { (repeats(lang, step)) }
                }
            }
            td.figures { (figures::latency(step.duration_s)) }
            td.bar { (bars(timeline, bar)) }
        }
    }
}

/// How often it was tried and asked: `2× tried`.
pub(super) fn repeats(lang: Lang, step: &StepAnswer) -> String {
    let tried =
        (step.attempts > 1).then(|| format!("{}× {}", step.attempts, lang.pick("시도", "tried")));
    let asked =
        (step.polls > 0).then(|| format!("{}× {}", step.polls, lang.pick("물음", "polled")));
    [tried, asked]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn bars(timeline: &Timeline<'_>, bar: &Bar<'_>) -> Markup {
    let least = timeline.length * NARROWEST / 100.0;
    let from = bar.from.min(timeline.length - least).max(0.0);
    let width = (bar.until - bar.from).max(least);
    html! {
        svg.bars aria-hidden="true" {
            use href="#grid" {}
            rect.p-rest x=(timeline.percent(from)) y="4" height="12"
                width=(timeline.percent(width.min(timeline.length - from))) {}
            @for part in bar.parts.iter().filter(|part| part.name != "rest") {
                rect class={ "p-" (part.name) } x=(timeline.percent(part.from)) y="4" height="12"
                    width=(timeline.percent(part.until - part.from)) {}
            }
        }
    }
}

/// What the waterfall shows, as figures: each row adds up.
pub(super) fn figures_table(
    context: &PageContext,
    detail: &RunDetailAnswer,
    steps: &[StepAnswer],
) -> Markup {
    let lang = context.lang;
    let timeline = Timeline::of(&detail.run, steps);
    let heads = [
        lang.pick("단계", "Step"),
        lang.pick("누가", "Actor"),
        lang.pick("결과", "Outcome"),
        lang.pick("시작", "Starts"),
        lang.pick("걸린 시간", "Took"),
    ];
    html! {
        div.card {
            p.hint {
                (lang.pick(
                    "시작은 실행이 시작된 때부터입니다. 앞선 시도 + 단계 안의 구간 + 그 밖 = 걸린 시간.",
                    "Starts count from the run’s start. Earlier attempts + phases + other = took.",
                ))
            }
            div.scroll tabindex="0" role="region" aria-labelledby="h-figures" {
                table.rows {
                    thead {
                        tr {
                            @for head in heads { th scope="col" { (head) } }
                            @for part in PARTS { th scope="col" { (part_name(lang, part)) } }
                            th scope="col" { (lang.pick("시도", "Attempts")) }
                            th scope="col" { (lang.pick("물음", "Polls")) }
                        }
                    }
                    tbody {
                        @for bar in timeline.lanes.iter().flat_map(|lane| &lane.bars) {
                            (figures_row(lang, bar, timeline.began))
                        }
                    }
                }
            }
        }
    }
}

fn figures_row(lang: Lang, bar: &Bar<'_>, began: f64) -> Markup {
    let step = bar.step;
    let icon = Icon::of_outcome(step.outcome);
    html! {
        tr class={ "t-" (icon.name()) } {
            th scope="row" {
                a href={ "#step-" (bar.place) } { (step.name) }
                @if step.kind == StepKind::Cleanup { " " small { (lang.pick("정리", "cleanup")) } }
            }
            td { (step.actor) }
            td { (icon) " " strong { (lang.outcome(step.outcome)) } }
            td.figures { (figures::offset(bar.from - began)) }
            td.figures { (figures::latency(step.duration_s)) }
            @for part in PARTS {
                td.figures {
                    (seconds_of(step, part).map_or_else(|| "–".to_owned(), figures::latency))
                }
            }
            td { (step.attempts) }
            td { (step.polls) }
        }
    }
}

/// The seconds of a part as they were measured; None where there was none.
fn seconds_of(step: &StepAnswer, part: &str) -> Option<f64> {
    let earlier: f64 = step.earlier_attempts.iter().map(|a| a.duration_s).sum();
    let named = PhasesAnswer::named(&step.phases);
    let phases: f64 = named.iter().filter_map(|(_, seconds)| *seconds).sum();
    match part {
        "earlier" => (!step.earlier_attempts.is_empty()).then_some(earlier),
        "rest" => Some(step.duration_s - earlier - phases).filter(|rest| *rest >= UNSEEN),
        phase => named.into_iter().find(|(name, _)| *name == phase)?.1,
    }
}
