//! The canonical layout of a file: keys in the order of the key table, one space around `=`, one
//! blank line between sections. Comments stay with the line that they stand above or behind.
//!
//! Only the order of keys within one table changes, and never that of steps, nor that of keys that
//! begin alike (`expect.status`, `expect.json`): the file means what it meant.

use crate::diagnostic::Diagnostic;
use crate::document::{Table, parse_document};
use crate::keys::{self, Section};
use crate::load::{FileKind, kind_of, unknown_kind};
use crate::parse::is_verb;
use crate::parser::Parser;
use crate::source::{Source, SourceFile};

mod item;
mod read;
mod value;
mod write;

use item::{Above, Block, Layout};

/// The file's text in its canonical layout.
///
/// # Errors
/// When the file is not valid TOML, or does not say what it is; other mistakes do not matter.
pub fn format(file: &SourceFile) -> Result<String, Vec<Diagnostic>> {
    let source = Source::new(file);
    let table = parse_document(&source)?;
    let Some(kind) = kind_of(&table) else {
        let mut parser = Parser::new(&source);
        unknown_kind(&mut parser, &table);
        return Err(parser.diagnostics);
    };
    let mut layout = read::read(&file.text);
    layout
        .root
        .sort_by_key(|entry| rank(kind.section(), &entry.path[0]));
    for block in &mut layout.blocks {
        sort_block(kind, block);
    }
    layout
        .blocks
        .sort_by_key(|block| rank(kind.section(), block.sections[0].header.first()));
    let text = write::write(&layout);
    if means_the_same(&table, &text) {
        Ok(text)
    } else {
        Err(vec![cannot_keep(&source)])
    }
}

/// The layout is checked before it is given away: a formatter must never change what is done.
fn means_the_same(before: &Table, text: &str) -> bool {
    let file = SourceFile::new("formatted", text);
    parse_document(&Source::new(&file)).is_ok_and(|after| before.means_the_same(&after))
}

fn cannot_keep(source: &Source<'_>) -> Diagnostic {
    Diagnostic::error(
        source.position(&(0..0)),
        "this file cannot be laid out without a change",
    )
    .help("it is left as it is: please report it")
}

/// The keys of the tables of a block, as far as the key table orders them.
fn sort_block(kind: FileKind, block: &mut Block) {
    let name = block.sections[0].header.first().to_owned();
    let is_list = block.sections[0].header.is_list;
    let entries = &mut block.sections[0].entries;
    match (kind, name.as_str(), is_list) {
        (FileKind::Journey | FileKind::Fragment, "step" | "cleanup", true) => {
            entries.sort_by_key(|entry| step_rank(&entry.path[0]));
        }
        (FileKind::Catalogue, "service", true) => {
            entries.sort_by_key(|entry| rank(&keys::SERVICE, &entry.path[0]));
        }
        (FileKind::Catalogue, "feature", true) => {
            entries.sort_by_key(|entry| rank(&keys::FEATURE, &entry.path[0]));
        }
        _ => {}
    }
}

/// Unknown keys come last, in their own order.
fn rank(section: &Section, key: &str) -> usize {
    let at = section.keys.iter().position(|known| known.name == key);
    at.unwrap_or(usize::MAX)
}

/// A step reads as a sentence: who does what with what, how often, how fast, and what must hold.
const BEFORE_VERB: &[&str] = &["name", "when", "wait_before", "as", "feature"];
const WITH_VERB: &[&str] = &[
    "socket", "where", "headers", "query", "json", "form", "body",
];
const AFTER_VERB: &[&str] = &[
    "follow",
    "max_body",
    "poll",
    "retry",
    "since",
    "within",
    "slow",
    "timeout",
    "spends",
    "side_effect",
    "expect",
    "fail_if",
    "capture",
];

/// The part of the sentence, and the place in it. Keys that no list has stand beside the body.
fn step_rank(key: &str) -> (u8, usize) {
    let place = |list: &[&str]| list.iter().position(|known| *known == key);
    if let Some(at) = place(BEFORE_VERB) {
        (0, at)
    } else if is_verb(key) {
        (1, 0)
    } else if let Some(at) = place(WITH_VERB) {
        (2, at)
    } else if let Some(at) = place(AFTER_VERB) {
        (4, at)
    } else {
        (3, 0)
    }
}

impl Layout {
    /// Text that stands above everything: `#:schema`, and what the file is about. What follows
    /// its last blank line is said of the first line.
    fn split_preface(&mut self) {
        let first = match (self.root.first_mut(), self.blocks.first_mut()) {
            (Some(entry), _) => &mut entry.above,
            (None, Some(block)) => &mut block.sections[0].above,
            (None, None) => &mut self.below,
        };
        let is_blank = |line: &Above| *line == Above::Blank;
        let end = first
            .iter()
            .rposition(is_blank)
            .map_or(first.len(), |at| at + 1);
        self.preface = first.drain(..end).collect();
    }
}
