//! The decision statistic: a CUSUM over all agents, and one without each of them.

use crate::Settings;

/// An agent, by its place in the engine's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AgentIx(pub(crate) u32);

/// How much one run moves a score. From Page's test: S ← max(0, S + ln(p1/p0)) after a failure,
/// S ← max(0, S + ln((1−p1)/(1−p0))) after a pass, capped at 2h so that a long outage delays
/// neither the recovery nor the next detection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Test {
    bad: f64,
    good: f64,
    cap: f64,
}

impl Test {
    /// Finds failures (down).
    pub(crate) fn hard(settings: &Settings) -> Self {
        Self::between(settings.p0, settings.hard_p1, settings.h)
    }

    /// Finds rarer failures and slowness (degraded).
    pub(crate) fn soft(settings: &Settings) -> Self {
        Self::between(settings.p0, settings.soft_p1, settings.h)
    }

    fn between(p0: f64, p1: f64, h: f64) -> Self {
        Self {
            bad: (p1 / p0).ln(),
            good: ((1.0 - p1) / (1.0 - p0)).ln(),
            cap: 2.0 * h,
        }
    }
}

/// What a run says to a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Good,
    Bad,
}

/// The score of all agents, and the score without each agent that contributed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scores {
    pooled: f64,
    without: Vec<(AgentIx, f64)>,
}

impl Scores {
    pub(crate) fn feed(&mut self, test: Test, agent: AgentIx, sign: Sign) {
        // Until now the agent contributed nothing: the score without it is the score of all.
        if let Err(place) = self.place(agent) {
            self.without.insert(place, (agent, self.pooled));
        }
        let step = |score: f64| {
            let moved = match sign {
                Sign::Bad => score + test.bad,
                Sign::Good => score + test.good,
            };
            moved.clamp(0.0, test.cap)
        };
        self.pooled = step(self.pooled);
        for (other, score) in &mut self.without {
            if *other != agent {
                *score = step(*score);
            }
        }
    }

    pub(crate) fn pooled(&self) -> f64 {
        self.pooled
    }

    /// The score of all agents but this one.
    pub(crate) fn without(&self, agent: AgentIx) -> f64 {
        self.place(agent).map_or(self.pooled, |i| self.without[i].1)
    }

    /// What holds whichever one agent is left out.
    pub(crate) fn least(&self) -> f64 {
        let scores = self.without.iter().map(|(_, score)| *score);
        scores.fold(self.pooled, f64::min)
    }

    /// Takes out what `agent` contributed. What the others would say without it and without one
    /// more of them is not known: it is at most what it was, and at most what all of them say.
    pub(crate) fn forget(&mut self, agent: AgentIx) {
        let Ok(place) = self.place(agent) else {
            return;
        };
        self.pooled = self.without.remove(place).1;
        for (_, score) in &mut self.without {
            *score = score.min(self.pooled);
        }
    }

    /// Says that `agent` may have contributed everything: the score without it begins anew.
    pub(crate) fn doubt(&mut self, agent: AgentIx) {
        if let Ok(place) = self.place(agent) {
            self.without[place].1 = 0.0;
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.pooled == 0.0 && self.without.iter().all(|(_, score)| *score == 0.0)
    }

    pub(crate) fn reset(&mut self) {
        self.pooled = 0.0;
        self.without.clear();
    }

    fn place(&self, agent: AgentIx) -> Result<usize, usize> {
        self.without
            .binary_search_by_key(&agent, |(known, _)| *known)
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places on a small grid"
)]
mod tests {
    use super::*;

    fn fails(agents: &[u32]) -> Scores {
        let test = Test::hard(&Settings::default());
        let mut scores = Scores::default();
        for agent in agents {
            scores.feed(test, AgentIx(*agent), Sign::Bad);
        }
        scores
    }

    #[test]
    fn five_failures_without_the_loudest_agent_reach_the_threshold() {
        let h = Settings::default().h;
        assert!(fails(&[1, 1, 1, 1, 1]).pooled() >= h);
        assert_eq!(fails(&[1, 1, 1, 1, 1]).least(), 0.0);
        assert!(fails(&[1, 2, 1, 3, 2, 1]).least() < h);
        assert!(fails(&[1, 2, 1, 3, 2, 1, 3, 2]).least() >= h);
    }

    #[test]
    fn the_score_is_capped_at_twice_the_threshold() {
        assert_eq!(fails(&[1; 100]).pooled(), 2.0 * Settings::default().h);
    }

    #[test]
    fn passes_bring_every_score_back_to_zero() {
        let test = Test::hard(&Settings::default());
        let mut scores = fails(&[1]);
        assert!(!scores.is_zero());
        // ln(30) / −ln(0.7/0.99) = 9.8 passes for one failure.
        for _ in 0..10 {
            scores.feed(test, AgentIx(2), Sign::Good);
        }
        assert_eq!(scores.pooled(), 0.0);
        assert!(
            !scores.is_zero(),
            "without the second agent nobody contradicts the first"
        );
        for _ in 0..10 {
            scores.feed(test, AgentIx(3), Sign::Good);
        }
        assert!(scores.is_zero());
    }

    /// Mean runs until the pooled score of a healthy cell reaches h, each run failing with
    /// probability p0: solved exactly on a grid that a failure moves too far up on and a pass not
    /// far enough down, so that the truth is higher.
    fn runs_to_false_alarm(settings: &Settings) -> f64 {
        let test = Test::hard(settings);
        let step = -test.good / 4.0;
        let up = (test.bad / step).ceil() as usize;
        let size = (settings.h / step).floor() as usize;
        // E(s) = 1 + p·E(s + up) + (1 − p)·E(s − 4), zero from the threshold on.
        let mut rows = vec![vec![0.0; size + 1]; size];
        for s in 0..size {
            rows[s][s] += 1.0;
            rows[s][s.saturating_sub(4)] -= 1.0 - settings.p0;
            if s + up < size {
                rows[s][s + up] -= settings.p0;
            }
            rows[s][size] = 1.0;
        }
        // The rows are diagonally dominant: eliminated from the end, E(0) is left.
        for pivot in (1..size).rev() {
            let (above, below) = rows.split_at_mut(pivot);
            for row in above {
                let factor = row[pivot] / below[0][pivot];
                for (value, other) in row.iter_mut().zip(&below[0]) {
                    *value -= factor * other;
                }
            }
        }
        rows[0][size] / rows[0][0]
    }

    #[test]
    fn the_pooled_score_alone_takes_ten_million_healthy_runs_to_a_false_alarm() {
        let runs = runs_to_false_alarm(&Settings::default());
        // The bound of the theory is e^16 = 8.9e6, the documented chain gives 1.1e8.
        assert!((1.0e7..1.0e9).contains(&runs), "{runs:e}");
        let hasty = Settings {
            h: 8.0,
            ..Settings::default()
        };
        assert!(runs_to_false_alarm(&hasty) < 1.0e5);
    }
}
