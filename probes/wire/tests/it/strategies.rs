//! Arbitrary reports within the limits of the wire.

use std::net::IpAddr;
use std::time::Duration;

use bongsu_model::*;
use proptest::prelude::*;

/// Names of every kind follow one rule.
fn name<T: std::fmt::Debug + std::str::FromStr<Err: std::fmt::Debug>>() -> impl Strategy<Value = T>
{
    "[a-z0-9][a-z0-9._-]{0,20}".prop_map(|text| text.parse::<T>().unwrap())
}

fn of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (1..=i64::MAX.unsigned_abs()).prop_map(Timestamp::from_unix_nanos)
}

fn span() -> impl Strategy<Value = (Timestamp, Timestamp)> {
    (instant(), 0..10_000_000_000_u64)
        .prop_map(|(started, ns)| (started, started + Duration::from_nanos(ns)))
}

pub(crate) fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..=8_388_608_000_000_000_u64).prop_map(Duration::from_nanos),
        (0..=10_000_000_000_u64).prop_map(Duration::from_nanos),
    ]
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,40}"
}

fn blind() -> impl Strategy<Value = BlindReason> {
    of(BlindReason::ALL).prop_filter("the collector's", |reason| !reason.is_collectors())
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Pass),
        Just(Outcome::Slow),
        of(FailClass::ALL).prop_map(Outcome::Fail),
        name().prop_map(Outcome::Blocked),
        blind().prop_map(Outcome::Blind),
        of(SkipReason::ALL).prop_map(Outcome::Skipped),
    ]
}

fn outcomes() -> impl Strategy<Value = Outcomes> {
    proptest::collection::vec((name(), outcome()), 1..6).prop_map(|mut pairs| {
        pairs.sort_by(|(a, _): &(FeatureId, _), (b, _)| a.cmp(b));
        pairs.dedup_by(|(a, _), (b, _)| a == b);
        let mut all = pairs
            .into_iter()
            .map(|(feature, outcome)| FeatureOutcome { feature, outcome });
        let own = all.next_back().unwrap();
        Outcomes::new(own, all.collect()).unwrap()
    })
}

prop_compose! {
    fn phases()(
        dns in proptest::option::of(duration()),
        connect in proptest::option::of(duration()),
        tls in proptest::option::of(duration()),
        wait in proptest::option::of(duration()),
        receive in proptest::option::of(duration()),
    ) -> Phases {
        Phases { dns, connect, tls, wait, receive }
    }
}

prop_compose! {
    fn network()(
        (server_address, url, http_version) in proptest::option::of((text(), text(), text()))
            .prop_map(|texts| match texts {
                Some((a, b, c)) => (Some(a), Some(b), Some(c)),
                None => (None, None, None),
            }),
        (tls_version, tls_cipher, tls_next_protocol) in (
            proptest::option::of(text()),
            proptest::option::of(text()),
            proptest::option::of(text()),
        ),
        (server_port, http_status, body_bytes) in (
            any::<Option<u16>>(),
            any::<Option<u16>>(),
            proptest::option::of(0..=i64::MAX.unsigned_abs()),
        ),
        (peer_address, tunnel) in (any::<Option<IpAddr>>(), proptest::option::of(duration())),
        dns_answers in proptest::collection::vec(any::<IpAddr>(), 0..5),
        tls_not_after in proptest::option::of(any::<u64>().prop_map(Timestamp::from_unix_nanos)),
    ) -> NetworkFacts {
        NetworkFacts {
            server_address, server_port, peer_address, tunnel, url, http_status, http_version, body_bytes,
            dns_answers, tls_version, tls_cipher, tls_next_protocol, tls_not_after,
        }
    }
}

fn step_outcome() -> impl Strategy<Value = StepOutcome> {
    prop_oneof![
        Just(StepOutcome::Pass),
        Just(StepOutcome::Slow),
        of(FailClass::ALL).prop_map(StepOutcome::Fail),
        blind().prop_map(StepOutcome::Blind),
    ]
}

prop_compose! {
    fn earlier()(
        class in of(FailClass::ALL), detail in text(), duration in duration(),
    ) -> EarlierAttempt {
        EarlierAttempt { class, detail, duration }
    }
}

prop_compose! {
    fn redirect()(
        status in any::<u16>(), url in text(), duration in duration(), phases in phases(),
    ) -> RedirectHop {
        RedirectHop { status, url, duration, phases }
    }
}

prop_compose! {
    fn step()(
        name in text(),
        (kind, verb) in (of(StepKind::ALL), of(Verb::ALL)),
        (actor, actor_index, feature) in
            (name(), any::<u32>(), proptest::option::of(name())),
        outcome in step_outcome(),
        (started, ended) in span(),
        (attempts, polls) in (1..=u32::MAX, any::<u32>()),
        (phases, network) in (phases(), network()),
        detail in proptest::option::of(text()),
        failed_expectations in proptest::collection::vec(text(), 0..=5),
        (earlier_attempts, redirects) in (
            proptest::collection::vec(earlier(), 0..4),
            proptest::collection::vec(redirect(), 0..3),
        ),
        evidence in proptest::option::of((
            proptest::collection::vec((text(), text()), 0..4),
            text(),
        )),
    ) -> StepReport {
        StepReport {
            name, index: 0, kind, verb, actor, actor_index, feature, outcome, started, ended,
            attempts, polls, phases, network, detail, failed_expectations, earlier_attempts,
            redirects,
            evidence: evidence.map(|(headers, body_head)| Evidence { headers, body_head }),
        }
    }
}

/// A trigger and the number that goes into the run's id.
fn trigger() -> impl Strategy<Value = (Trigger, u64)> {
    prop_oneof![
        (0..=i64::MAX.unsigned_abs()).prop_map(|slot| (Trigger::Scheduled { slot }, slot)),
        (
            of(&[Trigger::Burst, Trigger::Manual, Trigger::Ci]),
            any::<u64>()
        ),
    ]
}

prop_compose! {
    fn facts()(
        (region, network, agent) in (name(), name(), name()),
        (target, journey, variant) in (name(), name(), name()),
        (journey_revision, plan_revision, boot) in (name(), name(), name()),
        (trigger, n) in trigger(),
        due in instant(),
        (started, ended) in span(),
        outcomes in outcomes(),
        flaky in any::<bool>(),
        cleanup in of(CleanupState::ALL),
        seq in 0..=i64::MAX.unsigned_abs(),
        clock_offset_s in proptest::num::f64::NORMAL | proptest::num::f64::ZERO,
    ) -> RunFacts {
        let vantage = Vantage { region, network, agent };
        let identity = RunIdentity {
            agent: &vantage.agent,
            target: &target,
            journey: &journey,
            variant: &variant,
            trigger: trigger.kind(),
            n,
        };
        RunFacts {
            id: RunId::derive(identity, due),
            vantage, target, journey, journey_revision, plan_revision, variant, trigger, due,
            started, ended, outcomes, flaky, cleanup, boot, seq, clock_offset_s,
        }
    }
}

prop_compose! {
    /// A run within the limits, steps numbered from 0.
    pub(crate) fn report()(
        facts in facts(),
        mut steps in proptest::collection::vec(step(), 0..4),
    ) -> RunReport {
        for (index, step) in (0..).zip(&mut steps) {
            step.index = index;
        }
        RunReport { facts, steps }
    }
}

prop_compose! {
    fn entry()(
        (target, variant) in (name(), name()),
        mut features in proptest::collection::vec(name::<FeatureId>(), 1..5),
        period in duration(),
        phase in duration(),
        deadline in duration(),
    ) -> (TargetName, Variant, Vec<FeatureId>, Cadence, Duration) {
        features.sort();
        features.dedup();
        let cadence = Cadence::new(period.max(Duration::from_nanos(1)), phase).unwrap();
        (target, variant, features, cadence, deadline)
    }
}

prop_compose! {
    /// A plan, its journeys numbered.
    pub(crate) fn plan()(
        revision in name(),
        valid_from in any::<u64>().prop_map(Timestamp::from_unix_nanos),
        entries in proptest::collection::vec(entry(), 0..5),
    ) -> PlanRecord {
        let entries = entries
            .into_iter()
            .enumerate()
            .map(|(i, (target, variant, mut touches, cadence, deadline))| PlanEntry {
                journey: format!("journey-{i}").parse().unwrap(),
                target,
                variant,
                feature: touches.pop().unwrap(),
                touches,
                cadence,
                deadline,
            })
            .collect();
        PlanRecord { revision, valid_from, entries }
    }
}

prop_compose! {
    /// A heartbeat whose clock offset is in whole nanoseconds.
    pub(crate) fn heartbeat()(
        (sent, oldest) in (any::<u64>(), any::<Option<u64>>()),
        boot in name(),
        offset_ns in -1_000_000_000_000_i64..1_000_000_000_000,
        controls in proptest::collection::vec((text(), any::<bool>(), any::<u64>()), 0..4),
        (records, bytes, dropped, cleanup_debts) in any::<(u64, u64, u64, u64)>(),
        plan_revision in proptest::option::of(name()),
        plan_refused in proptest::option::of(text()),
        version in text(),
    ) -> Heartbeat {
        Heartbeat {
            sent: Timestamp::from_unix_nanos(sent),
            boot,
            clock_offset_s: offset_ns as f64 / 1e9,
            controls: controls
                .into_iter()
                .map(|(control, reachable, checked)| ControlCheck {
                    control,
                    reachable,
                    checked: Timestamp::from_unix_nanos(checked),
                })
                .collect(),
            spool: SpoolDepth {
                records,
                bytes,
                oldest: oldest.map(Timestamp::from_unix_nanos),
                dropped,
            },
            cleanup_debts,
            plan_revision,
            plan_refused,
            version,
        }
    }
}
