//! Tokens for OAUTHBEARER: from a token endpoint (client credentials), from a file, or unsecured for development.

use std::{
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use connect_core::config::{Props, Secret};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use crate::connection::{
    ConnectionError, ErrorKind,
    sasl::{
        config,
        jaas::Jaas,
        token_endpoint::{TokenEndpoint, Url},
    },
};

const ENDPOINT_KEY: &str = "sasl.oauthbearer.token.endpoint.url";
const STRING_CLAIM: &str = "unsecuredLoginStringClaim_";
const NUMBER_CLAIM: &str = "unsecuredLoginNumberClaim_";
const LIST_CLAIM: &str = "unsecuredLoginListClaim_";
/// Lifetime of an unsecured token, as of Kafka's `OAuthBearerUnsecuredLoginCallbackHandler`.
const UNSECURED_SECONDS: u64 = 3600;

/// Where tokens come from. One is kept until four fifths of its life are over.
#[derive(Debug)]
pub(crate) struct TokenSource {
    origin: Origin,
    extensions: Vec<(String, Secret)>,
    kept: Mutex<Option<(Secret, Instant)>>,
}

#[derive(Debug)]
enum Origin {
    Endpoint(Box<TokenEndpoint>),
    File(String),
    Unsecured { claims: Map<String, Value>, lifetime_seconds: u64 },
}

impl TokenSource {
    pub(crate) fn from_props(props: &Props) -> Result<Self, ConnectionError> {
        let has_line = props.get("sasl.jaas.config").is_some_and(|line| !line.trim().is_empty());
        let jaas = has_line.then(|| Jaas::from_props(props)).transpose()?;
        let endpoint = props.get(ENDPOINT_KEY).map(|url| url.trim()).filter(|url| !url.is_empty());
        let origin = match (endpoint, &jaas) {
            (Some(url), jaas) => {
                match Url::parse(url).map_err(|why| config(format!("`{ENDPOINT_KEY}` {why}")))? {
                    Url::File(path) => Origin::File(path),
                    Url::Http(url) => {
                        Origin::Endpoint(Box::new(TokenEndpoint::from_props(url, props, jaas.as_ref())?))
                    }
                }
            }
            (None, Some(jaas)) => unsecured(jaas)?,
            (None, None) => {
                return Err(config(format!(
                    "OAUTHBEARER needs `{ENDPOINT_KEY}` (`https://…` or `file:///…`)"
                )));
            }
        };
        let mut extensions = Vec::new();
        for prefix in ["extension_", "unsecuredLoginExtension_"] {
            let named = jaas.iter().flat_map(|jaas| jaas.with_prefix(prefix));
            extensions.extend(named.map(|(key, value)| (key.to_owned(), Secret::new(value))));
        }
        Ok(Self { origin, extensions, kept: Mutex::new(None) })
    }

    /// Returns the only message of the client, with a token that is still good.
    pub(crate) async fn first_message(&self) -> Result<Vec<u8>, ConnectionError> {
        let token = self.token().await?;
        let mut message = format!("n,,\u{1}auth=Bearer {}\u{1}", token.expose());
        for (key, value) in &self.extensions {
            message.push_str(&format!("{key}={}\u{1}", value.expose()));
        }
        message.push('\u{1}');
        Ok(message.into_bytes())
    }

    async fn token(&self) -> Result<Secret, ConnectionError> {
        match &self.origin {
            Origin::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    let text = format!("reading the token of `{ENDPOINT_KEY}` (`{path}`): {error}");
                    ConnectionError::new(ErrorKind::Unreachable, text)
                })?;
                Ok(Secret::new(text.trim()))
            }
            Origin::Unsecured { claims, lifetime_seconds } => {
                Ok(unsecured_token(claims, *lifetime_seconds, now()))
            }
            Origin::Endpoint(endpoint) => {
                let mut kept = self.kept.lock().await;
                if let Some((token, until)) = kept.as_ref().filter(|(_, until)| Instant::now() < *until) {
                    tracing::trace!(left = ?until.saturating_duration_since(Instant::now()), "using the kept token");
                    return Ok(token.clone());
                }
                let asked = Instant::now();
                let (token, life) = endpoint.fetch().await?;
                let life = life.or_else(|| life_of(token.expose(), now())).unwrap_or_default();
                *kept = Some((token.clone(), asked + life.mul_f64(0.8)));
                Ok(token)
            }
        }
    }
}

fn unsecured(jaas: &Jaas) -> Result<Origin, ConnectionError> {
    let mut claims = Map::new();
    for (name, value) in jaas.with_prefix(STRING_CLAIM) {
        claims.insert(name.to_owned(), json!(value));
    }
    for (name, value) in jaas.with_prefix(NUMBER_CLAIM) {
        let number: f64 = value
            .parse()
            .map_err(|_| config(format!("`sasl.jaas.config`: `{NUMBER_CLAIM}{name}` is no number")))?;
        claims.insert(name.to_owned(), json!(number));
    }
    for (name, value) in jaas.with_prefix(LIST_CLAIM) {
        // The first character separates the others: `|a|b`.
        let mut rest = value.chars();
        let items: Vec<&str> = rest.next().map_or_else(Vec::new, |mark| rest.as_str().split(mark).collect());
        claims.insert(name.to_owned(), json!(items));
    }
    let principal = jaas.option("unsecuredLoginPrincipalClaimName").unwrap_or("sub");
    if !claims.contains_key(principal) {
        return Err(config(format!(
            "OAUTHBEARER needs `{ENDPOINT_KEY}`, or `{STRING_CLAIM}{principal}` in `sasl.jaas.config` for an \
             unsecured token in development"
        )));
    }
    let lifetime_seconds = match jaas.option("unsecuredLoginLifetimeSeconds") {
        None => UNSECURED_SECONDS,
        Some(text) => text.parse().map_err(|_| {
            config("`sasl.jaas.config`: `unsecuredLoginLifetimeSeconds` is no number of seconds".to_owned())
        })?,
    };
    Ok(Origin::Unsecured { claims, lifetime_seconds })
}

fn unsecured_token(claims: &Map<String, Value>, lifetime_seconds: u64, now: u64) -> Secret {
    let mut claims = claims.clone();
    claims.entry("iat").or_insert(json!(now));
    claims.entry("exp").or_insert(json!(now + lifetime_seconds));
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    Secret::new(format!("{}.{}.", part(&json!({"alg": "none"})), part(&Value::Object(claims))))
}

/// Returns how long a token lives, by its own claims.
fn life_of(token: &str, now: u64) -> Option<Duration> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let expires = claims.get("exp")?.as_f64()? as u64;
    Some(Duration::from_secs(expires.saturating_sub(now)))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(pairs: &[(&str, &str)]) -> Result<TokenSource, ConnectionError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        TokenSource::from_props(&pairs.collect())
    }

    #[tokio::test]
    async fn unsecured_token_has_the_claims_of_the_line_and_a_lifetime() {
        let line = "m required unsecuredLoginStringClaim_sub=\"alice\" unsecuredLoginListClaim_scope=\"|a|b\" \
                    unsecuredLoginLifetimeSeconds=\"60\" unsecuredLoginExtension_cluster=\"one\";";
        let source = source(&[("sasl.jaas.config", line)]).expect("valid");
        let message =
            String::from_utf8(source.first_message().await.expect("nothing to fetch")).expect("text");
        let parts: Vec<&str> = message.split('\u{1}').collect();
        let ["n,,", bearer, "cluster=one", "", ""] = parts[..] else { panic!("{parts:?}") };
        let token = bearer.strip_prefix("auth=Bearer ").expect("a token");
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("three parts")).expect("base64");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!((&claims["sub"], &claims["scope"]), (&json!("alice"), &json!(["a", "b"])));
        let seconds = claims["exp"].as_u64().expect("a number") - claims["iat"].as_u64().expect("a number");
        assert_eq!(seconds, 60);
        assert!(life_of(token, now()).is_some_and(|life| life.as_secs() >= 58));
    }

    #[tokio::test]
    async fn token_file_is_read_at_each_login_and_its_absence_may_pass() {
        let folder = tempfile::tempdir().expect("a folder is made");
        let path = folder.path().join("token");
        let source = source(&[(ENDPOINT_KEY, &format!("file://{}", path.display()))]).expect("valid");
        let absent = source.first_message().await.expect_err("no file");
        assert!(absent.is_retriable() && absent.to_string().contains("token"), "{absent}");
        for token in ["one", "two"] {
            fs::write(&path, format!("{token}\n")).expect("a file is written");
            let message = source.first_message().await.expect("a token");
            assert_eq!(message, format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}").into_bytes());
        }
    }

    #[test]
    fn login_without_any_source_of_tokens_is_refused() {
        for pairs in [&[][..], &[("sasl.jaas.config", "m required a=b;")]] {
            let error = source(pairs).expect_err("refused").to_string();
            assert!(error.contains(ENDPOINT_KEY), "{error}");
        }
    }
}
