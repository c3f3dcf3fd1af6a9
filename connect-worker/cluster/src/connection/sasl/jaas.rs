//! The options of `sasl.jaas.config`: `Module flag key="value" …;`.

use connect_core::config::{Props, Secret};

use crate::connection::{ConnectionError, sasl::config};

/// The options of one login module.
#[derive(Debug)]
pub(crate) struct Jaas {
    options: Vec<(String, Secret)>,
}

impl Jaas {
    /// Reads the line; the error does not show it.
    pub(crate) fn from_props(props: &Props) -> Result<Self, ConnectionError> {
        let line = props.get("sasl.jaas.config").map(|line| line.trim()).filter(|line| !line.is_empty());
        let line = line.ok_or_else(|| {
            config("`sasl.jaas.config` is not set; it holds user and password of the login".to_owned())
        })?;
        Self::parse(line).ok_or_else(|| {
            config("`sasl.jaas.config` is not of the form `Module required key=\"value\" …;`".to_owned())
        })
    }

    /// Returns the value of an option.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.expose())
    }

    /// Returns the options whose names begin with `prefix`, without it.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named =
            move |(key, value): &'a (String, Secret)| Some((key.strip_prefix(prefix)?, value.expose()));
        self.options.iter().filter_map(named)
    }

    fn parse(line: &str) -> Option<Self> {
        let line = line.strip_suffix(';')?;
        let (_module, rest) = line.split_once(char::is_whitespace)?;
        let rest = rest.trim_start();
        let (_flag, mut rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let mut options = Vec::new();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Some(Self { options });
            }
            let (key, after) = rest.split_once('=')?;
            let (value, after) = value(after.trim_start())?;
            options.push((key.trim().to_owned(), Secret::new(value)));
            rest = after;
        }
    }
}

/// Reads a quoted or bare value, and returns what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let Some(quote) = quote else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut read = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((index, next)) = chars.next() {
        match next {
            '\\' => match chars.next()?.1 {
                'n' => read.push('\n'),
                't' => read.push('\t'),
                other => read.push(other),
            },
            next if next == quote => return Some((read, &text[index + 1..])),
            next => read.push(next),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_with_either_quote_escapes_and_none() {
        let line =
            r#"a.b.Module required user="al\"i\\ce" password='p;w "x"' tokenauth=true extension_a="1" ;"#;
        let jaas = Jaas::parse(line).expect("valid");
        let read = ["user", "password", "tokenauth", "other"].map(|name| jaas.option(name));
        assert_eq!(read, [Some("al\"i\\ce"), Some("p;w \"x\""), Some("true"), None]);
        assert_eq!(jaas.with_prefix("extension_").collect::<Vec<_>>(), [("a", "1")]);
        assert!(!format!("{jaas:?}").contains("p;w"));
        assert!(Jaas::parse("a.b.Module required;").is_some_and(|jaas| jaas.options.is_empty()));
    }

    #[test]
    fn lines_of_another_form_are_refused() {
        for line in ["x required a=b", "x;", "x required a=\"b;", "x required a;"] {
            assert!(Jaas::parse(line).is_none(), "{line}");
        }
    }
}
