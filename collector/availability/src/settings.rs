//! The numbers of the decision rule, each with the value that the documentation states.

use std::time::Duration;

use crate::Rto;

/// What the machines decide by. [`Settings::default`] is what the documentation describes; its
/// error rates hold for those numbers only.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Probability that one run fails although the feature works.
    pub p0: f64,
    /// Failure probability that the hard test (down) is tuned to find.
    pub hard_p1: f64,
    /// Failure or slowness probability that the soft test (slow, partial) is tuned to find.
    pub soft_p1: f64,
    /// Alarm threshold of the scores, in nats; mean runs to a false alarm are at least e^h.
    pub h: f64,
    /// Consecutive passes after which a cell that was down is recovering. Each relapse in the same
    /// outage doubles them, up to `passes_to_up`: with three throughout, two of four regions in
    /// which half of the runs fail (three agents, T = 10 s) change their feature's state 300 times
    /// an hour, with doubling 2 times; it is 400 and 16 where 30 % fail, 54 and 2 where 70 % do. It
    /// only postpones `recovering`: passes count on, and up comes when it would have come anyway.
    pub passes_to_recovering: u32,
    /// Consecutive passes after which a cell is up again: 14 bound the failure probability by
    /// 19 % at 95 % confidence.
    pub passes_to_up: u32,
    /// The same after a partial outage, where passes prove less: 29 bound it by 10 %.
    pub passes_to_up_partial: u32,
    /// Consecutive passes from which on a recovery is verified: the same bound of 10 %.
    pub passes_to_verified: u32,
    /// Least time from the first of them to verified.
    pub verification: Duration,
    /// The limits of every feature's recovery clock.
    pub rto: Rto,
    /// Least time from the first pass to up.
    pub recovery: Duration,
    /// Failures among the trailing `passes_to_up` runs that turn recovering back to down.
    pub failures_to_relapse: u32,
    /// L: how late a run may come before its slot counts as missed.
    pub lateness: Duration,
    /// How far back runs are accepted at all. The engine's own history is a day; what is older
    /// than that counts as dropped here, though the journal has it.
    pub retention: Duration,
    /// How often an agent sends a heartbeat.
    pub heartbeat: Duration,
    /// Heartbeats that may fail to come before an agent is lost.
    pub heartbeats_lost: u32,
    /// Least distance of onsets that still belong to one incident.
    pub grouping: Duration,
    /// How long a resolved incident stays open for a relapse.
    pub quiet: Duration,
    /// Share of agents that are blind at once above which the fleet is.
    pub fleet_blind: f64,
    /// Share of agents that are blind at once up to which a blind fleet may see again: less, so
    /// that agents that recover one by one do not make it flap.
    pub fleet_sighted: f64,
    /// Entries into down within an hour from which on a cell is said to flap.
    pub flapping: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            p0: 0.01,
            hard_p1: 0.3,
            soft_p1: 0.1,
            h: 16.0,
            passes_to_recovering: 3,
            passes_to_up: 14,
            passes_to_up_partial: 29,
            passes_to_verified: 29,
            verification: Duration::from_secs(15 * 60),
            rto: Rto::default(),
            recovery: Duration::from_secs(60),
            failures_to_relapse: 2,
            lateness: Duration::from_secs(5),
            retention: Duration::from_secs(7 * 24 * 3600),
            heartbeat: Duration::from_secs(10),
            heartbeats_lost: 3,
            grouping: Duration::from_secs(120),
            quiet: Duration::from_secs(15 * 60),
            fleet_blind: 1.0 / 3.0,
            fleet_sighted: 1.0 / 6.0,
            flapping: 3,
        }
    }
}
