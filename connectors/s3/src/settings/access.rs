//! Who makes the requests, which way they go and how objects are protected, from their keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use connect_core::config::{Class, Secret};
use connector_aws::{Role, StaticCredentials, with_scheme};

use crate::client::{AwsOptions, Encryption, Proxy};
use crate::config::S3SinkConfig;

use super::Issues;

const DEFAULT_PROVIDERS: [&str; 3] =
    ["DefaultCredentialsProvider", "DefaultAWSCredentialsProviderChain", "AwsDefaultCredentialsProvider"];
const ROLE_PROVIDER: &str = "AwsAssumeRoleCredentialsProvider";
const SESSION: &str = "sluice-s3-sink";

/// Returns what requests are made with, or adds what is wrong to `issues`.
pub(super) fn aws_options(config: &S3SinkConfig, issues: &mut Issues) -> Option<AwsOptions> {
    let encryption = encryption(config, issues);
    let role = role(config, issues);
    let proxy = proxy(config, issues);
    let secret = config.secret_access_key.clone().filter(|secret| !secret.is_blank());
    Some(AwsOptions {
        bucket: config.bucket.clone(),
        region: config.region.clone(),
        endpoint: config.store_url.as_deref().filter(|url| !url.trim().is_empty()).map(with_scheme),
        credentials: secret.map(|secret_access_key| StaticCredentials {
            access_key_id: config.access_key_id.clone(),
            secret_access_key,
        }),
        role,
        proxy,
        is_path_style: config.path_style,
        is_accelerated: config.wan_mode,
        acl: config.acl.clone().filter(|acl| !acl.is_empty()),
        encryption: encryption?,
        sends_digest: config.send_digest,
        is_conditional: false,
    })
}

fn role(config: &S3SinkConfig, issues: &mut Issues) -> Option<Role> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let provider = config.credentials_provider.simple_name();
    if provider != ROLE_PROVIDER {
        if !is_default_chain(&config.credentials_provider) {
            let reason = "the provider is not known; use the default chain (environment, profile, web identity, \
                 container and instance roles), io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider, or \
                 `aws.access.key.id` and `aws.secret.access.key`";
            issues.invalid("s3.credentials.provider.class", &config.credentials_provider.0, reason);
        }
        return None;
    }
    let arn = given(&config.role_arn);
    if arn.is_none() {
        let reason = "AwsAssumeRoleCredentialsProvider needs the role";
        issues.invalid("s3.credentials.provider.sts.role.arn", "\"\"", reason);
    }
    Some(Role {
        arn: arn?,
        session: given(&config.role_session).unwrap_or_else(|| SESSION.to_owned()),
        external_id: given(&config.role_external_id),
        region: given(&config.role_region),
        duration: None,
        endpoint: None,
    })
}

fn proxy(config: &S3SinkConfig, issues: &mut Issues) -> Option<Proxy> {
    let url = config.proxy_url.trim();
    if url.is_empty() {
        return None;
    }
    let password = config.proxy_password.as_ref().filter(|password| !password.is_blank());
    match Proxy::parse(url, config.proxy_user.as_deref(), password) {
        Ok(proxy) => Some(proxy),
        Err(reason) => {
            // The URL may hold a password.
            issues.invalid("s3.proxy.url", Secret::HIDDEN, &reason);
            None
        }
    }
}

fn encryption(config: &S3SinkConfig, issues: &mut Issues) -> Option<Encryption> {
    let customer_key = config.sse_customer_key.as_ref().filter(|key| !key.is_blank());
    match (config.sse.as_str(), customer_key) {
        ("", _) => Some(Encryption::Bucket),
        ("AES256", Some(key)) => {
            if STANDARD.decode(key.expose()).is_ok_and(|bytes| bytes.len() == 32) {
                return Some(Encryption::Customer(key.clone()));
            }
            let reason = "the key must be 32 bytes in base64";
            issues.invalid("s3.sse.customer.key", Secret::HIDDEN, reason);
            None
        }
        // Confluent sends no header then: the bucket's default encryption applies.
        ("aws:kms", _) if config.sse_kms_key_id.trim().is_empty() => Some(Encryption::Bucket),
        (algorithm, _) => {
            let key_id = Some(config.sse_kms_key_id.clone());
            let kms_key_id = key_id.filter(|id| algorithm == "aws:kms" && !id.trim().is_empty());
            Some(Encryption::Server { algorithm: algorithm.to_owned(), kms_key_id })
        }
    }
}

/// Returns whether a class stands for the AWS default chain.
pub(crate) fn is_default_chain(provider: &Class) -> bool {
    DEFAULT_PROVIDERS.contains(&provider.simple_name())
}
