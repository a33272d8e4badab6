//! From the words of the command line to what is to be run: target, files, variables.

use std::path::{Path, PathBuf};

use bongsu_agent::plan::{LoadedTarget, load_target_file, read_sources};
use bongsu_language::{CheckOptions, Diagnostic, Journey, SourceFile, load};
use bongsu_model::Variant;

use super::arguments::RunArguments;
use super::pick::{expand, pick_cases, pick_tags};
use super::stage::Piece;
use super::vars::set_var;
use crate::cli::{Exit, check, refuse, say_error, with_fragments};

/// What is to be run, and where.
pub(super) struct Selected {
    pub(super) files: Vec<SourceFile>,
    pub(super) target: LoadedTarget,
    pub(super) pieces: Vec<Piece>,
}

/// Reads what the arguments name; tells every mistake.
pub(super) fn select(arguments: &RunArguments) -> Result<Selected, Exit> {
    let usage = |message: String| {
        say_error(&format!("error: {message}"));
        Exit::Usage
    };
    let path = find_target(&arguments.target, arguments.targets.as_deref()).map_err(usage)?;
    let paths = expand(&arguments.files).map_err(usage)?;
    let files = read_sources(&with_fragments(&paths)).map_err(|e| refuse(&e))?;
    let target = load_target_file(&path, arguments.proxy.as_ref()).map_err(|refusal| {
        for problem in &refusal.0 {
            say_error(problem.drawing.trim_end());
        }
        Exit::Invalid
    })?;
    let mut journeys = journeys(&files, &target)?;
    if journeys.is_empty() {
        return Err(usage("the files hold no journey".to_owned()));
    }
    pick_tags(&mut journeys, &arguments.tags).map_err(usage)?;
    let mut journeys = pick_cases(journeys, &arguments.cases).map_err(usage)?;
    for var in &arguments.vars {
        set_var(&mut journeys, var).map_err(usage)?;
    }
    if arguments.warm && !journeys.iter().any(has_warm) {
        return Err(usage(
            "--warm: no journey says `warm = true`; each would be run cold".to_owned(),
        ));
    }
    let wanted = arguments.warm.then(Variant::warm);
    let pieces = journeys.into_iter();
    let pieces = pieces.map(|journey| Piece::new(journey, wanted.as_ref()));
    let pieces = pieces.collect();
    Ok(Selected {
        files,
        target,
        pieces,
    })
}

fn has_warm(journey: &Journey) -> bool {
    journey.variants.contains(&Variant::warm())
}

fn journeys(files: &[SourceFile], target: &LoadedTarget) -> Result<Vec<Journey>, Exit> {
    let profiles = [target.target.profile().clone()];
    let options = CheckOptions {
        targets: &profiles,
        ..CheckOptions::default()
    };
    let mut loaded = load(files, options);
    if loaded.has_errors() {
        loaded.diagnostics.retain(Diagnostic::is_error);
        check::tell(&loaded.diagnostics, files);
        return Err(Exit::Invalid);
    }
    Ok(loaded.journeys)
}

/// A profile by its file, or by its name in the folder of profiles.
pub(in crate::cli) fn find_target(target: &str, folder: Option<&Path>) -> Result<PathBuf, String> {
    let path = PathBuf::from(target);
    if path.is_file() {
        return Ok(path);
    }
    let Some(folder) = folder else {
        return Err(format!(
            "there is no file {target}; to name a target, say with --targets where profiles are"
        ));
    };
    [format!("{target}.toml"), format!("target-{target}.toml")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let folder = folder.display();
            format!("{folder} holds neither {target}.toml nor target-{target}.toml")
        })
}
