//! Forms of parts (RFC 7578), files among them: as they were sent, recorded or commanded.

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// The file's name, for parts that are files.
    pub(crate) file: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) content: Content,
}

/// What is in a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    /// What no journey can say, and how many bytes it has as far as that is known.
    Bytes(Option<usize>),
}

/// Longest content of a file that is kept as text, in bytes: above it only the size matters.
const FILE_TEXT_BYTES_MAX: usize = 2_000;

impl Content {
    /// Of a text that may have been bytes before a recording made text of them.
    pub(crate) fn of_recorded(text: &str, file: Option<&str>) -> Self {
        let is_cut = text == "(binary)";
        if is_cut {
            Self::Bytes(None)
        } else if !is_plain(text) || file.is_some() && text.len() > FILE_TEXT_BYTES_MAX {
            Self::Bytes(Some(text.chars().count()))
        } else {
            Self::Text(text.to_owned())
        }
    }
}

/// Whether a text is one, and no bytes that were read as one.
pub(crate) fn is_plain(text: &str) -> bool {
    !text
        .chars()
        .any(|c| c == '\u{fffd}' || c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Whether contents of this type are bytes that are of no language.
pub(crate) fn is_binary_type(content_type: &str) -> bool {
    let kind = content_type.to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_of = |kinds: &[&str]| kinds.iter().any(|known| kind.starts_with(known));
    is_of(&["image/", "audio/", "video/", "font/"]) && kind != "image/svg+xml"
        || is_of(&[
            "application/octet-stream",
            "application/pdf",
            "application/zip",
            "application/gzip",
            "application/x-tar",
            "application/x-protobuf",
            "application/protobuf",
            "application/grpc",
            "application/vnd.",
        ]) && !kind.ends_with("+json")
            && !kind.ends_with("+xml")
}

/// The parts of a body as it was sent, by the content type that names the boundary; none where
/// the text is not of this form.
pub(crate) fn of_text(text: &str, content_type: &str) -> Vec<Part> {
    let Some(boundary) = boundary(content_type) else {
        return Vec::new();
    };
    let between = format!("--{boundary}");
    text.split(between.as_str())
        .skip(1)
        .take_while(|part| !part.starts_with("--"))
        .filter_map(sent)
        .collect()
}

fn boundary(content_type: &str) -> Option<&str> {
    let at = content_type.to_ascii_lowercase().find("boundary=")?;
    let rest = content_type.get(at + "boundary=".len()..)?;
    let named = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split([';', ' ']).next(),
    };
    named.filter(|boundary| !boundary.is_empty())
}

fn sent(text: &str) -> Option<Part> {
    let text = text
        .strip_prefix("\r\n")
        .or_else(|| text.strip_prefix('\n'))?;
    let (head, content) = ["\r\n\r\n", "\n\n"]
        .iter()
        .find_map(|end| text.split_once(end))?;
    let content = content
        .strip_suffix("\r\n")
        .or_else(|| content.strip_suffix('\n'))
        .unwrap_or(content);
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim()
                .eq_ignore_ascii_case(wanted)
                .then(|| value.trim())
        })
    };
    let disposition = header("content-disposition")?;
    let file = parameter(disposition, "filename");
    Some(Part {
        name: parameter(disposition, "name")?,
        content_type: header("content-type").map(str::to_owned),
        content: Content::of_recorded(content, file.as_deref()),
        file,
    })
}

/// `NAME="value"` of a header; browsers write quotes inside of it as `%22`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let open = format!("{wanted}=\"");
    let at = header
        .match_indices(open.as_str())
        .find(|(at, _)| header[..*at].ends_with([' ', ';']))?
        .0;
    let value = header[at + open.len()..].split('"').next()?;
    Some(value.replace("%22", "\""))
}

/// A part of text.
pub(crate) fn text(name: &str, text: &str) -> Part {
    Part {
        name: name.to_owned(),
        file: None,
        content_type: None,
        content: Content::Text(text.to_owned()),
    }
}

/// A part that is a file of which only the path is known.
pub(crate) fn file(name: &str, path: &str, content_type: Option<&str>) -> Part {
    let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
    Part {
        name: name.to_owned(),
        file: Some(file.to_owned()),
        content_type: content_type.map(str::to_owned),
        content: Content::Bytes(None),
    }
}

/// curl's `name=content`, `name=@file` and `name=<file`, perhaps with `;type=…;filename=…`.
pub(crate) fn commanded(said: &str) -> Part {
    let (name, rest) = said.split_once('=').unwrap_or((said, ""));
    let is_quoted = rest.len() > 1 && rest.starts_with('"') && rest.ends_with('"');
    if is_quoted {
        return text(name, &rest[1..rest.len() - 1]);
    }
    let mut pieces = rest.split(';');
    let content = pieces.next().unwrap_or_default();
    let mut kind = None;
    let mut named = None;
    let mut more = String::new();
    for piece in pieces {
        match piece.trim().split_once('=') {
            Some(("type", value)) => kind = Some(value.trim()),
            Some(("filename", value)) => named = Some(value.trim().trim_matches('"')),
            Some(("headers" | "encoder", _)) => {}
            // A text may have a `;` of its own.
            Some(_) | None => {
                more.push(';');
                more.push_str(piece);
            }
        }
    }
    let mut part = if let Some(path) = content.strip_prefix('@') {
        file(name, path, kind)
    } else if content.starts_with('<') {
        let content = Content::Bytes(None);
        Part {
            content,
            ..text(name, "")
        }
    } else {
        text(name, &format!("{content}{more}"))
    };
    part.content_type = kind.map(str::to_owned);
    if let Some(named) = named {
        part.file = Some(named.to_owned());
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_parts_is_read_as_browsers_send_it() {
        let sent = "------X\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na cat\nwith --dashes\r\n\
            ------X\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a %22b%22.png\"\r\n\
            Content-Type: image/png\r\n\r\n\u{fffd}PNG\u{1}\r\n------X--\r\n";
        let parts = of_text(sent, "multipart/form-data; boundary=----X");
        let plain = |name: &str, content| Part {
            name: name.to_owned(),
            file: None,
            content_type: None,
            content,
        };
        assert_eq!(
            parts,
            [
                plain("title", Content::Text("a cat\nwith --dashes".to_owned())),
                Part {
                    file: Some("a \"b\".png".to_owned()),
                    content_type: Some("image/png".to_owned()),
                    ..plain("photo", Content::Bytes(Some(5)))
                },
            ]
        );
    }

    #[test]
    fn a_part_is_read_as_it_is_commanded() {
        let told = |part: Part| {
            let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let content = match part.content {
                Content::Text(text) => text,
                Content::Bytes(_) => "(bytes)".to_owned(),
            };
            let (file, kind) = (or_none(part.file), or_none(part.content_type));
            [part.name, file, kind, content].join(" ")
        };
        for (said, expected) in [
            ("title=a cat", "title - - a cat"),
            ("title=\"a;type=b\"", "title - - a;type=b"),
            ("title=a;b", "title - - a;b"),
            (
                "meta={\"a\":1};type=application/json",
                "meta - application/json {\"a\":1}",
            ),
            ("photo=@x/cat.png", "photo cat.png - (bytes)"),
            (
                "photo=@cat.png;type=image/png;filename=c.png",
                "photo c.png image/png (bytes)",
            ),
            ("note=<note.txt", "note - - (bytes)"),
            ("alone", "alone - - "),
        ] {
            assert_eq!(told(commanded(said)), expected, "{said}");
        }
    }

    #[test]
    fn what_is_no_form_of_parts_has_none() {
        for (text, kind) in [
            ("", "multipart/form-data; boundary=x"),
            ("--x\r\nnonsense", "multipart/form-data; boundary=x"),
            ("--x--", "multipart/form-data; boundary=x"),
            ("--x\r\n\r\na\r\n--x--", "multipart/form-data; boundary=x"),
            ("a=b", "multipart/form-data"),
            ("a=b", "multipart/form-data; boundary=\"\""),
        ] {
            assert_eq!(of_text(text, kind), [], "{text} {kind}");
        }
    }
}
