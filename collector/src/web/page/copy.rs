//! Board and recovery as one file that needs nothing else: to be served from anywhere, or opened
//! from a disk. It says as of when it is; with JavaScript also how old that is by now.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::board::{Section, labels, lasting};
use super::claims::claim_line;
use super::icon::{self, Icon};
use super::layout::PageContext;
use super::plain::simulated;
use super::recovery::{clocks, explained, groups, head_of};
use super::regions::region_chips;
use super::{Lang, figures, torch};
use crate::web::answer::{BoardAnswer, FeatureAnswer, RecoveryAnswer};
use crate::web::assets;

/// From this age on a copy says that it is old, in seconds: some renewals must have failed, if it
/// is renewed every minute.
const OLD_AFTER_S: u32 = 300;

/// The script that tells the age.
const AGE: &str = include_str!("age.js");

/// The name of the copy's file in a language.
pub const fn copy_name(lang: Lang) -> &'static str {
    lang.pick("index.html", "index.en.html")
}

/// The copy of board and recovery; a context that [is a copy](PageContext::is_copy) is asked for.
pub fn copy_page(context: &PageContext, board: &BoardAnswer, recovery: &RecoveryAnswer) -> String {
    let lang = context.lang;
    let title = lang.pick("복구 현황 사본", "Recovery, a copy");
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
                (icon::sprite())
                header.top {
                    span.brand { (torch::mark()) span.name { (lang.pick("봉수", "Bongsu")) } }
                    span.target { (board.target) }
                    span.spacer {}
                    a.lang lang=(lang.other().tag()) href=(copy_name(lang.other())) {
                        (lang.other().pick("한국어", "English"))
                    }
                }
                main { (content(context, board, recovery)) }
                (footer(lang))
                script { (PreEscaped(AGE)) }
            }
        }
    };
    page.into_string()
}

fn content(context: &PageContext, board: &BoardAnswer, recovery: &RecoveryAnswer) -> Markup {
    let lang = context.lang;
    html! {
        @match &recovery.outage {
            Some(outage) => (head_of(context, outage)),
            None => div.subject { div { h1 { (board_headline(board, lang)) } } },
        }
        (as_of(context, board))
        @if let Some(outage) = &recovery.outage {
            (clocks(context, outage))
            (groups(context, outage))
            (explained(lang))
        }
        h2.whole { (lang.pick("모든 기능", "Every feature")) }
        @for section in Section::ALL {
            @let features = board.features.iter().filter(|f| Section::of(f) == section);
            section class={ "section c-" (section.id()) } {
                h3.part {
                    (section.name(lang)) " " span.number { (features.clone().count()) }
                }
                @for feature in features { (card(context, feature)) }
            }
        }
    }
}

fn board_headline(board: &BoardAnswer, lang: Lang) -> String {
    let features = board.features.len();
    let working = board.features.iter();
    let working = working
        .filter(|f| Section::of(f) == Section::Normal)
        .count();
    match lang {
        Lang::Ko => format!("기능 {features}개 중 {working}개 정상"),
        Lang::En => format!("{working} of {features} features work"),
    }
}

/// As of when it is, in words that need no script. Times of a simulated clock have no age.
fn as_of(context: &PageContext, board: &BoardAnswer) -> Markup {
    let lang = context.lang;
    let is_real = context.speed.to_bits() == 1.0_f64.to_bits();
    html! {
        p.freshness {
            (lang.pick("이 사본의 기준 시각", "This copy is as of")) " "
            (figures::full_time(board.as_of, &context.zone))
            @if is_real {
                span #age hidden data-as-of=(board.as_of) data-old-after=(OLD_AFTER_S)
                    data-ago=(lang.pick("전", "ago")) data-second=(lang.pick("초", " s"))
                    data-minute=(lang.pick("분", " min")) data-hour=(lang.pick("시간", " h"))
                    data-day=(lang.pick("일", " days")) {}
            } @else {
                " · " (simulated(lang))
            }
        }
        p #old .stale role="alert" hidden {
            (lang.pick(
                "오래된 사본입니다. 지금 상태는 다를 수 있습니다.",
                "This copy is old. Things may have changed.",
            ))
        }
    }
}

fn card(context: &PageContext, feature: &FeatureAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_feature(feature.state, feature.blocked_by.is_some());
    let samples = feature.samples();
    let (valid, expected) = (samples.valid(), samples.expected());
    html! {
        article class={ "feature t-" (icon.name()) } {
            div.what {
                (icon)
                div {
                    h4 { (lang.name(&feature.names)) }
                    p.state {
                        strong { (lang.feature_state(feature.state)) }
                        @if let Some(since) = feature.since { " · " (lasting(context, since)) }
                    }
                    (labels(context, feature))
                    @for said in [&feature.claim, &feature.observed].into_iter().flatten() {
                        (claim_line(context, said))
                    }
                    @if expected > 0 {
                        p.basis {
                            (lang.pick("표본", "Samples")) " " (valid) "/" (expected)
                            @if let Some(failure) = &feature.last_failure {
                                " · " (lang.pick("마지막 실패", "last failure")) " "
                                (figures::time(failure.at, context.now, &context.zone))
                                " · " (failure.class)
                            }
                        }
                    }
                }
            }
            (region_chips(lang, &feature.regions))
        }
    }
}

fn footer(lang: Lang) -> Markup {
    html! {
        footer.foot {
            p {
                (lang.pick(
                    "바깥에서 실제 사용자처럼 측정한 결과의 사본입니다. 소식이 없으면 ‘확인 불가’이며, 정상도 장애도 아닙니다.",
                    "A copy of what was measured from outside, as users would. Silence is “unknown”: never up, never down.",
                ))
            }
            p.machine {
                a href="recovery.json" { "recovery.json" } " · "
                a href="board.json" { "board.json" } " · "
                a href=(text_name(lang)) { (text_name(lang)) }
            }
        }
    }
}

/// The name of the text's file in a language.
pub const fn text_name(lang: Lang) -> &'static str {
    lang.pick("board.txt", "board.en.txt")
}
