//! Descriptors of gRPC that journeys name: the files to be read, the methods looked up in them, and
//! the messages held against them.

use std::collections::HashMap;

use bongsu_model::Revision;

use crate::diagnostic::Diagnostic;
use crate::document::{NodeValue, Table, parse_document};
use crate::grpc::{Schema, SchemaError, misfits};
use crate::journey::{Act, GrpcAct};
use crate::parse::{Doing, StepEntry, is_descriptor_path};
use crate::parser::shown;
use crate::source::{Source, SourceFile};

/// The paths of the descriptors that a file names, seen from its folder: what is there is to be handed
/// in with it. What is wrong with the file is told when it is loaded.
pub fn named_descriptors(file: &SourceFile) -> Vec<String> {
    // Few files name one, and there may be thousands.
    if !file.text.contains("descriptor") {
        return Vec::new();
    }
    let source = Source::new(file);
    let Ok(table) = parse_document(&source) else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    for steps in ["step", "cleanup"] {
        for (step, _) in table.tables(steps) {
            let named = descriptor_of(step).map(str::to_owned);
            found.extend(named.filter(|path| !found.contains(path)));
        }
    }
    found
}

fn descriptor_of(step: &Table) -> Option<&str> {
    match &step.get("descriptor")?.value {
        NodeValue::Text(path) if is_descriptor_path(path) => Some(path),
        _ => None,
    }
}

/// `path` as seen from where `file` is.
fn beside(file: &str, path: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{path}"),
        None => path.to_owned(),
    }
}

/// The descriptors that were handed in, each read once.
#[derive(Default)]
pub(super) struct Descriptors(HashMap<String, Result<Schema, SchemaError>>);

impl Descriptors {
    /// Looks up the methods of the steps of `source`.
    pub(super) fn settle<'s>(
        &mut self,
        steps: impl Iterator<Item = &'s mut StepEntry>,
        source: &Source<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        for step in steps {
            if let Some(Doing::Act(Act::Grpc(act))) = &mut step.doing {
                self.settle_one(act, source, diagnostics);
                check_message(act, diagnostics);
            }
        }
    }

    fn settle_one(
        &mut self,
        act: &mut GrpcAct,
        source: &Source<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Some((path, position)) = &act.descriptor else {
            return;
        };
        let handed_in = source.descriptors.iter().find(|(known, _)| known == path);
        let Some((_, content)) = handed_in else {
            diagnostics.push(
                Diagnostic::error(
                    position.clone(),
                    format!("there is no descriptor `{}`", shown(path)),
                )
                .label("the path begins in this file's folder")
                .help("write it: protoc --include_imports --descriptor_set_out=FILE.binpb …"),
            );
            return;
        };
        let schema = self
            .0
            .entry(beside(&source.path, path))
            .or_insert_with(|| Schema::from_set(content));
        let found = match schema {
            Ok(schema) => schema.method(&act.service, &act.method),
            Err(error) => Err(error.clone()),
        };
        match found {
            Ok(method) => act.known = Some(method),
            Err(error) => {
                let at = match error {
                    SchemaError::NoService { .. }
                    | SchemaError::NoMethod { .. }
                    | SchemaError::Streams(_) => &act.url.position,
                    SchemaError::NoDescriptors | SchemaError::TooLarge | SchemaError::Broken(_) => {
                        position
                    }
                };
                let told = Diagnostic::error(at.clone(), error.to_string());
                diagnostics.push(match error.help() {
                    Some(help) => told.help(help),
                    None => told,
                });
            }
        }
    }
}

fn check_message(act: &GrpcAct, diagnostics: &mut Vec<Diagnostic>) {
    let Some(method) = &act.known else { return };
    for (misfit, help) in misfits(method, &act.message) {
        let help = help.unwrap_or_else(|| "write it as the message's descriptor has it".to_owned());
        diagnostics.push(Diagnostic::error(act.message_position.clone(), misfit).help(help));
    }
}

/// The text of a file and what its descriptors hold, so that a revision changes with them.
pub(super) fn revised(source: &Source<'_>) -> String {
    let mut content = source.text.to_owned();
    for (_, descriptor) in source.descriptors {
        content.push('\0');
        content.push_str(Revision::of(descriptor).as_str());
    }
    content
}
