//! Finds the parts of an envelope without reading them.

/// Returns whether a text may be an object whose first key is one of the given. `false` is certain.
pub fn may_be_object_with(text: &[u8], keys: &[&[u8]]) -> bool {
    let text = skip_space(text);
    // Other encodings and byte order marks: let the reader decide.
    let Some(rest) = text.strip_prefix(b"{") else {
        return text.first().is_some_and(|byte| !(0x20..0x7F).contains(byte));
    };
    match skip_space(rest).strip_prefix(b"\"") {
        Some(rest) => {
            let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
            rest.get(end) == Some(&b'\\') || keys.contains(&&rest[..end])
        }
        None => skip_space(rest).first() == Some(&0),
    }
}

/// Splits an object of exactly two members into the texts of their values, in the order of `keys`. The texts are
/// bounded by matching brackets and quotes, not checked. `None` when the object does not look like that.
pub fn split_object<'a>(text: &'a [u8], keys: [&[u8]; 2]) -> Option<[&'a [u8]; 2]> {
    let rest = skip_space(text).strip_prefix(b"{")?;
    let (first_key, first, rest) = member(rest)?;
    let (second_key, second, rest) = member(rest.strip_prefix(b",")?)?;
    rest.strip_prefix(b"}")?;
    match [first_key, second_key] {
        order if order == keys => Some([first, second]),
        [second_key, first_key] if [first_key, second_key] == keys => Some([second, first]),
        _ => None,
    }
}

/// Returns key, value and what follows the value and its white space.
fn member(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let rest = skip_space(text).strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', rest).filter(|end| rest[*end] == b'"')?;
    let (key, rest) = (&rest[..end], &rest[end + 1..]);
    let rest = skip_space(skip_space(rest).strip_prefix(b":")?);
    let len = value_len(rest)?;
    Some((key, &rest[..len], skip_space(&rest[len..])))
}

fn value_len(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut position = 0;
    loop {
        match text.get(position)? {
            b'"' => position += string_len(&text[position..])? - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(position),
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return Some(position),
            _ => {
                position += 1;
                continue;
            }
        }
        position += 1;
        if depth == 0 && matches!(text[position - 1], b'"' | b'}' | b']') {
            return Some(position);
        }
    }
}

/// Returns how long a string is that begins with a quote, with both quotes.
pub(super) fn string_len(text: &[u8]) -> Option<usize> {
    let mut position = 1;
    loop {
        position += memchr::memchr2(b'"', b'\\', text.get(position..)?)?;
        if text[position] == b'"' {
            return Some(position + 1);
        }
        position += 2;
    }
}

/// Returns how many of the first bytes may belong to a number.
pub(super) fn numeral_len(text: &[u8]) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len())
}

fn skip_space(text: &[u8]) -> &[u8] {
    let len =
        text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(text.len());
    &text[len..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_members_are_split_in_any_order() {
        let keys: [&[u8]; 2] = [b"s", b"p"];
        let split = |text: &'static str| split_object(text.as_bytes(), keys);
        assert_eq!(
            split(r#" {"p":{"a":"}\""} , "s" : [1,{}]} x"#),
            Some([b"[1,{}]" as &[u8], br#"{"a":"}\""}"#])
        );
        assert_eq!(split(r#"{"s":null,"p":12 }"#), Some([b"null" as &[u8], b"12 "]));
        assert_eq!(split(r#"{"s":"x","p":"y"}"#), Some([br#""x""# as &[u8], br#""y""#]));
        for text in ["", "[]", r#"{"s":1}"#, r#"{"s":1,"p":2,"x":3}"#, r#"{"s":1,"s":2}"#, r#"{"s":1,"p":"#] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn only_certain_texts_are_ruled_out() {
        let keys: &[&[u8]] = &[b"schema", b"payload"];
        for (text, expected) in [
            (r#"{"schema":1}"#, true),
            (r#" { "payload" : 1}"#, true),
            (r#"{"\u0073chema":1}"#, true),
            (r#"{"other":1}"#, false),
            ("[1]", false),
            ("{}", false),
            ("\u{feff}{}", true),
        ] {
            assert_eq!(may_be_object_with(text.as_bytes(), keys), expected, "{text}");
        }
    }
}
