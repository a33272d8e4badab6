//! The soak on the command line: breaks, kills, mends, then prints what is left and who owes it.

use std::net::SocketAddr;
use std::time::Duration;

use bongsu_rehearsal::fleet::{self, Fleet, FleetConfig};
use bongsu_rehearsal::layout::Journeys;
use bongsu_rehearsal::region::Shape;
use bongsu_rehearsal::soak::{self, Outcome, Soak};
use bongsu_rehearsal::summary;

use super::{clock, explain, folder, remove};

/// How long agents may take to pay: longer than the waits that double from 10 s after a few tries.
const PAYS_FOR: Duration = Duration::from_secs(600);

/// Soaks a fleet of its own; an error when money is missing or something is left unowed.
pub(super) async fn run(lasts: Duration, seed: u64) -> Result<(), String> {
    let (folder, temporary) = folder(None);
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = FleetConfig {
        targets: vec![fleet::superapp()],
        otlp: loopback,
        web: loopback,
        folder,
        seed,
        shape: Shape::default(),
        journeys: Journeys::Shipped,
    };
    let mut fleet = match Fleet::start(config, clock()).await {
        Ok(fleet) => fleet,
        Err(error) => {
            remove(temporary);
            return Err(explain(&error));
        }
    };
    println!(
        "soaking for {}, seed {seed}; board http://{}/",
        summary::seconds(lasts),
        fleet.collector.web_addr()
    );
    let soak = Soak {
        lasts,
        pays_for: PAYS_FOR,
        seed,
    };
    let start = clock();
    let origin = start.monotonic();
    let soaked = soak::run(&mut fleet, soak, |line| {
        let elapsed = start.monotonic().since(origin);
        println!("{:>9}  {line}", summary::seconds(elapsed));
    })
    .await;
    fleet.shutdown().await;
    remove(temporary);
    let outcome = soaked.map_err(|error| explain(&error))?;
    print(&outcome);
    if outcome.is_accounted_for() {
        println!("accounted for: no won made or lost, nothing left that nobody owes");
        Ok(())
    } else {
        Err(format!(
            "NOT accounted for; --seed {seed} does the same again"
        ))
    }
}

fn print(outcome: &Outcome) {
    println!("\nAudit");
    println!(
        "  {} troubles, {} agents killed, {} runs at the collector",
        outcome.troubles.values().sum::<usize>(),
        outcome.kills,
        outcome.runs
    );
    let troubles = outcome.troubles.iter();
    let troubles: Vec<_> = troubles.map(|(kind, n)| format!("{n} {kind}")).collect();
    println!("  troubles: {}", troubles.join(", "));
    for what in &outcome.unhealed {
        println!("  NOT HEALED: {what}");
    }
    for (whose, money) in [("money", &outcome.money), ("at the bank", &outcome.bank)] {
        println!(
            "  {whose}: {} won issued, {} available, {} held, {} in pockets; {} transfers and {} \
             keys checked",
            money.issued, money.available, money.held, money.pocketed, money.transfers, money.keys
        );
        for problem in &money.problems {
            println!("  MONEY: {problem}");
        }
    }
    if outcome.forgotten > 0 {
        println!("  FORGOTTEN before they were undone: {}", outcome.forgotten);
    }
    for left in &outcome.leftovers {
        match &left.owed_by {
            Some(agent) => println!("  left, owed by {agent}: {}", left.what),
            None => println!(
                "  LEFT, owed by nobody: {} ({})",
                left.what, left.client_ref
            ),
        }
    }
    for (agent, runs) in &outcome.debts {
        println!("  {agent} owes the cleanup of {} runs", runs.len());
    }
    println!("Counts");
    for (name, count) in outcome.counts.iter().filter(|(_, count)| **count > 0) {
        println!("  {name:<24} {count}");
    }
}
