//! Under the measured strip: what was being said of the feature meanwhile, a row for each track,
//! and when its incidents were announced.

use bongsu_model::{ClaimedState, Track};
use maud::{Markup, html};

use super::super::claims::lag_text;
use super::super::figures;
use super::super::layout::PageContext;
use super::stretches;
use crate::web::answer::{BucketAnswer, ClaimsAnswer, StatementAnswer, StripAnswer};

/// Incidents that are told of under a strip.
const ANNOUNCEMENTS_SHOWN: usize = 3;

/// The rows of the tracks on which something was said; `log` is the feature's own.
pub(super) fn said_rows(
    context: &PageContext,
    log: &ClaimsAnswer,
    buckets: &[BucketAnswer],
) -> Markup {
    html! {
        @for track in Track::ALL {
            @if log.claims.iter().any(|said| said.claim.track == *track) {
                (said_row(context, log, *track, buckets))
            }
        }
    }
}

fn said_row(
    context: &PageContext,
    log: &ClaimsAnswer,
    track: Track,
    buckets: &[BucketAnswer],
) -> Markup {
    let lang = context.lang;
    // The latest first: what is found first was in force at the end of the bucket.
    let in_force = |bucket: &BucketAnswer| {
        let public = |said: &StatementAnswer| said.claim.published < bucket.until;
        let mut claims = log.claims.iter();
        claims.position(|said| said.claim.track == track && public(said))
    };
    html! {
        tr.saids {
            th scope="row" title=(lang.track(track)) { (lang.track(track)) }
            @for stretch in stretches(buckets.iter().map(in_force)) {
                @match stretch.what.and_then(|place| log.claims.get(place)) {
                    Some(said) => td colspan=(stretch.count)
                        class={ "said " (class(said.claim.state)) } {
                        a href={ "#c-" (said.claim.id) } title=(title(context, said)) {
                            (lang.claimed_state(said.claim.state))
                        }
                    },
                    None => td colspan=(stretch.count) {},
                }
            }
        }
    }
}

/// Under the strip: when each of its newest incidents began, and when it was announced.
pub(super) fn announcements(context: &PageContext, strip: &StripAnswer) -> Markup {
    let lang = context.lang;
    let time = |at| figures::time(at, context.now, &context.zone);
    html! {
        @for incident in strip.incidents.iter().take(ANNOUNCEMENTS_SHOWN) {
            p.hint {
                (lang.pick("사고: 측정된 시작", "Incident: measured onset")) " "
                (time(incident.onset)) " · "
                @match &incident.announcement {
                    Some(told) => {
                        (lang.pick("첫 발표", "first announced")) " " (time(told.published))
                        " (" (lag_text(lang, told)) ")"
                    }
                    None if incident.closed.is_some() => {
                        (lang.pick("발표 없었음", "never announced"))
                    }
                    None => (lang.pick("아직 발표 없음", "not announced yet")),
                }
            }
        }
    }
}

const fn class(state: ClaimedState) -> &'static str {
    match state {
        ClaimedState::Up => "t-good",
        ClaimedState::Degraded => "t-degraded",
        ClaimedState::Recovering => "t-recovering",
        ClaimedState::Down => "t-bad",
        ClaimedState::Maintenance => "t-paused",
        ClaimedState::Unknown => "t-unknown",
        ClaimedState::Unmeasured => "t-unmeasured",
    }
}

fn title(context: &PageContext, said: &StatementAnswer) -> String {
    let (lang, claim) = (context.lang, &said.claim);
    let time = |at| figures::minute(at, context.now, &context.zone);
    [
        format!(
            "{}: {}",
            lang.track(claim.track),
            lang.claimed_state(claim.state)
        ),
        format!("{} {}", lang.pick("기준", "as of"), time(claim.as_of)),
        format!(
            "{} {}",
            lang.pick("발표", "published"),
            time(claim.published)
        ),
        claim.source.clone(),
    ]
    .join(" · ")
}
