//! Availability as a small table: own, perceived and coverage over three windows.

use maud::{Markup, html};

use super::{Lang, figures};
use crate::web::answer::AvailabilityAnswer;

/// Below this share of known time an availability is shown as insufficient
/// (`availability.md` 1.8).
const COVERAGE_ENOUGH: f64 = 0.9;

/// Own, perceived and coverage over the three windows.
pub(super) fn availability_table(lang: Lang, availability: &AvailabilityAnswer) -> Markup {
    let windows = availability.named();
    html! {
        table.availability {
            caption.unseen { (lang.pick("가용성", "Availability")) }
            thead {
                tr {
                    td {}
                    @for (name, _) in windows { th scope="col" { (window_name(lang, name)) } }
                }
            }
            tbody {
                tr {
                    th scope="row" title=(lang.pick(
                        "다른 기능에 막힌 시간은 뺀 값", "Without time blocked by other features",
                    )) { (lang.pick("자체", "Own")) }
                    @for (_, window) in windows { (ratio_cell(lang, window.own, window.coverage)) }
                }
                tr {
                    th scope="row" title=(lang.pick(
                        "사용자가 겪은 값: 막힌 시간도 장애로 셈", "What users got: blocked time is down",
                    )) { (lang.pick("체감", "Perceived")) }
                    @for (_, window) in windows {
                        (ratio_cell(lang, window.perceived, window.coverage))
                    }
                }
                tr.coverage {
                    th scope="row" title=(lang.pick(
                        "측정으로 아는 시간의 비율", "Share of time that is known",
                    )) { (lang.pick("관측률", "Coverage")) }
                    @for (_, window) in windows { td { (figures::percent(Some(window.coverage))) } }
                }
            }
        }
    }
}

/// An availability; marked when too little of the window is known to rely on it.
fn ratio_cell(lang: Lang, ratio: Option<f64>, coverage: f64) -> Markup {
    let thin = ratio.is_some() && coverage < COVERAGE_ENOUGH;
    let note = lang.pick(
        "관측이 부족한 값",
        "Insufficient data: little of the window is known",
    );
    html! {
        td class=[thin.then_some("thin")] title=[thin.then_some(note)] {
            (figures::percent(ratio))
            @if thin { span aria-hidden="true" { "?" } span.unseen { " (" (note) ")" } }
        }
    }
}

const fn window_name(lang: Lang, name: &'static str) -> &'static str {
    match (lang, name.as_bytes()) {
        (Lang::Ko, b"5m") => "5분",
        (Lang::Ko, b"1h") => "1시간",
        (Lang::Ko, b"24h") => "24시간",
        (_, b"5m") => "5 min",
        (_, b"1h") => "1 h",
        (_, _) => "24 h",
    }
}
