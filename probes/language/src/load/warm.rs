//! Whether a journey can run warm: there is a session to keep, and what is left without signing in
//! still measures something.

use super::Fragment;
use super::resolve::find;
use super::whole::measures;
use crate::diagnostic::Diagnostic;
use crate::parse::{Doing, JourneyFile, StepEntry};
use crate::parser::shown;
use crate::rule::Rule;

/// Checks what `warm = true` asks for.
pub(super) fn check_warm(
    file: &JourneyFile,
    fragments: &[Fragment],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(at) = &file.warm else { return };
    if !file.cases.is_empty() {
        diagnostics.push(
            Diagnostic::error(at.clone(), "a journey with cases has no warm variant")
                .rule(Rule::MisplacedKey)
                .help("remove `warm`, or write a journey of its own for what is to run warm"),
        );
        return;
    }
    // None where the fragment is not there, which has been told.
    let is_sign_in = |step: &StepEntry| match &step.doing {
        Some(Doing::Use { fragment, .. }) => {
            find(fragments, fragment).map(|found| found.is_session)
        }
        Some(Doing::Act(_)) | None => Some(false),
    };
    let Some(sign_ins) = file
        .steps
        .iter()
        .map(is_sign_in)
        .collect::<Option<Vec<bool>>>()
    else {
        return;
    };
    if !sign_ins.contains(&true) {
        diagnostics.push(
            Diagnostic::error(at.clone(), "a warm run has no session to begin with")
                .rule(Rule::MisplacedKey)
                .label("no step uses a fragment with `session = true`")
                .help(
                    "move the steps that sign in to a fragment, say `session = true` in it, and \
                     `use` it here; or remove `warm`",
                ),
        );
        return;
    }
    let steps = || file.steps.iter().zip(&sign_ins);
    let names = steps().filter(|(_, is_sign_in)| **is_sign_in);
    let passed_over: Vec<&str> = names.filter_map(|(step, _)| step.name.as_deref()).collect();
    check_clocks(file, &passed_over, diagnostics);
    let Some((feature, position)) = &file.feature else {
        return;
    };
    let is_measured = |kind: bool| {
        let mut of_kind = steps().filter(|(_, is_sign_in)| **is_sign_in == kind);
        of_kind.any(|(step, _)| measures(step, feature, fragments))
    };
    if is_measured(true) && !is_measured(false) {
        diagnostics.push(
            Diagnostic::error(
                position.clone(),
                format!("a warm run would not measure `{feature}`"),
            )
            .rule(Rule::UnmeasuredFeature)
            .related(at.clone(), "it passes over the steps that sign in")
            .help("remove `warm`: a warm run does not speak for signing in"),
        );
    }
}

/// A clock cannot start with a step that a run may pass over.
fn check_clocks(file: &JourneyFile, passed_over: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    for step in &file.steps {
        let Some((since, position)) = &step.since else {
            continue;
        };
        if passed_over.contains(&since.as_str()) {
            diagnostics.push(
                Diagnostic::error(
                    position.clone(),
                    format!("a warm run passes over `{}`", shown(since)),
                )
                .rule(Rule::InvalidSince)
                .label("its start cannot start the clock")
                .help("name a step that every run performs, or remove `warm`"),
            );
        }
    }
}
