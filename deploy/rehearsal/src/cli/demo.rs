//! The demo: starts the fleet, tells where the board is, takes commands, sums up.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bongsu_rehearsal::console;
use bongsu_rehearsal::fleet::{self, Fleet, FleetConfig};
use bongsu_rehearsal::layout::Journeys;
use bongsu_rehearsal::region::{REGIONS, RehearsalAgent, Shape};
use bongsu_rehearsal::summary;
use tokio_util::sync::CancellationToken;

use super::{Demo, clock, explain, folder, remove};

/// Runs the demo until its time is over, `quit`, or Ctrl-C.
pub(super) async fn run(demo: Demo) -> Result<(), String> {
    distinct([
        ("--console", demo.console),
        ("--web", demo.web),
        ("--otlp", demo.otlp),
    ])?;
    let console = tokio::net::TcpListener::bind(demo.console).await.map_err(|error| {
        format!(
            "cannot listen on {}: {error}; is another rehearsal running? choose another address \
             with --console",
            demo.console
        )
    })?;
    let (folder, temporary) = folder(demo.dir.as_ref());
    let config = FleetConfig {
        targets: vec![fleet::superapp()],
        shape: Shape::default(),
        otlp: demo.otlp,
        web: demo.web,
        folder: folder.clone(),
        seed: 1,
        journeys: Journeys::Shipped,
    };
    let fleet = match Fleet::start(config, clock()).await {
        Ok(fleet) => fleet,
        Err(error) => {
            remove(temporary);
            return Err(explain(&error));
        }
    };
    let fleet = Arc::new(fleet);
    print_welcome(&fleet, &folder, demo.headless);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(console::serve(console, Arc::clone(&fleet), stop.clone()));
    let printing = tokio::spawn(print_transitions(Arc::clone(&fleet)));
    wait_for_the_end(&fleet, &demo, &stop).await;
    stop.cancel();
    printing.abort();
    // The listener's own end is all that is waited for; it answers nobody any more.
    let _ = (serving.await, printing.await);
    print_summary(&fleet);
    if let Some(fleet) = Arc::into_inner(fleet) {
        fleet.shutdown().await;
    }
    remove(temporary);
    Ok(())
}

/// Refuses one address for two: the second would be told that another program has it.
fn distinct(addresses: [(&str, SocketAddr); 3]) -> Result<(), String> {
    for (n, (option, address)) in addresses.iter().enumerate() {
        let is_same = |other: &SocketAddr| {
            let anywhere = address.ip().is_unspecified() || other.ip().is_unspecified();
            let on_one_host = anywhere || address.ip() == other.ip();
            address.port() != 0 && address.port() == other.port() && on_one_host
        };
        let mut before = addresses[..n].iter();
        if let Some((other, taken)) = before.find(|(_, other)| is_same(other)) {
            return Err(format!(
                "{option} is {address}, which {other} takes by {taken}; choose another port for \
                 one of them"
            ));
        }
    }
    Ok(())
}

async fn wait_for_the_end(fleet: &Fleet, demo: &Demo, stop: &CancellationToken) {
    let timer = async {
        match demo.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let terminal = async {
        let print = |text: &str| println!("{text}");
        // The end of the input is not the end of the rehearsal: it may run without a terminal.
        if demo.headless || !console::read_terminal(fleet, print, stop).await {
            std::future::pending::<()>().await;
        }
    };
    let told_to_end = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => _ = terminate.recv().await,
            // Without the handler the signal ends the process by itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = timer => {}
        () = terminal => {}
        () = told_to_end => {}
        _ = tokio::signal::ctrl_c() => println!(),
    }
}

fn print_welcome(fleet: &Fleet, folder: &Path, headless: bool) {
    println!(
        "Bongsu rehearsal: {} agents in {} regions",
        RehearsalAgent::count(fleet.shape.agents),
        REGIONS.len()
    );
    println!("  board      http://{}/", fleet.collector.web_addr());
    println!(
        "  API        http://{}/api/v1/board",
        fleet.collector.web_addr()
    );
    println!(
        "  OTLP/HTTP  http://{}/v1/traces",
        fleet.collector.otlp_addr()
    );
    println!("  OTLP/gRPC  {}", fleet.collector.otlp_grpc_addr());
    println!("  files      {}", folder.display());
    if headless {
        println!("Ctrl-C ends it.");
    } else {
        println!("Type `break account`, `break dc-a`, `mend`, `status`, `help` or `quit`.");
    }
}

async fn print_transitions(fleet: Arc<Fleet>) {
    let mut transitions = fleet.collector.shared().transitions();
    let start = clock();
    let origin = start.monotonic();
    loop {
        match transitions.recv().await {
            Ok(transition) => {
                let default = fleet.default_target().as_str();
                if let Some(line) = summary::transition_line(&transition, default) {
                    let elapsed = start.monotonic().since(origin);
                    println!("{:>8}  {line}", summary::seconds(elapsed));
                }
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(lost)) => {
                println!("          {lost} changes not shown: the terminal is too slow");
            }
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn print_summary(fleet: &Fleet) {
    let published = fleet.collector.shared().published();
    println!("\nSummary");
    for wrong in fleet.wrongs() {
        println!("  {wrong}");
    }
    if let Some(board) = published.boards.get(fleet.default_target()) {
        print!("{}", summary::board_lines(board));
    }
    println!(
        "  agents present: {} of {}",
        published.fleet.present, published.fleet.agents
    );
    println!(
        "  runs accepted:  {}",
        fleet.collector.shared().counters.runs_accepted.get()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_not_taken_for_two() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let told = |console, web, otlp| {
            distinct([
                ("--console", at(console)),
                ("--web", at(web)),
                ("--otlp", at(otlp)),
            ])
        };
        assert_eq!(told(1, 2, 3), Ok(()));
        assert_eq!(told(0, 0, 0), Ok(()), "the system chooses each");
        let refused = told(8399, 8399, 3).unwrap_err();
        let text = "--web is 127.0.0.1:8399, which --console takes by 127.0.0.1:8399; choose \
                    another port for one of them";
        assert_eq!(refused, text);
        assert!(told(1, 2, 2).unwrap_err().starts_with("--otlp is"));
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 1));
        let others = [("--web", at(2)), ("--otlp", everywhere)];
        let refused = distinct([("--console", at(1)), others[0], others[1]]);
        assert!(refused.unwrap_err().starts_with("--otlp is 0.0.0.0:1"));
    }
}
