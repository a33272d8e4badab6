//! A file as its lines: sections, entries, and the comments that belong to them.

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Comments above everything; they stay there.
    pub(super) preface: Vec<Above>,
    /// The entries before the first header.
    pub(super) root: Vec<Entry>,
    /// The headers in order, those below another one with it.
    pub(super) blocks: Vec<Block>,
    /// Comments behind the last line.
    pub(super) below: Vec<Above>,
}

/// What stands above a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Above {
    /// One or several blank lines.
    Blank,
    /// A comment, with its `#`.
    Comment(String),
}

/// A header and the headers below it: `[[step]]`, `[step.expect]`.
#[derive(Debug)]
pub(super) struct Block {
    /// At least one.
    pub(super) sections: Vec<SectionLines>,
}

/// A header with its entries.
#[derive(Debug)]
pub(super) struct SectionLines {
    pub(super) above: Vec<Above>,
    pub(super) header: Header,
    pub(super) comment: Option<String>,
    pub(super) entries: Vec<Entry>,
}

/// `[a.b]` or `[[a.b]]`.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) path: Vec<String>,
    /// Whether it is one table of a list.
    pub(super) is_list: bool,
}

impl Header {
    pub(super) fn first(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// Whether this one's table is inside the other's.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.path.len() > other.path.len() && self.path.starts_with(&other.path)
    }
}

/// `a.b = value`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) above: Vec<Above>,
    /// The parts of its key as written.
    pub(super) path: Vec<String>,
    /// The value as it is to be written; more than one line if it was.
    pub(super) value: String,
    pub(super) comment: Option<String>,
}
