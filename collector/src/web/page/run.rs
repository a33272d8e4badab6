//! A run's page: its verdict, its steps as a waterfall, and what a failed step saw.

use maud::{Markup, html};

use super::feature::verdict_cause;
use super::icon::Icon;
use super::layout::{PageContext, page};
use super::{Lang, figures};
use crate::web::answer::{RunDetailAnswer, StepAnswer, Time};

/// Width of a waterfall in its own units: per mille of the run.
const WIDTH: f64 = 1000.0;

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
                p { small.mono { (run.id) } }
            }
        }
        (facts(context, detail))
        (outcomes(context, detail))
        section.block aria-labelledby="h-steps" {
            h2 #h-steps { (lang.pick("단계", "Steps")) }
            @match &detail.steps {
                None => p.none {
                    (lang.pick(
                        "단계는 자리를 아끼려 지워졌고, 사실만 남아 있습니다.",
                        "The steps were thinned out to save room; the facts are kept.",
                    ))
                },
                Some(steps) => { (waterfall(context, detail, steps)) }
            }
        }
    };
    let title = format!("{} {}", run.journey, lang.outcome(run.verdict.outcome));
    page(context, &title, Time(context.now), &content).into_string()
}

fn facts(context: &PageContext, detail: &RunDetailAnswer) -> Markup {
    let lang = context.lang;
    let run = &detail.run;
    let took = run.ended.0.since(run.started.0).as_secs_f64();
    let late_start = run.started.0.since(run.due.0).as_secs_f64();
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
                    " " small { "+" (figures::latency(late_start)) }
                }))
                (fact(lang.pick("수신", "Received"), &html! {
                    (figures::time(run.received, context.now, &context.zone))
                    " " small { "+" (figures::latency(run.late_s)) }
                }))
                (fact(lang.pick("정리", "Cleanup"), &html! {
                    span.wrong[run.cleanup == bongsu_model::CleanupState::Leaked] { (run.cleanup) }
                }))
                (fact(lang.pick("재시도로 성공", "Flaky"), &html! {
                    (if run.flaky { lang.pick("예", "yes") } else { lang.pick("아니요", "no") })
                }))
                (fact(lang.pick("시계 차이", "Clock offset"), &html! {
                    (format!("{:+.3} s", detail.clock_offset_s))
                }))
                (fact(lang.pick("여정 판", "Journey revision"), &html! {
                    span.mono { (detail.journey_revision) }
                }))
            }
        }
    }
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
                            span.word { (lang.outcome(outcome.outcome)) }
                            @if outcome.own { small { (lang.pick("이 여정의 기능", "own")) } }
                        }
                    }
                }
            }
        }
    }
}

fn waterfall(context: &PageContext, detail: &RunDetailAnswer, steps: &[StepAnswer]) -> Markup {
    let lang = context.lang;
    let heads = [
        lang.pick("단계", "Step"),
        lang.pick("결과", "Outcome"),
        lang.pick("동작", "Act"),
        lang.pick("걸린 시간", "Took"),
        lang.pick("시간 흐름", "When"),
        "dns",
        "connect",
        "tls",
        "wait",
        "receive",
    ];
    html! {
        div.card {
            p.legend aria-hidden="true" {
                @for phase in ["dns", "connect", "tls", "wait", "receive", "rest"] {
                    span {
                        svg viewBox="0 0 8 8" { rect class={ "p-" (phase) } width="8" height="8" rx="2" {} }
                        (if phase == "rest" { lang.pick("그 밖", "other") } else { phase })
                    }
                }
            }
            div.scroll tabindex="0" role="region" aria-labelledby="h-steps" {
                table.rows {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody { @for step in steps { (step_rows(context, detail, step)) } }
                }
            }
        }
    }
}

fn step_rows(context: &PageContext, detail: &RunDetailAnswer, step: &StepAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_outcome(step.outcome);
    let cleanup = step.kind == bongsu_model::StepKind::Cleanup;
    html! {
        tr class={ "t-" (icon.name()) } {
            th scope="row" {
                (step.name)
                br;
                small {
                    (step.actor)
                    @if cleanup { " · " (lang.pick("정리", "cleanup")) }
                    @if let Some(feature) = &step.feature { " · " (feature) }
                }
            }
            td {
                (icon) " " strong { (lang.outcome(step.outcome)) }
                @if let Some(class) = step.class { " (" (class) ")" }
                @if let Some(reason) = step.reason { " (" (reason) ")" }
                @if step.attempts > 1 { br; small { (step.attempts) "× " (lang.pick("시도", "tried")) } }
                @if step.polls > 0 { br; small { (step.polls) "× " (lang.pick("물음", "polled")) } }
            }
            td { (act(step)) }
            td.figures { (figures::latency(step.duration_s)) }
            td { (bar(lang, detail, step)) }
            @for (_, phase) in step.phases.named() {
                td.figures { (phase.map_or_else(|| "–".to_owned(), figures::latency)) }
            }
        }
        @if has_more(step) {
            tr { td colspan="10" { (more(lang, step)) } }
        }
    }
}

fn act(step: &StepAnswer) -> Markup {
    let network = &step.network;
    html! {
        span.mono { (step.verb.http_method().unwrap_or_else(|| step.verb.as_str())) }
        @if let Some(status) = network.http_status { " " (status) }
        @if let Some(url) = &network.url {
            br; small.mono { (url) }
        } @else if let Some(server) = &network.server_address {
            br; small.mono { (server) }
        }
        @if let Some(peer) = network.peer_address { br; small.mono { (peer) } }
    }
}

/// Where in the run the step lies, its phases in order from its last attempt's start.
fn bar(lang: Lang, detail: &RunDetailAnswer, step: &StepAnswer) -> Markup {
    let origin = detail.run.started.0;
    let whole = detail.run.ended.0.since(origin).as_secs_f64().max(1e-6);
    let place = |seconds: f64| format!("{:.1}", (seconds / whole * WIDTH).clamp(0.0, WIDTH));
    let from = step.started.0.since(origin).as_secs_f64();
    let phases = step.phases.named();
    let known: f64 = phases.iter().filter_map(|(_, phase)| *phase).sum();
    // The deciding attempt is the last one: its phases end where the step ends.
    let mut at = from + (step.duration_s - known).max(0.0);
    let mut bars = Vec::new();
    for (name, phase) in phases {
        if let Some(seconds) = phase {
            bars.push((name, place(at), place(seconds)));
            at += seconds;
        }
    }
    let label = match lang {
        Lang::Ko => format!(
            "{} 뒤 시작, {} 동안",
            figures::latency(from),
            figures::latency(step.duration_s)
        ),
        Lang::En => format!(
            "starts after {}, takes {}",
            figures::latency(from),
            figures::latency(step.duration_s)
        ),
    };
    html! {
        svg.waterfall viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            rect.track x="0" y="8" width="1000" height="4" {}
            rect.p-rest x=(place(from)) y="3" width=(place(step.duration_s.max(whole / 400.0)))
                height="14" {}
            @for (name, x, width) in &bars {
                rect class={ "p-" (name) } x=(x) y="3" width=(width) height="14" {}
            }
        }
    }
}

const fn has_more(step: &StepAnswer) -> bool {
    step.detail.is_some()
        || !step.failed_expectations.is_empty()
        || !step.earlier_attempts.is_empty()
        || step.evidence.is_some()
}

/// Why it failed, what was expected and what was seen.
fn more(lang: Lang, step: &StepAnswer) -> Markup {
    html! {
        @if let Some(detail) = &step.detail {
            p.wrong[step.outcome == "fail"] { (lang.pick("내용", "Detail")) ": " (detail) }
        }
        @if !step.failed_expectations.is_empty() {
            p { (lang.pick("어긋난 기대", "Expectations that did not hold")) ":" }
            @for expectation in &step.failed_expectations { pre.evidence { (expectation) } }
        }
        @for attempt in &step.earlier_attempts {
            p {
                (lang.pick("앞선 시도", "Earlier attempt")) ": " (attempt.class) ", "
                (attempt.detail) " (" (figures::latency(attempt.duration_s)) ")"
            }
        }
        @if let Some(evidence) = &step.evidence {
            p { (lang.pick("받은 응답 (가려짐)", "What came back (redacted)")) ":" }
            pre.evidence {
                @for (name, value) in &evidence.headers { (name) ": " (value) "\n" }
                @if !evidence.headers.is_empty() { "\n" }
                (evidence.body_head)
            }
        }
    }
}
