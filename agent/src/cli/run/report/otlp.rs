//! `otlp`: the runs as a collector gets them from agents, marked as those of a CI job.

use bongsu_agent::config::SecretSource;
use bongsu_agent::direct::{Delivered, DirectConfig, Outbox, Room, courier};
use tokio::task::JoinHandle;

use super::{Held, Ran, ReportError, Sink, Sum};
use crate::cli::run::stage::Stage;

/// Where the token is: never on the command line, which other processes can read.
const TOKEN: &str = "BONGSU_OTLP_TOKEN";

pub(super) struct Otlp {
    outbox: Outbox,
}

/// Runs under way to a collector.
pub(super) struct Delivery {
    url: String,
    room: Room,
    task: JoinHandle<Delivered>,
}

/// Begins to deliver.
pub(super) fn open(url: &str, stage: &Stage) -> Result<(Otlp, Delivery), ReportError> {
    let config = DirectConfig {
        url: url.to_owned(),
        token: SecretSource::Env(TOKEN.to_owned()),
        ca: None,
        vantage: stage.vantage.clone(),
    };
    let opened = courier(config, stage.clock.clone());
    let (outbox, courier) = opened.map_err(|source| ReportError::Otlp {
        url: url.to_owned(),
        source,
    })?;
    let delivery = Delivery {
        url: url.to_owned(),
        room: outbox.room(),
        task: tokio::spawn(courier.deliver()),
    };
    Ok((Otlp { outbox }, delivery))
}

impl Sink for Otlp {
    fn take(&mut self, ran: &Ran<'_>) -> Result<(), ReportError> {
        self.outbox.put(ran.report.clone());
        Ok(())
    }

    fn held_back(&mut self, _: &Held<'_>) -> Result<(), ReportError> {
        // Nothing was run: there is nothing to be seen.
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Sum<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}

impl Delivery {
    pub(super) fn room(&self) -> Room {
        self.room.clone()
    }

    /// Waits until everything is there or given up.
    pub(super) async fn end(self) -> Result<(), ReportError> {
        let url = self.url;
        let delivered = self.task.await.unwrap_or_else(|error| Delivered {
            reason: Some(error.to_string()),
            lost: 1,
            ..Delivered::default()
        });
        if delivered.lost == 0 {
            return Ok(());
        }
        Err(ReportError::Lost {
            url,
            lost: delivered.lost,
            all: delivered.lost + delivered.acknowledged,
            reason: delivered.reason.unwrap_or_else(|| "no room".to_owned()),
        })
    }
}
