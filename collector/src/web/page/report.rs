//! The report of an incident as a page that is printed or looked at: clocks, duties, scope, SLA
//! sheet, what people wrote, drafts. Live, and as one file that needs nothing else.

use bongsu_model::{FeatureId, RunId};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::claims::claims_address;
use super::incident::clock_standing_label;
use super::layout::{PageContext, freshness, page};
use super::{Lang, figures, torch};
use crate::report::duty::{Assessment, Standing};
use crate::report::files::{File, drafts};
use crate::report::profile::Word as _;
use crate::report::sla::{Row as SlaRow, rows as sla_rows};
use crate::report::sms::Limit;
use crate::report::subject::{Affected, Scope};
use crate::report::wording::{Wording, gaps, standing_of};
use crate::report::words::Topic;
use crate::report::{Shelf, Subject};
use crate::web::assets;

/// What the sheet of figures is offered as, beside the drafts.
const TABLES: [&str; 6] = [
    "subject.json",
    "duties.json",
    "scope.csv",
    "scope.json",
    "sla.csv",
    "sla.json",
];

/// Where files and runs are found.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// In the collector.
    Live(&'a PageContext),
    /// Beside this one, and runs nowhere.
    Beside,
}

/// The live page.
pub fn report_page(context: &PageContext, subject: &Subject, shelf: &Shelf) -> String {
    let lang = context.lang;
    let id = &subject.incident.id;
    let content = html! {
        p.crumb {
            a href=(context.link("/incidents")) { (lang.pick("사고", "Incidents")) } " · "
            a href=(context.link(&format!("/incidents/{id}"))) {
                (context.feature_name(&subject.incident.root))
            }
        }
        (body(subject, shelf, lang, Place::Live(context)))
    };
    let title = lang.pick("사고 보고서", "Incident report");
    page(context, title, subject.as_of, &content).into_string()
}

/// The same as one file that lies beside the other files of an export.
pub fn report_copy(subject: &Subject, shelf: &Shelf, lang: Lang) -> String {
    let title = lang.pick("사고 보고서", "Incident report");
    let other = lang.other();
    let page = html! {
        (DOCTYPE)
        html lang=(lang.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Bongsu" }
                style { (PreEscaped(assets::STYLE.content)) }
            }
            body {
                header.top {
                    span.brand { (torch::mark()) span.name { (lang.pick("봉수", "Bongsu")) } }
                    span.target { (subject.target) }
                    span.spacer {}
                    a.lang lang=(other.tag()) href=(format!("report.{}.html", other.tag())) {
                        (other.pick("한국어", "English"))
                    }
                }
                main { (body(subject, shelf, lang, Place::Beside)) }
            }
        }
    };
    page.into_string()
}

fn body(subject: &Subject, shelf: &Shelf, lang: Lang, place: Place<'_>) -> Markup {
    let wording = Wording::of(subject, lang);
    let duties = subject.assessments(shelf);
    let is_merged = subject.incident.merged_into.is_some();
    html! {
        (head(&wording, place))
        div.card data-part="clocks" { (clocks(&wording)) }
        (section("duties", lang.pick("의무와 기한", "Duties and when they are due"), &duty_table(&wording, &duties)))
        (section("scope", lang.pick("피해 범위", "Scope of the damage"), &scope(&wording, place)))
        @if !is_merged {
            (section("sla", lang.pick("SLA 기준표", "SLA sheet"), &sla(&wording, shelf)))
        }
        (section("words", lang.pick("사람이 쓴 것", "What people wrote"), &words(&wording)))
        @if !is_merged {
            (section("drafts", lang.pick("초안", "Drafts"), &draft_texts(&wording, &duties, place)))
        }
        (section("files", lang.pick("내려받기와 근거", "Downloads and evidence"), &downloads(&wording, place)))
    }
}

fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section.block data-part=(id) aria-labelledby={ "h-" (id) } {
            h2 id={ "h-" (id) } { (title) }
            (content)
        }
    }
}

fn head(wording: &Wording<'_>, place: Place<'_>) -> Markup {
    let (subject, lang) = (wording.subject, wording.lang);
    let (first, more) = wording.features_in_short();
    html! {
        div.subject data-part="subject" {
            div {
                h1 { (first) (more) }
                p.state role="status" {
                    strong { (lang.pick("사고 보고서 초안", "Incident report, a draft")) }
                    @if subject.incident.merged_into.is_none() { " · " (wording.progress()) }
                    " · " (wording.regions())
                }
                p { small.mono { (subject.incident.id) } }
                @if let Some(merged) = wording.merged() {
                    p data-part="merged" { (merged) }
                }
            }
        }
        @match place {
            Place::Live(context) => {
                (freshness(context, subject.as_of))
                p.ways {
                    a href=(context.link(&format!("/incidents/{}", subject.incident.id))) {
                        (lang.pick("사고", "The incident"))
                    }
                    a href=(context.link(&claims_address(&[("incident", &subject.incident.id)]))) {
                        (lang.pick("발표 기록", "What was said"))
                    }
                    @if let Some(into) = &subject.incident.merged_into {
                        a href=(context.link(&format!("/incidents/{into}/report"))) {
                            (lang.pick("앞선 사고의 보고서", "The earlier incident's report"))
                        }
                    }
                }
            }
            Place::Beside => p.freshness {
                (lang.pick("기준 시각", "As of")) " " (wording.time(subject.as_of)) " · "
                (lang.pick("보고 번호", "Report no.")) " " (subject.number)
            },
        }
        @if let Some(simulated) = wording.simulated() {
            p.stale role="note" { (simulated) }
        }
        p.hint {
            (lang.pick(
                "초안이며 법률 자문이 아닙니다. 원인·계획·연락처는 사람이 쓸 때까지 비어 있습니다.",
                "A draft, and no legal advice. Cause, plan and contact are empty until a human writes them.",
            ))
        }
    }
}

fn clocks(wording: &Wording<'_>) -> Markup {
    let lang = wording.lang;
    html! {
        dl.facts {
            @for clock in &wording.subject.clocks {
                div {
                    dt title=(clock.name) { (lang.incident_clock(&clock.name)) }
                    dd {
                        @match clock.at {
                            Some(at) => time datetime=(at) { (wording.time(at)) },
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

/// A row of a table: its tone and its cells.
type Row = (&'static str, Vec<Markup>);

/// A table that is a list of cards where the page is narrow.
fn table(title: &str, heads: &[&str], rows: &[Row]) -> Markup {
    html! {
        div.card {
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table.rows.log.report {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody {
                        @for (tone, cells) in rows {
                            tr class=(tone) {
                                @for (head, cell) in heads.iter().zip(cells) {
                                    td data-head=(head) { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn duty_table(wording: &Wording<'_>, duties: &[Assessment]) -> Markup {
    let lang = wording.lang;
    let heads = [
        lang.pick("의무", "Duty"),
        lang.pick("상태와 기한", "Standing and due time"),
        lang.pick("기능", "Features"),
        lang.pick("면제", "Exempt"),
        lang.pick("확인할 것", "To be verified"),
    ];
    let rows: Vec<_> = duties.iter().map(|duty| duty_row(wording, duty)).collect();
    html! {
        (table(lang.pick("의무", "Duties"), &heads, &rows))
        p.hint {
            (lang.pick(
                "프로필은 사고일에 시행 중이던 것이며, 출처는 duties.json에 있습니다.",
                "Profiles are those in force on the day of the incident; their sources are in duties.json.",
            ))
        }
    }
}

fn duty_row(wording: &Wording<'_>, duty: &Assessment) -> Row {
    let tone = match duty.standing {
        Standing::Raised => "t-bad",
        Standing::Running | Standing::Undecided => "t-degraded",
        Standing::Below | Standing::Exempt | Standing::NotOurs | Standing::Merged => "",
    };
    let name = |id| feature_name(wording, id);
    let cells = vec![
        html! {
            strong { (wording.name(&duty.names)) } br;
            small { (duty.profile) " · " (wording.name(&duty.recipient)) }
        },
        html! { (standing_of(wording, duty)) },
        html! {
            @for (i, id) in duty.features.iter().enumerate() { @if i > 0 { ", " } (name(id)) }
            @if duty.features.is_empty() { "–" }
        },
        html! {
            @for freed in &duty.exempt {
                div { (name(&freed.feature)) ": " (wording.name(&freed.why)) }
            }
            @if duty.exempt.is_empty() { "–" }
        },
        html! {
            @for open in duty.open.iter().chain(&duty.verify) { div { (wording.name(open)) } }
            @if duty.open.is_empty() && duty.verify.is_empty() { "–" }
        },
    ];
    (tone, cells)
}

fn feature_name<'a>(wording: &Wording<'a>, id: &'a FeatureId) -> &'a str {
    let mut features = wording.subject.features.iter();
    let found = features.find(|feature| feature.id == *id);
    found.map_or(id.as_str(), |feature| {
        wording.lang.pick(&feature.names.ko, &feature.names.en)
    })
}

fn scope(wording: &Wording<'_>, place: Place<'_>) -> Markup {
    let lang = wording.lang;
    let heads = [
        lang.pick("기능", "Feature"),
        lang.pick("요금", "Paid"),
        lang.pick("지역", "Region"),
        lang.pick("기간", "Window"),
        lang.pick("실패율 (95%)", "Failure ratio (95%)"),
        lang.pick("실행", "Runs"),
        lang.pick("등급", "Tier"),
        lang.pick("근거", "Evidence"),
    ];
    let features = wording.subject.features.iter();
    let pairs = features.flat_map(|feature| feature.regions.iter().map(move |s| (feature, s)));
    let rows: Vec<_> = pairs
        .map(|(feature, scope)| ("", scope_row(wording, feature, scope, place)))
        .collect();
    table(lang.pick("피해 범위", "Scope of the damage"), &heads, &rows)
}

fn scope_row(
    wording: &Wording<'_>,
    feature: &Affected,
    scope: &Scope,
    place: Place<'_>,
) -> Vec<Markup> {
    let lang = wording.lang;
    let until = scope.until.unwrap_or(wording.subject.as_of);
    vec![
        html! {
            strong { (wording.name(&feature.names)) }
            @if feature.is_blocked {
                br; small { (lang.pick("앞선 기능에 막힘", "blocked by another")) }
            }
        },
        html! { (wording.paid(feature.paid)) },
        html! { (wording.name(&scope.names)) br; small { (wording.state(&scope.state)) } },
        html! {
            (wording.span(scope.from, scope.until)) br;
            small { (wording.lasted(until.0.since(scope.from.0))) }
        },
        html! {
            (figures::percent(scope.runs.failure_ratio()))
            @if let Some((low, high)) = scope.runs.interval() {
                br; small { (figures::percent(Some(low))) "–" (figures::percent(Some(high))) }
            }
        },
        html! {
            (scope.runs.fail) "/" (scope.runs.valid())
            @if scope.runs.blocked > 0 {
                br; small { (lang.pick("막힘", "blocked")) " " (scope.runs.blocked) }
            }
        },
        html! { (feature.tier) },
        evidence(&scope.evidence, place),
    ]
}

fn evidence(runs: &[RunId], place: Place<'_>) -> Markup {
    html! {
        @for (i, run) in runs.iter().enumerate() {
            @let run = run.to_string();
            @let short = run.get(24..).unwrap_or_default();
            @if i > 0 { " " }
            @match place {
                Place::Live(context) => {
                    a.mono href=(context.link(&format!("/runs/{run}"))) { (short) }
                }
                Place::Beside => span.mono title=(run) { (short) },
            }
        }
        @if runs.is_empty() { "–" }
    }
}

fn sla(wording: &Wording<'_>, shelf: &Shelf) -> Markup {
    let lang = wording.lang;
    let heads = [
        lang.pick("기능", "Feature"),
        lang.pick("달", "Month"),
        lang.pick("누적", "Together"),
        lang.pick("가장 긴 중단", "Longest in a row"),
        lang.pick("계약 기준", "Against contracts"),
    ];
    let minutes = |count: u64| wording.lasted(std::time::Duration::from_secs(count * 60));
    let sheet = sla_rows(wording.subject, shelf);
    let row = |row: &SlaRow<'_>| {
        let terms = html! {
            @for term in &row.terms {
                div {
                    (term.contract) ": "
                    @match (term.in_a_row, term.in_a_month) {
                        (false, false) => (lang.pick("못 미침", "below")),
                        (true, false) => (lang.pick("연속 기준 도달", "in a row: reached")),
                        (false, true) => (lang.pick("월 누적 기준 도달", "in a month: reached")),
                        (true, true) => (lang.pick("두 기준 모두 도달", "both reached")),
                    }
                }
            }
        };
        let cells = vec![
            html! { strong { (wording.name(row.names)) } },
            html! { (row.month) },
            html! { (minutes(row.minutes)) },
            html! { (minutes(row.longest_minutes)) },
            terms,
        ];
        ("", cells)
    };
    let rows: Vec<_> = sheet.iter().map(row).collect();
    html! {
        (table(lang.pick("SLA 기준표", "SLA sheet"), &heads, &rows))
        @for contract in shelf.contracts() {
            p.hint {
                (contract.id) ": " (wording.name(&contract.names)) " – "
                (wording.lasted(contract.in_a_row)) " " (lang.pick("연속 또는 월", "in a row, or in a month"))
                " " (wording.lasted(contract.in_a_month)) ", " (wording.name(&contract.credit))
                " (" (contract.sources.join("; ")) ")"
            }
        }
        @if let Some(known) = wording.subject.evidence.kept_from {
            p.hint {
                (lang.pick("이 시각부터의 실행만 보관되어 있습니다", "Runs are kept from then on")) ": "
                (wording.time(known))
            }
        }
    }
}

fn words(wording: &Wording<'_>) -> Markup {
    html! {
        div.card {
            dl.facts {
                @for topic in Topic::ALL {
                    div {
                        dt { (wording.lang.topic(*topic)) }
                        dd { (wording.signed(*topic)) }
                    }
                }
            }
        }
    }
}

fn draft_texts(wording: &Wording<'_>, duties: &[Assessment], place: Place<'_>) -> Markup {
    let lang = wording.lang;
    html! {
        @for File { name, content, .. } in drafts(wording, duties) {
            div.card {
                div.heading {
                    h3 { (lang.draft(&name)) }
                    p.ways { (download(wording, &name, place)) }
                }
                @let limit = match name.split('.').next() {
                    Some("notice-sms") => Some((Limit::SMS, lang.pick("바이트", "bytes"))),
                    Some("notice-disaster") => Some((Limit::DISASTER, lang.pick("자", "characters"))),
                    _ => None,
                };
                @if let Some((limit, unit)) = limit {
                    p.hint { (limit.length(content.trim_end())) "/90 " (unit) }
                }
                pre.draft { (content.trim_end()) }
            }
        }
    }
}

fn download(wording: &Wording<'_>, name: &str, place: Place<'_>) -> Markup {
    let subject = wording.subject;
    let address = match place {
        Place::Live(_) => format!(
            "/api/v1/incidents/{}/files/{name}?target={}",
            subject.incident.id, subject.target
        ),
        Place::Beside => name.to_owned(),
    };
    html! { a href=(address) download=(name) { (name) } }
}

fn downloads(wording: &Wording<'_>, place: Place<'_>) -> Markup {
    let (lang, evidence) = (wording.lang, &wording.subject.evidence);
    html! {
        p.ways {
            @for name in TABLES { (download(wording, name, place)) }
            @if matches!(place, Place::Beside) {
                a href="evidence.jsonl" { "evidence.jsonl" }
                a href="manifest.json" { "manifest.json" }
            }
        }
        p.hint {
            (lang.pick("근거가 된 실행", "Runs behind it")) ": " (evidence.records) " · "
            (lang.pick("해시 사슬의 끝", "head of the hash chain")) " "
            span.mono { (evidence.head) }
        }
        @for gap in gaps(wording) { p.hint { (gap) } }
        @if let Place::Live(_) = place {
            p.hint {
                (lang.pick(
                    "해시 사슬과 함께 폴더로 내려면",
                    "As a folder with the hash chain",
                )) ": "
                code { "bongsu-collector export report --incident " (wording.subject.incident.id) " --out DIR" }
            }
        }
    }
}
