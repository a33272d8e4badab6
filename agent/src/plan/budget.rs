//! Whether the slots of a plan fit the budgets of its accounts: a plan that cannot is refused,
//! rather than blind for the rest of every day.

use std::time::Duration;

use super::{Plan, PlannedPool};
use crate::budget::{Charge, Share};

const DAY: Duration = Duration::from_secs(86_400);

/// Every budget that the slots of the plan would overrun, the reserve left out.
pub(super) fn too_small_budgets(plan: &Plan) -> Vec<String> {
    plan.accounts
        .iter()
        .flat_map(|pool| {
            let use_a_day = use_a_day(plan, pool);
            let accounts = pool.accounts.len().max(1) as u64;
            let bounds = [
                ("runs", pool.budget.runs, use_a_day.runs),
                ("money", pool.budget.money, use_a_day.money),
            ];
            bounds.map(|(what, bound, all)| {
                let needed = all.div_ceil(accounts);
                let allowed = Share::Routine.of(bound?);
                (needed > allowed).then(|| {
                    format!(
                        "target `{}`: the slots need {needed} {what} of each account of pool `{}` \
                         in 24 hours, and its budget allows {allowed}, the reserve for outages \
                         left out; raise `every` or `budget.{what}`, or add accounts",
                        pool.key.target, pool.key.pool
                    )
                })
            })
        })
        .flatten()
        .collect()
}

/// What all slots of a day take from the pool's accounts together.
fn use_a_day(plan: &Plan, pool: &PlannedPool) -> Charge {
    let mut all = Charge { runs: 0, money: 0 };
    let of_target = plan
        .planned
        .iter()
        .filter(|planned| planned.lineage.target == pool.key.target);
    for planned in of_target {
        let slots = DAY.as_nanos() / planned.cadence.period().as_nanos().max(1);
        let slots = u64::try_from(slots).unwrap_or(u64::MAX);
        let actors = planned.journey.actors.iter().enumerate();
        for (actor, _) in actors.filter(|(_, actor)| actor.pool == pool.key.pool) {
            let one = Charge::of(&planned.journey, actor);
            all.runs = all.runs.saturating_add(slots.saturating_mul(one.runs));
            all.money = all.money.saturating_add(slots.saturating_mul(one.money));
        }
    }
    all
}
