//! Which duties an incident raises, for which features, when they are due, and who is exempt why.
//!
//! A pure function of the snapshot. What only people know, and nobody said, leaves a duty as it
//! is and is listed as open: silence exempts nobody.

use bongsu_model::{FeatureId, Names, Timestamp};

use super::platform::Circumstance;
use super::profile::{Due, Exemption, Item, Profile, Start, Trigger, When, day_of};
use super::span::{Span, cuts_reached};
use super::subject::{Affected, Subject};
use crate::web::answer::Time;

/// How a duty stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is raised.
    Raised,
    /// It will be, if the outage lasts until then.
    Running,
    /// Only people can say whether it is.
    Undecided,
    /// The outage was over before.
    Below,
    /// All that it is about are exempt.
    Exempt,
    /// It is not about this platform or these features.
    NotOurs,
    /// The incident turned out to be one with an older one, whose report has it.
    Merged,
}

/// A feature that a duty is not about.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Freed {
    /// Which.
    pub feature: FeatureId,
    /// Why.
    pub why: Names,
}

/// A duty as it stands for an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Assessment {
    /// The profile.
    pub profile: String,
    /// What it is called.
    pub names: Names,
    /// What is to be done.
    pub duty: super::profile::Duty,
    /// Towards whom.
    pub recipient: Names,
    /// By which rule.
    pub law: Names,
    /// How it stands.
    pub standing: Standing,
    /// When it was raised, or will be.
    pub raised_at: Option<Time>,
    /// When it is due; none while that waits for something.
    pub due_at: Option<Time>,
    /// Whether it is to be done again until the end.
    pub repeats: bool,
    /// What must be said.
    pub must_say: Vec<Item>,
    /// The features that raise it, or may.
    pub features: Vec<FeatureId>,
    /// The features that are exempt.
    pub exempt: Vec<Freed>,
    /// What people are to say before it is certain.
    pub open: Vec<Names>,
    /// What is to be verified in the profile.
    pub verify: Vec<Names>,
    /// Where the profile is from.
    pub sources: Vec<String>,
}

/// How the duty of `profile` stands for the incident of `subject`.
pub fn assess(subject: &Subject, profile: &Profile) -> Assessment {
    let day = day_of(subject.incident.onset.0);
    let mut found = Assessment {
        profile: profile.id.to_string(),
        names: profile.names.clone(),
        duty: profile.duty,
        recipient: profile.recipient.clone(),
        law: profile.law.clone(),
        standing: Standing::NotOurs,
        raised_at: None,
        due_at: None,
        repeats: profile.repeats,
        must_say: profile.must_say.clone(),
        features: Vec::new(),
        exempt: Vec::new(),
        open: Vec::new(),
        verify: profile.verify.clone(),
        sources: profile.sources.clone(),
    };
    if subject.incident.merged_into.is_some() {
        found.standing = Standing::Merged;
        return found;
    }
    let services = &profile.services;
    let in_scope = |feature: &&Affected| {
        let service = feature.service.as_ref();
        services.is_empty() || service.is_some_and(|service| services.contains(service))
    };
    let concerned: Vec<&Affected> = subject.features.iter().filter(in_scope).collect();
    let triggers = profile.triggers.iter();
    let triggers: Vec<_> = triggers
        .filter(|trigger| trigger.days.has(day) && subject.platform.has_role(&trigger.roles))
        .collect();
    if concerned.is_empty() || triggers.is_empty() {
        return found;
    }
    let mut covered = Vec::new();
    for feature in concerned {
        match freed(subject, profile, feature, &mut found.open) {
            Some(why) => found.exempt.push(Freed {
                feature: feature.id.clone(),
                why,
            }),
            None => covered.push(feature),
        }
    }
    if covered.is_empty() {
        found.standing = Standing::Exempt;
        return found;
    }
    let mut ways = Vec::new();
    for feature in covered {
        for trigger in &triggers {
            if let Some(way) = raises(subject, trigger, feature, &mut found.open) {
                ways.push((feature, way));
            }
        }
    }
    settle(&mut found, subject, profile, &ways);
    found
}

/// What a trigger makes of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Raised(Timestamp),
    Running(Timestamp),
    Undecided,
    Below,
}

/// The strongest of the ways decides, the earliest of its kind when.
fn settle(found: &mut Assessment, subject: &Subject, profile: &Profile, ways: &[(&Affected, Way)]) {
    let (standing, at) = match ways.iter().map(|(_, way)| *way).min() {
        Some(Way::Raised(at)) => (Standing::Raised, Some(at)),
        Some(Way::Running(at)) => (Standing::Running, Some(at)),
        Some(Way::Undecided) => (Standing::Undecided, None),
        Some(Way::Below) => (Standing::Below, None),
        None => (Standing::NotOurs, None),
    };
    let is_such = |way: Way| match way {
        Way::Raised(_) => standing == Standing::Raised,
        Way::Running(_) => standing == Standing::Running,
        Way::Undecided => standing == Standing::Undecided,
        Way::Below => standing == Standing::Below,
    };
    for (feature, way) in ways {
        if is_such(*way) && !found.features.contains(&feature.id) {
            found.features.push(feature.id.clone());
        }
    }
    let is_unseen = ways
        .iter()
        .any(|(feature, way)| is_such(*way) && feature.is_unseen());
    if is_unseen {
        note(
            &mut found.open,
            "지금 확인되지 않는 기능이 아직 중단되어 있는지",
            "whether the features that are out of sight now are still interrupted",
        );
    }
    found.standing = standing;
    found.raised_at = at.map(Time);
    found.due_at = at.and_then(|at| due(subject, profile.due, at)).map(Time);
    if matches!(standing, Standing::Below | Standing::NotOurs) {
        found.open.clear();
    }
}

fn due(subject: &Subject, due: Due, raised: Timestamp) -> Option<Timestamp> {
    let (limit, of) = match due {
        Due::WithoutDelay => return Some(raised),
        Due::Within { limit, of } => (limit, of),
    };
    let start = match of {
        Start::Onset => Some(subject.incident.onset.0),
        Start::Detection => Some(subject.incident.detected.0),
        Start::Trigger => Some(raised),
        Start::Resumption => subject.incident.resolved.map(|resolved| resolved.0),
    };
    start.map(|start| start + limit)
}

/// Whether a trigger is pulled by a feature; none where it is not about it.
fn raises(
    subject: &Subject,
    trigger: &Trigger,
    feature: &Affected,
    open: &mut Vec<Names>,
) -> Option<Way> {
    if trigger.designated {
        match subject.platform.designated {
            Some(true) => {}
            Some(false) => return None,
            None => {
                note(
                    open,
                    "중요통신시설로 지정되어 있는지",
                    "whether the facilities are designated as important",
                );
                return None;
            }
        }
    }
    if let Some(min) = trigger.subscribers_min {
        match feature.daily_users {
            Some(users) if users >= min => {}
            Some(_) => return None,
            None => {
                note(open, "가입자 수", "how many subscribers there are");
                return None;
            }
        }
    }
    let now = subject.as_of.0;
    Some(match trigger.when {
        When::Lasts { limit, longer } => lasts(feature.span(), limit, longer, now),
        When::Cuts {
            count,
            within,
            total,
        } => match cuts_reached(&feature.outages, (count, within, total), now) {
            Some(at) => Way::Raised(at),
            None => Way::Below,
        },
        When::Circumstance(circumstance) => match subject.circumstance(circumstance) {
            Some(true) => Way::Raised(subject.incident.onset.0),
            Some(false) => Way::Below,
            None => {
                let (ko, en) = asked(circumstance);
                note(open, ko, en);
                Way::Undecided
            }
        },
    })
}

fn lasts(span: Span, limit: std::time::Duration, longer: bool, now: Timestamp) -> Way {
    let at = span.from.0 + limit;
    let length = span.length(now);
    if length > limit || (!longer && length == limit) {
        Way::Raised(at)
    } else if span.until.is_none() {
        Way::Running(at)
    } else {
        Way::Below
    }
}

/// Why a feature is exempt, if it is; what would have to be known is noted.
fn freed(
    subject: &Subject,
    profile: &Profile,
    feature: &Affected,
    open: &mut Vec<Names>,
) -> Option<Names> {
    profile.exemptions.iter().find_map(|exemption| {
        let mut unknown = Vec::new();
        let truth = holds(subject, exemption, feature, &mut unknown)?;
        if truth {
            return Some(exemption.why.clone());
        }
        for (ko, en) in unknown {
            note(open, ko, en);
        }
        None
    })
}

/// None if the exemption does not hold, true if it does, false if that is not known.
fn holds(
    subject: &Subject,
    exemption: &Exemption,
    feature: &Affected,
    unknown: &mut Vec<(&'static str, &'static str)>,
) -> Option<bool> {
    let platform = &subject.platform;
    // Who has another role beside the exempt one is not exempt by it.
    let is_asked = exemption.roles.is_empty()
        || platform
            .roles
            .iter()
            .all(|role| exemption.roles.contains(role));
    if !is_asked {
        return None;
    }
    let mut check = |truth: Option<bool>, ko: &'static str, en: &'static str| match truth {
        Some(true) => true,
        Some(false) => false,
        None => {
            unknown.push((ko, en));
            true
        }
    };
    let below = |limit: Option<u64>, known: Option<u64>| {
        limit.map(|limit| known.map(|known| known < limit))
    };
    if let Some(kinds) = &exemption.paid {
        let truth = feature.paid.map(|paid| kinds.contains(&paid));
        if !check(truth, "기능의 요금 방식", "how the feature is paid for") {
            return None;
        }
    }
    if let Some(truth) = below(exemption.daily_users_below, platform.daily_users)
        && !check(
            truth,
            "일평균 이용자 수",
            "how many users a day the platform has",
        )
    {
        return None;
    }
    if let Some(truth) = below(exemption.revenue_won_below, platform.revenue_won)
        && !check(truth, "연 매출", "what revenue the platform has a year")
    {
        return None;
    }
    if let Some(truth) = below(exemption.hall_m2_below, platform.hall_m2)
        && !check(truth, "전산실 바닥면적", "how large the hall is")
    {
        return None;
    }
    if let Some(limit) = exemption.traffic_share_below {
        let truth = platform.traffic_share.map(|share| share < limit);
        if !check(
            truth,
            "국내 트래픽 비중",
            "what share of the traffic the platform has",
        ) {
            return None;
        }
    }
    if let Some(circumstance) = exemption.circumstance {
        let (ko, en) = asked(circumstance);
        if !check(subject.circumstance(circumstance), ko, en) {
            return None;
        }
    }
    Some(unknown.is_empty())
}

const fn asked(circumstance: Circumstance) -> (&'static str, &'static str) {
    match circumstance {
        Circumstance::AnnouncedMaintenance => (
            "미리 알린 점검이었는지",
            "whether it was maintenance that was announced before",
        ),
        Circumstance::CarrierFault => (
            "기간통신사업자 회선의 장애였는지",
            "whether the carrier's line was at fault",
        ),
        Circumstance::CloudService => {
            ("클라우드컴퓨팅 서비스인지", "whether it is a cloud service")
        }
        Circumstance::Disaster => (
            "방송통신재난인지",
            "whether it is a communications disaster",
        ),
    }
}

fn note(open: &mut Vec<Names>, ko: &str, en: &str) {
    let names = Names {
        ko: ko.to_owned(),
        en: en.to_owned(),
    };
    if !open.contains(&names) {
        open.push(names);
    }
}

#[cfg(test)]
mod tests;
