//! Response headers that `response.http.headers.config` asks for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::map_response;
use axum::response::Response;

use crate::rest::config::RestConfig;

/// One rule: what to do with one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRule {
    action: Action,
    name: HeaderName,
    value: RuleValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Set,
    Add,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RuleValue {
    Text(HeaderValue),
    /// A date this long after the answer.
    DateIn(Duration),
}

/// Adds the headers to every answer of the router.
pub(crate) fn layered(router: Router, config: &RestConfig) -> Router {
    if config.header_rules.is_empty() {
        return router;
    }
    let rules = config.header_rules.clone();
    router.layer(map_response(move |mut response: Response| {
        for rule in &rules {
            let value = match &rule.value {
                RuleValue::Text(text) => Some(text.clone()),
                RuleValue::DateIn(delay) => {
                    HeaderValue::from_str(&http_date(SystemTime::now() + *delay)).ok()
                }
            };
            if let Some(value) = value {
                match rule.action {
                    Action::Set => drop(response.headers_mut().insert(rule.name.clone(), value)),
                    Action::Add => drop(response.headers_mut().append(rule.name.clone(), value)),
                }
            }
        }
        async { response }
    }))
}

/// Reads the rules: a comma list of `[set|add|setDate|addDate] name: value`, each optionally in double quotes.
///
/// # Errors
/// Fails with a text that names the rule.
pub(crate) fn rules(text: &str) -> Result<Vec<HeaderRule>, String> {
    split_quoted(text).iter().filter(|rule| !rule.trim().is_empty()).map(|rule| parse(rule.trim())).collect()
}

fn split_quoted(text: &str) -> Vec<String> {
    let (mut parts, mut current, mut is_quoted) = (Vec::new(), String::new(), false);
    for found in text.chars() {
        match found {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => parts.push(std::mem::take(&mut current)),
            other => current.push(other),
        }
    }
    parts.push(current);
    parts
}

fn parse(rule: &str) -> Result<HeaderRule, String> {
    let wrong = |what: &str| format!("Invalid format for header rule `{rule}`: {what}");
    let (head, value) = rule.split_once(':').ok_or_else(|| wrong("expected `[action] name: value`"))?;
    let (action, name) =
        head.trim().split_once(' ').ok_or_else(|| wrong("expected `[action] name: value`"))?;
    let (action, is_date) = match action.to_ascii_lowercase().as_str() {
        "set" => (Action::Set, false),
        "add" => (Action::Add, false),
        "setdate" => (Action::Set, true),
        "adddate" => (Action::Add, true),
        _ => return Err(wrong("the action must be one of set, add, setDate, addDate")),
    };
    let name = name.trim().parse().map_err(|_| wrong("the header name is not valid"))?;
    let value = if is_date {
        let delay = value.trim().parse().map_err(|_| wrong("the value must be a number of milliseconds"))?;
        RuleValue::DateIn(Duration::from_millis(delay))
    } else {
        RuleValue::Text(HeaderValue::from_str(value.trim()).map_err(|_| wrong("the value is not valid"))?)
    };
    Ok(HeaderRule { action, name, value })
}

/// Returns a time in the form of HTTP headers.
fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let days = seconds / 86_400;
    let (year, month, day) = crate::herder::date(days);
    let pick = |names: &[&'static str], index: u64| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
    };
    let (weekday, month) = (pick(&DAYS, days % 7), pick(&MONTHS, month - 1));
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_split_at_commas_outside_quotes() {
        let parsed =
            rules("\"add Cache-Control: no-cache, no-store\", set X-Frame-Options: DENY, setDate Expires: 5");
        let rule = |action, name: &'static str, value| HeaderRule {
            action,
            name: HeaderName::from_static(name),
            value,
        };
        let text = |text| RuleValue::Text(HeaderValue::from_static(text));
        let expected = vec![
            rule(Action::Add, "cache-control", text("no-cache, no-store")),
            rule(Action::Set, "x-frame-options", text("DENY")),
            rule(Action::Set, "expires", RuleValue::DateIn(Duration::from_millis(5))),
        ];
        assert_eq!(parsed, Ok(expected));
    }

    #[test]
    fn bad_rules_are_named() {
        for bad in ["replace X: y", "set X", "setDate X: soon"] {
            let error = rules(bad).expect_err("a bad rule");
            assert!(error.contains(bad), "{error}");
        }
    }

    #[test]
    fn dates_print_as_in_http() {
        let time = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
