//! How long the decision rule takes to be sure, by the number of agents and the cadence: what a
//! measured state may lag behind.

use std::time::Duration;

use bongsu_availability::Settings;

use crate::layout::Tempo;
use crate::region::Shape;

/// The longest that each confirmation takes when everything passes, or everything fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// From the first failing instant to `down`.
    pub down: Duration,
    /// From the first working instant to `up`.
    pub up: Duration,
    /// The same where passes were mixed into the outage.
    pub up_partial: Duration,
    /// How far a first failed or passed run may lie behind what it shows.
    pub run: Duration,
    /// How far before what it shows a run may have begun: one that is under way when something
    /// breaks fails by it, and a hurried run tells its own start, however late it came to that.
    pub under_way: Duration,
}

impl Lag {
    /// That of a fleet of this shape.
    pub fn of(shape: &Shape, tempo: Tempo) -> Self {
        let rule = Settings::default();
        let agents = u32::try_from(shape.agents).unwrap_or(u32::MAX).max(1);
        // The score without one agent must be enough: what the others see in a period.
        let others = agents.saturating_sub(1).max(1);
        let weight = (rule.hard_p1 / rule.p0).ln();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a handful of failures"
        )]
        let failures = (rule.h / weight).ceil() as u32;
        // A period until the first run shows it, one until the slowest has been told of.
        let around = shape.every * 2 + tempo.lateness();
        let periods = |runs: u32, each: u32| shape.every * runs.div_ceil(each) + around;
        Self {
            down: periods(failures, others),
            up: periods(rule.passes_to_up, agents),
            up_partial: periods(rule.passes_to_up_partial, agents),
            run: shape.every + tempo.lateness(),
            under_way: shape.every / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_agents_are_sooner_sure() {
        let shape = |agents| Shape {
            agents,
            every: Duration::from_secs(300),
            ..Shape::default()
        };
        let minutes = |duration: Duration| duration.as_secs() / 60;
        let two = Lag::of(&shape(2), Tempo::Usual);
        // 5 failures of one other agent; 14 and 29 passes of two; a period before and behind.
        assert_eq!(minutes(two.down), 25 + 10);
        assert_eq!(minutes(two.up), 35 + 10);
        assert_eq!(minutes(two.up_partial), 75 + 10);
        let three = Lag::of(&shape(3), Tempo::Usual);
        assert_eq!(minutes(three.down), 15 + 10);
        assert_eq!(minutes(three.up), 25 + 10);
    }
}
