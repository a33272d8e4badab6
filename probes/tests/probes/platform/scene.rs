//! A stand-in platform of a test's own, with the shipped journeys that are run against it.

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bongsu_language::{Journey, SourceFile, load_journeys, load_target};
use bongsu_model::{CleanupState, Clock as _, PoolName, RegionId, RunReport, TargetName, Variant};
use bongsu_probes::{Account, Context, NoSelfCheck, Sessions, SystemClock, Target, pay, run};
use bongsu_superapp::{Fault, FaultKind, FaultPoint, Platform, PlatformConfig, TestAccount};
use tokio_util::sync::CancellationToken;

use crate::support::{RecordingLog, check_sane, order};

const REGION: &str = "kr-seoul";

/// Most actors of a shipped journey.
const ACTORS_MAX: usize = 4;

/// Every `.toml` below a folder of the shipped journeys.
fn files_below(folder: &Path, found: &mut Vec<SourceFile>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(SourceFile::new(path.display().to_string(), text));
        }
    }
}

/// The shipped journeys, in order of their names.
pub(super) static SHIPPED: LazyLock<Vec<Journey>> = LazyLock::new(|| {
    let mut files = Vec::new();
    files_below(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys"),
        &mut files,
    );
    files.retain(|file| !file.path.ends_with("catalogue.toml"));
    let mut journeys = load_journeys(&files).unwrap();
    journeys.sort_by(|a, b| a.name.cmp(&b.name));
    journeys
});

/// A shipped journey's place among them.
fn place(name: &str) -> usize {
    let found = SHIPPED
        .iter()
        .position(|journey| journey.name.as_str() == name);
    found.unwrap()
}

pub(super) fn shipped(name: &str) -> &'static Journey {
    &SHIPPED[place(name)]
}

pub(super) struct Scene {
    pub(super) platform: Platform,
    target: Arc<Target>,
    pub(super) log: Arc<RecordingLog>,
    sessions: Arc<Sessions>,
    orders: AtomicU8,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let region = RegionId::new(REGION).unwrap();
        let clock = Arc::new(bongsu_superapp::SystemClock::new());
        let name = TargetName::new("superapp").unwrap();
        let mut config = PlatformConfig::new(name, vec![region.clone()], clock);
        // Journeys that run at the same time lease different accounts of a pool.
        for (_, count) in &mut config.pools {
            *count = ACTORS_MAX * SHIPPED.len();
        }
        let platform = Platform::start(config).await.unwrap();
        let endpoints = platform.endpoints(&region).unwrap();
        let mut profile = "format = 1\ntarget = \"superapp\"\n".to_owned();
        for (key, urls) in [("base", &endpoints.base), ("ws", &endpoints.ws)] {
            for (service, url) in urls {
                profile += &format!("{key}.{service} = \"{url}\"\n");
            }
        }
        profile += &format!(
            "resolver = \"{}\"\nca = \"ca.pem\"\nhosts = [\"*.superapp.test\"]\n\
             allow_private = true\n[pool.login-users]\naccounts = [{{ name = \"x\" }}]\n",
            endpoints.dns
        );
        let profile = load_target(&SourceFile::new("target.toml", profile)).unwrap();
        let target = Target::new(profile, Some(platform.ca_pem().as_bytes())).unwrap();
        Self {
            platform,
            target: Arc::new(target),
            log: Arc::new(RecordingLog::default()),
            sessions: Arc::default(),
            orders: AtomicU8::new(1),
        }
    }

    pub(super) fn context(&self, journey: &Journey) -> Context {
        let clock = SystemClock::new();
        let due = clock.wall();
        let number = place(journey.name.as_str());
        let accounts = journey
            .actors
            .iter()
            .enumerate()
            .map(|(n, actor)| self.account(&actor.pool, ACTORS_MAX * number + n))
            .collect();
        Context {
            // No two runs share an id.
            order: order(self.orders.fetch_add(1, Ordering::Relaxed), due),
            clock: Arc::new(clock),
            target: self.target.clone(),
            accounts,
            sessions: self.sessions.clone(),
            compensation: self.log.clone(),
            cancel: CancellationToken::new(),
            self_check: Arc::new(NoSelfCheck),
        }
    }

    fn account(&self, pool: &PoolName, n: usize) -> Account {
        let TestAccount {
            name,
            login,
            user_id,
            password,
            ..
        } = self.platform.accounts(pool).remove(n);
        Account {
            name,
            fields: vec![
                ("login".to_owned(), login.into()),
                ("user_id".to_owned(), user_id.into()),
            ],
            secrets: vec![("password".to_owned(), password)],
        }
    }

    pub(super) async fn run(&self, name: &str) -> RunReport {
        self.run_as(name, Variant::cold()).await
    }

    pub(super) async fn run_as(&self, name: &str, variant: Variant) -> RunReport {
        let journey = shipped(name);
        assert!(journey.variants.contains(&variant), "{name}");
        let mut context = self.context(journey);
        context.order.variant = variant;
        let report = run(journey, &context).await;
        check_sane(&report);
        self.check_no_password(&context, &report);
        report
    }

    fn check_no_password(&self, context: &Context, report: &RunReport) {
        let shown = format!("{report:?}");
        for account in &context.accounts {
            for (_, secret) in &account.secrets {
                assert!(!shown.contains(secret.expose()), "{shown}");
            }
        }
    }

    pub(super) async fn inject(&self, on: FaultPoint, kind: FaultKind) {
        self.platform.inject(Fault::everywhere(on, kind)).unwrap();
        self.platform.settle().await;
    }

    pub(super) async fn mend(&self) {
        self.platform.mend_all();
        self.platform.settle().await;
    }

    /// Pays what could not be undone while something was broken.
    pub(super) async fn pay_debts(&self) {
        for debt in self.log.debts() {
            let journey = shipped(debt.journey.as_str());
            let paid = pay(journey, &debt, &self.context(journey)).await;
            assert_eq!(paid, CleanupState::Done, "{debt:?}");
        }
    }

    /// Nothing is left behind, once the money that goes back has settled.
    pub(super) async fn assert_clean(&self) {
        let settled = async {
            while !self.platform.audit().transfers_open.is_empty()
                || !self.platform.audit().bank_transfers_open.is_empty()
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), settled).await;
        let audit = self.platform.audit();
        assert!(in_time.is_ok(), "{audit:?}");
        assert!(audit.sessions_open.is_empty(), "{audit:?}");
        assert!(audit.messages_undeleted.is_empty(), "{audit:?}");
        assert_eq!(audit.idempotency_conflicts, 0, "{audit:?}");
        assert!(audit.money.is_clean(), "{audit:?}");
        assert!(audit.bank_money.is_clean(), "{audit:?}");
        assert!(audit.rides_open.is_empty(), "{audit:?}");
        assert!(audit.records_open.is_empty(), "{audit:?}");
        assert!(audit.cards_stored.is_empty(), "{audit:?}");
        assert!(audit.cars_parked.is_empty(), "{audit:?}");
        assert!(audit.bikes_out.is_empty(), "{audit:?}");
        assert!(audit.errands_open.is_empty(), "{audit:?}");
        assert!(self.log.debts().is_empty(), "{:?}", self.log.debts());
    }
}
