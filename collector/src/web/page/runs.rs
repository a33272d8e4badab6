//! Lists of runs: on a page of their own, and as a part of others.

use maud::{Markup, html};

use super::icon::Icon;
use super::layout::{PageContext, page};
use super::{Lang, figures};
use crate::web::answer::{RunAnswer, Time};
use crate::web::query::encode;

/// The address of the page of runs with these parameters.
pub(super) fn runs_address(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter();
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    format!("/runs?{}", pairs.join("&"))
}

/// The page of the runs that its address asks for; `limit` is how many it shows at most.
pub fn runs_page(context: &PageContext, runs: &[RunAnswer], limit: u32) -> String {
    let lang = context.lang;
    let title = lang.pick("실행", "Runs");
    let is_cut = runs.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let content = html! {
        p.crumb {
            a href=(context.link("/")) { (lang.pick("현황판", "Board")) }
            @if let Some(feature) = kept(context, "feature") {
                " › " a href=(context.link(&format!("/features/{feature}"))) { (feature) }
            }
        }
        div.subject { div { h1 #h-runs { (title) } p.state { (asked_for(context)) } } }
        nav.ways aria-label=(lang.pick("결과", "Outcome")) {
            @for (word, text) in [
                (None, lang.pick("모두", "All")),
                (Some("fail"), lang.outcome("fail")),
                (Some("slow"), lang.outcome("slow")),
                (Some("pass"), lang.outcome("pass")),
                (Some("blocked"), lang.outcome("blocked")),
                (Some("blind"), lang.outcome("blind")),
            ] {
                a href=(context.link(&with_outcome(context, word)))
                    aria-current=[(kept(context, "outcome") == word).then_some("true")] { (text) }
            }
        }
        (runs_table(context, runs, "h-runs"))
        @if is_cut {
            p.none {
                @match lang {
                    Lang::Ko => { "가장 나중에 받은 " (limit) "개만 보입니다. 더 짧은 때를 골라 보십시오." }
                    Lang::En => { "Only the " (limit) " received last are shown: ask for a shorter time." }
                }
            }
        }
    };
    page(context, title, Time(context.now), &content).into_string()
}

fn kept<'a>(context: &'a PageContext, name: &str) -> Option<&'a str> {
    let mut kept = context.kept.iter().filter(|(known, _)| *known == name);
    kept.next().map(|(_, value)| value.as_str())
}

/// The same list with another outcome.
fn with_outcome(context: &PageContext, word: Option<&str>) -> String {
    let others = context.kept.iter().filter(|(name, _)| *name != "outcome");
    let mut parameters: Vec<_> = others
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    parameters.extend(word.map(|word| ("outcome", word)));
    runs_address(&parameters)
}

/// What the list is limited to, in words.
fn asked_for(context: &PageContext) -> Markup {
    let lang = context.lang;
    let time = |name| {
        let at = kept(context, name)?.parse::<jiff::Timestamp>().ok()?;
        Some(
            at.to_zoned(context.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string(),
        )
    };
    let (from, until) = (time("from"), time("until"));
    html! {
        (context.target)
        @for name in ["feature", "region", "agent"] {
            @if let Some(value) = kept(context, name) { " · " (value) }
        }
        @if let Some(word) = kept(context, "outcome") { " · " (lang.outcome(word)) }
        @if from.is_some() || until.is_some() {
            " · " (lang.pick("예정 시각", "due")) " "
            (from.as_deref().unwrap_or("…")) " – " (until.as_deref().unwrap_or("…"))
            " " (super::layout::zone_name(context))
        }
    }
}

/// Runs as a table under the heading `labelled_by`.
pub(super) fn runs_table(context: &PageContext, runs: &[RunAnswer], labelled_by: &str) -> Markup {
    let lang = context.lang;
    let heads = [
        lang.pick("시작", "Started"),
        lang.pick("결과", "Outcome"),
        lang.pick("에이전트", "Agent"),
        lang.pick("여정", "Journey"),
        lang.pick("걸린 시간", "Took"),
        lang.pick("정리", "Cleanup"),
    ];
    html! {
        @if runs.is_empty() {
            p.none { (lang.pick("없음", "None")) }
        } @else {
            div.card {
                div.scroll tabindex="0" role="region" aria-labelledby=(labelled_by) {
                    table.rows {
                        thead { tr { @for head in heads { th scope="col" { (head) } } } }
                        tbody { @for run in runs { (run_row(context, run)) } }
                    }
                }
            }
        }
    }
}

fn run_row(context: &PageContext, run: &RunAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_outcome(run.verdict.outcome);
    html! {
        tr class={ "t-" (icon.name()) } {
            td {
                a href=(context.link(&format!("/runs/{}", run.id))) {
                    (figures::time(run.started, context.now, &context.zone))
                }
            }
            td { (icon) " " strong { (lang.outcome(run.verdict.outcome)) } (verdict_cause(run)) }
            td { (run.agent) " " small { (run.region) } }
            td { (run.journey) " " small { (run.variant) " · " (run.trigger) } }
            td { (figures::latency(took(run))) }
            td { (run.cleanup) }
        }
    }
}

/// How long a run took, in seconds.
fn took(run: &RunAnswer) -> f64 {
    run.ended.0.since(run.started.0).as_secs_f64()
}

/// The median and the longest of the runs that passed among `runs`, with how many they are.
pub(super) fn latency_line(lang: Lang, runs: &[RunAnswer]) -> Option<String> {
    let passed = runs
        .iter()
        .filter(|run| matches!(run.verdict.outcome, "pass" | "slow"));
    let mut seconds: Vec<f64> = passed.map(took).collect();
    seconds.sort_by(f64::total_cmp);
    let count = seconds.len();
    let (median, longest) = (seconds.get(count.saturating_sub(1) / 2)?, seconds.last()?);
    let (median, longest) = (figures::latency(*median), figures::latency(*longest));
    Some(match lang {
        Lang::Ko => format!("아래 실행 중 성공 {count}회: 중앙값 {median}, 최대 {longest}"),
        Lang::En => format!("{count} of these passed: median {median}, longest {longest}"),
    })
}

/// Why the verdict is what it is: ` (timeout)`, ` (account.login)`.
pub(super) fn verdict_cause(run: &RunAnswer) -> String {
    let verdict = &run.verdict;
    let cause = verdict
        .class
        .map(|class| class.as_str())
        .or_else(|| verdict.by.as_ref().map(|by| by.as_str()))
        .or(verdict.reason);
    cause.map(|cause| format!(" ({cause})")).unwrap_or_default()
}
