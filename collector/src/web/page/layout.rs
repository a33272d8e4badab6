//! What every page has: head, name, navigation, language and target switch, foot.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bongsu_model::{FeatureId, Names, TargetName, Timestamp};
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

use super::{Lang, figures, icon, torch};
use crate::web::answer::{Time, to_jiff};
use crate::web::query::encode;
use crate::web::{assets, standing};

/// How often a page without JavaScript is loaded again, in seconds.
const RELOAD_SECONDS: u32 = 15;

/// What a page needs to know beside its content.
#[derive(Debug, Clone)]
pub struct PageContext {
    /// The language.
    pub lang: Lang,
    /// The zone that times are shown in.
    pub zone: TimeZone,
    /// The present.
    pub now: Timestamp,
    /// How many seconds of that present pass in one second of the machine's: 1 unless simulated.
    pub speed: f64,
    /// The environment that is shown.
    pub target: TargetName,
    /// Whether the address named the environment.
    pub target_asked: bool,
    /// All environments.
    pub targets: Vec<TargetName>,
    /// What the features are called.
    pub names: BTreeMap<FeatureId, Names>,
    /// The path of this page.
    pub path: String,
    /// Whether it is a copy that lies elsewhere, from where no address leads to the collector.
    pub is_copy: bool,
    /// The other parameters of this page's address, which it keeps in another language.
    pub kept: Vec<(&'static str, String)>,
}

impl PageContext {
    /// The address of another page in the same language and environment.
    pub(super) fn link(&self, path: &str) -> String {
        self.address(path, self.lang, self.target_asked.then_some(&self.target))
    }

    /// The address of this page in the other language.
    fn in_other_language(&self) -> String {
        let target = self.target_asked.then_some(&self.target);
        let mut address = self.address(&self.path, self.lang.other(), target);
        for (name, value) in &self.kept {
            let _ = write!(address, "&{name}={}", encode(value));
        }
        address
    }

    /// What users call the feature; its id, if the catalogue has it no more.
    pub(super) fn feature_name<'a>(&'a self, id: &'a FeatureId) -> &'a str {
        let names = self.names.get(id);
        names.map_or(id.as_str(), |names| self.lang.pick(&names.ko, &names.en))
    }

    /// From what age on the data is called stale, in seconds of the present.
    fn stale_after(&self) -> Duration {
        standing::stale_after(self.speed)
    }

    fn address(&self, path: &str, lang: Lang, target: Option<&TargetName>) -> String {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut address = format!("{path}{join}lang={}", lang.tag());
        if let Some(target) = target {
            let _ = write!(address, "&target={target}");
        }
        address
    }
}

/// A whole page around `content`.
pub(super) fn page(context: &PageContext, title: &str, as_of: Time, content: &Markup) -> Markup {
    let lang = context.lang;
    let events = format!("/api/v1/events?target={}", context.target);
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) data-events=(events) {
            (head(title))
            body {
                a.skip href="#content" { (lang.pick("본문으로 건너뛰기", "Skip to content")) }
                (icon::sprite())
                (header(context))
                main #content data-as-of=(as_of) data-now=(Time(context.now))
                    data-every=[seldom(context)] data-speed=(context.speed) data-stale-after=(context.stale_after().as_secs()) {
                    (content)
                }
                p #announcement .unseen role="status" {}
                (footer(lang))
            }
        }
    }
}

/// A page that says what went wrong and how to mend it.
pub fn problem_page(context: &PageContext, title: &str, message: &str) -> String {
    let content = html! {
        div.problem {
            h1 { (title) }
            p { (message) }
            p { a href=(context.link("/")) { (context.lang.pick("현황판으로", "To the board")) } }
        }
    };
    page(context, title, Time(context.now), &content).into_string()
}

/// The short name of the zone at present: `KST`.
pub(super) fn zone_name(context: &PageContext) -> String {
    let now = to_jiff(context.now).to_zoned(context.zone.clone());
    now.strftime("%Z").to_string()
}

/// "As of", with the age of the data and a loud note when it is stale.
pub(super) fn freshness(context: &PageContext, as_of: Time) -> Markup {
    let lang = context.lang;
    let age = context.now.since(as_of.0);
    html! {
        p.freshness data-part="freshness" {
            span.live aria-hidden="true" {}
            (lang.pick("기준 시각", "As of")) " "
            (figures::full_time(as_of, &context.zone))
            " · "
            span #age data-ago=(lang.pick("전", "ago")) data-second=(lang.pick("초", " s"))
                data-minute=(lang.pick("분", " min")) data-hour=(lang.pick("시간", " h")) {
                (figures::age(age, lang))
            }
        }
        p #stale .stale role="alert" data-part="stale" hidden[age <= context.stale_after()] {
            (lang.pick(
                "오래된 자료입니다: 수집기가 새 판정을 내지 않고 있습니다. 지금 상태는 다를 수 있습니다.",
                "This is old: the collector is not deciding anything new. Things may have changed.",
            ))
        }
    }
}

/// How seldom a heavy page is loaded again, in seconds: a feature's page has hundreds of buckets,
/// and a report reads every run of its incident.
fn seldom(context: &PageContext) -> Option<u32> {
    if context.path.ends_with("/report") {
        Some(60)
    } else {
        context.path.starts_with("/features/").then_some(8)
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="robots" content="noindex";
            title { (title) " · Bongsu" }
            link rel="stylesheet" href=(assets::STYLE.address());
            link rel="icon" type="image/svg+xml" href=(assets::MARK.address());
            script defer src=(assets::SCRIPT.address()) {}
            noscript { meta http-equiv="refresh" content=(RELOAD_SECONDS); }
        }
    }
}

fn header(context: &PageContext) -> Markup {
    let lang = context.lang;
    let other = lang.other();
    html! {
        header.top {
            a.brand href=(context.link("/")) {
                (torch::mark())
                span.name { (lang.pick("봉수", "Bongsu")) }
            }
            nav aria-label=(lang.pick("주요 메뉴", "Main")) {
                @for (path, text) in [
                    ("/", lang.pick("현황판", "Board")),
                    ("/recovery", lang.pick("복구", "Recovery")),
                    ("/incidents", lang.pick("사고", "Incidents")),
                    ("/claims", lang.pick("발표", "Claims")),
                    ("/agents", lang.pick("에이전트", "Agents")),
                ] {
                    a href=(context.link(path))
                        aria-current=[(context.path == path).then_some("page")] { (text) }
                }
            }
            @if context.targets.len() > 1 {
                (target_form(context))
            } @else {
                span.target { (context.target) }
            }
            a.lang lang=(other.tag()) hreflang=(other.tag())
                href=(context.in_other_language()) {
                (other.pick("한국어", "English"))
            }
        }
    }
}

/// A plain form, so that it works without JavaScript.
fn target_form(context: &PageContext) -> Markup {
    let lang = context.lang;
    html! {
        form.targets method="get" action=(context.path) {
            input type="hidden" name="lang" value=(lang.tag());
            @for (name, value) in &context.kept {
                input type="hidden" name=(name) value=(value);
            }
            label for="target" { (lang.pick("대상", "Target")) }
            select #target name="target" {
                @for target in &context.targets {
                    option value=(target) selected[*target == context.target] { (target) }
                }
            }
            button type="submit" { (lang.pick("보기", "Show")) }
        }
    }
}

fn footer(lang: Lang) -> Markup {
    html! {
        footer.foot {
            p {
                (lang.pick(
                    "바깥에서 실제 사용자처럼 측정한 결과입니다. 소식이 없으면 ‘확인 불가’이며, 정상도 장애도 아닙니다.",
                    "Measured from outside, as users would. Silence is “unknown”: never up, never down.",
                ))
            }
            p.machine {
                a href="/api/v1/openapi.json" { "API" }
                " · " a href="/api/v1/board" { "JSON" }
                " · " a href="/metrics" { "/metrics" }
            }
        }
    }
}
