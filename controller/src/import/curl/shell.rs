//! A file of shell commands into words: several commands, continued lines, every kind of quotes, `$'…'`, variables.

/// A command, with the line on which it begins, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) line: usize,
    /// Its words; a shell variable stands in them as [`VARIABLE_BEGINS`] NAME [`VARIABLE_ENDS`].
    pub(super) words: Vec<String>,
}

/// The commands of a text, or what is wrong with it and on which line.
pub(super) fn commands(text: &str) -> Result<Vec<Command>, String> {
    let mut scan = Scan { text, at: 0, line: 1, begins: 1, command: String::new(), found: Vec::new() };
    while let Some(c) = scan.rest().chars().next() {
        scan.one(c)?;
    }
    scan.end_command()?;
    Ok(scan.found)
}

/// Where the reading stands. What is collected in `command` is left to shlex, without what it does not know.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    begins: usize,
    command: String,
    found: Vec<Command>,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Reads what begins with `c`, outside of quotes.
    fn one(&mut self, c: char) -> Result<(), String> {
        let rest = self.rest();
        match c {
            '\n' | ';' | '&' | '|' => {
                self.end_command()?;
                self.skip(1);
                self.begins = self.line;
            }
            '#' if self.command.is_empty() || self.command.ends_with(char::is_whitespace) => {
                self.skip(rest.find('\n').unwrap_or(rest.len()));
            }
            '\\' if rest.starts_with("\\\r\n") => self.skip(3),
            '\\' if rest.starts_with("\\\n") => self.skip(2),
            '\\' => self.copy(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
            '\'' => {
                let end = rest[1..].find('\'').ok_or_else(|| self.unclosed("'"))?;
                self.copy(end + 2);
            }
            '"' => self.double_quoted()?,
            '$' if rest.starts_with("$'") => self.ansi_quoted()?,
            '$' if rest.starts_with("$\"") => self.skip(1),
            '$' => self.variable(),
            _ => self.copy(c.len_utf8()),
        }
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), String> {
        let line = self.line;
        self.copy(1);
        loop {
            let rest = self.rest();
            let unclosed = || format!("line {line}: a \" that is never closed");
            match rest.chars().next().ok_or_else(unclosed)? {
                '"' => {
                    self.copy(1);
                    return Ok(());
                }
                '\\' => self.copy(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
                '$' => self.variable(),
                c => self.copy(c.len_utf8()),
            }
        }
    }

    /// `$NAME` and `${NAME}`; any other dollar is one.
    fn variable(&mut self) {
        let rest = &self.rest()[1..];
        let (inner, braces) = match rest.strip_prefix('{') {
            Some(inner) => (inner, 2),
            None => (rest, 0),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = &inner[..inner.find(|c| !is_part(c)).unwrap_or(inner.len())];
        let is_closed = braces == 0 || inner[name.len()..].starts_with('}');
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !is_closed {
            // In double quotes shlex would take a lone dollar as it is, too.
            return self.copy(1);
        }
        self.command.push(VARIABLE_BEGINS);
        self.command.push_str(name);
        self.command.push(VARIABLE_ENDS);
        self.skip(1 + braces + name.len());
    }

    /// `$'…'`, as browsers write what holds a quote or a character beyond ASCII.
    fn ansi_quoted(&mut self) -> Result<(), String> {
        let (text, length) = decode_ansi(&self.rest()[2..]).ok_or_else(|| self.unclosed("$'"))?;
        let quoted = shlex::try_quote(&text).map_err(|_| format!("line {}: a zero byte", self.line))?;
        // Quotes side by side are one word, as they were.
        self.command.push_str(if quoted.is_empty() { "''" } else { &quoted });
        self.skip(2 + length);
        Ok(())
    }

    fn copy(&mut self, bytes: usize) {
        let text = &self.rest()[..bytes];
        self.command.push_str(text);
        self.skip(bytes);
    }

    fn skip(&mut self, bytes: usize) {
        self.line += self.rest()[..bytes].matches('\n').count();
        self.at += bytes;
    }

    fn end_command(&mut self) -> Result<(), String> {
        let command = std::mem::take(&mut self.command);
        let words = shlex::split(&command).ok_or_else(|| self.unclosed("quote"))?;
        if !words.is_empty() {
            self.found.push(Command { line: self.begins, words });
        }
        Ok(())
    }

    fn unclosed(&self, what: &str) -> String {
        format!("line {}: a {what} that is never closed", self.line)
    }
}

/// What stands in `$'…'` up to its closing quote, and how many bytes that took, the quote included.
fn decode_ansi(text: &str) -> Option<(String, usize)> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\'' => return Some((String::from_utf8_lossy(&decoded).into_owned(), text.len() - rest.len())),
            '\\' => rest = &rest[escape(rest, &mut decoded)?..],
            c => decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    None
}

/// Decodes what follows a backslash; says how many bytes it took.
fn escape(rest: &str, decoded: &mut Vec<u8>) -> Option<usize> {
    let c = rest.chars().next()?;
    let digits = |from: usize, most: usize, radix: u32| {
        let own = rest[from..].chars().take(most).take_while(|c| c.is_digit(radix)).count();
        u32::from_str_radix(&rest[from..from + own], radix).ok().map(|number| (number, from + own))
    };
    let simple = match c {
        'n' => Some(b'\n'),
        't' => Some(b'\t'),
        'r' => Some(b'\r'),
        'a' => Some(7),
        'b' => Some(8),
        'e' | 'E' => Some(27),
        'f' => Some(12),
        'v' => Some(11),
        _ => None,
    };
    if let Some(byte) = simple {
        decoded.push(byte);
        return Some(1);
    }
    let coded = match c {
        'x' => digits(1, 2, 16).map(|(number, length)| (vec![u8::try_from(number).unwrap_or(b'?')], length)),
        '0'..='7' => digits(0, 3, 8)
            .map(|(number, length)| (vec![u8::try_from(number & 0xff).unwrap_or(b'?')], length)),
        'u' | 'U' => digits(1, if c == 'u' { 4 } else { 8 }, 16).map(|(number, length)| {
            let own = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
            (own.to_string().into_bytes(), length)
        }),
        _ => None,
    };
    let (bytes, length) = coded.unwrap_or_else(|| (c.to_string().into_bytes(), c.len_utf8()));
    decoded.extend(bytes);
    Some(length)
}

/// Marks in front of and behind the name of a shell variable; of the private range, which no command holds.
pub(super) const VARIABLE_BEGINS: char = '\u{e000}';
/// See [`VARIABLE_BEGINS`].
pub(super) const VARIABLE_ENDS: char = '\u{e001}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_a_shell_reads_them() {
        for (text, expected, why) in [
            ("curl a", vec![vec!["curl", "a"]], "words"),
            ("curl \\\n  'a b' \\\r\n  \"c\\\"d\"", vec![vec!["curl", "a b", "c\"d"]], "continued lines"),
            (
                "curl a; curl b\ncurl c & curl d",
                vec![vec!["curl", "a"], vec!["curl", "b"], vec!["curl", "c"], vec!["curl", "d"]],
                "several commands",
            ),
            ("# it's\ncurl a # b'", vec![vec!["curl", "a"]], "comments"),
            (r"curl $'a\'b\n\u00e9\x41\101'", vec![vec!["curl", "a'b\néAA"]], "ANSI quotes"),
            (r"curl --data-raw $'{\u0021}'x", vec![vec!["curl", "--data-raw", "{!}x"]], "side by side"),
            ("curl 'a\nb;c'", vec![vec!["curl", "a\nb;c"]], "a line end in quotes"),
            (
                "curl \"x $A ${B} $ $1\" '$C'",
                vec![vec!["curl", "x \u{e000}A\u{e001} \u{e000}B\u{e001} $ $1", "$C"]],
                "variables",
            ),
        ] {
            let found = commands(text).unwrap();
            let words: Vec<Vec<&str>> =
                found.iter().map(|command| command.words.iter().map(String::as_str).collect()).collect();
            assert_eq!(words, expected, "{why}");
        }
        assert_eq!(
            commands("\n\ncurl \\\na\n\ncurl b").unwrap().iter().map(|c| c.line).collect::<Vec<_>>(),
            [3, 6]
        );
    }

    #[test]
    fn open_quotes_are_told_with_their_line() {
        for (text, line) in [("\ncurl 'a", "line 2"), ("curl \"a", "line 1"), ("\n\ncurl $'a", "line 3")] {
            assert!(commands(text).unwrap_err().starts_with(line), "{text:?}");
        }
    }
}
