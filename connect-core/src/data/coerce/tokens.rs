//! The tokens of a value's text: delimiters, and what stands between them. A backslash takes a delimiter's meaning.

/// A cursor over tokens that can look ahead and go back.
pub(super) struct Tokens<'a> {
    text: &'a str,
    position: usize,
    next: Option<&'a str>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0, next: None }
    }

    /// Returns the whole text.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns a position to go back to.
    pub(super) fn mark(&self) -> usize {
        self.position - self.next.map_or(0, str::len)
    }

    pub(super) fn rewind_to(&mut self, mark: usize) {
        self.position = mark;
        self.next = None;
    }

    pub(super) fn has_next(&self) -> bool {
        self.next.is_some() || self.position < self.text.len()
    }

    /// Returns the next token; the empty text at the end.
    pub(super) fn next(&mut self) -> &'a str {
        match self.next.take() {
            Some(token) => token,
            None => self.scan(),
        }
    }

    /// Returns the text of the next `count` tokens, or goes back when there are fewer.
    pub(super) fn next_many(&mut self, count: usize) -> Option<&'a str> {
        let start = self.mark();
        for _ in 0..count {
            if !self.has_next() {
                self.rewind_to(start);
                return None;
            }
            self.next();
        }
        self.text.get(start..self.position)
    }

    /// Consumes the next token if it is `expected`, white space around it aside.
    pub(super) fn can_consume(&mut self, expected: &str) -> bool {
        let mut token = match self.next {
            Some(token) => token,
            None if !self.has_next() => return false,
            None => self.scan(),
        };
        while java_trim(token).is_empty() && self.position < self.text.len() {
            token = self.scan();
        }
        self.next = Some(token);
        if java_trim(token) == expected {
            self.next = None;
            return true;
        }
        false
    }

    fn scan(&mut self) -> &'a str {
        let start = self.position;
        let rest = &self.text[start..];
        let mut is_escaped = false;
        for (index, byte) in rest.bytes().enumerate() {
            match byte {
                b'\\' => is_escaped = !is_escaped,
                b':' | b',' | b'{' | b'}' | b'[' | b']' | b'"' if !is_escaped => {
                    self.position = start + index.max(1);
                    return &rest[..index.max(1)];
                }
                _ => is_escaped = false,
            }
        }
        self.position = self.text.len();
        rest
    }
}

/// Trims as `String.trim` does: everything up to the space character.
pub(super) fn java_trim(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}
