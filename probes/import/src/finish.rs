//! What is decided once all steps stand: headers that all have, what is cleanup, what is told.

use bongsu_language::{SourceFile, format};

use crate::draft::{Act, Draft, Harmless, Step};
use crate::lowering::is_sign_out;
use crate::phrase::Phrase;
use crate::sites::SiteKind;
use crate::{ACTOR, Imported, Names, write};

/// Fewest steps that must share a header for it to become a default.
const SHARED_BY_MIN: usize = 2;

/// The text of a finished draft.
pub(crate) fn finish(mut draft: Draft, names: &Names) -> Imported {
    split_cleanup(&mut draft);
    share_headers(&mut draft);
    let makes_something = draft.steps.iter().any(|step| {
        let verb = matches!(&step.act, Act::Http("post" | "put" | "patch", _));
        verb && step.harmless == Harmless::Unsaid
    });
    if makes_something && !draft.cleanup.iter().any(undoes) {
        draft.notes.push(
            "nothing undoes what the steps make: add a [[cleanup]] that finds it by a reference of \
             the run's own"
                .to_owned(),
        );
    }
    tell_of_target(&mut draft, names);
    let text = write::journey(&draft, names);
    // The one layout that every file has; what cannot be laid out is no journey, which shows anyway.
    let text = format(&SourceFile::new("imported.toml", text.clone())).unwrap_or(text);
    if text.contains("***") {
        draft.notes.push(
            "`***` stands where a credential stood, or a word that is the same as one: say there \
             what is meant"
                .to_owned(),
        );
    }
    Imported {
        text,
        notes: draft.notes,
    }
}

/// Whether a cleanup step undoes more than a session.
fn undoes(step: &Step) -> bool {
    match &step.act {
        Act::Http(verb, address) => !is_sign_out(verb, &address.literal_segments()),
        Act::Open(..) | Act::Send(_) | Act::Receive(..) => false,
    }
}

/// Deleting and signing out at the end is done whatever happened before.
fn split_cleanup(draft: &mut Draft) {
    let ends = |step: &Step| match &step.act {
        Act::Http("delete", _) => true,
        Act::Http(..) => !undoes(step),
        Act::Open(..) | Act::Send(_) | Act::Receive(..) => false,
    };
    let kept = draft
        .steps
        .iter()
        .rposition(|step| !ends(step))
        .map_or(0, |at| at + 1);
    // A journey needs a step.
    if kept > 0 {
        draft.cleanup = draft.steps.split_off(kept);
        for step in &mut draft.cleanup {
            step.harmless = Harmless::Unsaid;
        }
    }
}

/// A header that every step has from some step on becomes a default: one whose variable is not
/// set yet is left out by itself.
fn share_headers(draft: &mut Draft) {
    let Some(first) = draft.steps.iter().find(|step| !step.headers.is_empty()) else {
        return;
    };
    let mut candidates: Vec<(String, Phrase)> = first.headers.clone();
    for step in draft.steps.iter().chain(&draft.cleanup) {
        for header in &step.headers {
            if !candidates.contains(header) {
                candidates.push(header.clone());
            }
        }
    }
    for candidate in candidates {
        let name = &candidate.0;
        if matches!(name.as_str(), "content-type" | "idempotency-key") {
            continue;
        }
        // A header that is the same always does no harm where a socket is opened.
        let is_constant = candidate.1.plain().is_some();
        let requests = || {
            let all = draft.steps.iter().chain(&draft.cleanup);
            all.filter(|step| match step.act {
                Act::Http(..) => true,
                Act::Open(..) => !is_constant,
                Act::Send(_) | Act::Receive(..) => false,
            })
        };
        let is_alone = |step: &Step| {
            let mut of_name = step.headers.iter().filter(|(known, _)| known == name);
            of_name.all(|header| *header == candidate)
        };
        let sets = |step: &Step| {
            step.captures
                .iter()
                .any(|capture| candidate.1.reads(&capture.name))
        };
        // Where its variable is set; a header that reads no capture must be everywhere.
        let from = requests().position(sets).map_or(0, |at| at + 1);
        let (before, after): (Vec<_>, Vec<_>) = (
            requests().take(from).collect(),
            requests().skip(from).collect(),
        );
        let everywhere = after.len() >= SHARED_BY_MIN
            && after.iter().all(|step| step.headers.contains(&candidate))
            && before
                .iter()
                .all(|step| !step.headers.iter().any(|(known, _)| known == name))
            && after.iter().all(|step| is_alone(step));
        if everywhere {
            for step in draft.steps.iter_mut().chain(&mut draft.cleanup) {
                step.headers.retain(|header| *header != candidate);
            }
            draft.default_headers.push(candidate);
        }
    }
}

/// What the person has to name, and what the target profile must have.
fn tell_of_target(draft: &mut Draft, names: &Names) {
    if names.feature.is_none() {
        draft
            .notes
            .push("name the feature that this measures: `feature`, or --feature".to_owned());
    }
    if names.pool.is_none() {
        draft.notes.push(format!(
            "name the pool of accounts: `actor.{ACTOR}.account`, or --pool"
        ));
    }
    for id in draft.sites.ids() {
        let site = draft.sites.get(id);
        let is_used = draft
            .steps
            .iter()
            .chain(&draft.cleanup)
            .any(|step| match &step.act {
                Act::Http(_, address) | Act::Open(address, _) => address.site == id,
                Act::Send(_) | Act::Receive(..) => false,
            });
        if !is_used {
            continue;
        }
        let kind = match site.kind {
            SiteKind::Base => "base",
            SiteKind::Ws => "ws",
        };
        let name = &site.name;
        draft.notes.push(match &site.origin {
            Some(origin) => format!("the target profile needs {kind}.{name}, here {origin}"),
            None => format!("the target profile needs {kind}.{name}"),
        });
    }
    if !draft.needs.is_empty() {
        draft.notes.push(format!(
            "the accounts of the pool need these fields beside login and password: {}",
            draft.needs.join(", ")
        ));
    }
}
