//! The canonical runs and records that the goldens hold.

use std::time::Duration;

use bongsu_model::*;
use bongsu_wire::AgentResource;

/// 2022-10-15 15:30:00 in Korea.
pub(crate) const DUE: Timestamp = Timestamp::from_unix_seconds(1_665_815_400);

const PERIOD: Duration = Duration::from_secs(10);

pub(crate) fn resource() -> AgentResource {
    AgentResource {
        region: Some("kr-seoul".parse().unwrap()),
        network: Some("as4766".parse().unwrap()),
        host_name: Some("probe-1".to_owned()),
        host_arch: Some("amd64".to_owned()),
        os_type: Some("linux".to_owned()),
        cloud_provider: Some("aws".to_owned()),
        cloud_region: Some("ap-northeast-2".to_owned()),
        cloud_availability_zone: Some("ap-northeast-2a".to_owned()),
        geo_country: Some("KR".to_owned()),
        geo_locality: Some("Seoul".to_owned()),
        ..AgentResource::new(AgentId::new("seoul-1").unwrap(), "0.1.0")
    }
}

pub(crate) fn feature(id: &str) -> FeatureId {
    FeatureId::new(id).unwrap()
}

/// Every canonical run, by the name of its golden.
pub(crate) fn runs() -> Vec<(&'static str, RunReport)> {
    vec![
        ("pass", pass()),
        ("slow", slow()),
        ("fail", fail()),
        ("blocked", blocked()),
        ("blind", blind()),
        ("two_actors", two_actors()),
        ("cleanup_leaked", cleanup_leaked()),
    ]
}

pub(crate) fn pass() -> RunReport {
    let login = |outcome| Outcomes::only(feature("account.login"), outcome);
    RunReport {
        facts: facts("login", login(Outcome::Pass), 180),
        steps: vec![post("sign in", 0, 20, 160)],
    }
}

fn slow() -> RunReport {
    let mut report = pass();
    report.facts.outcomes = Outcomes::only(feature("account.login"), Outcome::Slow);
    report.facts.flaky = true;
    let step = &mut report.steps[0];
    step.outcome = StepOutcome::Slow;
    step.attempts = 2;
    step.phases.wait = Some(Duration::from_millis(1_930));
    step.ended = step.started + Duration::from_millis(3_100);
    report.facts.ended = step.ended;
    step.earlier_attempts = vec![EarlierAttempt {
        class: FailClass::Connect,
        detail: "refused".to_owned(),
        duration: Duration::from_micros(1_250),
    }];
    step.redirects = vec![RedirectHop {
        status: 307,
        url: "https://superapp.test/v1/sessions".to_owned(),
        duration: Duration::from_micros(3_500),
        phases: Phases {
            connect: Some(Duration::from_micros(1_000)),
            wait: Some(Duration::from_micros(2_500)),
            ..Phases::default()
        },
    }];
    report
}

fn fail() -> RunReport {
    let mut report = pass();
    let verdict = Outcome::Fail(FailClass::Status);
    report.facts.outcomes = Outcomes::only(feature("account.login"), verdict);
    let step = &mut report.steps[0];
    step.outcome = StepOutcome::Fail(FailClass::Status);
    step.network.http_status = Some(503);
    step.detail = Some("503".to_owned());
    step.failed_expectations = vec!["status == 200, was 503".to_owned()];
    step.evidence = Some(Evidence {
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("set-cookie".to_owned(), "***".to_owned()),
        ],
        body_head: "{\"error\":\"로그인할 수 없습니다\"}".to_owned(),
    });
    report
}

fn blocked() -> RunReport {
    let own = FeatureOutcome {
        feature: feature("talk.message.text"),
        outcome: Outcome::Blocked(feature("account.login")),
    };
    let login = FeatureOutcome {
        feature: feature("account.login"),
        outcome: Outcome::Fail(FailClass::Timeout),
    };
    let mut step = post("sign in", 0, 5, 3_005);
    step.outcome = StepOutcome::Fail(FailClass::Timeout);
    step.detail = Some("first_byte".to_owned());
    step.phases.receive = None;
    step.network.http_status = None;
    step.network.body_bytes = None;
    RunReport {
        facts: facts(
            "send-message",
            Outcomes::new(own, vec![login]).unwrap(),
            3_010,
        ),
        steps: vec![step],
    }
}

fn blind() -> RunReport {
    let verdict = Outcome::Blind(BlindReason::Egress);
    let mut step = post("sign in", 0, 5, 2_005);
    step.outcome = StepOutcome::Blind(BlindReason::Egress);
    step.phases = Phases {
        dns: Some(Duration::from_secs(2)),
        ..Phases::default()
    };
    step.network = NetworkFacts {
        server_address: Some("account.superapp.test".to_owned()),
        server_port: Some(443),
        url: Some("https://account.superapp.test/v1/sessions".to_owned()),
        ..NetworkFacts::default()
    };
    RunReport {
        facts: facts(
            "login",
            Outcomes::only(feature("account.login"), verdict),
            2_010,
        ),
        steps: vec![step],
    }
}

fn two_actors() -> RunReport {
    let own = FeatureOutcome {
        feature: feature("talk.message.text"),
        outcome: Outcome::Pass,
    };
    let login = FeatureOutcome {
        feature: feature("account.login"),
        outcome: Outcome::Pass,
    };
    let alice = post("sign in", 0, 5, 105);
    let mut bob = post("sign in", 0, 6, 110);
    bob.actor = ActorName::new("bob").unwrap();
    bob.actor_index = 1;
    let mut listen = talk("listen", 1, Verb::Ws, 120, 180);
    (listen.actor, listen.actor_index) = (bob.actor.clone(), 1);
    let send = talk("send", 2, Verb::Post, 190, 230);
    let mut receive = talk("receive", 3, Verb::Receive, 190, 260);
    (receive.actor, receive.actor_index) = (bob.actor.clone(), 1);
    receive.phases = Phases {
        wait: Some(Duration::from_millis(70)),
        ..Phases::default()
    };
    let mut facts = facts(
        "send-message",
        Outcomes::new(own, vec![login]).unwrap(),
        330,
    );
    facts.cleanup = CleanupState::Done;
    RunReport {
        facts,
        steps: vec![alice, bob, listen, send, receive, undo(270, 320)],
    }
}

fn cleanup_leaked() -> RunReport {
    let mut report = two_actors();
    report.facts.cleanup = CleanupState::Leaked;
    let undo = report.steps.last_mut().unwrap();
    undo.outcome = StepOutcome::Fail(FailClass::Connect);
    undo.detail = Some("refused".to_owned());
    undo.phases.connect = Some(Duration::from_micros(310));
    (undo.phases.tls, undo.phases.wait, undo.phases.receive) = (None, None, None);
    undo.network.http_status = None;
    report
}

pub(crate) fn plan() -> PlanRecord {
    let entry = |journey: &str, own: &str, touches: &[&str], phase_ms| PlanEntry {
        journey: JourneyName::new(journey).unwrap(),
        target: TargetName::new("superapp").unwrap(),
        variant: Variant::cold(),
        feature: feature(own),
        touches: touches.iter().map(|id| feature(id)).collect(),
        cadence: Cadence::new(PERIOD, Duration::from_millis(phase_ms)).unwrap(),
        deadline: Duration::from_secs(9),
    };
    PlanRecord {
        revision: Revision::of(b"plan"),
        valid_from: DUE,
        entries: vec![
            entry("login", "account.login", &[], 0),
            entry(
                "send-message",
                "talk.message.text",
                &["account.login"],
                3_333,
            ),
        ],
    }
}

pub(crate) fn heartbeat() -> Heartbeat {
    Heartbeat {
        sent: DUE,
        boot: BootId::new("b1").unwrap(),
        clock_offset_s: -0.0125,
        controls: vec![ControlCheck {
            control: "https://control-1.example/".to_owned(),
            reachable: true,
            checked: DUE - Duration::from_secs(4),
        }],
        spool: SpoolDepth {
            records: 12,
            bytes: 40_960,
            oldest: Some(DUE - Duration::from_secs(90)),
            dropped: 1,
        },
        cleanup_debts: 2,
        plan_revision: Some(Revision::of(b"plan")),
        plan_refused: Some("journeys/login.toml:3:1: unknown key `evry`".to_owned()),
        version: "0.1.0".to_owned(),
    }
}

fn facts(journey: &str, outcomes: Outcomes, ended_ms: u64) -> RunFacts {
    let vantage = Vantage {
        region: RegionId::new("kr-seoul").unwrap(),
        network: NetworkId::new("as4766").unwrap(),
        agent: resource().agent,
    };
    let target = TargetName::new("superapp").unwrap();
    let journey = JourneyName::new(journey).unwrap();
    let slot = Cadence::new(PERIOD, Duration::ZERO)
        .unwrap()
        .first_at_or_after(DUE);
    let id = RunId::derive(
        RunIdentity {
            agent: &vantage.agent,
            target: &target,
            journey: &journey,
            variant: &Variant::cold(),
            trigger: TriggerKind::Scheduled,
            n: slot,
        },
        DUE,
    );
    RunFacts {
        id,
        vantage,
        target,
        journey_revision: Revision::of(journey.as_str().as_bytes()),
        journey,
        plan_revision: Revision::of(b"plan"),
        variant: Variant::cold(),
        trigger: Trigger::Scheduled { slot },
        due: DUE,
        started: DUE + Duration::from_millis(2),
        ended: DUE + Duration::from_millis(ended_ms),
        outcomes,
        flaky: false,
        cleanup: CleanupState::None,
        boot: BootId::new("b1").unwrap(),
        seq: 41,
        clock_offset_s: 0.004,
    }
}

fn post(name: &str, index: u32, started_ms: u64, ended_ms: u64) -> StepReport {
    StepReport {
        name: name.to_owned(),
        index,
        kind: StepKind::Step,
        verb: Verb::Post,
        actor: ActorName::new("alice").unwrap(),
        actor_index: 0,
        feature: Some(feature("account.login")),
        outcome: StepOutcome::Pass,
        started: DUE + Duration::from_millis(started_ms),
        ended: DUE + Duration::from_millis(ended_ms),
        attempts: 1,
        polls: 0,
        phases: Phases {
            dns: Some(Duration::from_micros(812)),
            connect: Some(Duration::from_nanos(4_210_001)),
            tls: Some(Duration::from_millis(9)),
            wait: Some(Duration::from_millis(70)),
            receive: Some(Duration::from_nanos(300)),
        },
        network: NetworkFacts {
            server_address: Some("account.superapp.test".to_owned()),
            server_port: Some(443),
            peer_address: Some("127.0.0.1".parse().unwrap()),
            tunnel: Some(Duration::from_micros(1_500)),
            url: Some("https://account.superapp.test/v1/sessions".to_owned()),
            http_status: Some(200),
            http_version: Some("2".to_owned()),
            body_bytes: Some(182),
            dns_answers: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            tls_version: Some("1.3".to_owned()),
            tls_cipher: Some("TLS_AES_128_GCM_SHA256".to_owned()),
            tls_next_protocol: Some("h2".to_owned()),
            tls_not_after: Some(Timestamp::from_unix_seconds(1_700_000_000)),
        },
        detail: None,
        failed_expectations: Vec::new(),
        earlier_attempts: Vec::new(),
        redirects: Vec::new(),
        evidence: None,
    }
}

fn talk(name: &str, index: u32, verb: Verb, started_ms: u64, ended_ms: u64) -> StepReport {
    let mut step = post(name, index, started_ms, ended_ms);
    step.verb = verb;
    step.feature = Some(feature("talk.message.text"));
    step.network = NetworkFacts {
        server_address: Some("talk.superapp.test".to_owned()),
        server_port: Some(443),
        peer_address: Some("127.0.0.1".parse().unwrap()),
        ..NetworkFacts::default()
    };
    step
}

fn undo(started_ms: u64, ended_ms: u64) -> StepReport {
    let mut step = talk("delete message", 4, Verb::Delete, started_ms, ended_ms);
    step.kind = StepKind::Cleanup;
    step.feature = None;
    step.network.http_status = Some(204);
    step
}
