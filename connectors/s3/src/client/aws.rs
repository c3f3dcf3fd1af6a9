//! The AWS SDK behind [`ObjectStore`]; nothing else in this crate names it. Its own retries are off: there is one
//! retry layer, in `upload`.

mod records;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    CompletedMultipartUpload, CompletedPart, ObjectCannedAcl, ServerSideEncryption, Tag, Tagging,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use connect_core::config::Secret;
use connect_core::kit::with_causes;
use connect_core::{Bytes, async_trait};
use connector_aws::{Role, StaticCredentials, lacks_credentials};

use crate::client::ObjectStore;
use crate::client::access::{self, Proxy};
use crate::errors::{Advice, StoreError};

/// Time a request gets, plus one second for each [`SLOWEST_BYTES_PER_SECOND`] of its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const SLOWEST_BYTES_PER_SECOND: u64 = 512 * 1024;
/// User metadata that holds an object's mark.
const MARK: &str = "sluice-commit";

/// What requests are made with.
#[derive(Debug, Clone)]
pub(crate) struct AwsOptions {
    pub(crate) bucket: String,
    pub(crate) region: String,
    /// Endpoint with scheme; AWS's own when absent and the environment names none.
    pub(crate) endpoint: Option<String>,
    pub(crate) credentials: Option<StaticCredentials>,
    /// The role that writes, in place of whom the credentials belong to.
    pub(crate) role: Option<Role>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) is_path_style: bool,
    pub(crate) is_accelerated: bool,
    pub(crate) acl: Option<String>,
    pub(crate) encryption: Encryption,
    pub(crate) sends_digest: bool,
    /// Whether objects are written only where none of their name exists.
    pub(crate) is_conditional: bool,
}

/// How objects are encrypted at rest.
#[derive(Debug, Clone, Default)]
pub(crate) enum Encryption {
    /// As the bucket says.
    #[default]
    Bucket,
    /// With a named algorithm and, for KMS, a key.
    Server { algorithm: String, kms_key_id: Option<String> },
    /// With a key that the customer sends along, in base64.
    Customer(Secret),
}

/// S3 through the AWS SDK.
pub(crate) struct AwsStore {
    client: Client,
    options: AwsOptions,
    is_https: bool,
    customer_key: Option<CustomerKey>,
}

struct CustomerKey {
    key: Secret,
    md5: String,
}

impl fmt::Debug for AwsStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AwsStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl AwsStore {
    /// Returns a store; credentials are looked up with the first request.
    pub(crate) async fn connect(options: AwsOptions) -> Self {
        let shared = access::shared_config(&options).await;
        let endpoint = options.endpoint.clone().or_else(|| shared.endpoint_url().map(str::to_owned));
        let is_https = endpoint.as_deref().is_none_or(|url| url.starts_with("https://"))
            && !std::env::var("AWS_ENDPOINT_URL_S3").is_ok_and(|url| url.starts_with("http://"));
        let mut config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(options.is_path_style)
            .accelerate(options.is_accelerated)
            // Third-party stores do not know the newer checksums.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(url) = &options.endpoint {
            config = config.endpoint_url(url);
        }
        if let Some(role) = &options.role {
            config = config.credentials_provider(role.assume(&shared).await);
        }
        let customer_key = match &options.encryption {
            Encryption::Customer(key) => Some(CustomerKey { key: key.clone(), md5: key_md5(key) }),
            _ => None,
        };
        Self { client: Client::from_conf(config.build()), options, is_https, customer_key }
    }

    fn acl(&self) -> Option<ObjectCannedAcl> {
        self.options.acl.as_deref().map(ObjectCannedAcl::from)
    }

    fn server_encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.options.encryption {
            Encryption::Server { algorithm, kms_key_id } => {
                (Some(ServerSideEncryption::from(algorithm.as_str())), kms_key_id.clone())
            }
            _ => (None, None),
        }
    }

    /// Returns the three SSE-C headers: algorithm, key, MD5 of the key.
    fn customer_headers(&self) -> (Option<String>, Option<String>, Option<String>) {
        match &self.customer_key {
            Some(key) => {
                (Some("AES256".to_owned()), Some(key.key.expose().to_owned()), Some(key.md5.clone()))
            }
            None => (None, None, None),
        }
    }

    fn digest(&self, body: &Bytes) -> Option<String> {
        self.options.sends_digest.then(|| STANDARD.encode(Md5::digest(body)))
    }

    /// Returns the call that writes a whole object, with the access and encryption that all objects get.
    fn put(&self, key: &str, body: Bytes) -> PutObjectFluentBuilder {
        let (algorithm, customer_key, key_md5) = self.customer_headers();
        let (encryption, kms_key_id) = self.server_encryption();
        self.client
            .put_object()
            .bucket(&self.options.bucket)
            .key(key)
            .set_acl(self.acl())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key_id)
            .set_sse_customer_algorithm(algorithm)
            .set_sse_customer_key(customer_key)
            .set_sse_customer_key_md5(key_md5)
            .set_content_md5(self.digest(&body))
            .body(ByteStream::from(body))
    }

    fn condition(&self) -> Option<String> {
        self.options.is_conditional.then(|| "*".to_owned())
    }
}

#[async_trait]
impl ObjectStore for AwsStore {
    async fn head_bucket(&self) -> Result<(), StoreError> {
        let call = self.client.head_bucket().bucket(&self.options.bucket);
        limited(0, call.send()).await.map(|_| ())
    }

    async fn put_object(&self, key: &str, body: Bytes) -> Result<(), StoreError> {
        let size = body.len();
        let call = self.put(key, body).set_if_none_match(self.condition());
        if self.is_https {
            // TLS protects the body on its way; hashing it again for the signature costs as much as compressing it.
            return limited(size, call.customize().disable_payload_signing().send()).await.map(|_| ());
        }
        limited(size, call.send()).await.map(|_| ())
    }

    async fn create_multipart(&self, key: &str, mark: Option<&str>) -> Result<String, StoreError> {
        let (algorithm, customer_key, key_md5) = self.customer_headers();
        let (encryption, kms_key_id) = self.server_encryption();
        let call = self
            .client
            .create_multipart_upload()
            .bucket(&self.options.bucket)
            .key(key)
            .set_acl(self.acl())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key_id)
            .set_sse_customer_algorithm(algorithm)
            .set_sse_customer_key(customer_key)
            .set_sse_customer_key_md5(key_md5)
            .set_metadata(mark.map(|mark| HashMap::from([(MARK.to_owned(), mark.to_owned())])));
        let answer = limited(0, call.send()).await?;
        answer.upload_id.ok_or_else(|| StoreError::transport("the answer holds no upload id"))
    }

    async fn upload_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        body: Bytes,
    ) -> Result<String, StoreError> {
        let (algorithm, customer_key, key_md5) = self.customer_headers();
        let size = body.len();
        let call = self
            .client
            .upload_part()
            .bucket(&self.options.bucket)
            .key(key)
            .upload_id(upload)
            .part_number(number)
            .set_sse_customer_algorithm(algorithm)
            .set_sse_customer_key(customer_key)
            .set_sse_customer_key_md5(key_md5)
            .set_content_md5(self.digest(&body))
            .body(ByteStream::from(body));
        let answer = if self.is_https {
            limited(size, call.customize().disable_payload_signing().send()).await?
        } else {
            limited(size, call.send()).await?
        };
        answer.e_tag.ok_or_else(|| StoreError::transport("the answer holds no tag of the part"))
    }

    async fn complete(&self, key: &str, upload: &str, tags: &[String]) -> Result<(), StoreError> {
        let (algorithm, customer_key, key_md5) = self.customer_headers();
        let parts = (1..)
            .zip(tags)
            .map(|(number, tag)| CompletedPart::builder().part_number(number).e_tag(tag).build());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let call = self
            .client
            .complete_multipart_upload()
            .bucket(&self.options.bucket)
            .key(key)
            .upload_id(upload)
            .set_sse_customer_algorithm(algorithm)
            .set_sse_customer_key(customer_key)
            .set_sse_customer_key_md5(key_md5)
            .set_if_none_match(self.condition())
            .multipart_upload(parts);
        // Joining many parts takes S3 minutes at worst; it keeps the connection alive meanwhile.
        let joining = 16 * 1024 * 1024 * tags.len().min(6);
        limited(joining, call.send()).await.map(|_| ())
    }

    async fn tag(&self, key: &str, tags: &[(String, String)]) -> Result<(), StoreError> {
        let mut set = Tagging::builder();
        for (name, value) in tags {
            let tag = Tag::builder().key(name).value(value).build();
            set = set.tag_set(tag.map_err(|error| StoreError::transport(error.to_string()))?);
        }
        let set = set.build().map_err(|error| StoreError::transport(error.to_string()))?;
        let call = self.client.put_object_tagging().bucket(&self.options.bucket).key(key).tagging(set);
        limited(0, call.send()).await.map(|_| ())
    }

    async fn abort(&self, key: &str, upload: &str) -> Result<(), StoreError> {
        let call =
            self.client.abort_multipart_upload().bucket(&self.options.bucket).key(key).upload_id(upload);
        limited(0, call.send()).await.map(|_| ())
    }
}

/// Makes a call within the time its body may take.
async fn limited<T, E>(
    body_size: usize,
    call: impl Future<Output = Result<T, SdkError<E>>> + Send,
) -> Result<T, StoreError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let seconds = u64::try_from(body_size).unwrap_or(u64::MAX) / SLOWEST_BYTES_PER_SECOND;
    let limit = REQUEST_TIMEOUT + Duration::from_secs(seconds);
    // The SDK's futures take some 10 KB; every upload task would hold one in itself.
    match tokio::time::timeout(limit, Box::pin(call)).await {
        Ok(result) => result.map_err(store_error),
        Err(_) => Err(StoreError::transport(format!("no answer within {} s", limit.as_secs()))),
    }
}

fn store_error<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let answer = error.raw_response();
    let status = answer.map(|answer| answer.status().as_u16());
    let header = |name| answer.and_then(|answer| answer.headers().get(name));
    let retry_after = header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let code = error.code().map(str::to_owned);
    let message = match error.message() {
        Some(message) => message.to_owned(),
        None => {
            let text = with_causes(&error);
            // A chain that cannot be asked now is tried again, but the operator should know where to look.
            if text.contains("loading credentials") {
                format!("{text}; {}", Advice::Credentials.text())
            } else {
                text
            }
        }
    };
    StoreError {
        code,
        status,
        retry_after,
        // What S3 itself answered is judged by its code.
        is_credentials: status.is_none() && lacks_credentials(&error),
        message,
        source: Some(Box::new(error)),
    }
}

fn key_md5(key: &Secret) -> String {
    let decoded = STANDARD.decode(key.expose()).unwrap_or_default();
    STANDARD.encode(Md5::digest(decoded))
}
