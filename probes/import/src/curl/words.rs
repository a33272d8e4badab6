//! A shell's words: quotes, backslashes and comments as POSIX shells and bash read them.

use std::collections::BTreeSet;

/// Most names of variables that are told.
const EXPANDED_MAX: usize = 10;

/// One command's words.
pub(super) type Command = Vec<String>;

/// What a script says.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    /// The names of variables that a shell would put a value in place of; some of them, where
    /// there are many.
    pub(super) expanded: BTreeSet<String>,
}

/// Splits a script into commands; what follows a pipe or a redirection is no part of one.
///
/// # Errors
/// When a quote is not closed.
pub(super) fn read(script: &str) -> Result<Script, &'static str> {
    let mut reader = Reader {
        rest: script.chars().collect(),
        script: Script::default(),
        words: Vec::new(),
        word: None,
    };
    reader.rest.reverse();
    reader.read()?;
    Ok(reader.script)
}

struct Reader {
    /// What is still to be read, the next character last.
    rest: Vec<char>,
    script: Script,
    words: Command,
    word: Option<String>,
}

impl Reader {
    fn read(&mut self) -> Result<(), &'static str> {
        while let Some(c) = self.rest.pop() {
            match c {
                '\\' => match self.rest.pop() {
                    Some('\n') | None => {}
                    Some('\r') => {
                        let _ = self.rest.pop_if(|next| *next == '\n');
                    }
                    Some(next) => self.push(next),
                },
                '\'' => self.single()?,
                '"' => self.double()?,
                '$' if self.rest.last() == Some(&'\'') => {
                    let _ = self.rest.pop();
                    self.ansi()?;
                }
                '$' => self.expands(),
                '#' if self.word.is_none() => self.skip_line(),
                '\n' | ';' | '&' => self.end_command(),
                '|' | '>' | '<' => {
                    self.end_command();
                    self.skip_pipe();
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.push(c),
            }
        }
        self.end_command();
        Ok(())
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.words.is_empty() {
            self.script.commands.push(std::mem::take(&mut self.words));
        }
    }

    fn skip_line(&mut self) {
        while self.rest.last().is_some_and(|next| *next != '\n') {
            let _ = self.rest.pop();
        }
    }

    /// To the end of the line, quotes and continued lines passed over.
    fn skip_pipe(&mut self) {
        while let Some(c) = self.rest.pop_if(|next| *next != '\n') {
            if c == '\\' {
                let _ = self.rest.pop();
            }
        }
    }

    fn single(&mut self) -> Result<(), &'static str> {
        let word = self.word.get_or_insert_default();
        loop {
            match self.rest.pop().ok_or("a ' is not closed")? {
                '\'' => return Ok(()),
                c => word.push(c),
            }
        }
    }

    fn double(&mut self) -> Result<(), &'static str> {
        let _ = self.word.get_or_insert_default();
        loop {
            match self.rest.pop().ok_or("a \" is not closed")? {
                '"' => return Ok(()),
                '\\' => match self.rest.pop().ok_or("a \" is not closed")? {
                    '\n' => {}
                    c @ ('"' | '\\' | '$' | '`') => self.push(c),
                    c => {
                        self.push('\\');
                        self.push(c);
                    }
                },
                '$' => self.expands(),
                c => self.push(c),
            }
        }
    }

    /// A `$` that a shell does not take as it is, where the name of a variable stands behind it.
    fn expands(&mut self) {
        let is_name = |c: &&char| c.is_ascii_alphanumeric() || **c == '_';
        let behind = self.rest.iter().rev().skip_while(|c| **c == '{');
        let name: String = behind.take_while(is_name).collect();
        let is_variable = name.starts_with(|c: char| !c.is_ascii_digit());
        if is_variable && self.script.expanded.len() < EXPANDED_MAX {
            self.script.expanded.insert(name);
        }
        self.push('$');
    }

    /// `$'…'`, in which browsers write what has quotes or line breaks.
    fn ansi(&mut self) -> Result<(), &'static str> {
        const OPEN: &str = "a $' is not closed";
        let mut text = String::new();
        loop {
            match self.rest.pop().ok_or(OPEN)? {
                '\'' => break,
                '\\' => match self.rest.pop().ok_or(OPEN)? {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    'x' => text.extend(self.code(2)),
                    'u' => text.extend(self.code(4)),
                    'U' => text.extend(self.code(8)),
                    c => text.push(c),
                },
                c => text.push(c),
            }
        }
        self.word.get_or_insert_default().push_str(&text);
        Ok(())
    }

    /// A character by its number in hex, of at most so many digits.
    fn code(&mut self, digits: usize) -> Option<char> {
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = self.rest.last().and_then(|c| c.to_digit(16)) else {
                break;
            };
            code = code * 16 + digit;
            let _ = self.rest.pop();
        }
        char::from_u32(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let script = "# first\ncurl -s 'a b'\"c \\\"d\\\" \\x\" \\\n  e\\ f $'g\\n\\'h\\u00e9' | jq .x\ncurl z; curl ''";
        assert_eq!(
            read(script).unwrap().commands,
            vec![
                vec!["curl", "-s", "a bc \"d\" \\x", "e f", "g\n'hé"],
                vec!["curl", "z"],
                vec!["curl", ""],
            ]
        );
        for open in ["curl 'a", "curl \"a", "curl $'a", "curl \"a\\"] {
            assert!(read(open).is_err(), "{open}");
        }
    }

    #[test]
    fn what_a_shell_would_expand_is_named() {
        let script = r#"curl "$BASE/${id}?x=\$no&y='$_Z'" $Q '$none' $1 "a$" $(date)"#;
        let script = read(script).unwrap();
        let names: Vec<&str> = script.expanded.iter().map(String::as_str).collect();
        assert_eq!(names, ["BASE", "Q", "_Z", "id"]);
        assert_eq!(script.commands[0][1], "$BASE/${id}?x=$no&y='$_Z'");
    }
}
