//! What was not derived, by reason: so that nothing is lost in silence.

/// Events that changed nothing, or not what they seem to, since the engine's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counters {
    /// Events of agents that are not listed.
    pub strangers: u64,
    /// CI runs: neither evidence nor ledger.
    pub ci: u64,
    /// Runs and plans that were known already.
    pub duplicates: u64,
    /// Runs that no plan on record covered when they came; kept until one does.
    pub waiting: u64,
    /// Runs that came too late to be evidence: stale, or over before one began that was weighed.
    pub late: u64,
    /// Slots that had counted as missed and were answered after all.
    pub revised: u64,
    /// Runs older than what is kept, or beyond a bound.
    pub dropped: u64,
    /// Runs due, and plans valid, further in the future than any clock may be wrong. Such a run is
    /// dropped; such a plan holds from its receipt.
    pub future: u64,
    /// Plan entries that no agent would run, or beyond a bound: their slots are not expected.
    pub refused: u64,
    /// Transitions that nobody took before the queue was full; the oldest were dropped.
    pub transitions_dropped: u64,
}
