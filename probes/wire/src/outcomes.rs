//! Outcomes per feature as parallel arrays.

use bongsu_model::{BlindReason, FeatureId, FeatureOutcome, Outcome, Outcomes};

use crate::attribute::{AttributeError, AttributeFault, Attributes, Writer, parse};
use crate::frame::Item;
use crate::limits::{OUTCOMES_MAX, TEXT_BYTES_MAX, cut};
use crate::names::{self, Key, key};

/// Writes the outcomes, the own one first, at most [`OUTCOMES_MAX`] of them.
pub(crate) fn encode(outcomes: &Outcomes, writer: &mut Writer) {
    let entries: Vec<Entry<'_>> = outcomes
        .iter()
        .take(OUTCOMES_MAX)
        .map(|(outcome, own)| Entry::of(outcome, own))
        .collect();
    column(writer, names::OUTCOME_FEATURE, &entries, |entry| {
        entry.feature
    });
    column(writer, names::OUTCOME_VALUE, &entries, |entry| entry.value);
    column(writer, names::OUTCOME_CLASS, &entries, |entry| entry.class);
    column(writer, names::OUTCOME_BY, &entries, |entry| entry.by);
    column(writer, names::OUTCOME_REASON, &entries, |entry| {
        entry.reason
    });
    let own = entries.iter().map(|entry| Item::Flag(entry.own));
    writer.array(names::OUTCOME_OWN, own);
}

fn column<'a>(
    writer: &mut Writer,
    name: &str,
    entries: &[Entry<'a>],
    pick: fn(&Entry<'a>) -> &'a str,
) {
    writer.texts(name, entries.iter().map(pick), TEXT_BYTES_MAX);
}

/// Reads the outcomes and holds them against the verdict.
pub(crate) fn decode(attributes: &Attributes<'_>) -> Result<Outcomes, AttributeError> {
    let features = attributes.required_array(key::OUTCOME_FEATURE, OUTCOMES_MAX)?;
    let count = features.len();
    let features = features.texts(TEXT_BYTES_MAX)?;
    let column = |name| {
        attributes
            .required_array(name, OUTCOMES_MAX)?
            .expect_len(count)?
            .texts(TEXT_BYTES_MAX)
    };
    let values = column(key::OUTCOME_VALUE)?;
    let classes = column(key::OUTCOME_CLASS)?;
    let blockers = column(key::OUTCOME_BY)?;
    let reasons = column(key::OUTCOME_REASON)?;
    let owns = attributes
        .required_array(key::OUTCOME_OWN, OUTCOMES_MAX)?
        .expect_len(count)?
        .bools()?;

    let mut own = None;
    let mut others = Vec::new();
    for i in 0..count {
        let entry = Entry {
            feature: features[i],
            value: values[i],
            class: classes[i],
            by: blockers[i],
            reason: reasons[i],
            own: owns[i],
        };
        let outcome = entry.read()?;
        if !entry.own {
            others.push(outcome);
        } else if own.replace(outcome).is_some() {
            return Err(
                AttributeFault::Text("two outcomes are the own one".to_owned())
                    .of(key::OUTCOME_OWN),
            );
        }
    }
    let own = own.ok_or_else(|| {
        AttributeFault::Text("no outcome is the own one".to_owned()).of(key::OUTCOME_OWN)
    })?;
    let outcomes = Outcomes::new(own, others).ok_or_else(|| {
        AttributeFault::Text("a feature is named twice".to_owned()).of(key::OUTCOME_FEATURE)
    })?;
    let verdict = attributes.text(key::VERDICT, TEXT_BYTES_MAX)?;
    if verdict != outcomes.verdict().word() {
        return Err(AttributeFault::Contradicts("the own outcome").of(key::VERDICT));
    }
    Ok(outcomes)
}

/// One place of the arrays. Texts that do not apply are empty.
struct Entry<'a> {
    feature: &'a str,
    value: &'a str,
    class: &'a str,
    by: &'a str,
    reason: &'a str,
    own: bool,
}

impl<'a> Entry<'a> {
    fn of(outcome: &'a FeatureOutcome, own: bool) -> Self {
        let (class, by, reason) = match &outcome.outcome {
            Outcome::Pass | Outcome::Slow => ("", "", ""),
            Outcome::Fail(class) => (class.as_str(), "", ""),
            Outcome::Blocked(by) => ("", by.as_str(), ""),
            Outcome::Blind(reason) => ("", "", reason.as_str()),
            Outcome::Skipped(reason) => ("", "", reason.as_str()),
        };
        Self {
            feature: outcome.feature.as_str(),
            value: outcome.outcome.word(),
            class,
            by,
            reason,
            own,
        }
    }

    fn read(&self) -> Result<FeatureOutcome, AttributeError> {
        let feature: FeatureId = parse(key::OUTCOME_FEATURE, self.feature)?;
        let (outcome, applies) = match self.value {
            "pass" => (Outcome::Pass, None),
            "slow" => (Outcome::Slow, None),
            "fail" => (
                Outcome::Fail(parse(key::OUTCOME_CLASS, self.class)?),
                Some(key::OUTCOME_CLASS),
            ),
            "blocked" => (
                Outcome::Blocked(parse(key::OUTCOME_BY, self.by)?),
                Some(key::OUTCOME_BY),
            ),
            "blind" => {
                let reason = blind_reason(key::OUTCOME_REASON, self.reason)?;
                (Outcome::Blind(reason), Some(key::OUTCOME_REASON))
            }
            "skipped" => (
                Outcome::Skipped(parse(key::OUTCOME_REASON, self.reason)?),
                Some(key::OUTCOME_REASON),
            ),
            "missed" => {
                return Err(
                    AttributeFault::CollectorOnly("missed".to_owned()).of(key::OUTCOME_VALUE)
                );
            }
            word => {
                return Err(AttributeFault::Text(format!(
                    "`{}` is not an outcome; one of pass, slow, fail, blocked, blind, skipped is \
                     expected",
                    cut(word, 80)
                ))
                .of(key::OUTCOME_VALUE));
            }
        };
        for (name, text) in [
            (key::OUTCOME_CLASS, self.class),
            (key::OUTCOME_BY, self.by),
            (key::OUTCOME_REASON, self.reason),
        ] {
            if Some(name) != applies && !text.is_empty() {
                return Err(AttributeFault::NotApplicable("to its outcome").of(name));
            }
        }
        Ok(FeatureOutcome { feature, outcome })
    }
}

/// A reason for which an agent may call itself blind.
pub(crate) fn blind_reason(name: Key, text: &str) -> Result<BlindReason, AttributeError> {
    let reason: BlindReason = parse(name, text)?;
    if reason.is_collectors() {
        return Err(AttributeFault::CollectorOnly(text.to_owned()).of(name));
    }
    Ok(reason)
}
