//! What all runs of one command share: target, clock, who they are from.

use std::sync::Arc;

use bongsu_agent::SystemClock;
use bongsu_language::Journey;
use bongsu_model::{
    BootId, Clock, Revision, RunId, RunIdentity, RunReport, Trigger, Vantage, Variant,
};
use bongsu_probes::{
    Account, Context, NoCompensationLog, NoSelfCheck, RunOrder, Sessions, StepWatch, Target,
};
use tokio_util::sync::CancellationToken;

/// A journey as it is run: with its variables set.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) journey: Journey,
    pub(super) variant: Variant,
    pub(super) revision: Revision,
}

impl Piece {
    /// With `wanted`, the variant of that name where the journey has it; its first one otherwise.
    pub(super) fn new(journey: Journey, wanted: Option<&Variant>) -> Self {
        let mut variants = journey.variants.iter();
        let wanted = wanted.and_then(|wanted| variants.clone().find(|one| *one == wanted));
        Self {
            variant: wanted
                .or_else(|| variants.next())
                .cloned()
                .unwrap_or_else(Variant::cold),
            revision: Revision::of(journey.revision.as_str().as_bytes()),
            journey,
        }
    }
}

/// Where runs are made, and as whose.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) target: Arc<Target>,
    pub(super) clock: Arc<dyn Clock>,
    /// Cancelled when the command is interrupted: what is under way cleans up and ends.
    pub(super) cancel: CancellationToken,
    /// What warm runs leave to one another; it ends with the command.
    sessions: Arc<Sessions>,
    trigger: Trigger,
    pub(super) vantage: Vantage,
    boot: BootId,
    /// What tells the runs of this command from those of others.
    nonce: u64,
}

impl Stage {
    pub(super) fn new(target: Arc<Target>, trigger: Trigger, vantage: Vantage) -> Self {
        Self {
            target,
            clock: Arc::new(SystemClock::new()),
            cancel: CancellationToken::new(),
            sessions: Arc::default(),
            trigger,
            vantage,
            boot: BootId::new(&format!("{:016x}", nonce())).expect("hex digits"),
            nonce: nonce(),
        }
    }

    /// One run; gives the accounts back with its report.
    pub(super) async fn run(
        &self,
        piece: &Piece,
        accounts: Vec<Account>,
        seq: u64,
        watch: &dyn StepWatch,
    ) -> (RunReport, Vec<Account>) {
        let context = Context {
            clock: self.clock.clone(),
            order: self.order(piece, seq),
            target: self.target.clone(),
            accounts,
            sessions: self.sessions.clone(),
            compensation: Arc::new(NoCompensationLog),
            cancel: self.cancel.clone(),
            self_check: Arc::new(NoSelfCheck),
        };
        let report = bongsu_probes::run_watched(&piece.journey, &context, watch).await;
        (report, context.accounts)
    }

    fn order(&self, piece: &Piece, seq: u64) -> RunOrder {
        let now = self.clock.wall();
        let identity = RunIdentity {
            agent: &self.vantage.agent,
            target: self.target.name(),
            journey: &piece.journey.name,
            variant: &piece.variant,
            trigger: self.trigger.kind(),
            n: self.nonce.wrapping_add(seq),
        };
        RunOrder {
            id: RunId::derive(identity, now),
            plan_revision: piece.revision.clone(),
            trigger: self.trigger,
            due: now,
            boot: self.boot.clone(),
            seq,
            clock_offset_s: 0.0,
            vantage: self.vantage.clone(),
            variant: piece.variant.clone(),
        }
    }
}

fn nonce() -> u64 {
    getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()))
}
