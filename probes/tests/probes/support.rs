//! What the tests share: journeys from text, contexts, a recording log, misbehaving servers.

pub(crate) mod dns;
pub(crate) mod grpc;
pub(crate) mod http2;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod socket;
pub(crate) mod tls;
pub(crate) mod zone;

use std::sync::{Arc, Mutex};

use bongsu_language::{Journey, SourceFile, load_journeys, load_target};
use bongsu_model::{
    AccountName, AgentId, BlindReason, BootId, CleanupState, Clock as _, Monotonic, NetworkId,
    Outcome, RegionId, Revision, RunId, RunReport, Secret, StepOutcome, StepReport, Timestamp,
    Trigger, Vantage, Variant,
};
use bongsu_probes::{
    Account, CompensationError, CompensationLog, Context, Debt, NoSelfCheck, RunOrder, SelfCheck,
    SystemClock, Target,
};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// The secret of every test account: it must be found nowhere.
pub(crate) const SENTINEL: &str = "sentinel/secret+of=the test";

pub(crate) fn journey(text: &str) -> Journey {
    journey_with(text, &[])
}

pub(crate) fn journey_with(text: &str, fragments: &[&str]) -> Journey {
    let mut files = vec![SourceFile::new("journey.toml", text)];
    for (n, fragment) in fragments.iter().enumerate() {
        files.push(SourceFile::new(format!("fragment-{n}.toml"), *fragment));
    }
    let mut journeys = load_journeys(&files).unwrap_or_else(|mistakes| {
        panic!(
            "{:?}",
            mistakes.iter().map(|m| &m.message).collect::<Vec<_>>()
        )
    });
    assert_eq!(journeys.len(), 1);
    journeys.remove(0)
}

/// A journey of one actor against `{{ target.base.api }}`.
pub(crate) fn short(steps: &str) -> Journey {
    journey(&format!(
        r#"
format = 1
journey = "short"
feature = "talk.message.text"
timeout = "3s"
cleanup_timeout = "2s"
base = "{{{{ target.base.api }}}}"
actor.user.account = "pool:users"
{steps}
"#
    ))
}

pub(crate) fn target(base: &str) -> Target {
    target_with(base, "allow_private = true", None)
}

/// A target whose `api` is at `base`; `keys` are more lines of its profile.
pub(crate) fn target_with(base: &str, keys: &str, ca_pem: Option<&[u8]>) -> Target {
    target_of(base, "hosts = [\"127.0.0.1\", \"*.test\"]", keys, ca_pem)
}

/// The same, with its own line of hosts.
pub(crate) fn target_of(base: &str, hosts: &str, keys: &str, ca_pem: Option<&[u8]>) -> Target {
    let ws = base.replacen("http", "ws", 1);
    let text = format!(
        r#"
format = 1
target = "test"
base.api = "{base}"
ws.api = "{ws}"
{hosts}
{keys}
[pool.users]
accounts = [{{ name = "users-1", login = "users-1" }}]
"#
    );
    let profile = load_target(&SourceFile::new("target.toml", text)).unwrap_or_else(|mistakes| {
        panic!(
            "{:?}",
            mistakes.iter().map(|m| &m.message).collect::<Vec<_>>()
        )
    });
    Target::new(profile, ca_pem).unwrap()
}

pub(crate) fn account(name: &str) -> Account {
    Account {
        name: AccountName::new(name).unwrap(),
        fields: vec![
            ("login".to_owned(), name.into()),
            ("user_id".to_owned(), format!("u-{name}").into()),
        ],
        secrets: vec![("password".to_owned(), Secret::new(SENTINEL))],
    }
}

pub(crate) fn context(target: Target) -> Context {
    let clock = SystemClock::new();
    let due = clock.wall();
    Context {
        order: order(1, due),
        clock: Arc::new(clock),
        target: Arc::new(target),
        accounts: vec![account("users-1"), account("users-2")],
        sessions: Arc::default(),
        compensation: Arc::new(RecordingLog::default()),
        cancel: CancellationToken::new(),
        self_check: Arc::new(NoSelfCheck),
    }
}

pub(crate) fn order(n: u8, due: Timestamp) -> RunOrder {
    RunOrder {
        id: RunId::from_bytes([n; 16]),
        vantage: Vantage {
            region: RegionId::new("kr-seoul").unwrap(),
            network: NetworkId::new("as4766").unwrap(),
            agent: AgentId::new("seoul-1").unwrap(),
        },
        plan_revision: Revision::of(b"plan"),
        variant: Variant::cold(),
        trigger: Trigger::Manual,
        due,
        boot: BootId::new("boot").unwrap(),
        seq: 7,
        clock_offset_s: 0.25,
    }
}

/// What happened to a compensation log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// A debt was written, when the platform had seen so many requests.
    Owed(Debt, usize),
    Paid(RunId),
}

/// A log that remembers what was done to it, and can refuse.
#[derive(Debug, Default)]
pub(crate) struct RecordingLog {
    pub(crate) entries: Mutex<Vec<Entry>>,
    pub(crate) seen: Option<server::Seen>,
    pub(crate) refuses: bool,
    pub(crate) forgets: bool,
}

impl RecordingLog {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    /// What is owed in the end.
    pub(crate) fn debts(&self) -> Vec<Debt> {
        let mut debts: Vec<Debt> = Vec::new();
        for entry in self.entries() {
            match entry {
                Entry::Owed(debt, _) => {
                    debts.retain(|known| known.run != debt.run);
                    debts.push(debt);
                }
                Entry::Paid(run) => debts.retain(|known| known.run != run),
            }
        }
        debts
    }
}

impl CompensationLog for RecordingLog {
    fn owe<'a>(&'a self, debt: &'a Debt) -> BoxFuture<'a, Result<(), CompensationError>> {
        Box::pin(async move {
            if self.refuses {
                return Err(CompensationError("the disk is full".to_owned()));
            }
            // What is kept is what another process could read.
            let json = serde_json::to_string(debt).unwrap();
            assert!(!json.contains("sentinel"), "{json}");
            let debt = serde_json::from_str(&json).unwrap();
            let seen = self
                .seen
                .as_ref()
                .map_or(0, |seen| seen.lock().unwrap().len());
            self.entries.lock().unwrap().push(Entry::Owed(debt, seen));
            Ok(())
        })
    }

    fn paid(&self, run: RunId) -> BoxFuture<'_, Result<(), CompensationError>> {
        Box::pin(async move {
            self.entries.lock().unwrap().push(Entry::Paid(run));
            Ok(())
        })
    }

    fn is_kept(&self) -> bool {
        !self.forgets
    }
}

/// A self-check that always blames the agent, and keeps since when it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Guilty(pub Mutex<Vec<Monotonic>>);

impl SelfCheck for Guilty {
    fn own_fault(&self, since: Monotonic) -> BoxFuture<'_, Option<BlindReason>> {
        self.0.lock().unwrap().push(since);
        Box::pin(std::future::ready(Some(BlindReason::Egress)))
    }
}

pub(crate) fn step<'a>(report: &'a RunReport, name: &str) -> &'a StepReport {
    report
        .steps
        .iter()
        .find(|step| step.name.ends_with(name))
        .unwrap_or_else(|| panic!("no step {name} in {report:#?}"))
}

/// The step's end in the words of the wire: `fail(dns): nxdomain`.
pub(crate) fn ending(step: &StepReport) -> String {
    let detail = step.detail.as_deref().unwrap_or("");
    match step.outcome {
        StepOutcome::Pass => "pass".to_owned(),
        StepOutcome::Slow => "slow".to_owned(),
        StepOutcome::Fail(class) => format!("fail({class}): {detail}"),
        StepOutcome::Blind(reason) => format!("blind({reason}): {detail}"),
    }
}

pub(crate) fn verdict(report: &RunReport) -> String {
    report.facts.outcomes.verdict().to_string()
}

pub(crate) fn other(report: &RunReport, feature: &str) -> Option<Outcome> {
    report
        .facts
        .outcomes
        .others()
        .iter()
        .find(|other| other.feature.as_str() == feature)
        .map(|other| other.outcome.clone())
}

/// What holds for every report, whatever the platform did.
pub(crate) fn check_sane(report: &RunReport) {
    let facts = &report.facts;
    assert!(facts.started <= facts.ended, "{report:#?}");
    for step in &report.steps {
        assert!(step.started <= step.ended, "{step:#?}");
        assert!(step.attempts >= 1, "{step:#?}");
        assert!(step.failed_expectations.len() <= 5, "{step:#?}");
        if step.attempts == 1 && step.polls == 0 {
            let total = step.ended.since(step.started);
            let sum = step.phases.total();
            let apart = total.abs_diff(sum);
            assert!(apart.as_micros() <= 1_000, "{apart:?} apart: {step:#?}");
        }
        if let Some(evidence) = &step.evidence {
            assert!(evidence.body_head.len() <= 4096);
        }
    }
    assert_no_secret(&format!("{report:?}"));
    if facts.cleanup == CleanupState::None {
        assert!(
            report.steps.iter().all(|step| step.feature.is_some()),
            "{report:#?}"
        );
    }
}

/// The sentinel is not in `text`, in no encoding that anyone here could have used.
pub(crate) fn assert_no_secret(text: &str) {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let percent = utf8_percent_encode(SENTINEL, NON_ALPHANUMERIC).to_string();
    for form in [
        SENTINEL,
        "sentinel",
        &percent,
        &percent.to_ascii_lowercase(),
        // Base64 of the sentinel at each offset in three, without its ends.
        "c2VudGluZWwvc2VjcmV0K29mPXRoZSB0ZXN",
        "NlbnRpbmVsL3NlY3JldCtvZj10aGUgdGVzd",
        "ZW50aW5lbC9zZWNyZXQrb2Y9dGhlIHRlc3",
    ] {
        assert!(!text.contains(form), "{form} in {text}");
    }
}
