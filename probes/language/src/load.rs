//! Loads files together: every mistake of every file in one pass, and the journeys that can run.

use bongsu_model::{Catalogue, FeatureId};

use crate::catalogue::parse_catalogue;
use crate::diagnostic::Diagnostic;
use crate::document::{Table, parse_document};
use crate::journey::Journey;
use crate::keys::did_you_mean;
use crate::load::assemble::assemble;
use crate::load::resolve::{Actors, check_fragment, check_journey};
use crate::parse::{FragmentFile, JourneyFile};
use crate::parser::Parser;
use crate::source::{Position, Source, SourceFile};
use crate::target::{TargetProfile, parse_target};

mod assemble;
mod resolve;
mod spends;
mod variables;
mod whole;

/// What files are held against beside each other.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions<'a> {
    /// The features that exist: journeys may name no other.
    pub catalogue: Option<&'a Catalogue>,
    /// The targets that journeys will run against: pools, fields and addresses must be there.
    pub targets: &'a [TargetProfile],
}

/// What came of files.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// The journeys without an error, in the order of the files.
    pub journeys: Vec<Journey>,
    /// The catalogues among the files.
    pub catalogues: Vec<Catalogue>,
    /// The target profiles among the files.
    pub targets: Vec<TargetProfile>,
    /// Everything that is to be said, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether any diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Loads journeys and fragments, in any order; catalogues and target profiles among them are
/// checked and given back as well. A journey with an error is left out.
pub fn load(files: &[SourceFile], options: CheckOptions<'_>) -> Loaded {
    let sources: Vec<Source<'_>> = files.iter().map(Source::new).collect();
    let mut loaded = Loaded::default();
    let mut files = Files::default();
    for (index, source) in sources.iter().enumerate() {
        read(source, index, &mut files, &mut loaded);
    }
    files.check_unique(&mut loaded.diagnostics);
    for fragment in &files.fragments {
        check_fragment(&fragment.file, &mut loaded.diagnostics);
        check_features(
            fragment.file.features(),
            options.catalogue,
            &mut loaded.diagnostics,
        );
    }
    let broken_fragments = files.broken_fragments(&loaded.diagnostics, &sources);
    for journey in &files.journeys {
        let source = &sources[journey.source];
        let actors = Actors::of(&journey.file);
        check_journey(
            &journey.file,
            &actors,
            &files.fragments,
            source,
            &mut loaded.diagnostics,
        );
        check_features(
            journey.file.features(),
            options.catalogue,
            &mut loaded.diagnostics,
        );
        let is_broken = |path: &str| {
            loaded
                .diagnostics
                .iter()
                .any(|d| d.is_error() && *d.position.path == *path)
        };
        if is_broken(&source.path) {
            continue;
        }
        if let Some(assembled) = assemble(&journey.file, &files.fragments, source, &sources) {
            whole::check_whole(&assembled, &journey.file, &mut loaded.diagnostics);
            for target in options.targets {
                loaded.diagnostics.extend(assembled.check_against(target));
            }
            let uses_broken = assembled
                .uses
                .iter()
                .any(|used| broken_fragments.contains(&used.fragment));
            let failed = loaded
                .diagnostics
                .iter()
                .any(|d| d.is_error() && *d.position.path == *source.path);
            if !uses_broken && !failed {
                loaded.journeys.push(assembled);
            }
        }
    }
    sort(&mut loaded.diagnostics, &sources);
    loaded
}

/// Loads journeys and fragments.
///
/// # Errors
/// Every mistake of every file, warnings included, if there is an error among them.
pub fn load_journeys(files: &[SourceFile]) -> Result<Vec<Journey>, Vec<Diagnostic>> {
    let loaded = load(files, CheckOptions::default());
    if loaded.has_errors() {
        Err(loaded.diagnostics)
    } else {
        Ok(loaded.journeys)
    }
}

/// A file of one kind, with the index of its source.
#[derive(Debug)]
struct Numbered<T> {
    file: T,
    source: usize,
}

#[derive(Debug, Default)]
struct Files {
    journeys: Vec<Numbered<JourneyFile>>,
    fragments: Vec<Numbered<FragmentFile>>,
}

impl Files {
    fn check_unique(&self, diagnostics: &mut Vec<Diagnostic>) {
        let journeys = self.journeys.iter().filter_map(|journey| {
            journey
                .file
                .name
                .as_ref()
                .map(|(name, position)| (name.as_str(), position))
        });
        tell_doubles("journey", journeys, diagnostics);
        let fragments = self.fragments.iter().filter_map(|fragment| {
            fragment
                .file
                .name
                .as_ref()
                .map(|(name, position)| (name.as_str(), position))
        });
        tell_doubles("fragment", fragments, diagnostics);
    }

    fn broken_fragments(&self, diagnostics: &[Diagnostic], sources: &[Source<'_>]) -> Vec<String> {
        self.fragments
            .iter()
            .filter(|fragment| {
                let path = &sources[fragment.source].path;
                diagnostics
                    .iter()
                    .any(|d| d.is_error() && d.position.path == *path)
            })
            .filter_map(|fragment| fragment.file.name.as_ref().map(|(name, _)| name.clone()))
            .collect()
    }
}

fn tell_doubles<'a>(
    kind: &str,
    names: impl Iterator<Item = (&'a str, &'a Position)>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut seen: Vec<(&str, &Position)> = Vec::new();
    for (name, position) in names {
        match seen.iter().find(|(known, _)| *known == name) {
            Some((_, first)) => diagnostics.push(
                Diagnostic::error(position.clone(), format!("two {kind}s are named `{name}`"))
                    .related((*first).clone(), "the first one")
                    .help("give each its own name"),
            ),
            None => seen.push((name, position)),
        }
    }
}

fn read(source: &Source<'_>, index: usize, files: &mut Files, loaded: &mut Loaded) {
    let table = match parse_document(source) {
        Ok(table) => table,
        Err(errors) => {
            loaded.diagnostics.extend(errors);
            return;
        }
    };
    let mut parser = Parser::new(source);
    match kind_of(&table) {
        Some(FileKind::Journey) => {
            let file = parser.journey(&table);
            files.journeys.push(Numbered {
                file,
                source: index,
            });
        }
        Some(FileKind::Fragment) => {
            let file = parser.fragment(&table);
            files.fragments.push(Numbered {
                file,
                source: index,
            });
        }
        Some(FileKind::Catalogue) => loaded
            .catalogues
            .extend(parse_catalogue(&mut parser, &table)),
        Some(FileKind::Target) => loaded.targets.extend(parse_target(&mut parser, &table)),
        None => unknown_kind(&mut parser, &table),
    }
    loaded.diagnostics.append(&mut parser.diagnostics);
}

enum FileKind {
    Journey,
    Fragment,
    Catalogue,
    Target,
}

/// What a file is, by the key that only its kind has.
fn kind_of(table: &Table) -> Option<FileKind> {
    if table.get("journey").is_some() {
        Some(FileKind::Journey)
    } else if table.get("fragment").is_some() {
        Some(FileKind::Fragment)
    } else if table.get("target").is_some() {
        Some(FileKind::Target)
    } else if table.get("service").is_some() {
        Some(FileKind::Catalogue)
    } else {
        None
    }
}

fn unknown_kind(parser: &mut Parser<'_>, table: &Table) {
    let similar = table.entries.iter().find_map(|entry| {
        let known = ["journey", "fragment", "target"].into_iter();
        did_you_mean(&entry.key, known).map(|similar| (entry, similar))
    });
    let told = match similar {
        Some((entry, similar)) => parser
            .error(&entry.key_span, format!("unknown key `{}`", entry.key))
            .help(format!("did you mean `{similar}`?")),
        None => match other_kind(table) {
            Some((what, check)) => {
                let _ = parser
                    .error(
                        &(0..0),
                        format!("this is {what}, which is checked otherwise"),
                    )
                    .help(format!("check it with `{check}`"));
                return;
            }
            None => parser.error(&(0..0), "this file does not say what it is"),
        },
    };
    let _ = told.help("a journey begins with `journey = \"NAME\"`, a fragment with `fragment = …`");
}

/// What a file is that others read, and how it is checked.
fn other_kind(table: &Table) -> Option<(&'static str, &'static str)> {
    if table.get("controls").is_some() || table.get("collector").is_some() {
        Some((
            "an agent's configuration",
            "bongsu agent --config FILE --check-config",
        ))
    } else if table.get("agent").is_some() {
        Some((
            "a collector's configuration",
            "bongsu-collector --config FILE --check-config",
        ))
    } else {
        None
    }
}

fn check_features<'a>(
    features: impl Iterator<Item = &'a (FeatureId, Position)>,
    catalogue: Option<&Catalogue>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(catalogue) = catalogue else { return };
    for (feature, position) in features {
        if catalogue.feature(feature).is_some() {
            continue;
        }
        let known = catalogue.features().iter().map(|known| known.id.as_str());
        let diagnostic = Diagnostic::error(
            position.clone(),
            format!("feature `{feature}` is not in the catalogue"),
        );
        diagnostics.push(match did_you_mean(feature.as_str(), known) {
            Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
            None => diagnostic.help("add it to the catalogue, or name one that is there"),
        });
    }
}

fn sort(diagnostics: &mut [Diagnostic], sources: &[Source<'_>]) {
    diagnostics.sort_by_cached_key(|diagnostic| {
        let file = sources
            .iter()
            .position(|source| source.path == diagnostic.position.path);
        (file, diagnostic.position.span.start)
    });
}

impl JourneyFile {
    fn features(&self) -> impl Iterator<Item = &(FeatureId, Position)> {
        self.feature
            .iter()
            .chain(self.steps.iter().filter_map(|step| step.feature.as_ref()))
    }
}

impl FragmentFile {
    fn features(&self) -> impl Iterator<Item = &(FeatureId, Position)> {
        self.feature
            .iter()
            .chain(self.steps.iter().filter_map(|step| step.feature.as_ref()))
    }
}
