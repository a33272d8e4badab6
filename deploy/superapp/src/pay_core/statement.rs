//! The statement of a wallet: its latest entries, each with the balance that it left.

use std::collections::VecDeque;

use bongsu_model::Timestamp;

use super::books::Books;

/// Most entries kept of one wallet: a page and a half of what an app shows.
const LINES_MAX: usize = 32;

/// One entry of what is available in a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The transfer that it belongs to.
    pub(crate) transfer: String,
    /// Won that came (positive) or went (negative).
    pub(crate) won: i64,
    /// What was available behind it.
    pub(crate) balance: u64,
    pub(crate) reference: Option<String>,
    /// When its transfer was made.
    pub(crate) made_at: Timestamp,
}

/// Adds the newest entry; the oldest goes where there are too many.
pub(super) fn push(statement: &mut VecDeque<Line>, line: Line) {
    if statement.len() >= LINES_MAX {
        statement.pop_front();
    }
    statement.push_back(line);
}

/// Whether each balance follows from the one before, and the last is what there is.
pub(super) fn holds(statement: &VecDeque<Line>, available: u64) -> bool {
    let mut pairs = statement.iter().zip(statement.iter().skip(1));
    pairs.all(|(before, after)| before.balance.checked_add_signed(after.won) == Some(after.balance))
        && statement
            .back()
            .is_none_or(|last| last.balance == available)
}

impl Books {
    pub(super) fn statement(&self, who: usize, most: usize) -> Vec<Line> {
        let lines = self.wallets.get(who).map(|wallet| &wallet.statement);
        let newest = lines.into_iter().flat_map(|lines| lines.iter().rev());
        newest.take(most).cloned().collect()
    }
}
