//! The snapshot that every output of a report is a function of.

use bongsu_availability::{IncidentId, IncidentView, RecoveryRow, RecoveryState, RecoveryView};
use bongsu_model::{
    FeatureId, FeatureState, Names, Paid, RegionId, RunId, ServiceId, TargetName, Timestamp,
};
use jiff::tz::TimeZone;

use super::evidence::Summary;
use super::outline::{Clock, Outline, clocks};
use super::platform::Circumstance;
use super::shelf::{Paper, Shelf, ShelfError};
use super::span::Span;
use super::tally::{self, Fold, Tally, Window};
use super::words::{self, Said, Topic, Words};
use super::{Assessment, Platform, duty, profile};
use crate::claims::{ClaimBook, MeasuredLog};
use crate::web::answer::{BoardAnswer, NamesAnswer, Naming, Time, to_jiff};

/// The shape of a snapshot that this version writes and reads.
pub const SCHEMA: u32 = 1;

/// Features that are named as still working.
const ALTERNATIVES_MAX: usize = 8;

/// An incident with all that is told of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Subject {
    /// The shape, [`SCHEMA`].
    pub schema: u32,
    /// The number of the report: 1 for the first, interim ones count on.
    pub number: u32,
    /// The head of the report before it.
    pub previous: Option<String>,
    /// The environment.
    pub target: TargetName,
    /// As of when everything is.
    pub as_of: Time,
    /// Whether the times are those of a simulated clock: then it is no real outage.
    pub is_simulated: bool,
    /// The zone that times are written in.
    pub zone: String,
    /// The incident.
    pub incident: Outline,
    /// Its clocks.
    pub clocks: Vec<Clock>,
    /// Its features, the heaviest first.
    pub features: Vec<Affected>,
    /// Features that work, of the same services first.
    pub alternatives: Vec<Working>,
    /// What the platform is.
    pub platform: Platform,
    /// The profiles in force on the incident's day, and the contracts.
    pub papers: Vec<Paper>,
    /// What people wrote.
    pub words: Vec<Words>,
    /// The runs behind it.
    pub evidence: Summary,
}

/// A feature that the incident took.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Affected {
    /// Its id.
    pub id: FeatureId,
    /// Its names.
    pub names: Names,
    /// Its service; null where the catalogue no longer has it.
    pub service: Option<ServiceId>,
    /// The names of its service.
    pub service_names: Names,
    /// How it is paid for; null where the catalogue no longer has it.
    pub paid: Option<Paid>,
    /// The larger of life impact and harm of absence, 0 to 3.
    pub tier: u8,
    /// Users a day, as the catalogue has them.
    pub daily_users: Option<u64>,
    /// Whether it was never seen to fail itself: another feature stood before it.
    pub is_blocked: bool,
    /// The word of how far it is: `down`, `recovered` …
    pub state: String,
    /// Start of its first failed run; of the incident's, where it was only blocked.
    pub from: Time,
    /// Start of the streak of passes that restored it, or when the incident was merged into another
    /// while it was out.
    pub until: Option<Time>,
    /// Where it was out.
    pub regions: Vec<Scope>,
    /// When it was out in the months of the incident, as far as is remembered; empty where the
    /// incident was merged into another, whose report has it.
    pub outages: Vec<Span>,
}

impl Affected {
    /// How long it was out by `now`.
    pub fn span(&self) -> Span {
        Span {
            from: self.from,
            until: self.until,
        }
    }

    /// Whether nobody sees it now: whether it still is out is not known.
    pub fn is_unseen(&self) -> bool {
        self.state == RecoveryState::NoSight.as_str()
    }

    /// Whether it is back; what was out as the incident was merged into another is not.
    pub fn is_back(&self) -> bool {
        let mut restored = RecoveryState::ALL.into_iter().filter(|s| s.is_restored());
        self.until.is_some() && restored.any(|state| state.as_str() == self.state)
    }
}

/// An affected feature in one region.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scope {
    /// The region.
    pub region: RegionId,
    /// Its names.
    pub names: Names,
    /// The word of how far it is there.
    pub state: String,
    /// Start of the first failed run there.
    pub from: Time,
    /// Start of the streak of passes that restored it there, or when the incident was merged into
    /// another while it was out.
    pub until: Option<Time>,
    /// How often it went down again there.
    pub relapses: u32,
    /// Its scheduled runs meanwhile.
    pub runs: Tally,
    /// Runs that speak for it.
    pub evidence: Vec<RunId>,
}

/// A feature that works.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Working {
    /// Its id.
    pub id: FeatureId,
    /// Its names.
    pub names: Names,
}

/// What a snapshot is made of.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The incident.
    pub incident: &'a IncidentView,
    /// The incidents that were merged into it, the oldest first.
    pub absorbed: &'a [IncidentId],
    /// The outage that it belongs to, where that is remembered.
    pub outage: Option<&'a RecoveryView>,
    /// What is measured now.
    pub board: &'a BoardAnswer,
    /// What was said.
    pub claims: &'a ClaimBook,
    /// The states of features over time.
    pub measured: &'a MeasuredLog,
    /// Names of features and regions.
    pub naming: Naming<'a>,
    /// The zone of pages.
    pub zone: &'a TimeZone,
    /// Whether the clock is a simulated one.
    pub is_simulated: bool,
    /// What the platform is.
    pub platform: &'a Platform,
    /// Profiles and contracts.
    pub shelf: &'a Shelf,
    /// The incident's runs, added up.
    pub fold: &'a Fold,
    /// When the oldest run that is kept was received.
    pub kept_from: Option<Timestamp>,
    /// What people wrote of it, and of those that were merged into it.
    pub words: Vec<Words>,
}

impl Subject {
    /// The snapshot.
    pub fn of(ground: Ground<'_>) -> Self {
        let incident = ground.incident;
        let as_of = Time::cut(ground.board.as_of.0);
        Self {
            schema: SCHEMA,
            number: 1,
            previous: None,
            target: incident.target.clone(),
            as_of,
            is_simulated: ground.is_simulated,
            zone: ground.zone.iana_name().unwrap_or("UTC").to_owned(),
            incident: Outline::of(incident, ground.absorbed, ground.claims),
            clocks: clocks(incident, ground.claims, as_of.0),
            features: affected(&ground, as_of.0),
            alternatives: alternatives(&ground),
            platform: ground.platform.clone(),
            papers: ground.shelf.papers_of(profile::day_of(incident.onset)),
            evidence: ground.fold.summary(ground.kept_from),
            words: ground.words,
        }
    }

    /// The zone that times are written in.
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    /// The profiles and contracts that it rests on.
    ///
    /// # Errors
    /// When they are written by a later version.
    pub fn shelf(&self) -> Result<Shelf, ShelfError> {
        Shelf::of(self.papers.iter().cloned())
    }

    /// How each duty of `shelf` stands.
    pub fn assessments(&self, shelf: &Shelf) -> Vec<Assessment> {
        let profiles = shelf.profiles();
        profiles
            .map(|profile| duty::assess(self, profile))
            .collect()
    }

    /// The newest text of a topic; none while nobody wrote one.
    pub fn said(&self, topic: Topic) -> Option<Said<'_>> {
        words::said(&self.words, topic)
    }

    /// Whether a circumstance is the case; none while nobody said so.
    pub fn circumstance(&self, circumstance: Circumstance) -> Option<bool> {
        words::circumstance(&self.words, circumstance)
    }

    /// Affected features that are not back.
    pub fn out(&self) -> impl Iterator<Item = &Affected> {
        self.features.iter().filter(|feature| !feature.is_back())
    }

    /// The regions in which a feature was out, each once.
    pub fn regions(&self) -> Vec<&Names> {
        let mut regions: Vec<(&RegionId, &Names)> = Vec::new();
        for scope in self.features.iter().flat_map(|feature| &feature.regions) {
            if !regions.iter().any(|(known, _)| **known == scope.region) {
                regions.push((&scope.region, &scope.names));
            }
        }
        regions.into_iter().map(|(_, names)| names).collect()
    }
}

fn affected(ground: &Ground<'_>, now: Timestamp) -> Vec<Affected> {
    let incident = ground.incident;
    let down = |id: &FeatureId| incident.cells.iter().any(|cell| cell.feature == *id);
    let rows = ground
        .outage
        .map_or(&[][..], |outage| outage.rows.as_slice());
    let mut ids: Vec<FeatureId> = Vec::new();
    let ours = rows.iter().map(|row| &row.feature);
    let ours = ours.filter(|id| down(id) || incident.blocked.contains(id));
    let rest = incident.cells.iter().map(|cell| &cell.feature);
    for id in ours.chain(rest).chain(&incident.blocked) {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    ids.iter()
        .map(|id| {
            let row = rows.iter().find(|row| row.feature == *id);
            one(ground, id, row, now)
        })
        .collect()
}

fn one(ground: &Ground<'_>, id: &FeatureId, row: Option<&RecoveryRow>, now: Timestamp) -> Affected {
    let (incident, catalogue) = (ground.incident, ground.naming.catalogue);
    let listed = catalogue.feature(id);
    let service = listed.and_then(|feature| catalogue.service(&feature.service));
    let span = span_of(ground, id);
    let is_down = incident.cells.iter().any(|cell| cell.feature == *id);
    Affected {
        id: id.clone(),
        names: listed.map_or_else(|| same(id.as_str()), |feature| feature.names.clone()),
        service: listed.map(|feature| feature.service.clone()),
        service_names: service.map_or_else(
            || same(ground.incident.target.as_str()),
            |service| service.names.clone(),
        ),
        paid: listed.map(|feature| feature.paid),
        tier: row.map_or_else(
            || bongsu_availability::FeatureWeight::of(listed).tier,
            |row| row.weight.tier,
        ),
        daily_users: listed.map(|feature| feature.daily_users),
        is_blocked: !is_down,
        state: state(incident, !is_down, row.map(|row| row.state), span.until)
            .as_str()
            .to_owned(),
        from: span.from,
        until: span.until,
        regions: scopes(ground, id, row),
        outages: match incident.merged_into {
            Some(_) => Vec::new(),
            None => outages(ground, id, span, now),
        },
    }
}

/// From the first of its regions that was out to the last that was back.
fn span_of(ground: &Ground<'_>, id: &FeatureId) -> Span {
    let windows = ground.fold.windows().iter();
    let windows = windows.filter(|((feature, _), _)| feature == id);
    let windows: Vec<Window> = windows.map(|(_, window)| *window).collect();
    let first = windows.iter().map(|window| window.from).min();
    let ends: Option<Vec<Timestamp>> = windows.iter().map(|window| window.until).collect();
    let last = ends.and_then(|ends| ends.into_iter().max());
    Span {
        from: Time::cut(first.unwrap_or(ground.incident.onset)),
        until: last.map(Time::cut),
    }
}

/// How far it is: what a row of a newer incident says is not this one's. How far one is that went
/// into another stands still: it is as it was then.
fn state(
    incident: &IncidentView,
    is_blocked: bool,
    known: Option<RecoveryState>,
    until: Option<Time>,
) -> RecoveryState {
    let is_back = until.is_some() && until != tally::cut(incident).map(Time::cut);
    match known.filter(|_| incident.merged_into.is_none()) {
        Some(known) if known.is_restored() == is_back => known,
        _ if is_back => RecoveryState::Recovered,
        Some(known) => known,
        None if is_blocked => RecoveryState::Blocked,
        None => RecoveryState::Down,
    }
}

fn scopes(ground: &Ground<'_>, id: &FeatureId, row: Option<&RecoveryRow>) -> Vec<Scope> {
    let incident = ground.incident;
    let is_blocked = incident.blocked.contains(id);
    let windows = ground.fold.windows().iter();
    let windows = windows.filter(|((feature, _), _)| feature == id);
    let mut scopes: Vec<_> = windows
        .map(|(cell, window)| {
            let regions = row.map_or(&[][..], |row| row.regions.as_slice());
            let known = regions.iter().find(|region| region.region == cell.1);
            let counted = ground.fold.counted(cell);
            let until = window.until.map(Time::cut);
            let place = regions.iter().position(|region| region.region == cell.1);
            let scope = Scope {
                region: cell.1.clone(),
                names: of_answer(ground.naming.region(&cell.1)),
                state: state(
                    incident,
                    is_blocked,
                    known.map(|region| region.state),
                    until,
                )
                .as_str()
                .to_owned(),
                from: Time::cut(window.from),
                until,
                relapses: known.map_or(0, |region| region.relapses),
                runs: counted.tally,
                evidence: counted.evidence(),
            };
            (place, scope)
        })
        .collect();
    // As the configuration lists them.
    scopes.sort_by_key(|(place, _)| place.unwrap_or(usize::MAX));
    scopes.into_iter().map(|(_, scope)| scope).collect()
}

/// When it was out since the month of the incident began: what was measured, and at least this
/// incident itself.
fn outages(ground: &Ground<'_>, id: &FeatureId, own: Span, now: Timestamp) -> Vec<Span> {
    let begins = to_jiff(own.from.0).to_zoned(ground.zone.clone()).date();
    let begins = begins.first_of_month().to_zoned(ground.zone.clone()).ok();
    let begins = begins.and_then(|begin| u64::try_from(begin.timestamp().as_nanosecond()).ok());
    let begins = begins.map_or(own.from.0, Timestamp::from_unix_nanos);
    let target = &ground.incident.target;
    let mut spans: Vec<Span> = Vec::new();
    for (from, until) in ground.measured.outages(target, id, begins, now) {
        let span = Span {
            from: Time::cut(from),
            until: until.map(Time::cut),
        };
        // What overlaps this incident is told by it: the recovery board knows its regions.
        let apart = span.until.is_some_and(|until| until <= own.from)
            || own.until.is_some_and(|until| until <= span.from);
        if apart {
            spans.push(span);
        }
    }
    spans.push(own);
    spans.sort_by_key(|span| span.from);
    spans
}

fn alternatives(ground: &Ground<'_>) -> Vec<Working> {
    let catalogue = ground.naming.catalogue;
    let of_service = |id: &FeatureId| catalogue.feature(id).map(|feature| &feature.service);
    let services: Vec<_> = ground
        .incident
        .cells
        .iter()
        .filter_map(|cell| of_service(&cell.feature))
        .collect();
    let works = ground.board.features.iter().filter(|feature| {
        let is_ours = ground.incident.blocked.contains(&feature.id)
            || ground
                .incident
                .cells
                .iter()
                .any(|c| c.feature == feature.id);
        feature.state == FeatureState::Operational && !is_ours
    });
    let mut works: Vec<_> = works.collect();
    works.sort_by_key(|feature| !services.contains(&&feature.service));
    let named = works.into_iter().take(ALTERNATIVES_MAX);
    named
        .map(|feature| Working {
            id: feature.id.clone(),
            names: of_answer(feature.names.clone()),
        })
        .collect()
}

fn same(text: &str) -> Names {
    Names {
        ko: text.to_owned(),
        en: text.to_owned(),
    }
}

fn of_answer(names: NamesAnswer) -> Names {
    Names {
        ko: names.ko,
        en: names.en,
    }
}
