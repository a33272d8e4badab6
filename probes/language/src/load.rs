//! Loads files together: every mistake of every file in one pass, and the journeys that can run.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::convert::Infallible;
use std::sync::Arc;

use bongsu_model::{Catalogue, FeatureId};

use crate::catalogue::parse_catalogue;
use crate::diagnostic::Diagnostic;
use crate::document::{Table, parse_document};
use crate::journey::Journey;
use crate::keys::{self, Section, did_you_mean};
use crate::load::assemble::assemble;
use crate::load::descriptor::Descriptors;
pub use crate::load::descriptor::named_descriptors;
use crate::load::resolve::{Actors, check_fragment, check_journey};
use crate::parse::{FragmentFile, JourneyFile};
use crate::parser::{Known, Parser};
use crate::rule::Rule;
use crate::source::{Position, Source, SourceFile};
use crate::target::{TargetProfile, parse_target};

mod assemble;
mod descriptor;
mod limits;
mod resolve;
mod spends;
mod variables;
mod warm;
mod whole;

/// What files are held against beside each other.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions<'a> {
    /// The features that exist: journeys may name no other. If there is none, the catalogue among
    /// the files counts, if there is exactly one.
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
    let read = |index: usize| Ok::<_, Infallible>(Cow::Borrowed(&files[index]));
    match load_each(files.len(), read, options) {
        Ok(loaded) => loaded,
        Err(never) => match never {},
    }
}

/// Loads as [`load`] does, but holds one file at a time: `read` gives the file of an index below
/// `count`, twice if it is a journey. There may be thousands, and their texts together are as
/// large as what comes of them.
///
/// # Errors
/// The first that `read` gives.
pub fn load_each<'f, E>(
    count: usize,
    mut read: impl FnMut(usize) -> Result<Cow<'f, SourceFile>, E>,
    options: CheckOptions<'_>,
) -> Result<Loaded, E> {
    let mut loading = Loading {
        options,
        paths: Vec::with_capacity(count),
        fragments: Vec::new(),
        broken_fragments: Vec::new(),
        names: HashMap::new(),
        known: Known::default(),
        descriptors: Descriptors::default(),
        loaded: Loaded::default(),
    };
    let mut journeys: Vec<usize> = Vec::new();
    for index in 0..count {
        let file = read(index)?;
        let source = Source::new(&file);
        loading.paths.push(source.path.clone());
        if loading.read_unless_journey(&source) {
            journeys.push(index);
        }
    }
    let own_catalogue = match loading.loaded.catalogues.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    loading.options.catalogue = options.catalogue.or(own_catalogue.as_ref());
    loading.check_fragments();
    // Each is read, checked and laid out before the next: a file as parsed is several times as
    // large as its journey.
    for index in journeys {
        let file = read(index)?;
        let path = loading.paths[index].clone();
        loading.read_journey(&Source::at(path, &file));
    }
    let Loading {
        mut loaded, paths, ..
    } = loading;
    sort(&mut loaded.diagnostics, &paths);
    Ok(loaded)
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

/// A fragment as parsed, with its text and what its descriptors hold, which the revision of journeys that use it depends on.
#[derive(Debug)]
struct Fragment {
    file: FragmentFile,
    path: Arc<str>,
    text: String,
}

/// Files being loaded together.
struct Loading<'a> {
    options: CheckOptions<'a>,
    /// Those of the files, in their order.
    paths: Vec<Arc<str>>,
    fragments: Vec<Fragment>,
    /// The names of those that have an error.
    broken_fragments: Vec<String>,
    /// Where each name was given first, by kind and name.
    names: HashMap<(&'static str, Arc<str>), Position>,
    known: Known,
    descriptors: Descriptors,
    loaded: Loaded,
}

impl Loading<'_> {
    /// Reads what is no journey. True if the file is one, and still to be read.
    fn read_unless_journey(&mut self, source: &Source<'_>) -> bool {
        let table = match parse_document(source) {
            Ok(table) => table,
            Err(errors) => {
                self.loaded.diagnostics.extend(errors);
                return false;
            }
        };
        let mut parser = Parser::new(source);
        match kind_of(&table) {
            Some(FileKind::Journey) => return true,
            Some(FileKind::Fragment) => {
                parser.known = std::mem::take(&mut self.known);
                let mut file = parser.fragment(&table);
                self.known = std::mem::take(&mut parser.known);
                self.loaded.diagnostics.append(&mut parser.diagnostics);
                let steps = file.steps.iter_mut().chain(&mut file.cleanup);
                let diagnostics = &mut self.loaded.diagnostics;
                self.descriptors.settle(steps, source, diagnostics);
                self.tell_double("fragment", file.name.as_ref());
                self.fragments.push(Fragment {
                    file,
                    path: source.path.clone(),
                    text: descriptor::revised(source),
                });
            }
            Some(FileKind::Catalogue) => {
                let catalogue = parse_catalogue(&mut parser, &table);
                self.loaded.catalogues.extend(catalogue);
            }
            Some(FileKind::Target) => {
                let target = parse_target(&mut parser, &table);
                self.loaded.targets.extend(target);
            }
            None => unknown_kind(&mut parser, &table),
        }
        self.loaded.diagnostics.append(&mut parser.diagnostics);
        false
    }

    fn check_fragments(&mut self) {
        for fragment in &self.fragments {
            check_fragment(&fragment.file, &mut self.loaded.diagnostics);
            check_features(
                fragment.file.features(),
                self.options.catalogue,
                &mut self.loaded.diagnostics,
            );
        }
        self.broken_fragments = self
            .fragments
            .iter()
            .filter(|fragment| self.is_broken(&fragment.path))
            .filter_map(|fragment| fragment.file.name.as_ref().map(|(name, _)| name.clone()))
            .collect();
    }

    fn is_broken(&self, path: &Arc<str>) -> bool {
        self.loaded
            .diagnostics
            .iter()
            .any(|d| d.is_error() && d.position.path == *path)
    }

    fn read_journey(&mut self, source: &Source<'_>) {
        let Ok(table) = parse_document(source) else {
            return;
        };
        let mut parser = Parser::new(source);
        parser.known = std::mem::take(&mut self.known);
        let mut file = parser.journey(&table);
        self.known = std::mem::take(&mut parser.known);
        self.loaded.diagnostics.append(&mut parser.diagnostics);
        let name = file.name.as_ref();
        let name = name.map(|(name, position)| (name.as_str().to_owned(), position.clone()));
        self.tell_double("journey", name.as_ref());
        let diagnostics = &mut self.loaded.diagnostics;
        let steps = file.steps.iter_mut().chain(&mut file.cleanup);
        self.descriptors.settle(steps, source, diagnostics);
        let actors = Actors::of(&file);
        check_journey(&file, &actors, &self.fragments, diagnostics);
        check_features(file.features(), self.options.catalogue, diagnostics);
        if let Some(catalogue) = self.options.catalogue {
            limits::check_cadence(&file, catalogue, diagnostics);
        }
        if self.is_broken(&source.path) {
            return;
        }
        let Some(assembled) = assemble(&file, &self.fragments, source) else {
            return;
        };
        let diagnostics = &mut self.loaded.diagnostics;
        whole::check_whole(&assembled, &file, diagnostics);
        for target in self.options.targets {
            diagnostics.extend(assembled.check_against(target));
        }
        let uses_broken = assembled
            .uses
            .iter()
            .any(|used| self.broken_fragments.contains(&used.fragment));
        if !uses_broken && !self.is_broken(&source.path) {
            self.loaded.journeys.push(assembled);
        }
    }

    fn tell_double(&mut self, kind: &'static str, name: Option<&(String, Position)>) {
        let Some((name, position)) = name else { return };
        match self.names.entry((kind, self.known.name(name))) {
            Slot::Occupied(first) => self.loaded.diagnostics.push(
                Diagnostic::error(position.clone(), format!("two {kind}s are named `{name}`"))
                    .rule(Rule::DuplicateName)
                    .related(first.get().clone(), "the first one")
                    .help("give each its own name"),
            ),
            Slot::Vacant(slot) => {
                let _ = slot.insert(position.clone());
            }
        }
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Journey,
    Fragment,
    Catalogue,
    Target,
}

impl FileKind {
    /// The keys at its top.
    pub(crate) const fn section(self) -> &'static Section {
        match self {
            Self::Journey => &keys::JOURNEY,
            Self::Fragment => &keys::FRAGMENT,
            Self::Catalogue => &keys::CATALOGUE,
            Self::Target => &keys::TARGET,
        }
    }
}

/// What a file is, by the key that only its kind has.
pub(crate) fn kind_of(table: &Table) -> Option<FileKind> {
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

pub(crate) fn unknown_kind(parser: &mut Parser<'_>, table: &Table) {
    let similar = table.entries.iter().find_map(|entry| {
        let known = ["journey", "fragment", "target"].into_iter();
        did_you_mean(&entry.key, known).map(|similar| (entry, similar))
    });
    let told = match similar {
        Some((entry, similar)) => parser
            .error(&entry.key_span, format!("unknown key `{}`", entry.key))
            .rule(Rule::UnknownKey)
            .help(format!("did you mean `{similar}`?")),
        None => match other_kind(table) {
            Some((what, check)) => {
                let _ = parser
                    .error(
                        &(0..0),
                        format!("this is {what}, which is checked otherwise"),
                    )
                    .rule(Rule::UnknownFile)
                    .help(format!("check it with `{check}`"));
                return;
            }
            None => parser
                .error(&(0..0), "this file does not say what it is")
                .rule(Rule::UnknownFile),
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
        )
        .rule(Rule::UnknownFeature);
        diagnostics.push(match did_you_mean(feature.as_str(), known) {
            Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
            None => diagnostic.help("add it to the catalogue, or name one that is there"),
        });
    }
}

fn sort(diagnostics: &mut [Diagnostic], paths: &[Arc<str>]) {
    diagnostics.sort_by_cached_key(|diagnostic| {
        let file = paths
            .iter()
            .position(|path| *path == diagnostic.position.path);
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
