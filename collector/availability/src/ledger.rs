//! The ledger: what became of the slots that the plans called for.

/// What became of expected slots. Every slot is in exactly one of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Ledger {
    /// Ran, worked.
    pub pass: u64,
    /// Ran, worked slowly.
    pub slow: u64,
    /// Ran, did not work.
    pub fail: u64,
    /// Not reached because another feature failed first.
    pub blocked: u64,
    /// The agent's own fault, or an agent that fails alone.
    pub blind: u64,
    /// Not run, on purpose.
    pub skipped: u64,
    /// Nothing was heard by due + D + L.
    pub missed: u64,
}

impl Ledger {
    /// The slots that the plans called for.
    pub const fn expected(&self) -> u64 {
        self.pass + self.slow + self.fail + self.blocked + self.blind + self.skipped + self.missed
    }

    /// The slots that are evidence: pass, slow or fail.
    pub const fn valid(&self) -> u64 {
        self.pass + self.slow + self.fail
    }
}

impl std::ops::AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.pass += other.pass;
        self.slow += other.slow;
        self.fail += other.fail;
        self.blocked += other.blocked;
        self.blind += other.blind;
        self.skipped += other.skipped;
        self.missed += other.missed;
    }
}
