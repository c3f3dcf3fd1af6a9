//! JSON as Jackson reads it: positions of all values, numbers as written, and the texts of its errors.

/// A position in the text, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    line: usize,
    column: usize,
}

/// A value and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it begins.
    pub(crate) start: Position,
    /// Where the reader is after its first token.
    pub(crate) after: Position,
    /// The value.
    pub(crate) kind: Kind,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Nesting allowed; Jackson's own limit is 1000.
const MAX_DEPTH: usize = 200;

/// Returns a message with the position that Jackson adds to it.
pub(crate) fn located(message: &str, position: Position) -> String {
    format!("{message}\n at {}", source(position))
}

fn source(position: Position) -> String {
    let Position { line, column } = position;
    format!(
        "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )
}

/// Reads the first value of a text, or `None` when there is none. What follows the value is not looked at.
///
/// # Errors
/// Returns Jackson's text.
pub(crate) fn read(text: &[u8]) -> Result<Option<Node>, String> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(located("Invalid UTF-8 in the request", Position { line: 1, column: 1 }));
    };
    let mut reader = Reader { rest: text, position: Position { line: 1, column: 1 } };
    reader.skip_blanks();
    if reader.rest.is_empty() {
        return Ok(None);
    }
    reader.value(0).map(Some)
}

struct Reader<'a> {
    rest: &'a str,
    position: Position,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, String> {
        let start = self.position;
        if depth > MAX_DEPTH {
            return Err(located("Document nesting depth exceeds the maximum allowed", start));
        }
        match self.peek() {
            None => Err(located("Unexpected end-of-input", start)),
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"') => {
                self.next();
                let text = self.string("Unexpected end-of-input: was expecting closing quote for a string value")?;
                Ok(Node { start, after: self.position, kind: Kind::String(text) })
            }
            Some(first) if first == '-' || first.is_ascii_digit() => {
                let text = self.take_while(|c| c.is_ascii_digit() || "+-.eE".contains(c));
                if serde_json::from_str::<serde_json::Number>(&text).is_err() {
                    return Err(located(&format!("Invalid numeric value: {text}"), start));
                }
                Ok(Node { start, after: self.position, kind: Kind::Number(text) })
            }
            Some(first) if first.is_alphanumeric() || first == '_' => {
                let word = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '$');
                let kind = match word.as_str() {
                    "null" => Kind::Null,
                    "true" => Kind::Bool(true),
                    "false" => Kind::Bool(false),
                    _ => return Err(located(&unknown_token(&word), start)),
                };
                Ok(Node { start, after: self.position, kind })
            }
            Some(other) => Err(self.unexpected(
                other,
                "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
            )),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node, String> {
        let start = self.position;
        self.next();
        let after = self.position;
        let mut members: Vec<(String, Node)> = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                None => return Err(self.unclosed("Object", start)),
                Some('}') if members.is_empty() => break,
                Some('"') => {}
                Some(other) => {
                    return Err(self.unexpected(other, "was expecting double-quote to start field name"));
                }
            }
            self.next();
            let name = self.string("Unexpected end-of-input in field name")?;
            self.skip_blanks();
            match self.next() {
                Some(':') => {}
                None => return Err(self.unclosed("Object", start)),
                Some(other) => {
                    return Err(
                        self.unexpected(other, "was expecting a colon to separate field name and value")
                    );
                }
            }
            self.skip_blanks();
            if self.rest.is_empty() {
                return Err(self.unclosed("Object", start));
            }
            let value = self.value(depth + 1)?;
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => members.push((name, value)),
            }
            self.skip_blanks();
            match self.peek() {
                Some(',') => drop(self.next()),
                Some('}') => break,
                None => return Err(self.unclosed("Object", start)),
                Some(other) => {
                    return Err(self.unexpected(other, "was expecting comma to separate Object entries"));
                }
            }
        }
        self.next();
        Ok(Node { start, after, kind: Kind::Object(members) })
    }

    fn array(&mut self, depth: usize) -> Result<Node, String> {
        let start = self.position;
        self.next();
        let after = self.position;
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek() {
                None => return Err(self.unclosed("Array", start)),
                Some(']') if items.is_empty() => break,
                Some(_) => items.push(self.value(depth + 1)?),
            }
            self.skip_blanks();
            match self.peek() {
                Some(',') => drop(self.next()),
                Some(']') => break,
                None => return Err(self.unclosed("Array", start)),
                Some(other) => {
                    return Err(self.unexpected(other, "was expecting comma to separate Array entries"));
                }
            }
        }
        self.next();
        Ok(Node { start, after, kind: Kind::Array(items) })
    }

    /// Reads a string whose opening quote is read.
    fn string(&mut self, at_end: &str) -> Result<String, String> {
        let begin = self.rest;
        let mut is_escaped = false;
        loop {
            match self.peek() {
                None => return Err(located(at_end, self.position)),
                Some('"') if !is_escaped => break,
                Some(found) if found < ' ' => {
                    let code = u32::from(found);
                    return Err(located(
                        &format!(
                            "Illegal unquoted character ((CTRL-CHAR, code {code})): has to be escaped using backslash \
                             to be included in string value"
                        ),
                        self.position,
                    ));
                }
                Some(found) => is_escaped = found == '\\' && !is_escaped,
            }
            self.next();
        }
        let raw = begin.get(..begin.len() - self.rest.len()).unwrap_or_default();
        self.next();
        serde_json::from_str(&format!("\"{raw}\""))
            .map_err(|_| located("Unrecognized character escape in a string value", self.position))
    }

    fn unclosed(&self, what: &str, start: Position) -> String {
        let marker = source(start);
        located(
            &format!("Unexpected end-of-input: expected close marker for {what} (start marker at {marker})"),
            self.position,
        )
    }

    fn unexpected(&self, found: char, expected: &str) -> String {
        let code = u32::from(found);
        located(&format!("Unexpected character ('{found}' (code {code})): {expected}"), self.position)
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|found| matches!(found, ' ' | '\t' | '\r' | '\n')) {
            self.next();
        }
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(found) = self.peek().filter(|found| accepts(*found)) {
            text.push(found);
            self.next();
        }
        text
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.rest = self.rest.get(found.len_utf8()..).unwrap_or_default();
        if found == '\n' {
            self.position = Position { line: self.position.line + 1, column: 1 };
        } else {
            // Jackson counts bytes of the UTF-8 form.
            self.position.column += found.len_utf8();
        }
        Some(found)
    }
}

fn unknown_token(word: &str) -> String {
    format!(
        "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str =
        "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: ";

    #[test]
    fn malformed_texts_get_jacksons_messages() {
        let cases = [
            (
                "not json",
                format!(
                    "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', \
                     'true' or 'false')\n at {SOURCE}1]"
                ),
            ),
            (
                "{\"name\":\"c\"",
                format!(
                    "Unexpected end-of-input: expected close marker for Object (start marker at {SOURCE}1])\n at \
                     {SOURCE}12]"
                ),
            ),
            (
                "{",
                format!(
                    "Unexpected end-of-input: expected close marker for Object (start marker at {SOURCE}1])\n at \
                     {SOURCE}2]"
                ),
            ),
        ];
        for (text, message) in cases {
            assert_eq!(read(text.as_bytes()), Err(message), "{text}");
        }
    }

    #[test]
    fn values_keep_their_text_and_position() {
        let node = read(br#" {"a": 1.50, "b": ["\u00e4\n"], "a": true}"#).expect("valid").expect("present");
        let Kind::Object(members) = node.kind else { panic!("an object") };
        assert_eq!(node.start.column, 2);
        assert_eq!(members[0].1.kind, Kind::Bool(true));
        let Kind::Array(items) = &members[1].1.kind else { panic!("an array") };
        assert_eq!(items[0].kind, Kind::String("ä\n".to_owned()));
        let one = read(b"1.50").expect("valid").expect("present");
        assert_eq!((one.kind, one.after.column), (Kind::Number("1.50".to_owned()), 5));
    }

    #[test]
    fn nothing_is_read_from_blanks() {
        assert_eq!(read(b" \n"), Ok(None));
    }
}
