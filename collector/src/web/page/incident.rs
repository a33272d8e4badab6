//! Incidents: a list, and for each its scope, root, clocks, timeline and evidence.

use bongsu_availability::IncidentPhase;
use bongsu_model::{FeatureId, RunId};
use maud::{Markup, html};

use super::claims::claims_address;
use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::recovery::{feature_card, relapses};
use super::{Lang, figures};
use crate::web::answer::{
    ClockStanding, IncidentAnswer, IncidentClockAnswer, IncidentDetailAnswer, IncidentEventAnswer,
    IncidentsAnswer, Time,
};

/// One that was merged is neither going on nor over: the other one is.
const fn icon(incident: &IncidentAnswer) -> Icon {
    match incident.phase {
        _ if incident.merged_into.is_some() => Icon::Unmeasured,
        IncidentPhase::Open => Icon::Bad,
        IncidentPhase::Recovering => Icon::Recovering,
        IncidentPhase::Resolved => Icon::Good,
        IncidentPhase::Closed => Icon::Verified,
    }
}

const fn phase(incident: &IncidentAnswer, lang: Lang) -> &'static str {
    if incident.merged_into.is_some() {
        lang.pick("합쳐짐", "Merged")
    } else {
        lang.incident_phase(incident.phase)
    }
}

/// Incidents that the page lists, the newest.
const LISTED_MAX: usize = 200;

/// The incidents of a target.
pub fn incidents_page(context: &PageContext, answer: &IncidentsAnswer) -> String {
    let lang = context.lang;
    let open = answer.incidents.iter();
    let open = open.filter(|i| i.phase < IncidentPhase::Resolved).count();
    let content = html! {
        div.subject data-part="subject" { div { h1 { (headline(open, lang)) } } }
        (freshness(context, answer.as_of))
        div.card data-part="incidents" {
            @if answer.incidents.is_empty() {
                p.none { (lang.pick("기억하는 사고가 없습니다.", "No incident is remembered.")) }
            } @else {
                (table(context, &answer.incidents))
            }
        }
    };
    page(
        context,
        lang.pick("사고", "Incidents"),
        answer.as_of,
        &content,
    )
    .into_string()
}

fn headline(open: usize, lang: Lang) -> String {
    match (lang, open) {
        (Lang::Ko, 0) => "진행 중인 사고가 없습니다".to_owned(),
        (Lang::En, 0) => "No incident is open".to_owned(),
        (Lang::Ko, _) => format!("진행 중인 사고 {open}건"),
        (Lang::En, 1) => "1 incident is open".to_owned(),
        (Lang::En, _) => format!("{open} incidents are open"),
    }
}

fn table(context: &PageContext, incidents: &[IncidentAnswer]) -> Markup {
    let lang = context.lang;
    let heads = [
        lang.pick("뿌리 기능", "Root"),
        lang.pick("단계", "Phase"),
        lang.pick("시작", "Onset"),
        lang.pick("기간", "Length"),
        lang.pick("범위", "Scope"),
        lang.pick("재발", "Relapses"),
    ];
    html! {
        div.scroll tabindex="0" role="region" aria-label=(lang.pick("사고", "Incidents")) {
            table.rows {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for incident in incidents.iter().take(LISTED_MAX) {
                        @let icon = icon(incident);
                        tr class={ "t-" (icon.name()) } {
                            th scope="row" {
                                a href=(context.link(&format!("/incidents/{}", incident.id))) {
                                    (context.feature_name(&incident.root))
                                }
                            }
                            td {
                                (icon) " " strong { (phase(incident, lang)) }
                                (merged_into(context, incident))
                            }
                            td { (figures::time(incident.onset, context.now, &context.zone)) }
                            td { (lasted(context, incident)) }
                            td { (scope(incident, lang)) }
                            td { (incident.relapses) }
                        }
                    }
                }
            }
        }
    }
}

fn scope(incident: &IncidentAnswer, lang: Lang) -> String {
    let (down, blocked) = (incident.features.len(), incident.blocked.len());
    let regions = incident.regions.len();
    match (lang, blocked) {
        (Lang::Ko, 0) => format!("기능 {down}개, 지역 {regions}곳"),
        (Lang::Ko, _) => format!("기능 {down}개 (차단 {blocked}개), 지역 {regions}곳"),
        (Lang::En, blocked) => {
            let blocked = match blocked {
                0 => String::new(),
                blocked => format!(", {blocked} blocked"),
            };
            let regions = match regions {
                1 => "1 region".to_owned(),
                regions => format!("{regions} regions"),
            };
            format!("{down} down{blocked}, {regions}")
        }
    }
}

/// How long it lasted, or has by now.
fn lasted(context: &PageContext, incident: &IncidentAnswer) -> String {
    let until = incident.end().map_or(context.now, |end| end.0);
    figures::duration(until.since(incident.onset.0), context.lang)
}

/// One incident.
pub fn incident_page(context: &PageContext, detail: &IncidentDetailAnswer) -> String {
    let lang = context.lang;
    let incident = &detail.incident;
    let content = html! {
        p.crumb { a href=(context.link("/incidents")) { (lang.pick("사고", "Incidents")) } }
        (subject(context, incident))
        (freshness(context, detail.as_of))
        div.card data-part="clocks" { (clocks(context, &detail.clocks)) }
        p.ways data-part="ways" {
            a href=(context.link(&format!("/incidents/{}/report", incident.id))) {
                (lang.pick("보고서와 고지 초안", "Report and drafts of notices"))
            }
            @if let Some(outage) = &detail.outage {
                a href=(context.link(&format!("/recovery?outage={outage}"))) {
                    (lang.pick("복구 현황에서 보기", "On the recovery board"))
                }
                a href=(context.link(&claims_address(&[("incident", incident.id.as_str())]))) {
                    (lang.pick("발표 기록", "What was said"))
                }
            }
        }
        section.block aria-labelledby="h-scope" {
            h2 #h-scope {
                (lang.pick("영향받은 기능", "Affected features")) " "
                span.number data-part="number" { (detail.features.len()) }
            }
            @for feature in &detail.features { (feature_card(context, feature)) }
            @if detail.features.is_empty() {
                p.none { (scope(incident, lang)) }
            }
        }
        section.block data-part="timeline" aria-labelledby="h-timeline" {
            h2 #h-timeline { (lang.pick("경과", "Timeline")) }
            @if detail.timeline_dropped > 0 {
                p.hint { (dropped(detail.timeline_dropped, lang)) }
            }
            div.card { (timeline(context, &detail.timeline)) }
        }
        section.block data-part="evidence" aria-labelledby="h-evidence" {
            h2 #h-evidence { (lang.pick("근거가 된 실행", "Runs behind it")) }
            p.ways { (evidence(context, &incident.evidence)) }
        }
    };
    let title = context.feature_name(&incident.root);
    page(context, title, detail.as_of, &content).into_string()
}

fn subject(context: &PageContext, incident: &IncidentAnswer) -> Markup {
    let lang = context.lang;
    let icon = icon(incident);
    html! {
        div class={ "subject t-" (icon.name()) } data-part="subject" {
            (icon)
            div {
                h1 { (context.feature_name(&incident.root)) }
                p.state role="status" {
                    strong { (phase(incident, lang)) }
                    " · " (lasted(context, incident))
                    " · " (scope(incident, lang))
                    @if incident.relapses > 0 { " · " (relapses(incident.relapses, lang)) }
                }
                @if incident.lost_sight {
                    p.labels { span.label { (lang.pick("일부가 시야에서 벗어남", "Partly out of sight")) } }
                }
                (merged_into(context, incident))
                p { small.mono { (incident.id) } }
            }
        }
    }
}

/// Where it went, if it turned out to be one with an earlier incident.
fn merged_into(context: &PageContext, incident: &IncidentAnswer) -> Markup {
    html! {
        @if let Some(into) = &incident.merged_into {
            p.labels data-part="merged" {
                a.label href=(context.link(&format!("/incidents/{into}"))) {
                    (context.lang.pick("앞선 사고에 합쳐짐", "Merged into an earlier incident"))
                }
            }
        }
    }
}

fn dropped(events: u64, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("오래된 일 {events}건은 더 이상 남아 있지 않습니다."),
        Lang::En => format!("{events} older events are no longer kept."),
    }
}

fn clocks(context: &PageContext, clocks: &[IncidentClockAnswer]) -> Markup {
    let lang = context.lang;
    html! {
        dl.facts {
            @for clock in clocks {
                div {
                    dt title=(clock.name) { (lang.incident_clock(clock.name)) }
                    dd {
                        @match clock.at {
                            Some(at) => (figures::time(at, context.now, &context.zone)),
                            None => "–",
                        }
                        @if let Some((tone, word)) = clock_standing_label(clock.standing, lang) {
                            " " span class={ "label t-" (tone) } { (word) }
                        }
                    }
                }
            }
        }
    }
}

/// What is said beside a clock's instant.
pub(super) const fn clock_standing_label(
    standing: ClockStanding,
    lang: Lang,
) -> Option<(&'static str, &'static str)> {
    match standing {
        ClockStanding::Open | ClockStanding::Happened => None,
        ClockStanding::Running => Some(("unknown", lang.pick("진행 중", "running"))),
        ClockStanding::Passed => Some(("bad", lang.pick("지남", "passed"))),
        ClockStanding::Met => Some(("good", lang.pick("이내", "met"))),
    }
}

fn timeline(context: &PageContext, events: &[IncidentEventAnswer]) -> Markup {
    let lang = context.lang;
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby="h-timeline" {
            table.rows {
                thead {
                    tr {
                        th scope="col" { (lang.pick("시각", "When")) }
                        th scope="col" { (lang.pick("무엇", "What")) }
                        th scope="col" { (lang.pick("변화", "Change")) }
                        th scope="col" { (lang.pick("근거가 된 실행", "Runs behind it")) }
                    }
                }
                tbody {
                    @for event in events {
                        tr class=(if event.kind == "rto" { "t-bad" } else { "" }) {
                            td { (when(context, event.at)) }
                            td { (what(context, event)) }
                            td {
                                @if event.kind == "incident" {
                                    (lang.incident_step(event.to))
                                    @if let Some(other) = &event.other {
                                        " · "
                                        a.mono href=(context.link(&format!("/incidents/{other}"))) { (other) }
                                    }
                                }
                                @else {
                                    @if let Some(from) = event.from { (lang.state_word(from)) " → " }
                                    strong { (lang.state_word(event.to)) }
                                }
                            }
                            td { (evidence(context, &event.evidence)) }
                        }
                    }
                }
            }
        }
    }
}

fn when(context: &PageContext, at: Time) -> Markup {
    figures::time(at, context.now, &context.zone)
}

fn what(context: &PageContext, event: &IncidentEventAnswer) -> Markup {
    let lang = context.lang;
    let name = |id: &FeatureId| context.feature_name(id).to_owned();
    html! {
        @match &event.feature {
            None => { (lang.pick("사고", "The incident")) }
            Some(id) => a href=(context.link(&format!("/features/{id}"))) { (name(id)) },
        }
        @if let Some(region) = &event.region { " · " (region) }
    }
}

fn evidence(context: &PageContext, runs: &[RunId]) -> Markup {
    html! {
        @if runs.is_empty() { "–" }
        @for (i, run) in runs.iter().enumerate() {
            @if i > 0 { " " }
            a.mono href=(context.link(&format!("/runs/{run}"))) {
                (run.to_string().get(24..).unwrap_or_default())
            }
        }
    }
}
