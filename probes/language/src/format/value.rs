//! The layout of a value: on one line if it was, otherwise as its author wrote it.

use toml_parser::parser::{Event, EventKind};

/// The value that `events` of `text` make.
pub(super) fn value(text: &str, events: &[Event]) -> String {
    let raw = |event: &Event| {
        let span = event.span();
        text.get(span.start()..span.end()).unwrap_or_default()
    };
    let is_split = events
        .iter()
        .any(|event| matches!(event.kind(), EventKind::Newline | EventKind::Comment));
    if is_split {
        let start = events.first().map_or(0, |event| event.span().start());
        let end = events.last().map_or(0, |event| event.span().end());
        return text.get(start..end).unwrap_or_default().to_owned();
    }
    let mut line = String::new();
    let mut events = events
        .iter()
        .filter(|event| event.kind() != EventKind::Whitespace)
        .peekable();
    while let Some(event) = events.next() {
        let closes = events.peek().is_some_and(|next| {
            matches!(
                next.kind(),
                EventKind::ArrayClose | EventKind::InlineTableClose
            )
        });
        match event.kind() {
            EventKind::InlineTableOpen if closes => line.push('{'),
            EventKind::InlineTableOpen => line.push_str("{ "),
            EventKind::InlineTableClose if line.ends_with('{') => line.push('}'),
            EventKind::InlineTableClose => line.push_str(" }"),
            EventKind::ValueSep if closes => {}
            EventKind::ValueSep => line.push_str(", "),
            EventKind::KeyValSep => line.push_str(" = "),
            _ => line.push_str(raw(event)),
        }
    }
    line
}
