//! The question for runs as SQL: which index answers it, and how far it looks.

use rusqlite::ToSql;

use super::reader::{RunFilter, StoredRun};
use super::sqlite::nanos;

/// Most runs that one query returns.
const RUNS_MAX: u32 = 1_000;

/// Newest events that a question without an index of its own looks through, so that a rare agent
/// cannot make it read the whole file: at the measured rate about a second.
const LOOKED_THROUGH_MAX: i64 = 1_000_000;

/// Runs of one agent and feature that are looked at on either side of a run for its neighbours:
/// a backlog may have come in between.
const NEIGHBOURS_MAX: u32 = 32;

/// Places in the journal that bound a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// The last place.
    pub(super) last: i64,
    /// The first place at which a run that is due in the asked stretch may lie.
    pub(super) first_due: Option<i64>,
}

/// One question with its values.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Box<dyn ToSql>>,
}

/// The question that `filter` asks of a journal that ends at `places.last`.
///
/// The index is named, because without statistics SQLite would rather sort all runs of a target
/// than walk back from the newest.
pub(super) fn runs(filter: &RunFilter, places: Places) -> Query {
    let mut before = filter.before.map_or(i64::MAX, u64::cast_signed);
    if let Some(first) = places.first_due {
        before = before.min(first.saturating_add(LOOKED_THROUGH_MAX));
    }
    let index = index(filter);
    let mut sql = format!(
        "SELECT seq, received, facts FROM event {} WHERE run IS NOT NULL AND seq < ?1",
        index.unwrap_or("NOT INDEXED")
    );
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(before)];
    let wanted = [
        ("target", filter.target.as_ref().map(ToString::to_string)),
        ("feature", filter.feature.as_ref().map(ToString::to_string)),
        ("outcome", filter.outcome.clone()),
        ("agent", filter.agent.as_ref().map(ToString::to_string)),
    ];
    for (column, value) in wanted {
        if let Some(value) = value {
            values.push(Box::new(value));
            sql.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    if let Some(region) = &filter.region {
        values.push(Box::new(region.to_string()));
        let path = "json_extract(facts, '$.vantage.region')";
        sql.push_str(&format!(" AND {path} = ?{}", values.len()));
    }
    if let Some(due) = &filter.due {
        values.push(Box::new(nanos(due.start)));
        values.push(Box::new(nanos(due.end)));
        let n = values.len();
        sql.push_str(&format!(" AND due >= ?{} AND due < ?{n}", n - 1));
    }
    if is_rare(filter) {
        sql.push_str(" AND outcome <> 'pass'");
    }
    if let Some(first) = places.first_due {
        values.push(Box::new(first));
        sql.push_str(&format!(" AND seq >= ?{}", values.len()));
    } else if index.is_none() || filter.outcome.as_deref() == Some("pass") {
        let last = places.last.min(before);
        values.push(Box::new(last.saturating_sub(LOOKED_THROUGH_MAX)));
        sql.push_str(&format!(" AND seq > ?{}", values.len()));
    }
    values.push(Box::new(filter.limit.min(RUNS_MAX)));
    sql.push_str(&format!(" ORDER BY seq DESC LIMIT ?{}", values.len()));
    Query { sql, values }
}

/// The question for runs like `run` that were received before it, the nearest first.
pub(super) fn before(run: &StoredRun) -> Query {
    like(run, "seq < ?6 AND seq > ?6 - ?7 ORDER BY seq DESC")
}

/// The same for those received after it.
pub(super) fn after(run: &StoredRun) -> Query {
    like(run, "seq > ?6 AND seq < ?6 + ?7 ORDER BY seq")
}

fn like(run: &StoredRun, where_and_order: &str) -> Query {
    let facts = &run.facts;
    Query {
        sql: format!(
            "SELECT seq, received, facts FROM event INDEXED BY event_feature WHERE run IS NOT NULL \
             AND target = ?1 AND feature = ?2 AND agent = ?3 \
             AND json_extract(facts, '$.journey') = ?4 AND json_extract(facts, '$.variant') = ?5 \
             AND {where_and_order} LIMIT {NEIGHBOURS_MAX}"
        ),
        values: vec![
            Box::new(facts.target.to_string()),
            Box::new(facts.outcomes.own().feature.to_string()),
            Box::new(facts.vantage.agent.to_string()),
            Box::new(facts.journey.to_string()),
            Box::new(facts.variant.to_string()),
            Box::new(run.seq.cast_signed()),
            Box::new(LOOKED_THROUGH_MAX),
        ],
    }
}

/// The index that holds what is asked for in the order of the answer; None to walk back through
/// the newest events. Passes are common and in no index of outcomes.
fn index(filter: &RunFilter) -> Option<&'static str> {
    filter.target.as_ref()?;
    match (&filter.feature, is_rare(filter), &filter.agent) {
        (Some(_), false, _) => Some("INDEXED BY event_feature"),
        (Some(_), true, _) => Some("INDEXED BY event_feature_outcome"),
        (None, true, None) => Some("INDEXED BY event_outcome"),
        (None, _, _) => None,
    }
}

fn is_rare(filter: &RunFilter) -> bool {
    filter.outcome.as_ref().is_some_and(|word| word != "pass")
}

#[cfg(test)]
mod tests {
    use bongsu_model::{AgentId, FeatureId, RegionId, TargetName, Timestamp};
    use rusqlite::Connection;

    use super::*;
    use crate::journal::schema::{MIGRATIONS, migrate};

    const PLACES: Places = Places {
        last: 5,
        first_due: None,
    };

    fn filter(chosen: u8) -> RunFilter {
        let has = |bit: u8| chosen & bit != 0;
        RunFilter {
            target: has(1).then(|| TargetName::new("superapp").unwrap()),
            feature: has(2).then(|| FeatureId::new("account.login").unwrap()),
            outcome: has(4).then(|| "fail".to_owned()),
            agent: has(8).then(|| AgentId::new("seoul-1").unwrap()),
            region: has(16).then(|| RegionId::new("kr-seoul").unwrap()),
            due: has(32).then_some(Timestamp::EPOCH..Timestamp::MAX),
            before: None,
            limit: 10,
        }
    }

    fn plan(file: &Connection, filter: &RunFilter) -> String {
        let places = Places {
            first_due: filter.due.as_ref().map(|_| 2),
            ..PLACES
        };
        let query = runs(filter, places);
        let values: Vec<&dyn ToSql> = query.values.iter().map(AsRef::as_ref).collect();
        file.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql))
            .unwrap()
            .query_map(values.as_slice(), |row| row.get::<_, String>(3))
            .unwrap()
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
            .join("; ")
    }

    #[test]
    fn every_question_is_answered_in_order_by_an_index_or_by_the_newest_places() {
        let mut file = Connection::open_in_memory().unwrap();
        migrate(&mut file, &MIGRATIONS).unwrap();
        for chosen in 0..64 {
            let plan = plan(&file, &filter(chosen));
            assert!(plan.starts_with("SEARCH event USING"), "{chosen}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{chosen}: {plan}");
        }
    }

    #[test]
    fn a_rare_outcome_is_looked_up_and_not_searched_for() {
        let mut file = Connection::open_in_memory().unwrap();
        migrate(&mut file, &MIGRATIONS).unwrap();
        let of_feature = plan(&file, &filter(1 | 2 | 4));
        let all = "(target=? AND feature=? AND outcome=? AND seq<?)";
        assert!(of_feature.contains(all), "{of_feature}");
        let of_target = plan(&file, &filter(1 | 4));
        let both = "(target=? AND outcome=? AND seq<?)";
        assert!(of_target.contains(both), "{of_target}");
    }
}
