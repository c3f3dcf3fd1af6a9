//! Java's regular expressions on the `fancy-regex` engine: the syntax that only Java knows is rewritten, and Java's
//! replacement texts are expanded.

use std::fmt::Write as _;

use connect_core::config::Parsed;
use connect_core::error::ConnectError;
use fancy_regex::{Captures, Regex};

/// A compiled Java pattern.
pub(crate) struct Pattern {
    whole: Regex,
    anywhere: Regex,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Returns what is wrong with it.
    pub(crate) fn compile(java: &str) -> Result<Self, String> {
        let pattern = translate(java)?;
        let compile = |pattern: &str| Regex::new(pattern).map_err(|error| error.to_string());
        Ok(Self { anywhere: compile(&pattern)?, whole: compile(&format!("\\A(?:{pattern})\\z"))? })
    }

    /// Returns whether the pattern matches the whole text.
    ///
    /// # Errors
    /// Fails with a data error when the match takes too many steps.
    pub(crate) fn matches(&self, text: &str) -> Result<bool, ConnectError> {
        self.whole.is_match(text).map_err(|error| too_hard(text, error))
    }

    /// Replaces the first match, as `Matcher.replaceFirst` does.
    ///
    /// # Errors
    /// Fails when the replacement names a group that the pattern does not have, or the match takes too many steps.
    pub(crate) fn replace_first(&self, text: &str, replacement: &str) -> Result<String, ConnectError> {
        let captures = self.anywhere.captures(text).map_err(|error| too_hard(text, error))?;
        let Some((captures, found)) = captures.and_then(|captures| {
            let found = captures.get(0)?;
            Some((captures, found))
        }) else {
            return Ok(text.to_owned());
        };
        let mut out = text[..found.start()].to_owned();
        let names: Vec<&str> = self.anywhere.capture_names().flatten().collect();
        expand(&mut out, replacement, &captures, &names)?;
        out.push_str(&text[found.end()..]);
        Ok(out)
    }
}

/// Accepts valid patterns (`RegexValidator`).
pub(crate) fn valid_regex(name: &str, value: &Parsed) -> Result<(), String> {
    let invalid = |reason: &dyn std::fmt::Display| {
        format!("Invalid value {value} for configuration {name}: Invalid regex: {reason}")
    };
    match value {
        Parsed::Text(text) => Pattern::compile(text).map(drop).map_err(|error| invalid(&error)),
        _ => Err(invalid(value)),
    }
}

fn too_hard(text: &str, error: fancy_regex::Error) -> ConnectError {
    ConnectError::data(format!("matching topic `{text}`")).because(error)
}

/// Appends a replacement text with its groups filled in (`Matcher.appendExpandedReplacement`).
fn expand(
    out: &mut String,
    replacement: &str,
    captures: &Captures<'_>,
    names: &[&str],
) -> Result<(), ConnectError> {
    let illegal = |text: &str| Err(ConnectError::fatal(text.to_owned()));
    let mut rest = replacement;
    while let Some(position) = rest.find(['\\', '$']) {
        out.push_str(&rest[..position]);
        let is_escape = rest[position..].starts_with('\\');
        rest = &rest[position + 1..];
        if is_escape {
            let Some(symbol) = rest.chars().next() else {
                return illegal("character to be escaped is missing");
            };
            out.push(symbol);
            rest = &rest[symbol.len_utf8()..];
        } else if let Some(inner) = rest.strip_prefix('{') {
            rest = expand_name(out, inner, captures, names)?;
        } else {
            rest = expand_number(out, rest, captures)?;
        }
    }
    out.push_str(rest);
    Ok(())
}

fn expand_name<'a>(
    out: &mut String,
    text: &'a str,
    captures: &Captures<'_>,
    names: &[&str],
) -> Result<&'a str, ConnectError> {
    let end = text.find(|symbol: char| !symbol.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let problem = match name.chars().next() {
        None => Some("named capturing group has 0 length name".to_owned()),
        Some(_) if !rest.starts_with('}') => Some("named capturing group is missing trailing '}'".to_owned()),
        Some(first) if first.is_ascii_digit() => {
            Some(format!("capturing group name {{{name}}} starts with digit character"))
        }
        Some(_) => None,
    };
    if let Some(problem) = problem {
        return Err(ConnectError::fatal(problem));
    }
    if !names.contains(&name) {
        return Err(ConnectError::fatal(format!("No group with name {{{name}}}")));
    }
    if let Some(group) = captures.name(name) {
        out.push_str(group.as_str());
    }
    Ok(&rest[1..])
}

fn expand_number<'a>(
    out: &mut String,
    text: &'a str,
    captures: &Captures<'_>,
) -> Result<&'a str, ConnectError> {
    let digit = |text: &str| text.chars().next().and_then(|symbol| symbol.to_digit(10));
    let Some(first) = digit(text) else {
        let problem = match text.is_empty() {
            true => "Illegal group reference: group index is missing",
            false => "Illegal group reference",
        };
        return Err(ConnectError::fatal(problem));
    };
    let mut number = usize::try_from(first).unwrap_or(0);
    let mut rest = &text[1..];
    if number >= captures.len() {
        return Err(ConnectError::fatal(format!("No group {number}")));
    }
    // Further digits belong to the number as long as there is such a group.
    while let Some(next) = digit(rest) {
        let longer = number * 10 + usize::try_from(next).unwrap_or(0);
        if longer >= captures.len() {
            break;
        }
        number = longer;
        rest = &rest[1..];
    }
    if let Some(group) = captures.get(number) {
        out.push_str(group.as_str());
    }
    Ok(rest)
}

/// Rewrites what Java writes differently: quotation, ASCII-only classes, and POSIX classes.
///
/// # Errors
/// Fails at braces that repeat nothing, which Java refuses and the engine takes as they stand.
fn translate(java: &str) -> Result<String, String> {
    let mut out = String::with_capacity(java.len() + 16);
    let mut rest = java;
    let mut depth = 0usize;
    while let Some(symbol) = rest.chars().next() {
        let after = &rest[symbol.len_utf8()..];
        if symbol != '\\' {
            depth = match symbol {
                '[' => depth + 1,
                ']' => depth.saturating_sub(1),
                _ => depth,
            };
            if symbol == '{' && depth == 0 && !is_repetition(after) {
                return Err(format!("Illegal repetition\n{java}"));
            }
            out.push(symbol);
            rest = after;
            continue;
        }
        if let Some(quoted) = after.strip_prefix('Q') {
            let (text, left) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out.push_str(&fancy_regex::escape(text));
            rest = left;
            continue;
        }
        rest = push_escape(&mut out, after, depth > 0);
    }
    Ok(out)
}

/// Returns whether the text after an opening brace ends a repetition: `2}`, `2,}` or `2,3}`.
fn is_repetition(text: &str) -> bool {
    let Some((counts, _)) = text.split_once('}') else { return false };
    let (least, most) = counts.split_once(',').unwrap_or((counts, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

/// Appends the escape whose text after the backslash begins `text`; returns what follows it.
fn push_escape<'a>(out: &mut String, text: &'a str, is_in_class: bool) -> &'a str {
    let Some(symbol) = text.chars().next() else {
        out.push('\\');
        return text;
    };
    let after = &text[symbol.len_utf8()..];
    let class = match symbol {
        'd' => "0-9",
        'w' => "a-zA-Z_0-9",
        's' => " \\t\\n\\x0B\\x0C\\r",
        'h' => " \\t\\u{A0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}",
        'D' => "^0-9",
        'W' => "^a-zA-Z_0-9",
        'S' => "^ \\t\\n\\x0B\\x0C\\r",
        'p' | 'P' => match posix_class(after) {
            Some((class, rest)) => {
                let negation = if symbol == 'P' { "^" } else { "" };
                let _infallible = write!(out, "[{negation}{class}]");
                return rest;
            }
            None => "",
        },
        _ => "",
    };
    match class {
        "" => {
            out.push('\\');
            out.push(symbol);
            // The name of a class or the digits of a symbol are no repetition.
            if matches!(symbol, 'p' | 'P' | 'x' | 'N')
                && after.starts_with('{')
                && let Some((name, rest)) = after.split_once('}')
            {
                out.push_str(name);
                out.push('}');
                return rest;
            }
        }
        class if is_in_class && !class.starts_with('^') => out.push_str(class),
        class => {
            let _infallible = write!(out, "[{class}]");
        }
    }
    after
}

fn posix_class(text: &str) -> Option<(&'static str, &str)> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    let class = match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => "\\x00-\\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => "!-/:-@\\[-`{-~",
        "Graph" => "!-~",
        "Print" => " -~",
        "Blank" => " \\t",
        "Cntrl" => "\\x00-\\x1F\\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => " \\t\\n\\x0B\\x0C\\r",
        _ => return None,
    };
    Some((class, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(regex: &str, replacement: &str, text: &str) -> String {
        Pattern::compile(regex).unwrap().replace_first(text, replacement).unwrap()
    }

    #[test]
    fn groups_and_escapes_are_javas() {
        assert_eq!(replaced("(a)(b)", "$2$1", "xaby"), "xbay");
        assert_eq!(replaced("(a)", "$11", "a"), "a1");
        assert_eq!(replaced("(?<n>a)", "${n}\\$", "a"), "a$");
        assert!(Pattern::compile("a").unwrap().replace_first("a", "$1").is_err());
    }

    #[test]
    fn syntax_of_java_alone_is_understood() {
        for (regex, text) in [
            ("\\Qa.b\\E", "a.b"),
            ("(?=a)a++", "aa"),
            ("(a)\\1", "aa"),
            ("\\p{Alpha}[\\d\\p{Lower}]+", "A9z"),
        ] {
            assert!(Pattern::compile(regex).unwrap().matches(text).unwrap(), "{regex}");
        }
        assert!(!Pattern::compile("\\d").unwrap().matches("٣").unwrap());
    }
}
