//! Paths: what Jetty refuses before any resource sees it, and the trailing slash.

use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

/// Refuses ambiguous paths, and takes a trailing slash away.
pub(crate) async fn normalise(mut request: Request, next: Next) -> Response {
    if let Some(reason) = ambiguity(request.uri().path()) {
        return refused(reason);
    }
    if let Some(uri) = without_trailing_slash(request.uri()) {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}

/// Returns why a path could mean two things, in Jetty's words.
fn ambiguity(path: &str) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    let is_dots =
        |segment: &str| matches!(segment.replace("%2e", ".").as_str(), "." | "..") && segment.contains('%');
    if lower.contains("%2f") {
        Some("Ambiguous URI path separator")
    } else if lower.contains("//") {
        Some("Ambiguous URI empty segment")
    } else if lower.contains("%25") {
        Some("Ambiguous URI path encoding")
    } else if lower.split('/').any(is_dots) {
        Some("Ambiguous URI path segment")
    } else {
        None
    }
}

fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

fn refused(reason: &str) -> Response {
    let page = format!(
        "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n\
         <title>Error 400 {reason}</title>\n</head>\n<body>\n<h2>HTTP ERROR 400 {reason}</h2>\n</body>\n</html>\n"
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let html = HeaderValue::from_static("text/html;charset=iso-8859-1");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// Returns the pairs of a query, decoded; a key without a value has an empty one.
pub(crate) fn query(raw: Option<&str>) -> Vec<(String, String)> {
    let pairs = raw.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let decoded = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    };
    pairs.map(decoded).collect()
}

/// Returns a boolean query parameter as `Boolean.valueOf` reads it: only `true`, in any case, is true.
pub(crate) fn flag(pairs: &[(String, String)], name: &str, default: bool) -> bool {
    let given = pairs.iter().find(|(key, _)| key == name);
    given.map_or(default, |(_, value)| value.eq_ignore_ascii_case("true"))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped =
            tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_paths_are_named() {
        let cases = [
            ("/connectors/a%2Fb", Some("Ambiguous URI path separator")),
            ("//connectors", Some("Ambiguous URI empty segment")),
            ("/connectors/a%25b", Some("Ambiguous URI path encoding")),
            ("/connectors/%2e%2e", Some("Ambiguous URI path segment")),
            ("/connectors/a%20b", None),
            ("/", None),
        ];
        for (path, reason) in cases {
            assert_eq!(ambiguity(path), reason, "{path}");
        }
    }

    #[test]
    fn query_is_decoded_and_bare_keys_are_empty() {
        let pairs = query(Some("expand&version=%5Bx+y&includeTasks=TRUE"));
        let expected = [("expand", ""), ("version", "[x y"), ("includeTasks", "TRUE")];
        let expected: Vec<(String, String)> =
            expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(pairs, expected);
        assert!(
            flag(&pairs, "includeTasks", false) && !flag(&pairs, "version", true) && flag(&pairs, "x", true)
        );
    }

    #[test]
    fn trailing_slash_is_taken_away_and_the_query_stays() {
        let stripped =
            |text: &str| without_trailing_slash(&text.parse().expect("a path")).map(|uri| uri.to_string());
        assert_eq!(stripped("/connectors/?expand=info"), Some("/connectors?expand=info".to_owned()));
        assert_eq!((stripped("/"), stripped("/connectors")), (None, None));
    }
}
