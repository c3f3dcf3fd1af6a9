//! What the connectors of AWS share: who makes their requests (credentials, an assumed role), and which errors come
//! from the want of them.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;

use connect_core::config::Secret;

pub use aws_config::SdkConfig;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Credentials written in the configuration.
#[derive(Debug, Clone)]
pub struct StaticCredentials {
    /// `aws.access.key.id`.
    pub access_key_id: String,
    /// `aws.secret.access.key`.
    pub secret_access_key: Secret,
}

/// A role that is assumed through AWS's token service.
#[derive(Debug, Clone)]
pub struct Role {
    /// The role's name in AWS's form.
    pub arn: String,
    /// Name of the session.
    pub session: String,
    /// What the role's owner asks of strangers.
    pub external_id: Option<String>,
    /// Region of the token service; that of the requests when absent.
    pub region: Option<String>,
    /// Length of a session; the provider's own when absent.
    pub duration: Option<Duration>,
    /// Endpoint of the token service; that of its region when absent.
    pub endpoint: Option<String>,
}

impl Role {
    /// Returns credentials of the role, assumed with those of `shared`.
    pub async fn assume(&self, shared: &SdkConfig) -> AssumeRoleProvider {
        let shared = match &self.endpoint {
            Some(url) => shared.to_builder().endpoint_url(url).build(),
            None => shared.clone(),
        };
        let mut builder =
            AssumeRoleProvider::builder(&self.arn).session_name(&self.session).configure(&shared);
        if let Some(id) = &self.external_id {
            builder = builder.external_id(id);
        }
        if let Some(region) = &self.region {
            builder = builder.region(Region::new(region.clone()));
        }
        if let Some(duration) = self.duration {
            builder = builder.session_length(duration);
        }
        builder.build().await
    }
}

/// Returns what all clients of a sink share, to be added to and loaded; credentials are looked up with the first
/// request. The SDK tries nothing again: connectors have a retry layer of their own. `sink` names the program to AWS.
pub fn loader(sink: &str, region: Option<&str>, credentials: Option<&StaticCredentials>) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Ok(name) = AppName::new(format!("Sluice-{sink}-{}", env!("CARGO_PKG_VERSION"))) {
        loader = loader.app_name(name);
    }
    if let Some(fixed) = credentials {
        let (id, secret) = (&fixed.access_key_id, fixed.secret_access_key.expose());
        loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "aws.access.key.id"));
    }
    loader
}

/// Returns a URL with `https://` in front where it names no scheme, as AWS's own SDKs take it.
pub fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("https://{url}") }
}

/// What the AWS SDK says where there are no credentials until an operator acts: its chain ended without any, or the
/// token service refuses the role.
const NO_CREDENTIALS: [&str; 6] = [
    "the credential provider was not enabled",
    "no providers in chain provided credentials",
    "unhandled error (AccessDenied)",
    "unhandled error (InvalidClientTokenId)",
    "unhandled error (SignatureDoesNotMatch)",
    "unhandled error (ValidationError)",
];

/// Returns whether a request of the AWS SDK was not sent for want of credentials, which waiting does not cure. A
/// provider that timed out may answer later. Only for errors without an answer of the service itself, which is judged
/// by its code.
pub fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(here) = cause {
        let text = here.to_string();
        if NO_CREDENTIALS.iter().any(|sign| text.contains(sign)) {
            return true;
        }
        cause = here.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use connect_core::error::ConnectError;

    use super::*;

    fn chain(texts: &[&'static str]) -> ConnectError {
        let mut texts = texts.iter().rev();
        let last = ConnectError::fatal(*texts.next().expect("a text"));
        texts.fold(last, |cause, text| ConnectError::fatal(*text).because(cause))
    }

    #[test]
    fn a_refused_role_is_no_passing_fault_and_a_provider_that_timed_out_is_one() {
        let wrapped = ["dispatch failure", "an error occurred while loading credentials"];
        for (cause, expected) in [
            ("unhandled error (AccessDenied)", true),
            ("no providers in chain provided credentials", true),
            ("unhandled error (Throttling)", false),
            ("provider timed out after 5 seconds", false),
        ] {
            let error = chain(&[wrapped[0], wrapped[1], cause]);
            assert_eq!(lacks_credentials(&error), expected, "{cause}");
        }
    }
}
