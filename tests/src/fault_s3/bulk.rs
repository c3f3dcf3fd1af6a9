//! Bulk requests of Elasticsearch whose items fail one by one: some do not reach the server, and are answered for.

use serde_json::{Value, json};

/// Takes every `every`-th item out of a request. Returns what is left of it, and the positions and actions of the
/// items that were taken out.
pub(super) fn split(body: &[u8], every: usize) -> (Vec<u8>, Vec<(usize, Value)>) {
    let mut lines = body.split_inclusive(|byte| *byte == b'\n');
    let (mut left, mut taken, mut position) = (Vec::new(), Vec::new(), 0);
    while let Some(line) = lines.next() {
        let Ok(action) = serde_json::from_slice::<Value>(line) else { continue };
        let document = if action.get("delete").is_some() { None } else { lines.next() };
        if position % every == every - 1 {
            taken.push((position, action));
        } else {
            left.extend_from_slice(line);
            left.extend_from_slice(document.unwrap_or_default());
        }
        position += 1;
    }
    (left, taken)
}

/// Puts answers of 429 for the items that were taken out into the answer to the others; `None` if that is no success.
pub(super) fn merge(response: &[u8], taken: &[(usize, Value)]) -> Option<Vec<u8>> {
    let mut answer: Value = serde_json::from_slice(&body(response)?).ok()?;
    let items = answer["items"].as_array_mut()?;
    for (position, action) in taken {
        let (kind, about) = action.as_object()?.iter().next()?;
        let reason = json!({ "type": "es_rejected_execution_exception", "reason": "injected by the test" });
        let item = json!({ "_index": about["_index"], "_id": about["_id"], "status": 429, "error": reason });
        items.insert(*position, json!({ kind.as_str(): item }));
    }
    if !taken.is_empty() {
        answer["errors"] = json!(true);
    }
    let body = answer.to_string();
    let head = "HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\nContent-Type: application/json\r\n";
    let head = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    Some((head + &body).into_bytes())
}

/// Returns the body of an answer, out of its chunks if it came in some.
fn body(response: &[u8]) -> Option<Vec<u8>> {
    const END: &[u8] = b"\r\n\r\n";
    let start = response.windows(END.len()).position(|part| part == END)? + END.len();
    let (head, mut rest) = response.split_at(start);
    if !String::from_utf8_lossy(head).to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Some(rest.to_vec());
    }
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + size)?);
        rest = rest.get(line + size + 4..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_taken_out_are_answered_for_in_their_places() {
        let body = b"{\"index\":{\"_id\":\"a\"}}\n{\"n\":1}\n{\"delete\":{\"_id\":\"b\"}}\n{\"index\":{\"_id\":\"c\"}}\n{}\n";
        let (left, taken) = split(body, 2);
        assert_eq!(left, b"{\"index\":{\"_id\":\"a\"}}\n{\"n\":1}\n{\"index\":{\"_id\":\"c\"}}\n{}\n");
        let answered =
            json!({ "errors": false, "items": [{ "index": { "_id": "a" } }, { "index": { "_id": "c" } }] });
        let whole = format!("HTTP/1.1 200 OK\r\n\r\n{answered}");
        let (size, chunked) = (answered.to_string().len(), "Transfer-Encoding: chunked");
        let chunks = format!("HTTP/1.1 200 OK\r\n{chunked}\r\n\r\n{size:x}\r\n{answered}\r\n0\r\n\r\n");
        assert_eq!(merge(whole.as_bytes(), &taken), merge(chunks.as_bytes(), &taken));
        assert_eq!(merge(b"HTTP/1.1 503 No\r\n\r\n", &taken), None);
        let merged = merge(whole.as_bytes(), &taken).expect("an answer");
        let merged = String::from_utf8(merged).expect("text");
        let merged: Value =
            serde_json::from_str(merged.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
        let ids: Vec<&str> = merged["items"].as_array().expect("items").iter().map(id_of).collect();
        assert_eq!((ids, &merged["errors"]), (vec!["a", "b", "c"], &json!(true)));
        assert_eq!(merged["items"][1]["delete"]["status"], 429);
    }

    fn id_of(item: &Value) -> &str {
        let (_, about) = item.as_object().and_then(|item| item.iter().next()).expect("an item");
        about["_id"].as_str().expect("an id")
    }
}
