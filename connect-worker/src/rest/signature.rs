//! Signatures of requests between workers (KIP-507): an HMAC over the body, keyed by the group's session key.
//!
//! Algorithms go by Java's names. Keys appear in no log and no message.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use crate::herder::ports::Session;
use crate::rest::error::RestError;

/// Header that holds the signature.
pub(crate) const SIGNATURE: &str = "X-Connect-Authorization";
/// Header that names the algorithm.
pub(crate) const ALGORITHM: &str = "X-Connect-Request-Signature-Algorithm";

const UNSIGNED: &str = "Internal request missing required signature";
const NO_KEY: &str =
    "This worker is still starting up and has not been able to read a session key from the config topic yet";
const WRONG: &str = "Internal request contained invalid signature.";

/// Reads what Java's decoder reads.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An algorithm that signs requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// `HmacMD5`.
    Md5,
    /// `HmacSHA1`.
    Sha1,
    /// `HmacSHA224`.
    Sha224,
    /// `HmacSHA256`.
    Sha256,
    /// `HmacSHA384`.
    Sha384,
    /// `HmacSHA512`.
    Sha512,
}

impl Algorithm {
    /// Returns the algorithm with a Java name, in any case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "hmacmd5" => Some(Algorithm::Md5),
            "hmacsha1" => Some(Algorithm::Sha1),
            "hmacsha224" => Some(Algorithm::Sha224),
            "hmacsha256" => Some(Algorithm::Sha256),
            "hmacsha384" => Some(Algorithm::Sha384),
            "hmacsha512" => Some(Algorithm::Sha512),
            _ => None,
        }
    }

    fn sign(self, key: &[u8], body: &[u8]) -> Vec<u8> {
        match self {
            Algorithm::Md5 => mac::<Hmac<Md5>>(key, body),
            Algorithm::Sha1 => mac::<Hmac<Sha1>>(key, body),
            Algorithm::Sha224 => mac::<Hmac<Sha224>>(key, body),
            Algorithm::Sha256 => mac::<Hmac<Sha256>>(key, body),
            Algorithm::Sha384 => mac::<Hmac<Sha384>>(key, body),
            Algorithm::Sha512 => mac::<Hmac<Sha512>>(key, body),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes keys of any length");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

/// Signs a body; the headers are added to `headers`. `name` is the algorithm as it is configured.
///
/// # Errors
/// Fails when the algorithm is unknown.
pub(crate) fn sign(headers: &mut HeaderMap, name: &str, key: &[u8], body: &[u8]) -> Result<(), String> {
    let algorithm = Algorithm::parse(name).ok_or_else(|| not_available(name))?;
    let text = STANDARD.encode(algorithm.sign(key, body));
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    headers.insert(SIGNATURE, value(&text)?);
    headers.insert(ALGORITHM, value(name)?);
    Ok(())
}

/// The signature that came with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// As the sender wrote it.
    name: String,
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Signature {
    /// Reads the signature of a request, `None` when a header is missing. That is checked whether or not the group
    /// asks for signatures.
    ///
    /// # Errors
    /// Fails with status 400 when the algorithm is unknown or the signature is no base64.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, RestError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(name), Some(encoded)) = (text(ALGORITHM), text(SIGNATURE)) else { return Ok(None) };
        let bad = |text: String| RestError::new(StatusCode::BAD_REQUEST, text);
        let algorithm = Algorithm::parse(name).ok_or_else(|| bad(not_available(name)))?;
        let bytes = LENIENT.decode(encoded).map_err(|_| bad(not_base64(encoded)))?;
        Ok(Some(Self { name: name.to_owned(), algorithm, bytes }))
    }
}

/// Checks a request of another worker, in the order of `DistributedHerder.requestNotSignedProperly`. `accepted` is
/// `inter.worker.verification.algorithms`.
///
/// # Errors
/// Fails as Kafka Connect answers.
pub(crate) fn check(
    signature: Option<&Signature>,
    body: &[u8],
    session: &Session,
    accepted: &[String],
) -> Result<(), RestError> {
    if !session.is_sessioned {
        return Ok(());
    }
    let signature = signature.ok_or_else(|| RestError::new(StatusCode::BAD_REQUEST, UNSIGNED))?;
    let name = &signature.name;
    if !accepted.contains(name) {
        let accepted = accepted.join(", ");
        let text = format!(
            "This worker does not support the '{name}' key signing algorithm used by other workers. This worker is \
             currently configured to use: [{accepted}]. Check that all workers' configuration files permit the same \
             set of signature algorithms, and correct any misconfigured worker and restart it."
        );
        return Err(RestError::new(StatusCode::BAD_REQUEST, text));
    }
    let key = session.key.as_ref().ok_or_else(|| RestError::new(StatusCode::SERVICE_UNAVAILABLE, NO_KEY))?;
    if is_same(&signature.algorithm.sign(&key.key, body), &signature.bytes) {
        Ok(())
    } else {
        Err(RestError::new(StatusCode::FORBIDDEN, WRONG))
    }
}

/// Compares in a time that does not depend on where the bytes differ.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let differing = left.iter().zip(right).fold(0, |found, (left, right)| found | (left ^ right));
    left.len() == right.len() && std::hint::black_box(differing) == 0
}

fn not_available(name: &str) -> String {
    format!("Algorithm {name} not available")
}

/// Returns the text of Java's decoder.
fn not_base64(text: &str) -> String {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    match text.bytes().find(|byte| !is_digit(*byte)) {
        _ if text.len() < 2 => "Input byte[] should at least have 2 bytes for base64 bytes".to_owned(),
        Some(byte) => format!("Illegal base64 character {byte:x}"),
        None => "Input byte array has wrong 4-byte ending unit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::stores::config::SessionKey;

    const BODY: &[u8] = br#"[{"a":"1"}]"#;

    fn session(key: Option<&'static [u8]>) -> Session {
        let key = key.map(|key| SessionKey {
            key: Bytes::from_static(key),
            algorithm: "HmacSHA256".to_owned(),
            created_ms: 0,
        });
        Session { is_sessioned: true, key }
    }

    fn signed(name: &str, key: &[u8], body: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        sign(&mut headers, name, key, body).expect("a known algorithm");
        headers
    }

    #[test]
    fn signatures_are_those_of_javax_crypto() {
        let golden = include_str!("../../../tests/golden/signatures.txt");
        let mut count = 0;
        for line in golden.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('|').collect();
            let [name, key, body, expected] = fields.as_slice() else { panic!("four fields in {line}") };
            let key = STANDARD.decode(key).expect("base64");
            let headers = signed(name, &key, body.as_bytes());
            assert_eq!(
                headers.get(SIGNATURE).and_then(|value| value.to_str().ok()),
                Some(*expected),
                "{line}"
            );
            count += 1;
        }
        assert!(count >= 18, "{count} signatures");
    }

    #[test]
    fn checks_come_in_kafkas_order() {
        let accepted = ["HmacSHA256".to_owned()];
        let check = |headers: &HeaderMap, session: &Session| {
            let signature = Signature::of(headers).expect("readable");
            check(signature.as_ref(), BODY, session, &accepted)
        };
        let refusal = |status: StatusCode, text: &str| Err(RestError::new(status, text));
        let good = signed("HmacSHA256", b"key", BODY);
        let keyed = session(Some(b"key"));
        assert_eq!(check(&good, &keyed), Ok(()));
        assert_eq!(check(&HeaderMap::new(), &keyed), refusal(StatusCode::BAD_REQUEST, UNSIGNED));
        assert_eq!(check(&good, &session(None)), refusal(StatusCode::SERVICE_UNAVAILABLE, NO_KEY));
        assert_eq!(check(&good, &session(Some(b"other"))), refusal(StatusCode::FORBIDDEN, WRONG));
        assert_eq!(check(&HeaderMap::new(), &Session::default()), Ok(()), "a group without signatures");
        let foreign = check(&signed("HmacSHA1", b"key", BODY), &session(None));
        let text = "This worker does not support the 'HmacSHA1' key signing algorithm used by other workers. This \
                    worker is currently configured to use: [HmacSHA256]. Check that all workers' configuration files \
                    permit the same set of signature algorithms, and correct any misconfigured worker and restart it.";
        assert_eq!(foreign, refusal(StatusCode::BAD_REQUEST, text));
    }

    #[test]
    fn unreadable_signatures_are_bad_requests() {
        let headers = |algorithm: &'static str, signature: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ALGORITHM, HeaderValue::from_static(algorithm));
            headers.insert(SIGNATURE, HeaderValue::from_static(signature));
            headers
        };
        let bad = |text: &str| Err(RestError::new(StatusCode::BAD_REQUEST, text));
        assert_eq!(Signature::of(&headers("Rot13", "AAAA")), bad("Algorithm Rot13 not available"));
        assert_eq!(
            Signature::of(&headers("HmacSHA256", "!")),
            bad("Input byte[] should at least have 2 bytes for base64 bytes")
        );
        assert_eq!(Signature::of(&headers("HmacSHA256", "AAAA AA")), bad("Illegal base64 character 20"));
    }

    #[test]
    fn comparison_looks_at_the_length_too() {
        assert!(
            is_same(b"ab", b"ab") && !is_same(b"ab", b"ac") && !is_same(b"ab", b"a") && !is_same(b"", b"a")
        );
    }
}
