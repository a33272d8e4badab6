//! The tables of `journal.db`, and how older files are brought up to date.

use rusqlite::{Connection, TransactionBehavior};

use super::storage::StorageError;

/// Each entry brings a file from the version before to its own: entry 0 makes version 1.
/// Released entries never change; a new version is a new entry.
pub(super) const MIGRATIONS: [&str; 4] = [VERSION_1, VERSION_2, VERSION_3, VERSION_4];

/// One row per event. `seq` grows and is never used twice, whatever retention deletes, but may
/// skip numbers. `facts` is JSON; `spans` is last in the row so that reading facts never touches
/// it.
const VERSION_1: &str = "
CREATE TABLE event (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    received INTEGER NOT NULL,  -- unix ns
    kind     TEXT NOT NULL,     -- run, evidence, plan, heartbeat, catalogue, roster
    agent    TEXT,
    run      BLOB,              -- run id, 16 bytes
    about    BLOB,              -- of evidence: the id of the run that it belongs to
    digest   BLOB,              -- of facts and spans: tells what was sent again from what differs
    target   TEXT,
    feature  TEXT,              -- the journey's own feature
    outcome  TEXT,              -- of that feature, without class or reason
    due      INTEGER,           -- unix ns
    facts    TEXT NOT NULL,
    spans    BLOB               -- OTLP bytes of a run's spans; JSON of evidence
) STRICT;
CREATE UNIQUE INDEX event_run ON event (run) WHERE run IS NOT NULL;
CREATE UNIQUE INDEX event_about ON event (about, digest) WHERE about IS NOT NULL;
CREATE INDEX event_feature ON event (feature, seq) WHERE feature IS NOT NULL;
CREATE INDEX event_other ON event (kind, agent, seq) WHERE run IS NULL;
";

/// Runs are asked for by target, and a rare outcome among many passes is found without reading
/// these.
const VERSION_2: &str = "
DROP INDEX event_feature;
CREATE INDEX event_feature ON event (target, feature, seq) WHERE run IS NOT NULL;
CREATE INDEX event_feature_outcome ON event (target, feature, outcome, seq) WHERE run IS NOT NULL;
CREATE INDEX event_outcome ON event (target, outcome, seq) WHERE run IS NOT NULL;
";

/// The spans of runs move into segments; those that are in their rows stay there. Nearly all runs
/// pass: the indexes that look for an outcome leave passes out, and each run writes two entries
/// fewer.
const VERSION_3: &str = "
CREATE TABLE segment (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- of the file in `spans`
    class  TEXT NOT NULL,                     -- pass, other: what retention drops first
    bytes  INTEGER NOT NULL,
    runs   INTEGER NOT NULL,
    last   INTEGER NOT NULL                   -- event.seq of its newest run
) STRICT;
ALTER TABLE event ADD COLUMN segment INTEGER;       -- the file with the run's spans
ALTER TABLE event ADD COLUMN segment_offset INTEGER;
ALTER TABLE event ADD COLUMN segment_bytes INTEGER;
DROP INDEX event_feature_outcome;
DROP INDEX event_outcome;
CREATE INDEX event_feature_outcome ON event (target, feature, outcome, seq)
    WHERE run IS NOT NULL AND outcome <> 'pass';
CREATE INDEX event_outcome ON event (target, outcome, seq)
    WHERE run IS NOT NULL AND outcome <> 'pass';
";

/// Claims: the same one, handed in again, is known by its digest.
const VERSION_4: &str = "
CREATE UNIQUE INDEX event_claim ON event (digest) WHERE kind = 'claim';
";

/// Brings the file up to the newest of `migrations`, each in a transaction of its own.
pub(super) fn migrate(
    connection: &mut Connection,
    migrations: &[&str],
) -> Result<(), StorageError> {
    let newest = migrations.len();
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
    let found = usize::try_from(found)
        .ok()
        .filter(|found| *found <= newest)
        .ok_or(StorageError::TooNew { found, newest })?;
    for (version, sql) in (1_i64..).zip(migrations).skip(found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_file_goes_forward_one_version_at_a_time_and_keeps_its_rows() {
        let mut file = Connection::open_in_memory().unwrap();
        migrate(&mut file, &[VERSION_1]).unwrap();
        assert_eq!(version(&file), 1);
        file.execute(
            "INSERT INTO event (received, kind, facts) VALUES (1, 'plan', '{}')",
            [],
        )
        .unwrap();
        let next = [
            VERSION_1,
            VERSION_2,
            "ALTER TABLE event ADD COLUMN note TEXT",
        ];
        migrate(&mut file, &next).unwrap();
        assert_eq!(version(&file), 3);
        let rows: i64 = file
            .query_row("SELECT count(*) FROM event WHERE note IS NULL", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let mut file = Connection::open_in_memory().unwrap();
        let broken = [VERSION_1, "CREATE TABLE extra (a); CREATE TABLE event (a)"];
        assert!(migrate(&mut file, &broken).is_err());
        assert_eq!(version(&file), 1);
        assert!(file.prepare("SELECT * FROM extra").is_err());
    }

    #[test]
    fn a_file_of_a_later_version_is_refused_untouched() {
        let mut file = Connection::open_in_memory().unwrap();
        file.pragma_update(None, "user_version", 7).unwrap();
        let error = migrate(&mut file, &MIGRATIONS).unwrap_err();
        assert!(error.to_string().contains("version 7"), "{error}");
        assert_eq!(version(&file), 7);
    }
}
