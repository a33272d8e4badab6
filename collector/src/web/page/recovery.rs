//! The recovery board: how much of an outage is over, feature by feature, against the clock.

use std::time::Duration;

use bongsu_availability::{IncidentId, RecoveryState, RtoAlarm};
use maud::{Markup, html};

use super::board::lasting;
use super::claims::claim_line;
use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::{Lang, figures};
use crate::web::answer::{
    FailureAnswer, OutageAnswer, OutageMention, RecoveryAnswer, RecoveryClockAnswer,
    RecoveryFeatureAnswer, RegionRecoveryAnswer,
};

/// A part of the recovery board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Out,
    NoSight,
    Recovering,
    Back,
}

impl Group {
    pub(super) const ALL: [Self; 4] = [Self::Out, Self::NoSight, Self::Recovering, Self::Back];

    pub(super) const fn of(state: RecoveryState) -> Self {
        match state {
            RecoveryState::Down | RecoveryState::Blocked => Self::Out,
            RecoveryState::NoSight => Self::NoSight,
            RecoveryState::Recovering => Self::Recovering,
            RecoveryState::Recovered | RecoveryState::Verified => Self::Back,
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::NoSight => "no-sight",
            Self::Recovering => "recovering",
            Self::Back => "back",
        }
    }

    /// The class that colours it, as on the board.
    const fn tone(self) -> &'static str {
        match self {
            Self::Out => "c-outage",
            Self::NoSight => "c-unmeasured",
            Self::Recovering => "c-recovering",
            Self::Back => "c-normal",
        }
    }

    pub(super) const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Out => lang.pick("장애", "Out"),
            Self::NoSight => lang.pick("확인 불가", "Out of sight"),
            Self::Recovering => lang.pick("복구 중", "Recovering"),
            Self::Back => lang.pick("정상화", "Back"),
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::Out => Icon::Bad,
            Self::NoSight => Icon::Unknown,
            Self::Recovering => Icon::Recovering,
            Self::Back => Icon::Good,
        }
    }

    /// The features of it, the heaviest first.
    pub(super) fn features(
        self,
        outage: &OutageAnswer,
    ) -> impl Iterator<Item = &RecoveryFeatureAnswer> + Clone {
        let features = outage.features.iter();
        features.filter(move |feature| Self::of(feature.state) == self)
    }
}

/// The recovery board of a target.
pub fn recovery_page(context: &PageContext, recovery: &RecoveryAnswer) -> String {
    let lang = context.lang;
    let shown = recovery.outage.as_ref();
    let content = html! {
        @match shown {
            Some(outage) => (head_of(context, outage)),
            None => div.subject data-part="subject" { div { h1 { (no_outage(lang)) } } },
        }
        (freshness(context, recovery.as_of))
        @if let Some(outage) = shown {
            (clocks(context, outage))
            (groups(context, outage))
        }
        (others(context, &recovery.outages, shown.map(|outage| &outage.id)))
        (explained(lang))
    };
    let title = lang.pick("복구 현황", "Recovery");
    page(context, title, recovery.as_of, &content).into_string()
}

pub(super) const fn no_outage(lang: Lang) -> &'static str {
    lang.pick("기억하는 장애가 없습니다", "No outage is remembered")
}

/// `12개 중 5개 복구`, with how much of the outage is over by weight.
pub(super) fn head_of(context: &PageContext, outage: &OutageAnswer) -> Markup {
    let lang = context.lang;
    let percent = figures::percent(Some(outage.recovered.weighted));
    html! {
        div.recovery-head data-part="hero" {
            div {
                h1 { (headline(outage, lang)) }
                p.fleet { (standing(context, outage)) }
            }
            div.share {
                p { strong { (percent) } " " span { (lang.pick("가중 복구율", "recovered, by weight")) } }
                progress max="1" value=(format!("{:.4}", outage.recovered.weighted))
                    aria-label=(lang.pick("가중 복구율", "Recovered, by weight")) { (percent) }
                p.hint { (tiers(outage, lang)) }
            }
        }
    }
}

pub(super) fn headline(outage: &OutageAnswer, lang: Lang) -> String {
    let (restored, affected) = (outage.recovered.restored, outage.recovered.affected);
    match lang {
        Lang::Ko => format!("영향받은 기능 {affected}개 중 {restored}개가 복구되었습니다"),
        Lang::En if affected == 1 => format!("{restored} of 1 affected feature is back"),
        Lang::En => format!("{restored} of {affected} affected features are back"),
    }
}

/// Whether it lasts, and how long it has.
fn standing(context: &PageContext, outage: &OutageAnswer) -> Markup {
    let lang = context.lang;
    html! {
        @match outage.ended {
            None => { (lang.pick("장애 진행", "Outage, ")) " " (lasting(context, outage.onset)) }
            Some(ended) => {
                (lang.pick("장애 종료", "Outage over since")) " "
                (figures::time(ended, context.now, &context.zone))
                " · " (lang.pick("기간", "it lasted")) " " (length(outage.elapsed_s, lang))
            }
        }
        @if outage.relapses > 0 { " · " (relapses(outage.relapses, lang)) }
    }
}

/// A length in seconds, as durations are written.
pub(super) fn length(seconds: u64, lang: Lang) -> String {
    figures::duration(Duration::from_secs(seconds), lang)
}

pub(super) fn relapses(relapses: u32, lang: Lang) -> String {
    match (lang, relapses) {
        (Lang::Ko, _) => format!("재발 {relapses}회"),
        (Lang::En, 1) => "1 relapse".to_owned(),
        (Lang::En, _) => format!("{relapses} relapses"),
    }
}

/// `3등급 2/5 · 1등급 0/1`: what matters most first.
pub(super) fn tiers(outage: &OutageAnswer, lang: Lang) -> String {
    let tiers = outage.recovered.tiers.iter().map(|count| {
        let (tier, restored, affected) = (count.tier, count.restored, count.affected);
        match lang {
            Lang::Ko => format!("중요도 {tier}: {restored}/{affected}"),
            Lang::En => format!("tier {tier}: {restored}/{affected}"),
        }
    });
    tiers.collect::<Vec<_>>().join(" · ")
}

pub(super) fn clocks(context: &PageContext, outage: &OutageAnswer) -> Markup {
    let lang = context.lang;
    let at = |at| figures::time(at, context.now, &context.zone);
    html! {
        div.card data-part="clocks" {
            dl.facts {
                div {
                    dt { (lang.pick("측정된 시작", "Measured onset")) }
                    dd { (at(outage.onset)) " · " (length(outage.elapsed_s, lang)) }
                }
                div { dt { (lang.pick("감지", "Detected")) } dd { (at(outage.detected)) } }
                div {
                    dt { (lang.pick("운영사 발표", "Announced by the owner")) }
                    dd {
                        @match outage.announced {
                            None => (unannounced(outage.ended.is_some(), lang)),
                            Some(announced) => {
                                (at(announced)) " · " (length(outage.since_announced_s.unwrap_or(0), lang))
                                @if let Some(lag) = outage.announcement_lag_s {
                                    br; small { (lag_text(lag, lang)) }
                                }
                            }
                        }
                    }
                }
                div {
                    dt { (lang.pick("사고", "Incidents")) }
                    dd {
                        @for (i, incident) in outage.incidents.iter().enumerate() {
                            @if i > 0 { ", " }
                            (incident_link(context, incident))
                        }
                    }
                }
            }
        }
    }
}

/// What is said of an outage, or an incident, that nobody announced: once it is over it stays so.
pub(super) const fn unannounced(over: bool, lang: Lang) -> &'static str {
    if over {
        lang.pick("없었음", "Never")
    } else {
        lang.pick("아직 없음", "Not yet")
    }
}

/// By how much the announcement followed the measured onset.
pub(super) fn lag_text(lag_s: i64, lang: Lang) -> String {
    let words = length(lag_s.unsigned_abs(), lang);
    match (lang, lag_s < 0) {
        (Lang::Ko, false) => format!("측정된 시작보다 {words} 늦음"),
        (Lang::Ko, true) => format!("측정된 시작보다 {words} 빠름"),
        (Lang::En, false) => format!("{words} after the measured onset"),
        (Lang::En, true) => format!("{words} before the measured onset"),
    }
}

/// The way to an incident, named by when it was detected.
pub(super) fn incident_link(context: &PageContext, incident: &IncidentId) -> Markup {
    let name = incident.as_str();
    let feature = name.splitn(3, '.').nth(2).unwrap_or(name);
    html! {
        @if context.is_copy { span.mono { (feature) } }
        @else { a.mono href=(context.link(&format!("/incidents/{name}"))) { (feature) } }
    }
}

pub(super) fn groups(context: &PageContext, outage: &OutageAnswer) -> Markup {
    let lang = context.lang;
    html! {
        nav.counts aria-label=(lang.pick("요약", "Summary")) data-part="counts" {
            @for group in Group::ALL {
                a class={ "count " (group.tone()) } href={ "#" (group.id()) } {
                    (group.icon())
                    strong { (group.features(outage).count()) }
                    span { (group.name(lang)) }
                }
            }
        }
        @for group in Group::ALL {
            @let features = group.features(outage);
            @if features.clone().next().is_some() {
                section class={ "section " (group.tone()) } id=(group.id())
                    aria-labelledby={ "h-" (group.id()) } {
                    h2 id={ "h-" (group.id()) } {
                        (group.name(lang)) " "
                        span.number data-part={ "number-" (group.id()) } { (features.clone().count()) }
                    }
                    @for feature in features { (feature_card(context, feature)) }
                }
            }
        }
    }
}

/// An affected feature.
pub(super) fn feature_card(context: &PageContext, feature: &RecoveryFeatureAnswer) -> Markup {
    let lang = context.lang;
    let icon = Icon::of_recovery(feature.state);
    html! {
        article class={ "feature recovery t-" (icon.name()) } id={ "f-" (feature.id) }
            data-part={ "f-" (feature.id) } {
            div.what {
                (icon)
                div {
                    h4 { (name(context, feature)) }
                    p.state {
                        strong { (lang.recovery_state(feature.state)) }
                        " · " (lasting(context, feature.since))
                    }
                    (labels(context, feature))
                    @if let Some(said) = &feature.claim { (claim_line(context, said)) }
                    p.basis { (basis(context, feature)) }
                }
            }
            (region_chips(lang, &feature.regions))
            (clock(context, feature))
        }
    }
}

fn name(context: &PageContext, feature: &RecoveryFeatureAnswer) -> Markup {
    let name = context.lang.name(&feature.names);
    html! {
        @if context.is_copy { (name) }
        @else { a href=(context.link(&format!("/features/{}", feature.id))) { (name) } }
    }
}

fn labels(context: &PageContext, feature: &RecoveryFeatureAnswer) -> Markup {
    let lang = context.lang;
    html! {
        @if feature.blocked_by.is_some() || feature.relapses > 0 {
            p.labels {
                @if let Some(by) = &feature.blocked_by {
                    span.label.blocked { (lang.blocked_by(context.feature_name(by))) }
                }
                @if feature.relapses > 0 {
                    span.label.o-flapping { (relapses(feature.relapses, lang)) }
                }
            }
        }
    }
}

/// What it rests on: regions, passes, importance, the last failure with its run.
fn basis(context: &PageContext, feature: &RecoveryFeatureAnswer) -> Markup {
    let lang = context.lang;
    html! {
        (lang.pick("지역", "Regions")) " " (feature.regions_up) "/" (feature.regions_affected)
        " · " (lang.pick("연속 성공", "passes in a row")) " " (feature.passes)
        " · " span title=(lang.pick(
            "생활 영향과 이용자, 또는 부재의 피해 가운데 큰 쪽",
            "The larger of use (life impact, users) and harm by absence",
        )) { (lang.pick("가중치", "weight")) " " (feature.weight) }
        @if let Some(failure) = &feature.last_failure {
            " · " (last_failure(context, failure))
        }
    }
}

fn last_failure(context: &PageContext, failure: &FailureAnswer) -> Markup {
    let lang = context.lang;
    let what = html! {
        (figures::time(failure.at, context.now, &context.zone)) " · " (failure.class)
    };
    html! {
        (lang.pick("마지막 실패", "Last failure")) " "
        @if context.is_copy { (what) " · " span.mono { (failure.run) } }
        @else { a href=(context.link(&format!("/runs/{}", failure.run))) { (what) } }
    }
}

fn region_chips(lang: Lang, regions: &[RegionRecoveryAnswer]) -> Markup {
    html! {
        ul.regions {
            @for region in regions {
                @let icon = Icon::of_recovery(region.state);
                li class={ "chip t-" (icon.name()) } {
                    (icon) span { (lang.name(&region.names)) }
                    span.word { (lang.recovery_state(region.state)) }
                }
            }
        }
    }
}

/// The feature's recovery clock, and whether it has passed a limit.
fn clock(context: &PageContext, feature: &RecoveryFeatureAnswer) -> Markup {
    let lang = context.lang;
    html! {
        div.clock {
            @match &feature.clock {
                None => {
                    span.hint { (lang.pick("자체 실패 없음", "No failure of its own")) }
                }
                Some(clock) => {
                    @let standing = standing_of(clock);
                    @let tone = match standing {
                        None => "good",
                        Some(RtoAlarm::Warn) => "degraded",
                        Some(RtoAlarm::Breach) => "bad",
                    };
                    strong class={ "t-" (tone) } { (hands(clock.elapsed_s)) }
                    small {
                        (figures::time(clock.started, context.now, &context.zone)) "–"
                        @if let Some(stopped) = clock.stopped {
                            (figures::time(stopped, context.now, &context.zone))
                        }
                    }
                    @if let Some(reached) = standing {
                        span class={ "label t-" (tone) } { (reached_text(reached, lang)) }
                    }
                }
            }
        }
    }
}

/// What is to be said of a clock: a warning is over when it stopped in time.
pub(super) fn standing_of(clock: &RecoveryClockAnswer) -> Option<RtoAlarm> {
    let in_time = |reached: &RtoAlarm| *reached == RtoAlarm::Warn && clock.stopped.is_some();
    clock.reached.filter(|reached| !in_time(reached))
}

pub(super) const fn reached_text(reached: RtoAlarm, lang: Lang) -> &'static str {
    match reached {
        RtoAlarm::Warn => lang.pick("시한 경고", "Time is short"),
        RtoAlarm::Breach => lang.pick("시한 초과", "Time is over"),
    }
}

/// What a clock reads: `20:03`, `3:04:10`.
pub(super) fn hands(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// The ways to the other outages that are remembered.
fn others(context: &PageContext, outages: &[OutageMention], shown: Option<&IncidentId>) -> Markup {
    let lang = context.lang;
    html! {
        @if outages.len() > 1 {
            section.block aria-labelledby="h-outages" {
                h2 #h-outages { (lang.pick("기억하는 장애", "Outages that are remembered")) }
                ul.outages data-part="outages" {
                    @for outage in outages {
                        li {
                            a href=(context.link(&format!("/recovery?outage={}", outage.id)))
                                aria-current=[(shown == Some(&outage.id)).then_some("true")] {
                                (figures::full_time(outage.onset, &context.zone))
                            }
                            " · " (affected_text(outage, lang))
                        }
                    }
                }
            }
        }
    }
}

fn affected_text(outage: &OutageMention, lang: Lang) -> String {
    let (affected, percent) = (outage.affected, figures::percent(Some(outage.weighted)));
    match (lang, outage.ended.is_some()) {
        (Lang::Ko, true) => format!("기능 {affected}개, 종료"),
        (Lang::Ko, false) => format!("기능 {affected}개, 복구율 {percent}"),
        (Lang::En, true) => format!("{affected} features, over"),
        (Lang::En, false) => format!("{affected} features, {percent} recovered"),
    }
}

/// How the figures are to be read.
pub(super) fn explained(lang: Lang) -> Markup {
    html! {
        p.hint.explained {
            (lang.pick(
                "분모는 이 장애에 영향받은 모든 기능이며 줄지 않습니다. ‘복구됨’은 영향받은 모든 지역에서 \
                 연속 14회 성공, ‘복구 확인’은 연속 29회와 15분입니다. 복구율은 다시 떨어질 수 있습니다. \
                 시계는 첫 실패부터 지속된 성공의 첫 실행까지 잽니다.",
                "The denominator is every feature that this outage affected; it never shrinks. \
                 “Recovered” is 14 passes in a row in every affected region, “verified” 29 and 15 minutes. \
                 The percentage can fall again. A clock runs from the first failed run to the first run \
                 of the sustained success.",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_reads_minutes_and_then_hours() {
        assert_eq!(hands(0), "0:00");
        assert_eq!(hands(1_203), "20:03");
        assert_eq!(hands(459_000), "127:30:00");
    }

    #[test]
    fn a_lag_says_which_came_first() {
        assert_eq!(lag_text(840, Lang::En), "14 min after the measured onset");
        assert_eq!(lag_text(-840, Lang::Ko), "측정된 시작보다 14분 빠름");
    }
}
