//! A small soak over real sockets: what is broken is healed, what is killed comes back, and nothing
//! is left that nobody owes.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Clock;
use bongsu_rehearsal::fleet::{Fleet, FleetConfig, superapp};
use bongsu_rehearsal::layout::Journeys;
use bongsu_rehearsal::region::Shape;
use bongsu_rehearsal::soak::{self, Soak};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_random_troubles_and_kills_everything_is_accounted_for() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let free = "127.0.0.1:0".parse().unwrap();
    let config = FleetConfig {
        targets: vec![superapp()],
        shape: Shape {
            agents: 1,
            ..Shape::default()
        },
        otlp: free,
        web: free,
        folder: folder.path().to_owned(),
        seed: 1,
        journeys: Journeys::Only(&["talk/send-message.toml", "pay/transfer.toml"]),
    };
    let clock: Arc<dyn Clock> = Arc::new(bongsu_probes::SystemClock::new());
    let mut fleet = Fleet::start(config, clock).await.unwrap();
    let soak = Soak {
        lasts: Duration::from_secs(30),
        pays_for: Duration::from_secs(120),
        seed: SEED,
    };
    let mut told = Vec::new();
    let soaked = soak::run(&mut fleet, soak, |line| told.push(line.to_owned())).await;
    let outcome = soaked.unwrap();
    fleet.shutdown().await;
    assert!(outcome.is_accounted_for(), "{told:#?}\n{outcome:#?}");
    assert!(outcome.kills > 0, "{told:#?}");
    let mut kinds = outcome.troubles.keys();
    assert!(
        kinds.any(|kind| kind.starts_with("centre-lost")),
        "{told:#?}"
    );
}

/// Within half a minute payments arrive twice, the main data centre is lost with the relay and without
/// the payments, which are failed over, and an agent is killed.
const SEED: u64 = 82;
