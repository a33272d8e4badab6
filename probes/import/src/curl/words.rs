//! A shell's words: quotes, backslashes and comments as POSIX shells and bash read them.

/// One command's words.
pub(super) type Command = Vec<String>;

/// Splits a script into commands; what follows a pipe or a redirection is no part of one.
///
/// # Errors
/// When a quote is not closed.
pub(super) fn commands(script: &str) -> Result<Vec<Command>, &'static str> {
    let mut reader = Reader {
        rest: script.chars().collect(),
        commands: Vec::new(),
        words: Vec::new(),
        word: None,
    };
    reader.rest.reverse();
    reader.read()?;
    Ok(reader.commands)
}

struct Reader {
    /// What is still to be read, the next character last.
    rest: Vec<char>,
    commands: Vec<Command>,
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
            self.commands.push(std::mem::take(&mut self.words));
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
        let word = self.word.get_or_insert_default();
        loop {
            match self.rest.pop().ok_or("a \" is not closed")? {
                '"' => return Ok(()),
                '\\' => match self.rest.pop().ok_or("a \" is not closed")? {
                    '\n' => {}
                    c @ ('"' | '\\' | '$' | '`') => word.push(c),
                    c => word.extend(['\\', c]),
                },
                c => word.push(c),
            }
        }
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
            commands(script).unwrap(),
            vec![
                vec!["curl", "-s", "a bc \"d\" \\x", "e f", "g\n'hé"],
                vec!["curl", "z"],
                vec!["curl", ""],
            ]
        );
        for open in ["curl 'a", "curl \"a", "curl $'a", "curl \"a\\"] {
            assert!(commands(open).is_err(), "{open}");
        }
    }
}
