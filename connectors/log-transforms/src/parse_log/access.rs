//! Access logs of web servers.

use connect_core::data::{Map, Value};
use regex::Regex;

const COMMON: &str = r#"^(?<client>\S+) (?<ident>\S+) (?<user>\S+) \[(?<time>[^\]]+)\] "(?<request>(?:[^"\\]|\\.)*)" (?<status>\d{3}) (?<bytes>\d+|-)"#;
const REST: &str = r#" "(?<referer>(?:[^"\\]|\\.)*)" "(?<user_agent>(?:[^"\\]|\\.)*)""#;

/// Returns the expression of `%h %l %u %t "%r" %>s %b`.
pub(super) fn common() -> Regex {
    compiled(&format!("{COMMON}$"))
}

/// Returns the expression of the same with referer and user agent, which is nginx' `combined` too. What servers are told
/// to write after these is left out.
pub(super) fn combined() -> Regex {
    compiled(&format!("{COMMON}{REST}(?: .*)?$"))
}

fn compiled(pattern: &str) -> Regex {
    // Fixed texts; the tests compile both.
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a fixed expression: {error}"))
}

/// Returns the parts of a line. A `-` means null, and the request is taken apart as well.
pub(super) fn parse(regex: &Regex, line: &str) -> Option<Map> {
    let captures = regex.captures(line)?;
    let mut entries = Vec::new();
    for name in regex.capture_names().flatten() {
        let text = captures.name(name).map_or("-", |found| found.as_str());
        let value = match (name, text) {
            (_, "-") => Value::Null,
            ("status" | "bytes", digits) => {
                digits.parse().map_or_else(|_| Value::string(digits), Value::Int64)
            }
            (_, text) => Value::string(text),
        };
        entries.push((Value::string(name), value));
        if name == "request" {
            let mut words = text.split(' ');
            let parts = [words.next(), words.next(), words.next()];
            // A request that is not three words, as attackers send them, stays whole.
            let is_whole = words.next().is_some() || parts.contains(&None);
            for (name, part) in ["method", "path", "protocol"].into_iter().zip(parts) {
                let part = part.filter(|_| !is_whole).map_or(Value::Null, Value::string);
                entries.push((Value::string(name), part));
            }
        }
    }
    Some(Map { entries })
}
