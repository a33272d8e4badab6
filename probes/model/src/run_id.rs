//! The id of a run, which is also the id of its trace.

use std::borrow::Cow;

use sha2::Digest as _;

use crate::{AgentId, JourneyName, TargetName, Timestamp, TriggerKind, Variant};

/// 16 bytes, laid out as a UUID of version 8: 48 bits of milliseconds, then a digest.
///
/// The id of a slot is deterministic, so that the same slot can never count twice; ids sort by
/// the time they were due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(try_from = "Cow<'_, str>")]
pub struct RunId([u8; 16]);

/// What makes a run the one it is.
#[derive(Debug, Clone, Copy)]
pub struct RunIdentity<'a> {
    /// Who runs.
    pub agent: &'a AgentId,
    /// Against what.
    pub target: &'a TargetName,
    /// Which journey.
    pub journey: &'a JourneyName,
    /// In which variant.
    pub variant: &'a Variant,
    /// What started it.
    pub trigger: TriggerKind,
    /// The slot number of a scheduled run, a random nonce otherwise.
    pub n: u64,
}

impl RunId {
    /// The id of the run `identity` that is due at `due`.
    ///
    /// Layout: 48 bits of `due` in milliseconds, version 8, variant 10; the 74 bits left are the
    /// first bits of SHA-256 over agent, target, journey, variant and trigger, each followed by a
    /// zero byte, then `n` as big-endian u64.
    pub fn derive(identity: RunIdentity<'_>, due: Timestamp) -> Self {
        let mut digest = sha2::Sha256::new();
        for part in [
            identity.agent.as_str(),
            identity.target.as_str(),
            identity.journey.as_str(),
            identity.variant.as_str(),
            identity.trigger.as_str(),
        ] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        digest.update(identity.n.to_be_bytes());
        let digest: [u8; 32] = digest.finalize().into();

        let millis = due.as_unix_nanos() / 1_000_000;
        let head = u128::from(millis & 0xffff_ffff_ffff) << 80;
        let bits = u128::from_be_bytes(digest[..16].try_into().expect("16 of 32 bytes"));
        let first_12 = (bits >> 116) << 64;
        let next_62 = (bits >> 54) & ((1 << 62) - 1);
        Self((head | (8 << 76) | first_12 | (0b10 << 62) | next_62).to_be_bytes())
    }

    /// From the bytes of a trace id.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, which are the trace id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The span id of the run's root span: the first 8 bytes of SHA-256 over the trace id.
    pub fn root_span(&self) -> [u8; 8] {
        first_8(sha2::Sha256::digest(self.0).into())
    }

    /// The span id of a step: the first 8 bytes of SHA-256 over trace id, step index and actor
    /// index, both big-endian u32.
    pub fn step_span(&self, step_index: u32, actor_index: u32) -> [u8; 8] {
        let mut digest = sha2::Sha256::new();
        digest.update(self.0);
        digest.update(step_index.to_be_bytes());
        digest.update(actor_index.to_be_bytes());
        first_8(digest.finalize().into())
    }
}

fn first_8(digest: [u8; 32]) -> [u8; 8] {
    digest[..8].try_into().expect("8 of 32 bytes")
}

impl std::fmt::Display for RunId {
    /// 32 lower-case hex digits, as trace ids are written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(hex(&self.0, &mut [0; 32]))
    }
}

/// The bytes in lower-case hex, written into `text`.
fn hex<'a>(bytes: &[u8; 16], text: &'a mut [u8; 32]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(text).expect("digits are ASCII")
}

impl serde::Serialize for RunId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex(&self.0, &mut [0; 32]))
    }
}

impl std::fmt::Debug for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RunId({self})")
    }
}

/// Why a text is not a run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run id is 32 hex digits")]
pub struct RunIdError;

impl std::str::FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(RunIdError);
        }
        u128::from_str_radix(text, 16)
            .map(|bits| Self(bits.to_be_bytes()))
            .map_err(|_| RunIdError)
    }
}

impl TryFrom<Cow<'_, str>> for RunId {
    type Error = RunIdError;

    fn try_from(text: Cow<'_, str>) -> Result<Self, RunIdError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64, due_ms: u64) -> RunId {
        RunId::derive(
            RunIdentity {
                agent: &AgentId::new("seoul-1").unwrap(),
                target: &TargetName::new("superapp").unwrap(),
                journey: &JourneyName::new("login").unwrap(),
                variant: &Variant::cold(),
                trigger: TriggerKind::Scheduled,
                n,
            },
            Timestamp::from_unix_nanos(due_ms * 1_000_000),
        )
    }

    #[test]
    fn the_layout_is_a_version_8_uuid_that_starts_with_the_time() {
        let text = id(7, 0x0123_4567_89ab).to_string();
        assert_eq!(&text[..12], "0123456789ab");
        assert_eq!(&text[12..13], "8");
        assert!(matches!(&text[16..17], "8" | "9" | "a" | "b"));
        // Computed apart from this code, after the layout in the documentation above.
        assert_eq!(text, "0123456789ab89ee8cdd24a307464f61");
        assert_ne!(text, id(8, 0x0123_4567_89ab).to_string());
    }

    #[test]
    fn ids_sort_by_due_time_and_parse_back() {
        assert!(id(9, 1_000) < id(1, 1_001));
        let one = id(1, 1_668_000_000_000);
        assert_eq!(one.to_string().parse(), Ok(one));
        for bad in ["", "0", "+123456789abcdef0123456789abcdef", &"g".repeat(32)] {
            assert_eq!(bad.parse::<RunId>(), Err(RunIdError), "{bad}");
        }
    }

    #[test]
    fn spans_of_one_run_differ() {
        let run = id(1, 1);
        let spans = [
            run.root_span(),
            run.step_span(0, 0),
            run.step_span(0, 1),
            run.step_span(1, 0),
        ];
        for (i, a) in spans.iter().enumerate() {
            assert!(spans[i + 1..].iter().all(|b| a != b));
        }
    }
}
