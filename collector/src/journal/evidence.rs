//! What a failed step saw, as the journal keeps it: JSON beside the run that it belongs to.

use bongsu_model::{Evidence, RunId, Timestamp};
use bongsu_wire::StepEvidence;

#[derive(serde::Serialize, serde::Deserialize)]
struct Facts {
    step_span: [u8; 8],
    seen: Timestamp,
    headers: Vec<(String, String)>,
    body_head: String,
}

pub(super) fn to_json(found: &StepEvidence) -> Vec<u8> {
    let facts = Facts {
        step_span: found.step_span,
        seen: found.seen,
        headers: found.evidence.headers.clone(),
        body_head: found.evidence.body_head.clone(),
    };
    serde_json::to_vec(&facts).expect("evidence has text keys only")
}

/// None for what only a later version understands.
pub(super) fn from_json(run: RunId, json: &[u8]) -> Option<StepEvidence> {
    let facts: Facts = serde_json::from_slice(json).ok()?;
    Some(StepEvidence {
        run,
        step_span: facts.step_span,
        seen: facts.seen,
        evidence: Evidence {
            headers: facts.headers,
            body_head: facts.body_head,
        },
    })
}
