//! The AWS SDK behind [`DeliveryStream`]; nothing else in this crate names it. Its own retries are off: there is one
//! retry layer, in `work`.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;

use connect_core::kit::with_causes;
use connect_core::{Bytes, async_trait};
use connector_aws::{Role, StaticCredentials, lacks_credentials};

use crate::client::{DeliveryStream, EntryAnswer};
use crate::errors::{CallError, judge, no_credentials};

/// What requests are made with.
#[derive(Debug, Clone)]
pub(crate) struct AwsOptions {
    pub(crate) stream: String,
    pub(crate) region: Option<String>,
    /// Endpoint with scheme; AWS's own when absent and the environment names none.
    pub(crate) endpoint: Option<String>,
    pub(crate) credentials: Option<StaticCredentials>,
    pub(crate) role: Option<Role>,
    /// Whether entries go one by one, with `PutRecord`.
    pub(crate) is_single: bool,
    pub(crate) request_timeout: Duration,
}

impl AwsOptions {
    /// Returns what tells one stream from another, for what its tasks share.
    pub(crate) fn identity(&self) -> String {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let role = self.role.as_ref().map(|role| role.arn.clone());
        format!("{} {} {} {}", part(&self.endpoint), part(&self.region), part(&role), self.stream)
    }
}

/// Firehose through the AWS SDK.
pub(crate) struct AwsFirehose {
    client: Client,
    options: AwsOptions,
}

impl fmt::Debug for AwsFirehose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AwsFirehose").field("options", &self.options).finish_non_exhaustive()
    }
}

impl AwsFirehose {
    /// Returns a stream; credentials are looked up with the first request.
    pub(crate) async fn connect(options: AwsOptions) -> Self {
        let loader =
            connector_aws::loader("FirehoseSink", options.region.as_deref(), options.credentials.as_ref());
        let shared = loader.load().await;
        let mut config = aws_sdk_firehose::config::Builder::from(&shared);
        if let Some(url) = &options.endpoint {
            config = config.endpoint_url(url);
        }
        if let Some(role) = &options.role {
            config = config.credentials_provider(role.assume(&shared).await);
        }
        Self { client: Client::from_conf(config.build()), options }
    }

    async fn put_one(&self, entry: Bytes) -> Result<Vec<EntryAnswer>, CallError> {
        let call = self.client.put_record().delivery_stream_name(&self.options.stream).record(record(entry)?);
        let answer = self.limited(call.send()).await?;
        match answer.record_id().is_empty() {
            true => Err(protocol("the answer holds no record id")),
            false => Ok(vec![Ok(())]),
        }
    }

    /// Makes a call within the time for a request.
    async fn limited<T, E>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E>>> + Send,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let limit = self.options.request_timeout;
        // The SDK's futures take some 10 KB; every request would hold one in itself.
        match tokio::time::timeout(limit, Box::pin(call)).await {
            Ok(result) => result.map_err(|error| call_error(&error)),
            Err(_) => Err(protocol(&format!("no answer within {} ms", limit.as_millis()))),
        }
    }
}

#[async_trait]
impl DeliveryStream for AwsFirehose {
    async fn describe(&self) -> Result<(String, String), CallError> {
        let call = self.client.describe_delivery_stream().delivery_stream_name(&self.options.stream).limit(1);
        let answer = self.limited(call.send()).await?;
        let description =
            answer.delivery_stream_description.ok_or_else(|| protocol("the answer describes no stream"))?;
        Ok((
            description.delivery_stream_status().as_str().to_owned(),
            description.delivery_stream_type().as_str().to_owned(),
        ))
    }

    async fn put(&self, mut entries: Vec<Bytes>) -> Result<Vec<EntryAnswer>, CallError> {
        if self.options.is_single
            && entries.len() == 1
            && let Some(entry) = entries.pop()
        {
            return self.put_one(entry).await;
        }
        let count = entries.len();
        let records = entries.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
        let call = self
            .client
            .put_record_batch()
            .delivery_stream_name(&self.options.stream)
            .set_records(Some(records));
        let answer = self.limited(call.send()).await?;
        let answers: Vec<EntryAnswer> = answer
            .request_responses()
            .iter()
            .map(|entry| match (entry.error_code(), entry.record_id()) {
                (None, Some(id)) if !id.is_empty() => Ok(()),
                (code, _) => {
                    let code = code.unwrap_or("NoRecordId");
                    Err((code.to_owned(), entry.error_message().unwrap_or_default().to_owned()))
                }
            })
            .collect();
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        // What Firehose says twice must agree, or nothing of it is believed.
        if answers.len() != count || usize::try_from(answer.failed_put_count()) != Ok(failed) {
            let told = answer.failed_put_count();
            return Err(protocol(&format!(
                "the answer tells of {} entries of {count} and {failed} failures of {told}",
                answers.len()
            )));
        }
        Ok(answers)
    }
}

fn record(entry: Bytes) -> Result<Record, CallError> {
    Record::builder()
        .data(Blob::new(Vec::from(entry)))
        .build()
        .map_err(|error| CallError::Invalid(error.to_string()))
}

/// Returns an error without an answer, or with one that makes no sense.
fn protocol(message: &str) -> CallError {
    judge(None, None, message, None)
}

fn call_error<E>(error: &SdkError<E>) -> CallError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let answer = error.raw_response();
    let status = answer.map(|answer| answer.status().as_u16());
    let header = |name| answer.and_then(|answer| answer.headers().get(name));
    let after = header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let message = error.message().map_or_else(|| with_causes(error), str::to_owned);
    // What Firehose itself answered is judged by its code.
    match answer.is_none() && lacks_credentials(error) {
        true => no_credentials(&message),
        false => judge(error.code(), status, &message, after),
    }
}
