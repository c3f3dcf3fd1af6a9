//! `java.text.SimpleDateFormat` in UTC with English names: the patterns of `TimestampConverter` and
//! `TimestampRouter`.

mod calendar;
mod names;
mod parse;
mod print;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct DateFormat {
    pattern: String,
    items: Vec<Item>,
    /// First millisecond of the hundred years that years of two digits fall into.
    century_start: i64,
}

/// One part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// Text as it stands.
    Text(String),
    /// A letter and how often it is repeated.
    Field(char, usize),
}

/// The letters that `SimpleDateFormat` knows.
const LETTERS: &str = "GyMdkHmsSEDFwWahKzZYuXL";

/// Years before now at which the century of two-digit years begins.
const CENTURY_OFFSET: i64 = 80;

impl DateFormat {
    /// Compiles a pattern. `now` decides into which century years of two digits fall.
    ///
    /// # Errors
    /// Returns Java's text for an unknown letter, an open quotation, and an impossible time zone width.
    pub(crate) fn compile(pattern: &str, now_ms: i64) -> Result<Self, String> {
        let mut items: Vec<Item> = Vec::new();
        let mut symbols = pattern.chars().peekable();
        while let Some(symbol) = symbols.next() {
            if symbol == '\'' {
                let text = quoted(&mut symbols)?;
                push_text(&mut items, &text);
            } else if !symbol.is_ascii_alphabetic() {
                push_text(&mut items, symbol.encode_utf8(&mut [0; 4]));
            } else if LETTERS.contains(symbol) {
                let mut count = 1;
                while symbols.next_if_eq(&symbol).is_some() {
                    count += 1;
                }
                if symbol == 'X' && count > 3 {
                    return Err(format!("invalid ISO 8601 format: length={count}"));
                }
                items.push(Item::Field(symbol, count));
            } else {
                return Err(format!("Illegal pattern character '{symbol}'"));
            }
        }
        let century_start = calendar::add_years(now_ms, -CENTURY_OFFSET);
        Ok(Self { pattern: pattern.to_owned(), items, century_start })
    }

    /// Returns the pattern.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }
}

/// Reads on after an opening quote up to the closing one; two quotes are one.
fn quoted(symbols: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    if symbols.next_if_eq(&'\'').is_some() {
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    while let Some(symbol) = symbols.next() {
        if symbol == '\'' && symbols.next_if_eq(&'\'').is_none() {
            return Ok(text);
        }
        text.push(symbol);
    }
    Err("Unterminated quote".to_owned())
}

fn push_text(items: &mut Vec<Item>, text: &str) {
    match items.last_mut() {
        Some(Item::Text(last)) => last.push_str(text),
        _ => items.push(Item::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21.
    const NOW: i64 = 1_795_219_200_000;

    fn format(pattern: &str) -> DateFormat {
        DateFormat::compile(pattern, NOW).unwrap()
    }

    #[test]
    fn instants_print_as_in_java() {
        let table = [
            ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2023-11-14T22:13:20.123Z"),
            ("EEE, d MMM yy hh 'o''clock' a z", "Tue, 14 Nov 23 10 o'clock PM UTC"),
            ("D w W F u k K XXX Z", "318 46 3 2 2 22 10 Z +0000"),
        ];
        for (pattern, text) in table {
            assert_eq!(format(pattern).print(1_700_000_000_123), text, "{pattern}");
        }
    }

    #[test]
    fn texts_are_read_leniently() {
        let table = [
            ("yyyy-MM-dd", "2023-02-30 and more", Some(1_677_715_200_000)),
            ("yyyyMMdd", "20230101", Some(1_672_531_200_000)),
            ("yy", "45", Some(2_366_841_600_000)),
            ("yyyy-MM-dd Z", "1970-01-01 +0100", Some(-3_600_000)),
            ("yyyy-MM-dd", "2023/01/01", None),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(format(pattern).parse(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn bad_patterns_are_refused_with_javas_text() {
        for (pattern, error) in [
            ("b", "Illegal pattern character 'b'"),
            ("'a", "Unterminated quote"),
            ("XXXX", "invalid ISO 8601 format: length=4"),
        ] {
            assert_eq!(DateFormat::compile(pattern, NOW).unwrap_err(), error);
        }
    }
}
