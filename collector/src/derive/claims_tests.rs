//! Whatever is said, and whenever: what is measured stays as it is without it.

use bongsu_model::{
    AgentId, BootId, Cadence, Catalogue, Claim, ClaimConfidence, ClaimText, ClaimedState,
    CleanupState, FailClass, Feature, FeatureId, FeatureState, JourneyName, Names, OperatorId,
    Outcome, Outcomes, Paid, PlanEntry, PlanRecord, Rank, Revision, RunFacts, RunId, RunIdentity,
    Service, ServiceId, TargetName, Track, Trigger, TriggerKind, Variant,
};
use proptest::prelude::*;

use super::tests::derive;
use super::*;
use crate::journal::{ClaimFacts, Facts, Record};

const PERIOD: Duration = Duration::from_secs(10);

/// The slot after which everything happens.
const FIRST: u64 = 166_589_800;

fn feature() -> FeatureId {
    FeatureId::new("account.login").unwrap()
}

fn target() -> TargetName {
    TargetName::new("superapp").unwrap()
}

fn due(slot: u64) -> Timestamp {
    Timestamp::from_unix_seconds((FIRST + slot) * PERIOD.as_secs())
}

fn names() -> Names {
    Names {
        ko: "로그인".to_owned(),
        en: "Log in".to_owned(),
    }
}

fn catalogue() -> Catalogue {
    let service = ServiceId::new("account").unwrap();
    let feature = Feature {
        id: feature(),
        names: names(),
        service: service.clone(),
        life_impact: Rank::new(3).unwrap(),
        absence_harm: Rank::new(1).unwrap(),
        daily_users: 1,
        paid: Paid::Free,
        depends_on: Vec::new(),
        shares: Vec::new(),
        objective: None,
    };
    let service = Service {
        id: service,
        names: names(),
    };
    Catalogue::new(vec![service], vec![feature]).unwrap()
}

/// An event without its place and its time of receipt.
type Row = (Kind, Option<AgentId>, Facts);

fn of_collector(record: &Record, kind: Kind) -> Row {
    (kind, None, Facts::Json(record.facts().to_owned()))
}

fn plan() -> Row {
    let entry = PlanEntry {
        journey: JourneyName::new("login").unwrap(),
        target: target(),
        variant: Variant::cold(),
        feature: feature(),
        touches: Vec::new(),
        cadence: Cadence::new(PERIOD, Duration::ZERO).unwrap(),
        deadline: Duration::from_secs(9),
    };
    let record = PlanRecord {
        revision: Revision::of(b"plan"),
        valid_from: due(0),
        entries: vec![entry],
    };
    let json = bongsu_wire::plan_to_json(&record);
    let agent = AgentId::new("seoul-1").unwrap();
    (Kind::Plan, Some(agent), Facts::Json(json))
}

fn run(derive: &Derive, slot: u64, passes: bool) -> Row {
    let vantage = derive.shared.config.roster.agents()[0].vantage.clone();
    let (journey, variant) = (JourneyName::new("login").unwrap(), Variant::cold());
    let identity = RunIdentity {
        agent: &vantage.agent,
        target: &target(),
        journey: &journey,
        variant: &variant,
        trigger: TriggerKind::Scheduled,
        n: FIRST + slot,
    };
    let outcome = if passes {
        Outcome::Pass
    } else {
        Outcome::Fail(FailClass::Status)
    };
    let facts = RunFacts {
        id: RunId::derive(identity, due(slot)),
        vantage: vantage.clone(),
        target: target(),
        journey: journey.clone(),
        journey_revision: Revision::of(b"journey"),
        plan_revision: Revision::of(b"plan"),
        variant: variant.clone(),
        trigger: Trigger::Scheduled { slot: FIRST + slot },
        due: due(slot),
        started: due(slot),
        ended: due(slot) + Duration::from_millis(300),
        outcomes: Outcomes::only(feature(), outcome),
        flaky: false,
        cleanup: CleanupState::None,
        boot: BootId::new("boot-1").unwrap(),
        seq: slot,
        clock_offset_s: 0.0,
    };
    (Kind::Run, Some(vantage.agent), Facts::Run(Box::new(facts)))
}

fn claim(n: usize, state: ClaimedState, about_all: bool, at: Timestamp) -> Facts {
    let subject = if about_all { "*" } else { "account.login" };
    let claim = Claim {
        target: target(),
        track: if n.is_multiple_of(3) {
            Track::Observed
        } else {
            Track::Claim
        },
        subject: subject.parse().unwrap(),
        state,
        as_of: at - Duration::from_secs(60 * (n as u64 % 7)),
        published: at,
        source: ClaimText::new(&format!("statement {n}")).unwrap(),
        note: None,
        confidence: ClaimConfidence::High,
    };
    let by = OperatorId::new("desk").unwrap();
    let record = Record::claim(&ClaimFacts { by, claim });
    Facts::Json(record.facts().to_owned())
}

/// What stands in a journal before the first run, and stays there.
fn beginning(derive: &Derive) -> [Row; 3] {
    [
        of_collector(&catalogue_record(&catalogue()), Kind::Catalogue),
        of_collector(&roster_record(&derive.shared.config.roster), Kind::Roster),
        plan(),
    ]
}

/// Hands over the event at the place `seq`, as the journal's writer does.
fn hand(derive: &mut Derive, seq: u64, received: Timestamp, row: Row) {
    let (kind, agent, facts) = row;
    let event = Event {
        seq,
        received,
        kind,
        agent,
        facts,
    };
    let progress = Progress {
        as_of: received,
        after: seq - 1,
        seq,
        events: vec![event],
    };
    derive.take(progress).unwrap();
}

/// What is shown after these slots, and what is measured in it, once after each slot.
fn shown(outcomes: &[bool], claims: &[(usize, ClaimedState, bool)]) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let (mut derive, published) = derive(folder.path());
    derive.live = true;
    let mut rows: Vec<(Timestamp, Row)> = beginning(&derive).map(|row| (due(0), row)).to_vec();
    for (slot, passes) in (1..).zip(outcomes) {
        let received = due(slot) + Duration::from_secs(1);
        let said = claims
            .iter()
            .enumerate()
            .filter(|(_, said)| said.0 as u64 == slot);
        for (n, (_, state, about_all)) in said {
            let at = due(slot);
            rows.push((at, (Kind::Claim, None, claim(n, *state, *about_all, at))));
        }
        rows.push((received, run(&derive, slot, *passes)));
    }
    let mut pictures = Vec::new();
    for (seq, (received, row)) in (1..).zip(rows) {
        let decides = row.0 != Kind::Claim;
        hand(&mut derive, seq, received, row);
        if decides {
            derive.publish(received);
            let picture = published.borrow();
            let measured = (
                &picture.boards,
                &picture.incidents,
                &picture.agents,
                &picture.fleet,
            );
            pictures.push(format!("{measured:?}"));
        }
    }
    let said = published.borrow().claims.len();
    (pictures, said)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(24)
    })]

    #[test]
    fn claims_change_no_state_and_no_number(
        outcomes in prop::collection::vec(prop::bool::weighted(0.6), 1..40),
        claims in prop::collection::vec(
            (1..40_usize, prop::sample::select(ClaimedState::ALL), any::<bool>()),
            0..20,
        ),
    ) {
        let (silent, none) = shown(&outcomes, &[]);
        let (told, said) = shown(&outcomes, &claims);
        prop_assert_eq!(none, 0);
        prop_assert_eq!(said, claims.iter().filter(|claim| claim.0 <= outcomes.len()).count());
        prop_assert_eq!(silent, told);
    }
}

/// What is remembered of the feature at these slots, as of `as_of`, by a collector that replayed
/// the runs of `slots`.
fn remembered(slots: std::ops::Range<u64>, as_of: Timestamp) -> [Option<FeatureState>; 3] {
    let folder = tempfile::tempdir().unwrap();
    let (mut derive, published) = derive(folder.path());
    derive.live = true;
    let begun = beginning(&derive).map(|row| (due(0), row));
    let runs = slots.map(|slot| (due(slot) + Duration::from_secs(1), run(&derive, slot, true)));
    let rows: Vec<_> = begun.into_iter().chain(runs).collect();
    for (seq, (received, row)) in (1..).zip(rows) {
        hand(&mut derive, seq, received, row);
    }
    derive.publish(as_of);
    let measured = Arc::clone(&published.borrow().measured);
    let before = due(0) - Duration::from_secs(3600);
    [before, due(5), due(9)].map(|at| measured.at(&target(), &feature(), at))
}

#[test]
fn what_is_older_than_the_journal_is_not_remembered_whether_or_not_it_was_started_anew() {
    use FeatureState::{Operational, Unmeasured};
    let fresh = remembered(1..10, due(10));
    assert_eq!(
        fresh,
        [Some(Unmeasured), Some(Operational), Some(Operational)]
    );
    let folder = tempfile::tempdir().unwrap();
    let later = due(8) + derive(folder.path()).0.shared.config.retention;
    let expected = [None, None, Some(Operational)];
    assert_eq!(remembered(1..10, later), expected);
    // Retention has taken the runs before, but not the plan that they followed.
    assert_eq!(remembered(8..10, later), expected);
}
