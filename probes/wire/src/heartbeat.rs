//! A heartbeat as JSON.

use bongsu_model::{BootId, ControlCheck, Heartbeat, Revision, SpoolDepth, Timestamp};
use serde::{Deserialize, Serialize};

use crate::body;
use crate::limits::{
    CONTROLS_MAX, HEARTBEAT_BYTES_MAX, PLAN_REFUSED_BYTES_MAX, TEXT_BYTES_MAX, cut,
};
use crate::refusal::BodyError;
use crate::schema::SCHEMA;

/// The body of a `bongsu.heartbeat` record.
pub fn heartbeat_to_json(heartbeat: &Heartbeat) -> String {
    body::write(&HeartbeatBody {
        schema: SCHEMA,
        sent_ns: heartbeat.sent.as_unix_nanos(),
        version: cut(&heartbeat.version, TEXT_BYTES_MAX).to_owned(),
        boot: heartbeat.boot.clone(),
        clock_offset_s: heartbeat.clock_offset_s,
        controls: heartbeat
            .controls
            .iter()
            .take(CONTROLS_MAX)
            .map(|check| ControlBody {
                control: cut(&check.control, TEXT_BYTES_MAX).to_owned(),
                reachable: check.reachable,
                checked_ns: check.checked.as_unix_nanos(),
            })
            .collect(),
        spool: SpoolBody {
            records: heartbeat.spool.records,
            bytes: heartbeat.spool.bytes,
            oldest_ns: heartbeat.spool.oldest.map(Timestamp::as_unix_nanos),
            dropped: heartbeat.spool.dropped,
        },
        cleanup_debts: heartbeat.cleanup_debts,
        plan_revision: heartbeat.plan_revision.clone(),
        plan_refused: heartbeat
            .plan_refused
            .as_deref()
            .map(|reason| cut(reason, PLAN_REFUSED_BYTES_MAX).to_owned()),
    })
}

/// Reads the body of a `bongsu.heartbeat` record.
///
/// # Errors
/// When it is not of the shape, too large, or of another schema.
pub fn heartbeat_from_json(json: &str) -> Result<Heartbeat, BodyError> {
    let heartbeat: HeartbeatBody = body::read(json, HEARTBEAT_BYTES_MAX)?;
    if heartbeat.controls.len() > CONTROLS_MAX {
        return Err(BodyError::TooMany {
            key: "controls",
            entries_max: CONTROLS_MAX,
        });
    }
    if !heartbeat.clock_offset_s.is_finite() {
        return Err(BodyError::Range {
            key: "clock_offset_s",
        });
    }
    Ok(Heartbeat {
        sent: Timestamp::from_unix_nanos(heartbeat.sent_ns),
        boot: heartbeat.boot,
        clock_offset_s: heartbeat.clock_offset_s,
        controls: heartbeat
            .controls
            .into_iter()
            .map(|check| ControlCheck {
                control: check.control,
                reachable: check.reachable,
                checked: Timestamp::from_unix_nanos(check.checked_ns),
            })
            .collect(),
        spool: SpoolDepth {
            records: heartbeat.spool.records,
            bytes: heartbeat.spool.bytes,
            oldest: heartbeat.spool.oldest_ns.map(Timestamp::from_unix_nanos),
            dropped: heartbeat.spool.dropped,
        },
        cleanup_debts: heartbeat.cleanup_debts,
        plan_revision: heartbeat.plan_revision,
        plan_refused: heartbeat.plan_refused,
        version: heartbeat.version,
    })
}

#[derive(Serialize, Deserialize)]
struct HeartbeatBody {
    schema: u32,
    sent_ns: u64,
    version: String,
    boot: BootId,
    clock_offset_s: f64,
    controls: Vec<ControlBody>,
    spool: SpoolBody,
    cleanup_debts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan_revision: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan_refused: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ControlBody {
    control: String,
    reachable: bool,
    checked_ns: u64,
}

#[derive(Serialize, Deserialize)]
struct SpoolBody {
    records: u64,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest_ns: Option<u64>,
    dropped: u64,
}
