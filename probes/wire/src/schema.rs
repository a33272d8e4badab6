//! The version of the wire, and which versions a collector reads.

/// The version that this crate writes.
pub const SCHEMA: u32 = 1;

/// Whether a reader of version `reader` understands a record of version `schema`.
///
/// It reads its own version and the one before, so that agents may be upgraded after the
/// collector, one by one. Versions count from 1: a reader of version 1 has none before it.
pub const fn is_readable(schema: i64, reader: u32) -> bool {
    let reader = reader as i64;
    schema >= 1 && (schema == reader || schema == reader - 1)
}

/// Why a record's schema is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Written by a newer agent.
    #[error("schema {found} is newer than {reader}, the newest read here: upgrade the collector")]
    Newer {
        /// The record's version.
        found: i64,
        /// The reader's version.
        reader: u32,
    },
    /// Written by too old an agent.
    #[error("schema {found} is older than {oldest}, the oldest read here: upgrade the agent")]
    Older {
        /// The record's version.
        found: i64,
        /// The oldest version that is read.
        oldest: u32,
    },
    /// Not a version.
    #[error("{0} is not a schema version: they count from 1")]
    NoVersion(i64),
}

/// Refuses what [`is_readable`] refuses, and says why.
///
/// # Errors
/// When the version is not the reader's own nor the one before.
pub const fn check_schema(found: i64, reader: u32) -> Result<(), SchemaError> {
    if is_readable(found, reader) {
        Ok(())
    } else if found < 1 {
        Err(SchemaError::NoVersion(found))
    } else if found > reader as i64 {
        Err(SchemaError::Newer { found, reader })
    } else {
        Err(SchemaError::Older {
            found,
            oldest: reader - 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_takes_its_own_version_and_the_one_before() {
        for reader in 1..6_u32 {
            for found in -2..9_i64 {
                let expected =
                    found >= 1 && (found == i64::from(reader) || found + 1 == i64::from(reader));
                assert_eq!(is_readable(found, reader), expected, "{found} by {reader}");
                assert_eq!(check_schema(found, reader).is_ok(), expected);
            }
        }
    }

    #[test]
    fn a_refusal_says_who_is_to_be_upgraded() {
        let message = |found, reader| check_schema(found, reader).unwrap_err().to_string();
        assert_eq!(
            message(2, 1),
            "schema 2 is newer than 1, the newest read here: upgrade the collector"
        );
        assert_eq!(
            message(1, 4),
            "schema 1 is older than 3, the oldest read here: upgrade the agent"
        );
        assert_eq!(
            message(0, 1),
            "0 is not a schema version: they count from 1"
        );
        assert_eq!(
            message(-1, 1),
            "-1 is not a schema version: they count from 1"
        );
    }
}
