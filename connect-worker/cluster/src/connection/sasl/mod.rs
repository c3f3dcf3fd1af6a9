//! Logins: `sasl.mechanism` and `sasl.jaas.config` of the Java client.
//!
//! A login is a dialogue of byte strings; `broker` carries them. No secret is shown by `Debug` or in errors.

mod jaas;
mod oauth;
mod scram;
mod token_endpoint;

use std::sync::Arc;

use connect_core::config::{Props, Secret};

use crate::connection::{ConnectionError, ErrorKind};

use self::{
    jaas::Jaas,
    oauth::TokenSource,
    scram::{Hash, Scram},
};

/// How to log in.
#[derive(Debug, Clone)]
pub(crate) enum Sasl {
    /// RFC 4616.
    Plain { user: String, password: Secret },
    /// RFC 5802.
    Scram { hash: Hash, user: String, password: Secret, is_token: bool },
    /// RFC 7628. The source keeps a token for all connections until it is old.
    OAuth(Arc<TokenSource>),
}

impl Sasl {
    /// Reads `sasl.*`.
    pub(crate) fn from_props(props: &Props) -> Result<Self, ConnectionError> {
        let mechanism = props.get("sasl.mechanism").map_or("GSSAPI", |text| text.trim());
        let hash = match mechanism {
            "PLAIN" => None,
            "SCRAM-SHA-256" => Some(Hash::Sha256),
            "SCRAM-SHA-512" => Some(Hash::Sha512),
            "OAUTHBEARER" => return Ok(Self::OAuth(Arc::new(TokenSource::from_props(props)?))),
            _ => {
                return Err(config(format!(
                    "`sasl.mechanism` is `{mechanism}`; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
                )));
            }
        };
        let jaas = Jaas::from_props(props)?;
        let need = |option: &str| {
            jaas.option(option).map(str::to_owned).ok_or_else(|| {
                config(format!("`sasl.jaas.config` lacks `{option}`, which {mechanism} needs"))
            })
        };
        let (user, password) = (need("username")?, Secret::new(need("password")?));
        Ok(match hash {
            None => Self::Plain { user, password },
            Some(hash) => {
                let is_token = jaas.option("tokenauth").is_some_and(|text| text.eq_ignore_ascii_case("true"));
                Self::Scram { hash, user, password, is_token }
            }
        })
    }

    /// Returns the name in `SaslHandshake`.
    pub(crate) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash: Hash::Sha256, .. } => "SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha512, .. } => "SCRAM-SHA-512",
            Self::OAuth(_) => "OAUTHBEARER",
        }
    }

    /// Returns who logs in, for errors.
    pub(crate) fn who(&self) -> String {
        match self {
            Self::Plain { user, .. } | Self::Scram { user, .. } => format!("user `{user}`"),
            Self::OAuth(_) => "the owner of the token".to_owned(),
        }
    }

    /// Begins a dialogue.
    pub(crate) async fn begin(&self) -> Result<Dialogue, ConnectionError> {
        Ok(match self {
            Self::Plain { user, password } => {
                Dialogue::Say(format!("\0{user}\0{}", password.expose()).into_bytes())
            }
            Self::Scram { hash, user, password, is_token } => {
                let nonce: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
                Dialogue::Scram(Box::new(Scram::new(*hash, user, password.clone(), *is_token, &nonce)))
            }
            Self::OAuth(source) => Dialogue::Bearer(source.first_message().await?),
        })
    }
}

/// One login under way.
pub(crate) enum Dialogue {
    /// One message, nothing to check in the answer.
    Say(Vec<u8>),
    /// One message; an answer with content is a refusal that has to be acknowledged.
    Bearer(Vec<u8>),
    /// Three messages.
    Scram(Box<Scram>),
    /// All said.
    Over,
}

impl Dialogue {
    /// Returns the first message.
    pub(crate) fn open(&mut self) -> Vec<u8> {
        match self {
            Self::Say(message) | Self::Bearer(message) => std::mem::take(message),
            Self::Scram(scram) => scram.first().into_bytes(),
            Self::Over => Vec::new(),
        }
    }

    /// Takes an answer. Returns the next message, `None` when the login is complete.
    pub(crate) fn hear(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Bearer(_) if !answer.is_empty() => {
                *self = Self::Over;
                Ok(Some(vec![1]))
            }
            Self::Scram(scram) => scram.hear(answer),
            _ => Ok(None),
        }
    }
}

fn config(text: String) -> ConnectionError {
    ConnectionError::new(ErrorKind::Config, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Sasl, ConnectionError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Sasl::from_props(&pairs.collect())
    }

    #[tokio::test]
    async fn plain_login_says_user_and_password_and_shows_neither_secret() {
        let line =
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password='p w';";
        let sasl = read(&[("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", line)]).expect("valid");
        let mut dialogue = sasl.begin().await.expect("nothing to fetch");
        assert_eq!(dialogue.open(), b"\0u\0p w");
        assert_eq!(dialogue.hear(b""), Ok(None));
        assert_eq!(format!("{sasl:?}"), "Plain { user: \"u\", password: [hidden] }");
    }

    #[test]
    fn mechanism_that_is_missing_or_unknown_and_a_line_without_password_are_refused() {
        for (pairs, part) in [
            (&[][..], "`GSSAPI`; use PLAIN"),
            (&[("sasl.mechanism", "NTLM")], "`NTLM`; use PLAIN"),
            (&[("sasl.mechanism", "PLAIN")], "`sasl.jaas.config` is not set"),
            (
                &[("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", "x required username=u;")],
                "`sasl.jaas.config` lacks `password`, which PLAIN needs",
            ),
        ] {
            let error = read(pairs).expect_err("refused").to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
