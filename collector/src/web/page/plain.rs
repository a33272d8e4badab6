//! Board and recovery as plain text: for a terminal, a mail, a line that carries little.

use std::fmt::Write as _;

use super::board::Section;
use super::layout::PageContext;
use super::recovery::{
    Group, hands, headline, lag_text, length, no_outage, reached_text, relapses, standing_of, tiers,
};
use super::{Lang, figures};
use crate::web::answer::{
    BoardAnswer, ClaimInForceAnswer, FeatureAnswer, OutageAnswer, RecoveryAnswer,
    RecoveryFeatureAnswer, Time, to_jiff,
};

/// Both as text, a feature a line; about 70 columns wide, Hangul counting double.
pub fn plain_text(context: &PageContext, board: &BoardAnswer, recovery: &RecoveryAnswer) -> String {
    let mut out = String::new();
    write_all(&mut out, context, board, recovery).expect("writing to a String does not fail");
    out
}

fn write_all(
    out: &mut String,
    context: &PageContext,
    board: &BoardAnswer,
    recovery: &RecoveryAnswer,
) -> std::fmt::Result {
    let lang = context.lang;
    writeln!(out, "Bongsu 봉수 · {}", board.target)?;
    let as_of = lang.pick("기준 시각", "As of");
    writeln!(out, "{as_of} {}", full(context, board.as_of))?;
    if context.speed.to_bits() != 1.0_f64.to_bits() {
        writeln!(out, "{}", simulated(lang))?;
    }
    writeln!(out)?;
    match &recovery.outage {
        None => writeln!(out, "{}", no_outage(lang))?,
        Some(outage) => write_outage(out, context, outage)?,
    }
    for section in Section::ALL {
        let features = board.features.iter();
        let features: Vec<_> = features.filter(|f| Section::of(f) == section).collect();
        let (name, count) = (section.name(lang), features.len());
        writeln!(out, "\n== {name} ({count}) ==")?;
        for feature in features {
            write_feature(out, context, feature)?;
        }
    }
    Ok(())
}

/// What is said of times that are not those of the reader's clock.
pub(super) const fn simulated(lang: Lang) -> &'static str {
    lang.pick(
        "시각은 모의 시계의 것입니다",
        "Times are those of a simulated clock",
    )
}

fn write_outage(
    out: &mut String,
    context: &PageContext,
    outage: &OutageAnswer,
) -> std::fmt::Result {
    let lang = context.lang;
    writeln!(out, "## {}", headline(outage, lang))?;
    let percent = figures::percent(Some(outage.recovered.weighted));
    let weighted = lang.pick("가중 복구율", "Recovered, by weight");
    writeln!(out, "{weighted} {percent} · {}", tiers(outage, lang))?;
    let onset = lang.pick("측정된 시작", "Measured onset");
    let elapsed = length(outage.elapsed_s, lang);
    writeln!(out, "{onset} {} · {elapsed}", full(context, outage.onset))?;
    if let (Some(at), Some(lag)) = (outage.announced, outage.announcement_lag_s) {
        let announced = lang.pick("운영사 발표", "Announced by the owner");
        let (at, lag) = (full(context, at), lag_text(lag, lang));
        writeln!(out, "{announced} {at} · {lag}")?;
    }
    if let Some(ended) = outage.ended {
        let over = lang.pick("장애 종료", "Outage over");
        writeln!(out, "{over} {}", full(context, ended))?;
    }
    if outage.relapses > 0 {
        writeln!(out, "{}", relapses(outage.relapses, lang))?;
    }
    for group in Group::ALL {
        let mut features = group.features(outage).peekable();
        if features.peek().is_none() {
            continue;
        }
        writeln!(
            out,
            "\n-- {} ({}) --",
            group.name(lang),
            group.features(outage).count()
        )?;
        for feature in features {
            write_recovery(out, context, feature)?;
        }
    }
    Ok(())
}

fn write_recovery(
    out: &mut String,
    context: &PageContext,
    feature: &RecoveryFeatureAnswer,
) -> std::fmt::Result {
    let lang = context.lang;
    let (name, state) = (
        lang.name(&feature.names),
        lang.recovery_state(feature.state),
    );
    write!(out, "{state}  {name} [{}]", feature.id)?;
    let (up, all) = (feature.regions_up, feature.regions_affected);
    write!(out, " · {} {up}/{all}", lang.pick("지역", "regions"))?;
    if let Some(by) = &feature.blocked_by {
        write!(out, " · {}", lang.blocked_by(context.feature_name(by)))?;
    }
    if feature.relapses > 0 {
        write!(out, " · {}", relapses(feature.relapses, lang))?;
    }
    write_claim(out, lang, feature.claim.as_ref())?;
    if let Some(clock) = &feature.clock {
        write!(
            out,
            " · {} {}",
            lang.pick("시계", "clock"),
            hands(clock.elapsed_s)
        )?;
        if let Some(reached) = standing_of(clock) {
            write!(out, " ({})", reached_text(reached, lang))?;
        }
    }
    writeln!(out)
}

fn write_feature(
    out: &mut String,
    context: &PageContext,
    feature: &FeatureAnswer,
) -> std::fmt::Result {
    let lang = context.lang;
    let (name, state) = (lang.name(&feature.names), lang.feature_state(feature.state));
    write!(out, "{state}  {name} [{}]", feature.id)?;
    if let Some(by) = &feature.blocked_by {
        write!(out, " · {}", lang.blocked_by(context.feature_name(by)))?;
    }
    if let Some(since) = feature.since {
        let since = figures::minute(since, context.now, &context.zone);
        match lang {
            Lang::Ko => write!(out, " · {since}부터")?,
            Lang::En => write!(out, " · since {since}")?,
        }
    }
    write_claim(out, lang, feature.claim.as_ref())?;
    let samples = feature.samples();
    let (valid, expected) = (samples.valid(), samples.expected());
    if expected > 0 {
        write!(
            out,
            " · {} {valid}/{expected}",
            lang.pick("표본", "samples")
        )?;
    }
    writeln!(out)
}

/// What the platform's owner says, where it says anything.
fn write_claim(
    out: &mut String,
    lang: Lang,
    said: Option<&ClaimInForceAnswer>,
) -> std::fmt::Result {
    let Some(said) = said else {
        return Ok(());
    };
    let (state, comparison) = (
        lang.claimed_state(said.claim.state),
        lang.comparison(said.comparison),
    );
    write!(
        out,
        " · {}: {state} ({comparison})",
        lang.track(said.claim.track)
    )
}

fn full(context: &PageContext, at: Time) -> String {
    let zoned = to_jiff(at.0).to_zoned(context.zone.clone());
    zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}
