//! The `Authorization` header of the registry's requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connect_core::config::Secret;
use connect_core::error::ConnectError;

use super::settings::RegistryConfig;

/// Splits the user information off a URL, so that no log or error ever shows it.
pub(super) fn split_url(url: &str) -> (String, Option<Secret>) {
    let trimmed = url.trim().trim_end_matches('/');
    let Some((scheme, rest)) = trimmed.split_once("://") else { return (trimmed.to_owned(), None) };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => {
            let user = percent_decoded(&rest[..at]);
            (format!("{scheme}://{}", &rest[at + 1..]), Some(Secret::new(user)))
        }
        None => (trimmed.to_owned(), None),
    }
}

/// Returns the header's value for a URL with the given user information.
///
/// # Errors
/// Fails (config) when `SASL_INHERIT` finds no user and password.
pub(super) fn authorization(
    config: &RegistryConfig,
    url_user: Option<Secret>,
) -> Result<Option<Secret>, ConnectError> {
    if let Some(token) = config.bearer_token.as_ref().filter(|_| config.bearer_source.is_some()) {
        return Ok(Some(Secret::new(format!("Bearer {}", token.expose()))));
    }
    let user = match config.basic_source.as_str() {
        "USER_INFO" => config.user_info.clone(),
        "SASL_INHERIT" => Some(from_jaas(config.jaas.as_ref())?),
        _ => url_user,
    };
    Ok(user.map(|user| Secret::new(format!("Basic {}", STANDARD.encode(user.expose())))))
}

fn from_jaas(jaas: Option<&Secret>) -> Result<Secret, ConnectError> {
    let option = |name: &str| {
        let text = jaas?.expose();
        let start = text.find(&format!("{name}="))? + name.len() + 1;
        let value = text.get(start..)?;
        match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split([' ', ';']).next(),
        }
    };
    match (option("username"), option("password")) {
        (Some(user), Some(password)) => Ok(Secret::new(format!("{user}:{password}"))),
        _ => Err(ConnectError::config(
            "`sasl.jaas.config` must hold a username and a password when `basic.auth.credentials.source` is \
             `SASL_INHERIT`",
        )),
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use connect_core::testkit::props;

    use super::*;

    fn header(pairs: &[(&str, &str)], url: &str) -> Option<String> {
        let mut all = vec![("schema.registry.url", url)];
        all.extend_from_slice(pairs);
        let config = RegistryConfig::read(&props(&all)).expect("valid");
        let (_, user) = split_url(url);
        authorization(&config, user).expect("complete").map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn credentials_come_from_the_url_the_settings_the_login_line_or_a_token() {
        let basic = |user: &str| Some(format!("Basic {}", STANDARD.encode(user)));
        assert_eq!(header(&[], "http://us%3Aer:p@ss@host:1/x"), basic("us:er:p@ss"));
        assert_eq!(header(&[], "http://host"), None);
        let info = [("basic.auth.credentials.source", "USER_INFO"), ("basic.auth.user.info", "a:b")];
        assert_eq!(header(&info, "http://x:y@host"), basic("a:b"));
        let jaas = "o.a.k.PlainLoginModule required username=\"k\" password=\"s;t\";";
        let sasl = [("basic.auth.credentials.source", "SASL_INHERIT"), ("sasl.jaas.config", jaas)];
        assert_eq!(header(&sasl, "http://host"), basic("k:s;t"));
        let token = [("bearer.auth.credentials.source", "STATIC_TOKEN"), ("bearer.auth.token", "tok")];
        assert_eq!(header(&token, "http://host"), Some("Bearer tok".to_owned()));
    }

    #[test]
    fn the_url_that_is_shown_has_no_credentials() {
        assert_eq!(split_url("https://u:p@h:8081/base/").0, "https://h:8081/base");
        assert_eq!(split_url("http://h/a@b"), ("http://h/a@b".to_owned(), None));
    }
}
