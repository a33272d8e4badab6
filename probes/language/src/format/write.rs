//! From lines to text.

use super::item::{Above, Entry, Layout, SectionLines};

/// Blanks between a line and the comment behind it.
const BEFORE_COMMENT: usize = 2;

pub(super) fn write(layout: &Layout) -> String {
    let mut text = String::new();
    write_above(&mut text, &layout.preface, First::InFile);
    write_entries(&mut text, &layout.root);
    let sections = layout.blocks.iter().flat_map(|block| &block.sections);
    for section in sections {
        write_section(&mut text, section);
    }
    write_above(&mut text, &layout.below, First::InSection);
    let end = text.trim_end_matches('\n').len();
    text.truncate(end);
    text.push('\n');
    text
}

/// Whether a blank line may come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    InFile,
    InSection,
}

fn write_above(text: &mut String, above: &[Above], first: First) {
    for (at, line) in above.iter().enumerate() {
        match line {
            Above::Blank if at == 0 && first == First::InFile => {}
            Above::Blank => text.push('\n'),
            Above::Comment(comment) => {
                text.push_str(comment);
                text.push('\n');
            }
        }
    }
}

fn write_section(text: &mut String, section: &SectionLines) {
    // One blank line before, whatever was there.
    let above = match section.above.split_first() {
        Some((Above::Blank, rest)) => rest,
        _ => &section.above,
    };
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push('\n');
    }
    write_above(text, above, First::InSection);
    let (open, close) = if section.header.is_list {
        ("[[", "]]")
    } else {
        ("[", "]")
    };
    text.push_str(&format!("{open}{}{close}", section.header.path.join(".")));
    if let Some(comment) = &section.comment {
        text.push_str(&" ".repeat(BEFORE_COMMENT));
        text.push_str(comment);
    }
    text.push('\n');
    write_entries(text, &section.entries);
}

fn write_entries(text: &mut String, entries: &[Entry]) {
    for (at, entry) in entries.iter().enumerate() {
        let above = match entry.above.split_first() {
            Some((Above::Blank, rest)) if at == 0 => rest,
            _ => &entry.above,
        };
        write_above(text, above, First::InSection);
        let line = line_of(entry);
        text.push_str(&line);
        if let Some(comment) = &entry.comment {
            let width = width(&line);
            let column = comment_column(entries, at).max(width);
            text.push_str(&" ".repeat(column - width + BEFORE_COMMENT));
            text.push_str(comment);
        }
        text.push('\n');
    }
}

fn line_of(entry: &Entry) -> String {
    format!("{} = {}", entry.path.join("."), entry.value)
}

/// Comments on lines that follow each other stand below each other.
fn comment_column(entries: &[Entry], at: usize) -> usize {
    let joins = |entry: &Entry| entry.comment.is_some() && !entry.value.contains('\n');
    if !joins(&entries[at]) {
        return 0;
    }
    let mut first = at;
    while first > 0 && entries[first].above.is_empty() && joins(&entries[first - 1]) {
        first -= 1;
    }
    let follows = |(index, entry): &(usize, &Entry)| {
        joins(entry) && (*index == first || entry.above.is_empty())
    };
    let run = entries.iter().enumerate().skip(first).take_while(follows);
    run.map(|(_, entry)| width(&line_of(entry)))
        .max()
        .unwrap_or(0)
}

/// Characters of the last line.
fn width(line: &str) -> usize {
    line.rsplit('\n').next().unwrap_or_default().chars().count()
}
