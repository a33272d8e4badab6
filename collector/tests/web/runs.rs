//! Two runs: one that failed with evidence, one that passed with two actors.

use std::time::Duration;

use bongsu_model::{
    ActorName, BootId, CleanupState, EarlierAttempt, Evidence, FailClass, FeatureOutcome,
    JourneyName, NetworkFacts, NetworkId, Outcome, Outcomes, Phases, RedirectHop, Revision,
    RunFacts, RunId, RunReport, StepKind, StepOutcome, StepReport, TargetName, Timestamp, Trigger,
    Vantage, Variant, Verb,
};

use super::fixture::{NOW, agent, feature, region};

fn started() -> Timestamp {
    NOW - Duration::from_secs(5)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn facts(id: u8, journey: &str, outcomes: Outcomes) -> RunFacts {
    RunFacts {
        id: RunId::from_bytes([id; 16]),
        vantage: Vantage {
            region: region("kr-seoul"),
            network: NetworkId::new("as4766").unwrap(),
            agent: agent("seoul-1"),
        },
        target: TargetName::new("superapp").unwrap(),
        journey: JourneyName::new(journey).unwrap(),
        journey_revision: Revision::of(journey.as_bytes()),
        plan_revision: Revision::new("64879f7d6b960a01").unwrap(),
        variant: Variant::cold(),
        trigger: Trigger::Scheduled { slot: 166_589_819 },
        due: started() - ms(12),
        started: started(),
        ended: started() + ms(4_100),
        outcomes,
        flaky: false,
        cleanup: CleanupState::Done,
        boot: BootId::new("b-1").unwrap(),
        seq: 17,
        clock_offset_s: 0.012,
    }
}

fn step(name: &str, index: u32, actor: (&str, u32), from: u64, took: u64) -> StepReport {
    StepReport {
        name: name.to_owned(),
        index,
        kind: StepKind::Step,
        verb: Verb::Post,
        actor: ActorName::new(actor.0).unwrap(),
        actor_index: actor.1,
        feature: Some(feature("account.login")),
        outcome: StepOutcome::Pass,
        started: started() + ms(from),
        ended: started() + ms(from + took),
        attempts: 1,
        polls: 0,
        phases: Phases {
            dns: Some(ms(2)),
            connect: Some(ms(8)),
            tls: Some(ms(19)),
            wait: Some(ms(took - 30)),
            receive: Some(ms(1)),
        },
        network: NetworkFacts {
            server_address: Some("account.superapp.test".to_owned()),
            server_port: Some(443),
            peer_address: Some("127.0.0.1".parse().unwrap()),
            url: Some("https://account.superapp.test/v1/login".to_owned()),
            http_status: Some(200),
            http_version: Some("1.1".to_owned()),
            body_bytes: Some(212),
            tunnel: None,
            dns_answers: vec!["127.0.0.1".parse().unwrap()],
            tls_version: Some("1.3".to_owned()),
            tls_cipher: Some("TLS_AES_128_GCM_SHA256".to_owned()),
            tls_next_protocol: None,
            tls_not_after: Some(NOW + Duration::from_secs(86_400 * 30)),
        },
        detail: None,
        failed_expectations: Vec::new(),
        redirects: Vec::new(),
        earlier_attempts: Vec::new(),
        evidence: None,
    }
}

/// `login`, failed: the second attempt got a 503 whose body would be markup if it were believed.
pub(super) fn failed() -> RunReport {
    let own = feature("account.login");
    let signing_in = step("sign in", 0, ("alice", 0), 0, 3_000);
    let failing = StepReport {
        network: NetworkFacts {
            http_status: Some(503),
            ..signing_in.network.clone()
        },
        outcome: StepOutcome::Fail(FailClass::Status),
        phases: Phases {
            wait: Some(ms(1_950)),
            ..signing_in.phases
        },
        attempts: 2,
        detail: Some("503".to_owned()),
        failed_expectations: vec![
            "status: expected 200, got 503".to_owned(),
            "json `$.session`: expected a text, got <nothing>".to_owned(),
        ],
        redirects: vec![RedirectHop {
            status: 307,
            url: "https://account.superapp.test/login?next=<home>".to_owned(),
            duration: ms(120),
            phases: Phases {
                wait: Some(ms(119)),
                receive: Some(ms(1)),
                ..Phases::default()
            },
        }],
        earlier_attempts: vec![EarlierAttempt {
            class: FailClass::Connect,
            detail: "refused".to_owned(),
            duration: ms(900),
        }],
        evidence: Some(Evidence {
            headers: vec![("retry-after".to_owned(), "30".to_owned())],
            body_head: "<script>alert('점검')</script>".to_owned(),
        }),
        ..signing_in
    };
    RunReport {
        facts: facts(
            0xfa,
            "login",
            Outcomes::only(own, Outcome::Fail(FailClass::Status)),
        ),
        steps: vec![failing],
    }
}

/// `send-message`, passed by two actors, with its cleanup.
pub(super) fn passed() -> RunReport {
    let own = FeatureOutcome {
        feature: feature("talk.message.text"),
        outcome: Outcome::Pass,
    };
    let login = FeatureOutcome {
        feature: feature("account.login"),
        outcome: Outcome::Slow,
    };
    let receive = StepReport {
        verb: Verb::Receive,
        polls: 3,
        feature: Some(feature("talk.message.text")),
        phases: Phases {
            receive: Some(ms(150)),
            ..Phases::default()
        },
        network: NetworkFacts::default(),
        ..step("receive", 2, ("bob", 1), 1_950, 150)
    };
    let cleanup = StepReport {
        kind: StepKind::Cleanup,
        verb: Verb::Delete,
        feature: None,
        ..step("delete the message", 3, ("alice", 0), 2_200, 90)
    };
    RunReport {
        facts: facts(
            0x0a,
            "send-message",
            Outcomes::new(own, vec![login]).unwrap(),
        ),
        steps: vec![
            StepReport {
                outcome: StepOutcome::Slow,
                ..step("sign in", 0, ("alice", 0), 0, 1_400)
            },
            step("sign in", 0, ("bob", 1), 0, 600),
            step("send", 1, ("alice", 0), 1_500, 400),
            receive,
            cleanup,
        ],
    }
}
