//! When two answers are the same.

/// Returns an answer as the oracle prints it: without line breaks and tabs.
pub(super) fn one_line(answer: &str) -> String {
    answer.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

/// Returns whether two answers are the same: bytes, data, or errors of the same class.
pub(super) fn is_same(wanted: &str, found: &str) -> bool {
    if wanted == found {
        return true;
    }
    match (wanted.strip_prefix("error "), found.strip_prefix("error ")) {
        (Some(wanted), Some(found)) => is_same_class(class(wanted), class(found)),
        (None, None) => match (wanted.split_once('>'), found.split_once('>')) {
            (Some((left, left_read)), Some((right, right_read))) => {
                // Other digits may be read as another number.
                let is_other_digits = left != right && is_same_text(&text(left), &text(right));
                is_other_digits || (left == right && is_same_read(left_read, right_read))
            }
            _ => is_same_text(wanted, found),
        },
        _ => false,
    }
}

fn is_same_read(wanted: &str, found: &str) -> bool {
    match (wanted.strip_prefix("error "), found.strip_prefix("error ")) {
        (Some(wanted), Some(found)) => is_same_class(class(wanted), class(found)),
        (None, None) => is_same_text(wanted, found),
        _ => false,
    }
}

fn class(error: &str) -> &str {
    error.split(": ").next().unwrap_or_default()
}

/// What is no exception of Kafka's, such as a null pointer, is a connect or data error here (`bare-exceptions`), and
/// what is wrong with a schema is wrong with data.
fn is_same_class(wanted: &str, found: &str) -> bool {
    const CONNECT: &str = "org.apache.kafka.connect.errors.";
    let is_plain = matches!(found.strip_prefix(CONNECT), Some("ConnectException" | "DataException"));
    let is_bare = !wanted.starts_with("org.apache.kafka.");
    let is_schema = wanted.strip_prefix(CONNECT) == Some("SchemaBuilderException");
    wanted == found || (is_plain && (is_bare || is_schema))
}

/// Returns whether texts are the same but for what `docs/differences.md` names: the digits of numbers that JDK 17
/// prints longer than needed (`float-digits`), the identity of byte arrays (`byte-array-text`), and dates of the
/// Julian calendar (`header-dates`).
fn is_same_text(wanted: &str, found: &str) -> bool {
    let (wanted, found) = (tokens(wanted), tokens(found));
    let is_date = |index: usize| index >= 2 && wanted[index - 2] == "date";
    let is_same = |(index, (left, right)): (usize, (&&str, &&str))| {
        is_same_token(left, right) || (is_date(index) && is_julian(left) && is_julian(right))
    };
    wanted.len() == found.len() && wanted.iter().zip(&found).enumerate().all(is_same)
}

/// Returns whether an instant is before 15 October 1582.
fn is_julian(token: &str) -> bool {
    token.parse::<i64>().is_ok_and(|millis| millis < -12_219_292_800_000)
}

fn is_same_token(wanted: &str, found: &str) -> bool {
    let is_identity = |text: &str| text.starts_with("B@");
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| text.contains(['.', 'E']));
    wanted == found
        || (is_identity(wanted) && is_identity(found))
        || match (number(wanted), number(found)) {
            #[expect(clippy::cast_possible_truncation, reason = "floats are printed as such")]
            (Some(left), Some(right)) => {
                let is_float = wanted.len().max(found.len()) <= "-1.23456789E-30".len();
                left == right || (is_float && left as f32 == right as f32)
            }
            _ => false,
        }
}

/// Cuts a text into words, that is numbers and names, and what is between them.
fn tokens(text: &str) -> Vec<&str> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'@');
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut start = 0;
    for index in 1..=bytes.len() {
        if index == bytes.len() || is_word(bytes[index]) != is_word(bytes[start]) {
            // Both sides of a cut are whole characters: only ASCII is a word.
            tokens.push(&text[start..index]);
            start = index;
        }
    }
    tokens
}

fn text(hex: &str) -> String {
    String::from_utf8_lossy(&unhex(hex)).into_owned()
}

/// Returns the bytes of a hexadecimal text; `null` has none.
pub(super) fn unhex(hex: &str) -> Vec<u8> {
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|text| u8::from_str_radix(text, 16).ok());
    hex.as_bytes().chunks(2).filter_map(byte).collect()
}

#[test]
fn answers_are_the_same_but_for_what_is_named() {
    for (wanted, found, expected) in [
        ("a 1.0E23 b", "a 9.99999999999999E22 b", false),
        ("2.0E-3 x", "0.0020 x", true),
        ("[B@1f", "[B@2e", true),
        (
            "error java.lang.NullPointerException: x",
            "error org.apache.kafka.connect.errors.ConnectException: y",
            true,
        ),
        (
            "error org.apache.kafka.connect.errors.DataException: x",
            "error org.apache.kafka.connect.errors.ConnectException: x",
            false,
        ),
        ("31>INT8 Byte:1", "31>INT8 Byte:2", false),
        ("31>INT8 Byte:1", "32>INT8 Byte:1", false),
        ("31>INT8 Byte:1", "error org.apache.kafka.connect.errors.DataException: x", false),
    ] {
        assert_eq!(is_same(wanted, found), expected, "{wanted} / {found}");
    }
}
