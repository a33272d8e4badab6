//! What was said: the page of all claims, and the log that a feature's page shows too.

use bongsu_availability::IncidentPhase;
use bongsu_model::{ClaimConfidence, ClaimSubject, Comparison, Track};
use maud::{Markup, html};

use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::recovery::unannounced;
use super::{Lang, figures};
use crate::web::answer::{
    AnnouncementAnswer, ClaimAnswer, ClaimInForceAnswer, ClaimsAnswer, ComparedAnswer,
    FeatureAnswer, IncidentAnswer, IncidentsAnswer, StatementAnswer, Time,
};
use crate::web::query::encode;

/// Incidents above the log; the API has all of them.
const INCIDENTS_SHOWN: usize = 20;

/// The page of what was said, with the incidents of the target above it.
pub fn claims_page(
    context: &PageContext,
    log: &ClaimsAnswer,
    incidents: &IncidentsAnswer,
) -> String {
    let lang = context.lang;
    let content = html! {
        p.crumb {
            a href=(context.link("/")) { (lang.pick("현황판", "Board")) }
            @if let Some(feature) = kept(context, "feature") {
                " › " a href=(context.link(&format!("/features/{feature}"))) { (feature) }
            }
        }
        div.subject {
            div {
                h1 #h-claims { (lang.pick("발표와 측정", "Claims and measurements")) }
                p.state {
                    (lang.pick(
                        "플랫폼 운영사가 한 말을 그 말이 가리키는 시각의 측정과 나란히 둡니다. 발표는 측정에 섞이지 않습니다.",
                        "What the platform's owner said, beside what was measured at the time it speaks of. No claim enters a measurement.",
                    ))
                }
            }
        }
        (freshness(context, log.as_of))
        @match &log.incident {
            Some(incident) => (incidents_section(context, std::slice::from_ref(incident))),
            None => (incidents_section(context, &incidents.incidents)),
        }
        section.block aria-labelledby="h-log" data-part="log" {
            div.heading {
                h2 #h-log { (lang.pick("발표 기록", "What was said")) }
                nav.ways aria-label=(lang.pick("누가", "By whom")) {
                    @for track in [None, Some(Track::Claim), Some(Track::Observed)] {
                        @let word = track.map(Track::as_str);
                        a href=(context.link(&with_track(context, word)))
                            aria-current=[(kept(context, "track") == word).then_some("true")] {
                            @match track {
                                None => (lang.pick("모두", "All")),
                                Some(track) => (lang.track(track)),
                            }
                        }
                    }
                }
            }
            (claims_table(context, &log.claims, "h-log"))
            @if log.more {
                p.none {
                    @match lang {
                        Lang::Ko => { "가장 나중의 " (log.claims.len()) "개만 보입니다." }
                        Lang::En => { "Only the latest " (log.claims.len()) " are shown." }
                    }
                }
            }
        }
    };
    let title = lang.pick("발표와 측정", "Claims and measurements");
    page(context, title, log.as_of, &content).into_string()
}

fn kept<'a>(context: &'a PageContext, name: &str) -> Option<&'a str> {
    let mut kept = context.kept.iter().filter(|(known, _)| *known == name);
    kept.next().map(|(_, value)| value.as_str())
}

/// The same page with another track.
fn with_track(context: &PageContext, track: Option<&str>) -> String {
    let others = context.kept.iter().filter(|(name, _)| *name != "track");
    let mut parameters: Vec<_> = others
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    parameters.extend(track.map(|word| ("track", word)));
    claims_address(&parameters)
}

/// The address of the page of claims with these parameters.
pub(super) fn claims_address(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter();
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    if pairs.is_empty() {
        return "/claims".to_owned();
    }
    format!("/claims?{}", pairs.join("&"))
}

fn incidents_section(context: &PageContext, incidents: &[IncidentAnswer]) -> Markup {
    let lang = context.lang;
    html! {
        section.block aria-labelledby="h-incidents" data-part="incidents" {
            h2 #h-incidents { (lang.pick("사고와 첫 발표", "Incidents and when they were announced")) }
            @if incidents.is_empty() {
                p.none { (lang.pick("없음", "None")) }
            } @else {
                @let shown = incidents.iter().take(INCIDENTS_SHOWN);
                (log_table("h-incidents", &incident_heads(lang), html! {
                    @for incident in shown { (incident_row(context, incident)) }
                }))
                @if incidents.len() > INCIDENTS_SHOWN {
                    p.none {
                        @match lang {
                            Lang::Ko => { "가장 나중의 " (INCIDENTS_SHOWN) "건만 보입니다." }
                            Lang::En => { "Only the latest " (INCIDENTS_SHOWN) " are shown." }
                        }
                    }
                }
            }
        }
    }
}

const fn incident_heads(lang: Lang) -> [&'static str; 6] {
    [
        lang.pick("측정된 시작", "Measured onset"),
        lang.pick("뿌리 기능", "Root"),
        lang.pick("끝", "Resolved"),
        lang.pick("첫 발표", "First announced"),
        lang.pick("차이", "Lag"),
        lang.pick("기록", "Log"),
    ]
}

/// A table that becomes a list on a phone: there each cell carries its head.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of a template's part"
)]
fn log_table(labelled_by: &str, heads: &[&str], rows: Markup) -> Markup {
    html! {
        div.card {
            div.scroll tabindex="0" role="region" aria-labelledby=(labelled_by) {
                table.rows.log {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody { (rows) }
                }
            }
        }
    }
}

fn incident_row(context: &PageContext, incident: &IncidentAnswer) -> Markup {
    let lang = context.lang;
    let time = |at| figures::time(at, context.now, &context.zone);
    let others = incident.features.len().saturating_sub(1);
    let log = claims_address(&[("incident", incident.id.as_str())]);
    let [onset, root, end, first, lag, record] = incident_heads(lang);
    html! {
        tr {
            td data-head=(onset) { (time(incident.onset)) }
            td data-head=(root) {
                a href=(context.link(&format!("/features/{}", incident.root))) {
                    (context.feature_name(&incident.root))
                }
                @if others > 0 {
                    @match lang {
                        Lang::Ko => { small { " 외 " (others) "개" } }
                        Lang::En => { small { " and " (others) " more" } }
                    }
                }
            }
            td data-head=(end) {
                @match incident.resolved {
                    Some(resolved) => (time(resolved)),
                    None => strong { (unresolved(incident.phase, lang)) },
                }
            }
            @match &incident.announcement {
                Some(told) => {
                    td data-head=(first) {
                        (time(told.published)) " · " (lang.claimed_state(told.state))
                        " (" (subject(context, &told.feature)) ")"
                    }
                    td data-head=(lag) { strong { (lag_text(lang, told)) } }
                }
                None => {
                    td data-head=(first) {
                        (unannounced(incident.closed.is_some(), lang))
                    }
                    td data-head=(lag) { "–" }
                }
            }
            td data-head=(record) { a href=(context.link(&log)) { (lang.pick("발표 보기", "Show")) } }
        }
    }
}

/// What is said of an incident without a measured recovery: it goes on, or nobody is to measure
/// its features any more.
pub(super) const fn unresolved(phase: IncidentPhase, lang: Lang) -> &'static str {
    match phase {
        IncidentPhase::Open | IncidentPhase::Recovering => lang.pick("진행 중", "going on"),
        IncidentPhase::Resolved | IncidentPhase::Closed => {
            lang.pick("복구가 측정되지 않음", "recovery not measured")
        }
    }
}

/// How much later than the measured onset it was announced: `12분 뒤`, `5 min before`.
pub(super) fn lag_text(lang: Lang, announcement: &AnnouncementAnswer) -> String {
    let lag = std::time::Duration::from_secs_f64(announcement.lag_s.abs());
    let words = figures::duration(lag, lang);
    match (lang, announcement.lag_s < 0.0) {
        (Lang::Ko, false) => format!("{words} 뒤"),
        (Lang::En, false) => format!("{words} after"),
        (Lang::Ko, true) => format!("{words} 앞"),
        (Lang::En, true) => format!("{words} before"),
    }
}

/// The claims of one feature on its own page.
pub(super) fn feature_claims(
    context: &PageContext,
    feature: &FeatureAnswer,
    log: &ClaimsAnswer,
) -> Markup {
    let lang = context.lang;
    let all = claims_address(&[("feature", feature.id.as_str())]);
    html! {
        section.block aria-labelledby="h-claims" data-part="claims" {
            div.heading {
                h2 #h-claims { (lang.pick("발표와 측정", "Claims and measurements")) }
                nav.ways aria-label=(lang.pick("더 보기", "More")) {
                    a href=(context.link(&all)) { (lang.pick("모든 발표", "All claims")) }
                }
            }
            (claims_table(context, &log.claims, "h-claims"))
        }
    }
}

/// Statements as a table under the heading `labelled_by`.
fn claims_table(
    context: &PageContext,
    statements: &[StatementAnswer],
    labelled_by: &str,
) -> Markup {
    let lang = context.lang;
    html! {
        @if statements.is_empty() {
            p.none { (lang.pick("아직 아무 발표도 없습니다.", "Nothing was said yet.")) }
        } @else {
            (log_table(labelled_by, &statement_heads(lang), html! {
                @for said in statements { (statement_row(context, said)) }
            }))
        }
    }
}

const fn statement_heads(lang: Lang) -> [&'static str; 6] {
    [
        lang.pick("기준 시각", "As of"),
        lang.pick("기능", "About"),
        lang.pick("발표", "Said"),
        lang.pick("그때의 측정", "Measured then"),
        lang.pick("비교", "Compared"),
        lang.pick("출처", "Source"),
    ]
}

fn statement_row(context: &PageContext, said: &StatementAnswer) -> Markup {
    let lang = context.lang;
    let claim = &said.claim;
    let late = claim.published != claim.as_of;
    let [as_of, about, what, then, how, whence] = statement_heads(lang);
    html! {
        tr id={ "c-" (claim.id) } {
            td data-head=(as_of) {
                (figures::time(claim.as_of, context.now, &context.zone))
                @if late {
                    br;
                    small {
                        (lang.pick("공개", "published")) " "
                        (figures::time(claim.published, context.now, &context.zone))
                    }
                }
            }
            td data-head=(about) { (subject(context, &claim.feature)) }
            td data-head=(what) {
                strong { (lang.claimed_state(claim.state)) }
                @if claim.track == Track::Observed {
                    br; small { (lang.track(claim.track)) }
                }
            }
            @match said.compared.as_slice() {
                [one] => {
                    td data-head=(then) { (measured_word(lang, one)) }
                    td data-head=(how) { (compared(context, one)) }
                }
                many => {
                    td data-head=(how) colspan="2" { (compared_many(context, many)) }
                }
            }
            td.source data-head=(whence) { (source(context, claim)) }
        }
    }
}

fn subject(context: &PageContext, subject: &ClaimSubject) -> Markup {
    html! {
        @match subject {
            ClaimSubject::All => (context.lang.pick("모든 기능", "All features")),
            ClaimSubject::Feature(id) => a href=(context.link(&format!("/features/{id}"))) {
                (context.feature_name(id))
            },
        }
    }
}

fn measured_word(lang: Lang, compared: &ComparedAnswer) -> &'static str {
    match compared.measured {
        Some(state) => lang.feature_state(state),
        None => lang.pick("기록이 더는 없음", "not remembered any more"),
    }
}

/// The comparison of one feature in words, and from when on the two agreed.
fn compared(context: &PageContext, compared: &ComparedAnswer) -> Markup {
    let lang = context.lang;
    let later = compared
        .agrees_from
        .filter(|_| compared.comparison != Comparison::Same);
    html! {
        (comparison_label(lang, compared.comparison))
        @if let Some(at) = later {
            br;
            small {
                @match lang {
                    Lang::Ko => { (figures::time(at, context.now, &context.zone)) "부터 같음" }
                    Lang::En => { "agrees from " (figures::time(at, context.now, &context.zone)) }
                }
            }
        } @else if compared.comparison.differs() {
            br;
            small {
                @if compared.followed.is_some() {
                    (lang.pick("다음 발표까지 다름", "different until the next claim"))
                } @else {
                    (lang.pick("지금까지 다름", "different until now"))
                }
            }
        }
    }
}

/// Of a statement about many features how many compare how, each to be opened.
fn compared_many(context: &PageContext, many: &[ComparedAnswer]) -> Markup {
    let lang = context.lang;
    html! {
        @for comparison in Comparison::ALL {
            @let those: Vec<_> = many.iter().filter(|one| one.comparison == *comparison).collect();
            @if !those.is_empty() {
                details {
                    summary { (comparison_label(lang, *comparison)) " " (those.len()) }
                    ul.compared {
                        @for one in those {
                            li {
                                (context.feature_name(&one.feature)) ": " (measured_word(lang, one))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn source(context: &PageContext, claim: &ClaimAnswer) -> Markup {
    let lang = context.lang;
    let is_link = claim.source.starts_with("https://") || claim.source.starts_with("http://");
    html! {
        @if is_link {
            a href=(claim.source) rel="noopener noreferrer nofollow" { (claim.source) }
        } @else {
            (claim.source)
        }
        @if claim.confidence != ClaimConfidence::High {
            " " small { "(" (lang.confidence(claim.confidence)) ")" }
        }
        @if let Some(note) = &claim.note { br; small { (note) } }
    }
}

/// A comparison as a sign and words: never by colour alone.
pub(super) fn comparison_label(lang: Lang, comparison: Comparison) -> Markup {
    let (class, sign) = match comparison {
        Comparison::Same => ("same", "="),
        Comparison::MeasuredWorse => ("worse", "≠"),
        Comparison::MeasuredBetter => ("better", "≠"),
        Comparison::NotMeasured => ("open", "?"),
        Comparison::NotComparable => ("open", "–"),
    };
    html! {
        span class={ "label said-" (class) } {
            span aria-hidden="true" { (sign) " " } (lang.comparison(comparison))
        }
    }
}

/// What is said of a feature now, in a line under its measured state.
pub(super) fn claim_lines(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    html! {
        @for said in [&feature.claim, &feature.observed].into_iter().flatten() {
            (claim_line(context, said))
        }
    }
}

/// One line of it.
pub(super) fn claim_line(context: &PageContext, said: &ClaimInForceAnswer) -> Markup {
    let (lang, claim) = (context.lang, &said.claim);
    let at: Time = claim.as_of;
    html! {
        p.claim {
            (lang.track(claim.track)) ": "
            strong { (lang.claimed_state(claim.state)) }
            " · "
            @match lang {
                Lang::Ko => { (figures::time(at, context.now, &context.zone)) " 기준" }
                Lang::En => { "as of " (figures::time(at, context.now, &context.zone)) }
            }
            " " (comparison_label(lang, said.comparison))
        }
    }
}

/// Above the sections of the board: how many features are said to be other than they are measured.
pub(super) fn differences(context: &PageContext, features: &[FeatureAnswer]) -> Markup {
    let lang = context.lang;
    let claims: Vec<_> = features.iter().filter_map(|f| f.claim.as_ref()).collect();
    let count = |comparison| claims.iter().filter(|c| c.comparison == comparison).count();
    let worse = count(Comparison::MeasuredWorse);
    let better = count(Comparison::MeasuredBetter);
    html! {
        div data-part="differences" {
            @if !claims.is_empty() {
                p.differences {
                    @if worse + better > 0 { (Icon::Warning) " " }
                    @match lang {
                        Lang::Ko if worse + better == 0 => { "운영사 발표와 다르게 측정된 기능이 없습니다" }
                        Lang::Ko => {
                            "운영사 발표와 다르게 측정된 기능 " strong { (worse + better) "개" }
                            " (측정이 더 나쁨 " (worse) ", 더 좋음 " (better) ")"
                        }
                        Lang::En if worse + better == 0 => { "No feature is measured other than its owner claims" }
                        Lang::En => {
                            strong { (worse + better) }
                            @if worse + better == 1 { " feature is" } @else { " features are" }
                            " measured other than claimed (" (worse) " worse, " (better) " better)"
                        }
                    }
                    " · "
                    a href=(context.link("/claims")) { (lang.pick("발표 기록", "What was said")) }
                }
            }
        }
    }
}
