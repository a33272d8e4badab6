//! From a text, known to be valid, to its lines.

use toml_parser::parser::{Event, EventKind, parse_document};

use super::item::{Above, Block, Entry, Header, Layout, SectionLines};
use super::value::value;

pub(super) fn read(text: &str) -> Layout {
    let tokens = toml_parser::Source::new(text).lex().into_vec();
    let mut events: Vec<Event> = Vec::new();
    parse_document(&tokens, &mut events, &mut ());
    let mut reader = Reader {
        text,
        layout: Layout::default(),
        above: Vec::new(),
        line: Line::Empty,
    };
    let mut at = 0;
    while let Some(event) = events.get(at) {
        at += reader.take(event, &events[at..]);
    }
    reader.layout.below = reader.above;
    reader.layout.split_preface();
    reader.layout
}

/// What stands on the line so far.
enum Line {
    Empty,
    Comment,
    Statement,
}

struct Reader<'a> {
    text: &'a str,
    layout: Layout,
    above: Vec<Above>,
    line: Line,
}

impl Reader<'_> {
    /// Takes what begins with `event`; how many of `rest` that were.
    fn take(&mut self, event: &Event, rest: &[Event]) -> usize {
        match event.kind() {
            EventKind::Newline => {
                if matches!(self.line, Line::Empty) && self.above.last() != Some(&Above::Blank) {
                    self.above.push(Above::Blank);
                }
                self.line = Line::Empty;
                1
            }
            EventKind::Comment => {
                let comment = self.raw(event).trim_end().to_owned();
                if matches!(self.line, Line::Statement) {
                    *self.comment_of_last() = Some(comment);
                } else {
                    self.above.push(Above::Comment(comment));
                    self.line = Line::Comment;
                }
                1
            }
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => self.header(event, rest),
            EventKind::SimpleKey => self.entry(rest),
            EventKind::Whitespace
            | EventKind::StdTableClose
            | EventKind::ArrayTableClose
            | EventKind::InlineTableOpen
            | EventKind::InlineTableClose
            | EventKind::ArrayOpen
            | EventKind::ArrayClose
            | EventKind::KeySep
            | EventKind::KeyValSep
            | EventKind::Scalar
            | EventKind::ValueSep
            | EventKind::Error => 1,
        }
    }

    fn header(&mut self, event: &Event, rest: &[Event]) -> usize {
        let is_close = |event: &Event| {
            matches!(
                event.kind(),
                EventKind::StdTableClose | EventKind::ArrayTableClose
            )
        };
        let length = rest
            .iter()
            .position(is_close)
            .map_or(rest.len(), |at| at + 1);
        let header = Header {
            path: self.keys(&rest[..length]),
            is_list: event.kind() == EventKind::ArrayTableOpen,
        };
        let section = SectionLines {
            above: std::mem::take(&mut self.above),
            header,
            comment: None,
            entries: Vec::new(),
        };
        match self.layout.blocks.last_mut() {
            Some(block) if section.header.is_below(&block.sections[0].header) => {
                block.sections.push(section);
            }
            Some(_) | None => self.layout.blocks.push(Block {
                sections: vec![section],
            }),
        }
        self.line = Line::Statement;
        length
    }

    fn entry(&mut self, rest: &[Event]) -> usize {
        let is_equals = |event: &Event| event.kind() == EventKind::KeyValSep;
        let equals = rest.iter().position(is_equals).unwrap_or(rest.len());
        let path = self.keys(&rest[..equals]);
        let behind = rest.get(equals + 1..).unwrap_or_default();
        let blanks = behind
            .iter()
            .take_while(|event| event.kind() == EventKind::Whitespace)
            .count();
        let value_events = &behind[blanks..][..value_length(&behind[blanks..])];
        let entry = Entry {
            above: std::mem::take(&mut self.above),
            path,
            value: value(self.text, value_events),
            comment: None,
        };
        match self
            .layout
            .blocks
            .last_mut()
            .and_then(|block| block.sections.last_mut())
        {
            Some(section) => section.entries.push(entry),
            None => self.layout.root.push(entry),
        }
        self.line = Line::Statement;
        (equals + 1 + blanks + value_events.len()).min(rest.len())
    }

    fn keys(&self, events: &[Event]) -> Vec<String> {
        events
            .iter()
            .filter(|event| event.kind() == EventKind::SimpleKey)
            .map(|event| self.raw(event).to_owned())
            .collect()
    }

    fn raw(&self, event: &Event) -> &str {
        let span = event.span();
        self.text.get(span.start()..span.end()).unwrap_or_default()
    }

    fn comment_of_last(&mut self) -> &mut Option<String> {
        match self
            .layout
            .blocks
            .last_mut()
            .and_then(|block| block.sections.last_mut())
        {
            Some(section) => match section.entries.last_mut() {
                Some(entry) => &mut entry.comment,
                None => &mut section.comment,
            },
            None => {
                let last = self.layout.root.len() - 1;
                &mut self.layout.root[last].comment
            }
        }
    }
}

/// How many events the value at the beginning of `events` has.
fn value_length(events: &[Event]) -> usize {
    let mut depth = 0_usize;
    for (at, event) in events.iter().enumerate() {
        match event.kind() {
            EventKind::ArrayOpen | EventKind::InlineTableOpen => depth += 1,
            EventKind::ArrayClose | EventKind::InlineTableClose => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    events.len()
}
