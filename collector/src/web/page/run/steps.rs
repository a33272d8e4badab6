//! What each step did, saw and expected.

use bongsu_model::{StepKind, Verb};
use maud::{Markup, html};

use super::super::icon::Icon;
use super::super::layout::PageContext;
use super::super::{Lang, figures};
use super::waterfall::repeats;
use crate::web::answer::{NetworkAnswer, PhasesAnswer, RunDetailAnswer, StepAnswer};

/// Every step in order of start; those that went wrong are open.
pub(super) fn steps_list(
    context: &PageContext,
    detail: &RunDetailAnswer,
    steps: &[StepAnswer],
) -> Markup {
    html! {
        div.card.steps {
            @for (place, step) in steps.iter().enumerate() {
                (one_step(context, detail, place, step))
            }
        }
    }
}

fn one_step(
    context: &PageContext,
    detail: &RunDetailAnswer,
    place: usize,
    step: &StepAnswer,
) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_outcome(step.outcome);
    let went_wrong = matches!(step.outcome, "fail" | "blind");
    html! {
        details class={ "step t-" (icon.name()) } open[went_wrong] {
            summary {
                (icon) " " strong { (step.name) }
                " " small {
                    (step.actor)
                    @if step.kind == StepKind::Cleanup { " · " (lang.pick("정리", "cleanup")) }
                    @if let Some(feature) = &step.feature { " · " (feature) }
                    " · " (lang.outcome(step.outcome)) (cause(step))
                    " · " (figures::latency(step.duration_s))
                }
            }
            // A link to what is inside opens it.
            div.seen id={ "step-" (place) } {
                (why(context, detail, step))
                (expectations(lang, step))
                (attempts(lang, step))
                (redirects(lang, step))
                (network(context, step.verb, &step.network))
                (evidence(lang, step))
            }
        }
    }
}

/// Class or reason in brackets.
fn cause(step: &StepAnswer) -> String {
    let word = step
        .class
        .map(|class| class.as_str())
        .or_else(|| step.reason.map(|reason| reason.as_str()));
    word.map(|word| format!(" ({word})")).unwrap_or_default()
}

/// How it failed, and who is charged for that.
fn why(context: &PageContext, detail: &RunDetailAnswer, step: &StepAnswer) -> Markup {
    let lang = context.lang;
    html! {
        @if let Some(text) = &step.detail {
            p { (lang.pick("내용", "Detail")) ": " span.wrong[step.outcome == "fail"] { (text) } }
        }
        @if step.outcome == "fail" { p { (charge(context, detail, step)) } }
        @if step.outcome == "blind" {
            p {
                (lang.pick(
                    "에이전트 쪽 문제이므로 어느 기능의 탓으로도 세지 않습니다.",
                    "The agent’s own trouble: no feature is charged.",
                ))
            }
        }
    }
}

fn charge(context: &PageContext, detail: &RunDetailAnswer, step: &StepAnswer) -> Markup {
    let lang = context.lang;
    let Some(feature) = step
        .feature
        .as_ref()
        .filter(|_| step.kind == StepKind::Step)
    else {
        return html! {
            (lang.pick(
                "정리 단계의 실패는 어느 기능의 탓도 아닙니다.",
                "A cleanup step that fails charges no feature.",
            ))
        };
    };
    let mut outcomes = detail.run.outcomes.iter();
    let charged = outcomes.any(|outcome| outcome.feature == *feature && outcome.outcome == "fail");
    html! {
        @if charged {
            (lang.pick("책임 기능", "Charged")) ": "
            a href=(context.link(&format!("/features/{feature}"))) { (feature) }
        } @else {
            (lang.pick(
                "먼저 실패한 다른 단계의 기능에 책임이 있습니다.",
                "Another step failed first: its feature is charged.",
            ))
        }
    }
}

/// What was expected and what came instead; as it was told where it cannot be taken apart.
fn expectations(lang: Lang, step: &StepAnswer) -> Markup {
    let told = step.failed_expectations.iter();
    let (apart, whole): (Vec<_>, Vec<_>) = told
        .map(|text| split(text).ok_or(text))
        .partition(Result::is_ok);
    html! {
        @if !step.failed_expectations.is_empty() {
            p { (lang.pick("어긋난 기대 (가려짐)", "Expectations that did not hold (redacted)")) ":" }
        }
        @if !apart.is_empty() {
            table.rows.expectations {
                thead {
                    tr {
                        th scope="col" { (lang.pick("무엇", "What")) }
                        th scope="col" { (lang.pick("기대한 값", "Expected")) }
                        th scope="col" { (lang.pick("실제 값", "Actual")) }
                    }
                }
                tbody {
                    @for (what, expected, actual) in apart.into_iter().flatten() {
                        tr {
                            th scope="row" { code { (what) } }
                            td { code { (expected) } }
                            td { code.wrong { (actual) } }
                        }
                    }
                }
            }
        }
        @for text in whole.into_iter().filter_map(Result::err) {
            pre.evidence { (text) }
        }
    }
}

/// `status: expected 200, got 503` as its three parts; None where the text is not surely so.
fn split(expectation: &str) -> Option<(&str, &str, &str)> {
    let (what, rest) = expectation.split_once(": expected ")?;
    let (expected, actual) = rest.split_once(", got ")?;
    let is_sure = !rest.contains(": expected ") && !actual.contains(", got ");
    is_sure.then_some((what, expected, actual))
}

/// The attempts one after the other, and how often it asked.
fn attempts(lang: Lang, step: &StepAnswer) -> Markup {
    html! {
        @if step.attempts > 1 || step.polls > 0 {
            p { (repeats(lang, step)) }
        }
        @if !step.earlier_attempts.is_empty() {
            ol.attempts {
                @for attempt in &step.earlier_attempts {
                    li {
                        (attempt.class) ", " (attempt.detail)
                        " " small { (figures::latency(attempt.duration_s)) }
                    }
                }
                li { (lang.outcome(step.outcome)) (cause(step)) " " small { (lang.pick("판정한 시도", "the deciding attempt")) } }
            }
        }
    }
}

/// The redirects that were followed, and where they ended.
fn redirects(lang: Lang, step: &StepAnswer) -> Markup {
    html! {
        @if !step.redirects.is_empty() {
            p { (lang.pick("따라간 리디렉션", "Redirects followed")) ":" }
            ol.attempts {
                @for hop in &step.redirects {
                    li {
                        (hop.status) " " span.mono { (hop.url) }
                        " " small { (figures::latency(hop.duration_s)) (phases(&hop.phases)) }
                    }
                }
                li {
                    @if let Some(status) = step.network.http_status { (status) " " }
                    @if let Some(url) = &step.network.url { span.mono { (url) } }
                    " " small { (lang.pick("판정한 응답", "the deciding answer")) }
                }
            }
        }
    }
}

/// Where a redirect's time went, in brackets; nothing where nothing was measured.
fn phases(phases: &PhasesAnswer) -> String {
    let named = phases.named().into_iter();
    let named = named.filter_map(|(name, seconds)| {
        seconds.map(|seconds| format!("{name} {}", figures::latency(seconds)))
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(" ({})", named.join(", "))
    }
}

fn network(context: &PageContext, verb: Verb, network: &NetworkAnswer) -> Markup {
    let lang = context.lang;
    let act = verb.http_method().unwrap_or_else(|| verb.as_str());
    let server = network
        .server_address
        .as_ref()
        .map(|address| match network.server_port {
            Some(port) => format!("{address}:{port}"),
            None => address.clone(),
        });
    let answers: Vec<_> = network
        .dns_answers
        .iter()
        .map(ToString::to_string)
        .collect();
    let tls = [
        network.tls_version.as_deref(),
        network.tls_cipher.as_deref(),
    ];
    let tls = tls.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let text = |text: &str| (!text.is_empty()).then(|| html! { span.mono { (text) } });
    let facts = [
        (lang.pick("동작", "Act"), text(act)),
        ("URL", network.url.as_deref().and_then(text)),
        (
            lang.pick("응답", "Answer"),
            network.http_status.map(|status| {
                let version = network.http_version.as_deref();
                html! { (status) @if let Some(version) = version { " " small { "HTTP/" (version) } } }
            }),
        ),
        (lang.pick("서버", "Server"), server.as_deref().and_then(text)),
        (
            lang.pick("연결한 주소", "Connected to"),
            network.peer_address.and_then(|peer| text(&peer.to_string())),
        ),
        (lang.pick("DNS 답", "DNS answers"), text(&answers.join(", "))),
        ("TLS", text(&tls)),
        (
            lang.pick("인증서 만료", "Certificate ends"),
            network.tls_not_after.map(|at| figures::full_time(at, &context.zone)),
        ),
        (
            lang.pick("본문", "Body"),
            network.body_bytes.map(|bytes| html! { (figures::bytes(bytes)) }),
        ),
    ];
    html! {
        dl.facts {
            @for (name, fact) in facts {
                @if let Some(fact) = fact { (super::fact(name, &fact)) }
            }
        }
    }
}

fn evidence(lang: Lang, step: &StepAnswer) -> Markup {
    html! {
        @if let Some(evidence) = &step.evidence {
            p { (lang.pick("받은 응답 (가려짐)", "What came back (redacted)")) ":" }
            pre.evidence tabindex="0" {
                @for (name, value) in &evidence.headers { (name) ": " (value) "\n" }
                @if !evidence.headers.is_empty() { "\n" }
                (evidence.body_head)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_is_taken_apart_only_where_that_is_sure() {
        assert_eq!(
            split("status: expected 200, got 503"),
            Some(("status", "200", "503"))
        );
        for whole in [
            "fail_if",
            "status: expected 200",
            "body: expected a, got b, got c",
            "json $.x: expected y: expected z, got q",
        ] {
            assert_eq!(split(whole), None, "{whole}");
        }
    }
}
