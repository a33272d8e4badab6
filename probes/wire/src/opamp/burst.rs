//! Asking an agent to run early: a custom message, and the agent's word if it does not.

use bongsu_model::{JourneyName, TargetName, Timestamp, Variant};
use serde::{Deserialize, Serialize};

use super::CustomMessage;
use crate::body;
use crate::refusal::BodyError;
use crate::schema::SCHEMA;

/// The capability that burst requests belong to.
pub const BURST_CAPABILITY: &str = "bongsu.burst/1";

/// The type of a request, from the collector.
const REQUEST: &str = "request";

/// The type of a refusal, from the agent.
const REFUSED: &str = "refused";

/// Bytes of a request or a refusal: three names of at most a hundred bytes each and a number.
const BURST_BYTES_MAX: usize = 2_048;

/// A run that an agent is asked to make early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BurstOrder {
    /// Against which environment.
    pub target: TargetName,
    /// Which journey.
    pub journey: JourneyName,
    /// How.
    pub variant: Variant,
    /// Until when it may begin, by the collector's clock.
    pub until: Timestamp,
}

impl BurstOrder {
    /// As the collector sends it.
    pub fn to_message(&self) -> CustomMessage {
        message(
            REQUEST,
            &OrderBody {
                schema: SCHEMA,
                target: self.target.clone(),
                journey: self.journey.clone(),
                variant: self.variant.clone(),
                until_ns: self.until.as_unix_nanos(),
            },
        )
    }
}

/// Why an agent does not run early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BurstRefusal {
    /// Its plan has no such journey on this target.
    Unknown,
    /// It came too late.
    Stale,
    /// A run of the same journey and variant is going.
    Running,
    /// The next slot is near: that run looks.
    NearSlot,
    /// The bucket of the agent, target and journey is empty.
    Bucket,
    /// No account or no room beside what is going.
    NoRoom,
    /// Its configuration, or the kill switch of the target, says no.
    Off,
}

impl BurstRefusal {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::Stale,
        Self::Running,
        Self::NearSlot,
        Self::Bucket,
        Self::NoRoom,
        Self::Off,
    ];

    /// The reason as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::Running => "running",
            Self::NearSlot => "near_slot",
            Self::Bucket => "bucket",
            Self::NoRoom => "no_room",
            Self::Off => "off",
        }
    }

    /// As the agent sends it.
    pub fn to_message(self) -> CustomMessage {
        message(
            REFUSED,
            &RefusalBody {
                schema: SCHEMA,
                reason: self,
            },
        )
    }
}

/// What a custom message of [`BURST_CAPABILITY`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BurstWord {
    /// Run early.
    Request(BurstOrder),
    /// It does not.
    Refused(BurstRefusal),
}

/// Reads a custom message; None if it belongs to another capability or is of another type.
///
/// # Errors
/// When it is ours and cannot be read.
pub fn read_burst(message: &CustomMessage) -> Option<Result<BurstWord, BodyError>> {
    if message.capability != BURST_CAPABILITY {
        return None;
    }
    let text =
        std::str::from_utf8(&message.data).map_err(|error| BodyError::Shape(error.to_string()));
    match message.r#type.as_str() {
        REQUEST => Some(text.and_then(order).map(BurstWord::Request)),
        REFUSED => Some(text.and_then(|text| {
            let refusal: RefusalBody = body::read(text, BURST_BYTES_MAX)?;
            Ok(BurstWord::Refused(refusal.reason))
        })),
        _ => None,
    }
}

fn order(text: &str) -> Result<BurstOrder, BodyError> {
    let order: OrderBody = body::read(text, BURST_BYTES_MAX)?;
    Ok(BurstOrder {
        target: order.target,
        journey: order.journey,
        variant: order.variant,
        until: Timestamp::from_unix_nanos(order.until_ns),
    })
}

fn message(kind: &str, body: &impl Serialize) -> CustomMessage {
    CustomMessage {
        capability: BURST_CAPABILITY.to_owned(),
        r#type: kind.to_owned(),
        data: body::write(body).into_bytes(),
    }
}

#[derive(Serialize, Deserialize)]
struct OrderBody {
    schema: u32,
    target: TargetName,
    journey: JourneyName,
    variant: Variant,
    until_ns: u64,
}

#[derive(Serialize, Deserialize)]
struct RefusalBody {
    schema: u32,
    reason: BurstRefusal,
}
