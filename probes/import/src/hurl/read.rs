//! A hurl file as its entries: lines, sections and bodies, not yet what they mean.

use base64::Engine as _;

use crate::ImportError;

/// One request with what is asked of its answer.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The line of the request, from 1.
    pub(super) line: usize,
    /// The comments above it.
    pub(super) comments: Vec<String>,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) asked: Part,
    /// What follows `HTTP`: a status or `*`; none if nothing is said of the answer.
    pub(super) status: Option<String>,
    pub(super) answered: Part,
}

/// Headers, sections and body of a request or of an answer.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) headers: Vec<(String, String)>,
    pub(super) sections: Vec<(String, Vec<String>)>,
    pub(super) body: Text,
}

/// A body as it is written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Text {
    #[default]
    None,
    Json(String),
    /// Between back quotes, with the language that the first line names.
    Quoted(String, String),
    Xml(String),
    /// A file of this path.
    File(String),
    /// `base64,…` or `hex,…`, and the bytes.
    Bytes(&'static str, Vec<u8>),
}

impl Part {
    /// The lines of a section by any of its names.
    pub(super) fn section<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.sections
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .flat_map(|(_, lines)| lines.iter().map(String::as_str))
    }
}

/// The entries of a file.
///
/// # Errors
/// The first line that has no place in such a file.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, ImportError> {
    let mut reader = Reader {
        lines: text.trim_start_matches('\u{feff}').lines().collect(),
        at: 0,
        entries: Vec::new(),
        comments: Vec::new(),
        is_answer: false,
    };
    while reader.at < reader.lines.len() {
        reader.line()?;
    }
    Ok(reader.entries)
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    entries: Vec<Entry>,
    comments: Vec<String>,
    is_answer: bool,
}

impl Reader<'_> {
    fn line(&mut self) -> Result<(), ImportError> {
        let line = self.lines[self.at].trim();
        self.at += 1;
        if line.is_empty() {
            return Ok(());
        }
        if let Some(comment) = line.strip_prefix('#') {
            self.comments.push(comment.trim().to_owned());
            return Ok(());
        }
        if let Some((method, url)) = request_line(line) {
            self.is_answer = false;
            self.entries.push(Entry {
                line: self.at,
                comments: std::mem::take(&mut self.comments),
                method: method.to_owned(),
                url: url.to_owned(),
                ..Entry::default()
            });
            return Ok(());
        }
        let number = self.at;
        let Some(entry) = self.entries.last_mut() else {
            return Err(wrong(
                number,
                "a request comes first, such as `GET https://…`",
            ));
        };
        if let Some(status) = status_line(line) {
            entry.status = Some(status.to_owned());
            self.is_answer = true;
            return Ok(());
        }
        let comments = std::mem::take(&mut self.comments);
        entry.comments.extend(comments);
        if let Some(name) = section_line(line) {
            let section = (name.to_owned(), Vec::new());
            self.part().sections.push(section);
            return Ok(());
        }
        if self.body(line)? {
            return Ok(());
        }
        let part = self.part();
        match part.sections.last_mut() {
            Some((_, lines)) => lines.push(line.to_owned()),
            None => match line.split_once(':') {
                Some((name, value)) => {
                    let pair = (name.trim().to_owned(), uncommented(value).to_owned());
                    part.headers.push(pair);
                }
                None => {
                    return Err(wrong(
                        number,
                        "this is no header, no section, no body and no answer",
                    ));
                }
            },
        }
        Ok(())
    }

    fn part(&mut self) -> &mut Part {
        let is_answer = self.is_answer;
        let entry = self.entries.last_mut().expect("a part belongs to an entry");
        if is_answer {
            &mut entry.answered
        } else {
            &mut entry.asked
        }
    }

    /// Reads a body that begins with this line, if one does.
    fn body(&mut self, line: &str) -> Result<bool, ImportError> {
        let body = if line.starts_with("```") {
            self.quoted()?
        } else if let Some(rest) = line.strip_prefix('`') {
            let text = rest.strip_suffix('`').unwrap_or(rest);
            Text::Quoted(String::new(), text.to_owned())
        } else if line.starts_with("{") && !line.starts_with("{{") || line.starts_with('[') {
            self.json()?
        } else if line.starts_with('<') {
            self.xml()
        } else if let Some(path) = line.strip_prefix("file,") {
            let path = path.split(';').next().unwrap_or_default();
            Text::File(path.trim().to_owned())
        } else if let Some(base64) = line.strip_prefix("base64,") {
            let text: String = self.before_semicolon(base64);
            let engine = base64::engine::general_purpose::STANDARD;
            let bytes = engine.decode(&text);
            Text::Bytes(
                "base64",
                bytes.map_err(|_| wrong(self.at, "this is not base64"))?,
            )
        } else if let Some(hex) = line.strip_prefix("hex,") {
            let digits = self.before_semicolon(hex);
            let bytes = pairs(&digits);
            Text::Bytes(
                "hex",
                bytes.ok_or_else(|| wrong(self.at, "these are no pairs of hexadecimal digits"))?,
            )
        } else {
            return Ok(false);
        };
        self.part().body = body;
        Ok(true)
    }

    /// What stands before the `;`, on this line or a later one, without spaces.
    fn before_semicolon(&mut self, first: &str) -> String {
        let mut text = String::new();
        let mut line = first;
        loop {
            let (said, end) = match line.split_once(';') {
                Some((said, _)) => (said, true),
                None => (line, false),
            };
            text.extend(said.chars().filter(|c| !c.is_whitespace()));
            match self.lines.get(self.at) {
                Some(next) if !end => line = next,
                Some(_) | None => return text,
            }
            self.at += 1;
        }
    }

    fn quoted(&mut self) -> Result<Text, ImportError> {
        let first = self.at;
        let line = self.lines[first - 1].trim();
        let open = &line[3..];
        if let Some(text) = open.strip_suffix("```") {
            return Ok(Text::Quoted(String::new(), text.to_owned()));
        }
        let mut text = String::new();
        while let Some(next) = self.lines.get(self.at) {
            self.at += 1;
            if next.trim() == "```" {
                let language = open.split(',').next().unwrap_or_default().trim();
                return Ok(Text::Quoted(language.to_owned(), text));
            }
            text.push_str(next);
            text.push('\n');
        }
        Err(wrong(first, "``` is not closed"))
    }

    /// To the brace that closes the first one; braces in texts do not count.
    fn json(&mut self) -> Result<Text, ImportError> {
        let first = self.at;
        let mut text = String::new();
        let (mut depth, mut in_text, mut escaped) = (0_i32, false, false);
        self.at -= 1;
        while let Some(line) = self.lines.get(self.at) {
            self.at += 1;
            for c in line.chars() {
                match c {
                    _ if escaped => escaped = false,
                    '\\' if in_text => escaped = true,
                    '"' => in_text = !in_text,
                    '{' | '[' if !in_text => depth += 1,
                    '}' | ']' if !in_text => depth -= 1,
                    _ => {}
                }
            }
            text.push_str(line);
            text.push('\n');
            if depth <= 0 {
                return Ok(Text::Json(text));
            }
        }
        Err(wrong(first, "a brace is not closed"))
    }

    /// To the line that begins an answer, a section or the next request.
    fn xml(&mut self) -> Text {
        self.at -= 1;
        let mut text = String::new();
        while let Some(line) = self.lines.get(self.at) {
            let trimmed = line.trim();
            let ends = request_line(trimmed).is_some()
                || status_line(trimmed).is_some()
                || section_line(trimmed).is_some();
            if ends {
                break;
            }
            self.at += 1;
            text.push_str(line);
            text.push('\n');
        }
        Text::Xml(text.trim_end().to_owned())
    }
}

/// The bytes of pairs of hexadecimal digits.
fn pairs(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

fn wrong(line: usize, why: &str) -> ImportError {
    ImportError::Format {
        format: "a hurl file",
        reason: format!("line {line}: {why}"),
    }
}

/// `GET https://…`: a method in capitals and what it asks for.
fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, url) = line.split_once(char::is_whitespace)?;
    let is_method = method.len() > 1 && method.bytes().all(|b| b.is_ascii_uppercase());
    (is_method && method != "HTTP").then(|| (method, uncommented(url)))
}

/// `HTTP 200`, `HTTP/1.1 200`, `HTTP *`.
fn status_line(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("HTTP")?;
    let (version, status) = rest.split_once(char::is_whitespace).unwrap_or((rest, "*"));
    (version.is_empty() || version.starts_with('/')).then(|| uncommented(status))
}

/// `[Captures]`.
fn section_line(line: &str) -> Option<&str> {
    let name = uncommented(line).strip_prefix('[')?.strip_suffix(']')?;
    let is_name = name.len() > 2 && name.bytes().all(|b| b.is_ascii_alphabetic());
    is_name.then_some(name)
}

/// Without a comment at the end.
fn uncommented(text: &str) -> &str {
    text.split(" #").next().unwrap_or_default().trim()
}
