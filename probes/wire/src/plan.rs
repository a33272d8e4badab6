//! A plan record as JSON.

use std::collections::HashSet;
use std::time::Duration;

use bongsu_model::{
    Cadence, FeatureId, JourneyName, PlanEntry, PlanRecord, Revision, TargetName, Timestamp,
    Variant,
};
use serde::{Deserialize, Serialize, Serializer};

use crate::body;
use crate::limits::{OUTCOMES_MAX, PLAN_BYTES_MAX, PLAN_ENTRIES_MAX};
use crate::refusal::BodyError;
use crate::schema::SCHEMA;
use crate::seconds::seconds;

/// The body of a `bongsu.plan` record.
pub fn plan_to_json(plan: &PlanRecord) -> String {
    body::write_exact(&PlanView::of(plan))
}

/// How many bytes [`plan_to_json`] gives.
pub fn plan_bytes(plan: &PlanRecord) -> usize {
    body::bytes(&PlanView::of(plan))
}

/// Reads the body of a `bongsu.plan` record.
///
/// # Errors
/// When it is not of the shape, too large, of another schema, or plans a slot twice.
pub fn plan_from_json(json: &str) -> Result<PlanRecord, BodyError> {
    let plan: PlanBody = body::read(json, PLAN_BYTES_MAX)?;
    if plan.entries.len() > PLAN_ENTRIES_MAX {
        return Err(BodyError::TooMany {
            key: "entries",
            entries_max: PLAN_ENTRIES_MAX,
        });
    }
    let entries = plan
        .entries
        .into_iter()
        .map(EntryBody::lower)
        .collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::with_capacity(entries.len());
    for entry in &entries {
        if !seen.insert((&entry.journey, &entry.target, &entry.variant)) {
            return Err(BodyError::EntryTwice {
                journey: entry.journey.to_string(),
            });
        }
    }
    Ok(PlanRecord {
        revision: plan.revision,
        valid_from: Timestamp::from_unix_nanos(plan.valid_from_ns),
        entries,
    })
}

#[derive(Deserialize)]
struct PlanBody {
    revision: Revision,
    valid_from_ns: u64,
    entries: Vec<EntryBody>,
}

/// A plan as it is written: entry by entry, since there may be thousands.
#[derive(Serialize)]
struct PlanView<'a> {
    schema: u32,
    revision: &'a Revision,
    valid_from_ns: u64,
    #[serde(serialize_with = "each_entry")]
    entries: &'a [PlanEntry],
}

impl<'a> PlanView<'a> {
    fn of(plan: &'a PlanRecord) -> Self {
        Self {
            schema: SCHEMA,
            revision: &plan.revision,
            valid_from_ns: plan.valid_from.as_unix_nanos(),
            entries: &plan.entries,
        }
    }
}

fn each_entry<S: Serializer>(entries: &[PlanEntry], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries.iter().map(EntryBody::of))
}

#[derive(Serialize, Deserialize)]
struct EntryBody {
    journey: JourneyName,
    target: TargetName,
    variant: Variant,
    features: Vec<FeatureBody>,
    period_s: f64,
    phase_s: f64,
    deadline_s: f64,
}

#[derive(Serialize, Deserialize)]
struct FeatureBody {
    feature: FeatureId,
    own: bool,
}

impl EntryBody {
    fn of(entry: &PlanEntry) -> Self {
        let own = std::iter::once((&entry.feature, true));
        let touched = entry.touches.iter().map(|feature| (feature, false));
        Self {
            journey: entry.journey.clone(),
            target: entry.target.clone(),
            variant: entry.variant.clone(),
            features: own
                .chain(touched)
                .map(|(feature, own)| FeatureBody {
                    feature: feature.clone(),
                    own,
                })
                .collect(),
            period_s: seconds(entry.cadence.period()),
            phase_s: seconds(entry.cadence.phase()),
            deadline_s: seconds(entry.deadline),
        }
    }

    fn lower(self) -> Result<PlanEntry, BodyError> {
        if self.features.len() > OUTCOMES_MAX {
            return Err(BodyError::TooMany {
                key: "features",
                entries_max: OUTCOMES_MAX,
            });
        }
        let mut seen = HashSet::new();
        let each_once = self.features.iter().all(|f| seen.insert(f.feature.clone()));
        let (own, touched): (Vec<_>, Vec<_>) = self.features.into_iter().partition(|f| f.own);
        let (Ok([own]), true) = (<[FeatureBody; 1]>::try_from(own), each_once) else {
            return Err(BodyError::Features {
                journey: self.journey.to_string(),
            });
        };
        Ok(PlanEntry {
            journey: self.journey,
            target: self.target,
            variant: self.variant,
            feature: own.feature,
            touches: touched.into_iter().map(|f| f.feature).collect(),
            cadence: cadence(self.period_s, self.phase_s)?,
            deadline: body::duration("deadline_s", self.deadline_s)?,
        })
    }
}

fn cadence(period_s: f64, phase_s: f64) -> Result<Cadence, BodyError> {
    let period: Duration = body::duration("period_s", period_s)?;
    let phase = body::duration("phase_s", phase_s)?;
    if phase >= period && !period.is_zero() {
        return Err(BodyError::Range { key: "phase_s" });
    }
    Cadence::new(period, phase).ok_or(BodyError::Range { key: "period_s" })
}
