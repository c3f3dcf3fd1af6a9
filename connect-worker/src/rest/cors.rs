//! Cross-origin requests: allowed only to the origins that `access.control.allow.origin` names.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method};
use regex::Regex;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::rest::config::RestConfig;

const HEADERS: [&str; 4] = ["x-requested-with", "content-type", "accept", "origin"];

/// Adds the answers to cross-origin requests, if the worker's settings ask for them.
pub(crate) fn layered(router: Router, config: &RestConfig) -> Router {
    if config.allowed_origins.is_empty() {
        return router;
    }
    let origins = config.allowed_origins.clone();
    let is_allowed = move |origin: &HeaderValue| {
        origin.to_str().is_ok_and(|text| origins.iter().any(|one| one.is_match(text)))
    };
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| is_allowed(origin)))
        .allow_methods(config.allowed_methods.clone())
        .allow_headers(HEADERS.map(HeaderName::from_static))
        .allow_credentials(true);
    router.layer(layer)
}

/// Reads `access.control.allow.origin`: a list of regular expressions, `*` for all.
///
/// # Errors
/// Fails when an entry is no regular expression.
pub(crate) fn origins(text: &str) -> Result<Vec<Regex>, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let pattern = |entry: &str| if entry == "*" { ".*".to_owned() } else { entry.to_owned() };
    entries
        .map(|entry| Regex::new(&format!("^(?:{})$", pattern(entry))).map_err(|error| error.to_string()))
        .collect()
}

/// Reads `access.control.allow.methods`; empty is GET, POST and HEAD.
///
/// # Errors
/// Fails when an entry is no method.
pub(crate) fn methods(text: &str) -> Result<Vec<Method>, String> {
    let entries: Vec<&str> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    if entries.is_empty() {
        return Ok(vec![Method::GET, Method::POST, Method::HEAD]);
    }
    entries
        .into_iter()
        .map(|entry| entry.parse().map_err(|_| format!("`{entry}` is no HTTP method")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_whole_regular_expressions() {
        let rules = origins("*, http://a\\.example").expect("valid");
        assert!(rules[0].is_match("https://x"));
        assert!(rules[1].is_match("http://a.example") && !rules[1].is_match("http://a.example.org"));
        assert!(origins("(").is_err());
    }

    #[test]
    fn methods_default_to_reading_ones() {
        assert_eq!(methods(""), Ok(vec![Method::GET, Method::POST, Method::HEAD]));
        assert_eq!(methods("PUT, DELETE"), Ok(vec![Method::PUT, Method::DELETE]));
    }
}
