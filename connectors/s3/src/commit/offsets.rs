//! Offsets that someone sets through REST: the records of a stopped connector are set with them, since its tasks go
//! by the records.

use std::sync::Arc;

use tokio::runtime::Handle;

use connect_core::CancellationToken;
use connect_core::config::Props;
use connect_core::connector::SinkOffsetChanges;
use connect_core::error::ConnectError;
use connect_core::kit::{ByteBudget, SharedClock, SystemClock};

use crate::client::{AwsStore, ObjectStore};
use crate::settings::Settings;
use crate::upload::{UploadError, Uploader};

use super::ledger::{Ledger, Start, claim_name};

/// Sets the records of partitions. Returns whether there are any: only with `sluice.s3.exactly.once`.
///
/// # Errors
/// Fails when a record cannot be set; those before it are.
pub(crate) fn alter(props: &Props, changes: &SinkOffsetChanges) -> Result<bool, ConnectError> {
    let settings = Settings::parse(props)?;
    if settings.records.is_none() {
        return Ok(false);
    }
    let connector = props.get("name").map(String::as_str).unwrap_or_default();
    let outside = |error| ConnectError::fatal("setting commit records").because(error);
    let runtime = Handle::try_current().map_err(outside)?;
    runtime.block_on(async {
        let store: Arc<dyn ObjectStore> = Arc::new(AwsStore::connect(settings.aws.clone()).await);
        alter_in(store, &settings, connector, changes, Arc::new(SystemClock)).await
    })?;
    Ok(true)
}

/// Sets the records in a store.
///
/// # Errors
/// As [`alter`].
pub(super) async fn alter_in(
    store: Arc<dyn ObjectStore>,
    settings: &Settings,
    connector: &str,
    changes: &SinkOffsetChanges,
    clock: SharedClock,
) -> Result<(), ConnectError> {
    let Some(naming) = &settings.records else { return Ok(()) };
    let uploader = Arc::new(Uploader::new(settings, store, Arc::clone(&clock), ByteBudget::new(0)));
    for (partition, offset) in changes {
        let place = naming.place(connector, partition);
        let owner = format!("{connector} (offsets set)");
        let (name, cancel) = (claim_name(&*clock), CancellationToken::new());
        let ledger = Ledger::new(Arc::clone(&uploader), place, owner, name, cancel);
        let set = async {
            if ledger.exists().await? {
                // Claimed, and not only written: a task that was cut off cannot write it any more.
                ledger.claim(Start::At(*offset)).await?;
            }
            Ok(())
        };
        set.await.map_err(|error| {
            let failed = ConnectError::fatal(format!("setting the commit record of `{partition}`"));
            match error {
                UploadError::Again(cause) | UploadError::Fenced(cause) | UploadError::Fatal(cause) => {
                    failed.because(cause)
                }
                UploadError::Cancelled | UploadError::Exists => failed,
            }
        })?;
    }
    Ok(())
}
