//! A run's page: its verdict and who is charged, its steps on one time axis, what each of them
//! saw, and the ways on: to its neighbours, to failures near it, to its trace.

mod steps;
mod timeline;
mod waterfall;

use std::time::Duration;

use bongsu_model::{CleanupState, Timestamp};
use maud::{Markup, html};

use super::figures;
use super::icon::Icon;
use super::layout::{PageContext, page};
use super::runs::{runs_address, verdict_cause};
use crate::web::answer::{OutcomeAnswer, RunDetailAnswer, RunMention, Time};

/// How far before and after a run others count as near.
const NEAR: Duration = Duration::from_secs(900);

/// The page of one run.
pub fn run_page(context: &PageContext, detail: &RunDetailAnswer) -> String {
    let lang = context.lang;
    let run = &detail.run;
    let icon = Icon::of_outcome(run.verdict.outcome);
    let content = html! {
        p.crumb {
            a href=(context.link("/")) { (lang.pick("현황판", "Board")) }
            " › "
            a href=(context.link(&format!("/features/{}", run.feature))) { (run.feature) }
        }
        div class={ "subject t-" (icon.name()) } {
            (icon)
            div {
                h1 { (run.journey) ": " (lang.outcome(run.verdict.outcome)) (verdict_cause(run)) }
                p.state {
                    (run.agent) " · " (run.region) " · " (run.network) " · "
                    (figures::full_time(run.started, &context.zone))
                }
                p.state { (meaning(context, detail)) }
                p { small.mono { (run.id) } }
            }
        }
        (ways(context, detail))
        (facts(context, detail))
        (outcomes(context, detail))
        (steps_sections(context, detail))
    };
    let title = format!("{} {}", run.journey, lang.outcome(run.verdict.outcome));
    page(context, &title, Time(context.now), &content).into_string()
}

/// What the verdict means, and which step decided it.
fn meaning(context: &PageContext, detail: &RunDetailAnswer) -> Markup {
    let lang = context.lang;
    let verdict = &detail.run.verdict;
    let steps = detail.steps.as_deref().unwrap_or_default();
    let decided = |outcome: &OutcomeAnswer| {
        let mut failed = steps.iter().enumerate().filter(|(_, step)| {
            step.outcome == "fail" && step.feature.as_ref() == Some(&outcome.feature)
        });
        failed.next()
    };
    let fails = detail.run.outcomes.iter().filter(|o| o.outcome == "fail");
    html! {
        @for outcome in fails {
            (lang.pick("책임 기능", "Charged")) ": "
            a href=(context.link(&format!("/features/{}", outcome.feature))) { (outcome.feature) }
            @if let Some((place, step)) = decided(outcome) {
                " · " (lang.pick("실패한 단계", "failed step")) ": "
                a href={ "#step-" (place) } { (step.name) }
                " (" (step.actor) ")"
            }
            " "
        }
        @if verdict.outcome == "blind" {
            (lang.pick(
                "에이전트가 볼 수 없었습니다: 정상도 장애도 아닙니다.",
                "The agent could not see: neither up nor down.",
            ))
        }
        @if verdict.outcome == "skipped" {
            (lang.pick("일부러 실행하지 않았습니다.", "Not run, on purpose."))
        }
    }
}

/// The ways on from here.
fn ways(context: &PageContext, detail: &RunDetailAnswer) -> Markup {
    let lang = context.lang;
    let run = &detail.run;
    let near = runs_address(&[
        ("feature", run.feature.as_str()),
        ("outcome", "fail"),
        ("from", &Time(run.due.0 - NEAR).to_string()),
        ("until", &Time(run.due.0 + NEAR).to_string()),
    ]);
    let neighbour = |rel, name, run: Option<&RunMention>| {
        html! {
            @match run {
                Some(run) => {
                    a rel=(rel) href=(context.link(&format!("/runs/{}", run.run))) {
                        (name) " " (figures::time(run.at, context.now, &context.zone))
                    }
                }
                None => span.none { (name) ": " (lang.pick("없음", "none")) },
            }
        }
    };
    html! {
        nav.ways aria-label=(lang.pick("다른 실행", "Other runs")) {
            (neighbour("prev", lang.pick("← 앞 실행", "← Previous"), detail.previous.as_ref()))
            (neighbour("next", lang.pick("다음 실행 →", "Next →"), detail.next.as_ref()))
            a href=(context.link(&near)) {
                (lang.pick("이 무렵 이 기능의 실패", "Failures of this feature near this time"))
            }
            @if let Some(url) = &detail.trace_url {
                a href=(url) rel="external noopener noreferrer" {
                    (lang.pick("이 실행의 트레이스 ↗", "This run’s trace ↗"))
                }
            }
        }
    }
}

fn facts(context: &PageContext, detail: &RunDetailAnswer) -> Markup {
    let lang = context.lang;
    let run = &detail.run;
    let took = signed(run.ended.0, run.started.0).max(0.0);
    let late_start = signed(run.started.0, run.due.0);
    let late = figures::offset(signed(run.received.0, run.ended.0));
    html! {
        div.card {
            dl.facts {
                (fact(lang.pick("대상", "Target"), &html! { (run.target) }))
                (fact(lang.pick("계기", "Trigger"), &html! {
                    (run.trigger)
                    @if let Some(slot) = run.slot { " " small { "slot " (slot) } }
                }))
                (fact(lang.pick("방식", "Variant"), &html! { (run.variant) }))
                (fact(lang.pick("걸린 시간", "Took"), &html! { (figures::latency(took)) }))
                (fact(lang.pick("예정", "Due"), &html! {
                    (figures::time(run.due, context.now, &context.zone))
                }))
                (fact(lang.pick("시작", "Started"), &html! {
                    (figures::time(run.started, context.now, &context.zone))
                    " " small { (figures::offset(late_start)) }
                }))
                (fact(lang.pick("수신", "Received"), &html! {
                    (figures::time(run.received, context.now, &context.zone))
                    " " small { (late) }
                }))
                (fact(lang.pick("시계 차이", "Clock offset"), &html! {
                    (format!("{:+.3} s", detail.clock_offset_s))
                }))
                (fact(lang.pick("정리", "Cleanup"), &cleanup(context, run.cleanup)))
                (fact(lang.pick("재시도로 성공", "Flaky"), &html! {
                    (if run.flaky { lang.pick("예", "yes") } else { lang.pick("아니요", "no") })
                }))
                (fact(lang.pick("에이전트 시작과 차례", "Agent start and number"), &html! {
                    span.mono { (detail.boot) } " · " (detail.seq)
                }))
                (fact(lang.pick("여정 판", "Journey revision"), &html! {
                    span.mono { (detail.journey_revision) }
                }))
                (fact(lang.pick("계획 판", "Plan revision"), &html! {
                    span.mono { (detail.plan_revision) }
                }))
            }
        }
    }
}

fn cleanup(context: &PageContext, state: CleanupState) -> Markup {
    let lang = context.lang;
    let text = match state {
        CleanupState::None => lang.pick("치울 것 없음", "nothing to clean up"),
        CleanupState::Done => lang.pick("끝남", "done"),
        CleanupState::Leaked => {
            lang.pick("실패: 남은 것이 있음", "failed: something is left behind")
        }
        CleanupState::Owed => {
            lang.pick("아직 못 함: 빚으로 적힘", "still owed: it is on the books")
        }
    };
    let wrong = matches!(state, CleanupState::Leaked | CleanupState::Owed);
    html! { span.wrong[wrong] { (text) } }
}

/// One instant minus another, in seconds.
fn signed(at: Timestamp, from: Timestamp) -> f64 {
    let distance = at.distance(from).as_secs_f64();
    if at < from { -distance } else { distance }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn outcomes(context: &PageContext, detail: &RunDetailAnswer) -> Markup {
    let lang = context.lang;
    html! {
        @if detail.run.outcomes.len() > 1 {
            section.block aria-labelledby="h-outcomes" {
                h2 #h-outcomes { (lang.pick("기능별 결과", "Outcomes by feature")) }
                ul.regions {
                    @for outcome in &detail.run.outcomes {
                        @let icon = Icon::of_outcome(outcome.outcome);
                        li class={ "chip t-" (icon.name()) } {
                            (icon)
                            a href=(context.link(&format!("/features/{}", outcome.feature))) {
                                (outcome.feature)
                            }
                            span.word {
                                (lang.outcome(outcome.outcome))
                                @if let Some(class) = outcome.class { " (" (class) ")" }
                                @if let Some(by) = &outcome.by { " (" (by) ")" }
                                @if let Some(reason) = outcome.reason { " (" (reason) ")" }
                            }
                            @if outcome.own { small { (lang.pick("이 여정의 기능", "own")) } }
                        }
                    }
                }
            }
        }
    }
}

fn steps_sections(context: &PageContext, detail: &RunDetailAnswer) -> Markup {
    let lang = context.lang;
    let none = match detail.steps.as_deref() {
        Some([]) => lang.pick("수행된 단계가 없습니다.", "No step was performed."),
        Some(_) => "",
        None => lang.pick(
            "단계는 자리를 아끼려 지워졌고, 사실만 남아 있습니다.",
            "The steps were thinned out to save room; the facts are kept.",
        ),
    };
    html! {
        section.block aria-labelledby="h-flow" {
            h2 #h-flow { (lang.pick("시간 흐름", "Waterfall")) }
            @match detail.steps.as_deref() {
                Some(steps) if !steps.is_empty() => { (waterfall::waterfall(context, detail, steps)) }
                _ => p.none { (none) },
            }
        }
        @if let Some(steps) = detail.steps.as_deref().filter(|steps| !steps.is_empty()) {
            section.block aria-labelledby="h-figures" {
                h2 #h-figures { (lang.pick("단계별 수치", "Figures")) }
                (waterfall::figures_table(context, detail, steps))
            }
            section.block aria-labelledby="h-steps" {
                h2 #h-steps { (lang.pick("단계에서 본 것", "What the steps saw")) }
                (steps::steps_list(context, detail, steps))
            }
        }
    }
}
