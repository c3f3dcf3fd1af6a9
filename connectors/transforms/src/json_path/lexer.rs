//! Words of a condition.

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A text in quotes, escapes resolved.
    Text(String),
    /// A number as written.
    Number(String),
    /// A name: a function, an operator in letters, `true`, `false` or `null`.
    Name(String),
    /// A regular expression between slashes, and its flags.
    Regex(String, String),
    /// Anything else, by its characters.
    Sign(&'static str),
}

const SIGNS: [&str; 22] = [
    "==", "!=", "<=", ">=", "=~", "&&", "||", "..", "?", "(", ")", "[", "]", "<", ">", "!", ".", ",", ":",
    "*", "$", "@",
];

/// Reads one word after another.
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// Returns the place of the next word, for messages, counted in bytes from 0.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Returns the next word without taking it.
    pub(super) fn peek(&self) -> Result<Option<Token>, String> {
        Lexer { text: self.text, position: self.position }.next()
    }

    /// Takes the next word.
    pub(super) fn next(&mut self) -> Result<Option<Token>, String> {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.position += rest.len() - trimmed.len();
        let Some(first) = trimmed.chars().next() else { return Ok(None) };
        let token = match first {
            '\'' | '"' => self.text(first)?,
            '/' => self.regex()?,
            '-' | '0'..='9' => Token::Number(self.run(|c| c.is_ascii_digit() || "+-.eE".contains(c))),
            c if is_name(c) => Token::Name(self.run(is_name)),
            _ => match SIGNS.into_iter().find(|sign| trimmed.starts_with(sign)) {
                Some(sign) => {
                    self.position += sign.len();
                    Token::Sign(sign)
                }
                None => return Err(format!("`{first}` at position {} means nothing", self.position)),
            },
        };
        Ok(Some(token))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let mut end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        // A range such as `[1:2]` or a path after a number never runs on through two dots.
        if let Some(dots) = rest[..end].find("..") {
            end = dots;
        }
        self.position += end;
        rest[..end].to_owned()
    }

    fn text(&mut self, quote: char) -> Result<Token, String> {
        let start = self.position;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((index, c)) = chars.next() {
            match c {
                '\\' => text.extend(chars.next().map(|(_, escaped)| unescaped(escaped))),
                c if c == quote => {
                    self.position += index + c.len_utf8();
                    return Ok(Token::Text(text));
                }
                c => text.push(c),
            }
        }
        Err(format!("the text that begins at position {start} does not end"))
    }

    fn regex(&mut self) -> Result<Token, String> {
        let start = self.position;
        let mut pattern = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((index, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, '/')) => pattern.push('/'),
                    Some((_, escaped)) => pattern.extend(['\\', escaped]),
                    None => break,
                },
                '/' => {
                    self.position += index + 1;
                    let flags = self.run(|c| c.is_ascii_alphabetic());
                    return Ok(Token::Regex(pattern, flags));
                }
                c => pattern.push(c),
            }
        }
        Err(format!("the regular expression that begins at position {start} does not end"))
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn unescaped(c: char) -> char {
    match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        other => other,
    }
}
