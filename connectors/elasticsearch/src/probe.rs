//! Looks at the cluster: whether it answers, knows the user, and is of a version that can be written to.

use std::thread;
use std::time::Duration;

use hyper::Method;
use serde::Deserialize;

use connect_core::config::ConfigReport;

use crate::client::{CallError, Client};
use crate::settings::{Naming, Product, Settings};

/// Oldest version of Elasticsearch.
const OLDEST: u32 = 7;
/// Longest look at a cluster while a configuration is checked.
const CHECK_LIMIT: Duration = Duration::from_secs(8);

#[derive(Deserialize, Default)]
struct Info {
    #[serde(default)]
    version: Version,
}

#[derive(Deserialize, Default)]
struct Version {
    #[serde(default)]
    number: String,
    #[serde(default)]
    distribution: String,
}

/// Checks that the cluster answers, and its version.
///
/// # Errors
/// Says whether trying again may help.
pub(crate) async fn check_server(client: &Client, product: Product) -> Result<(), CallError> {
    let answer = client.call(Method::GET, "/", None).await?;
    // The right to look at the cluster is not needed to write.
    if answer.status == 403 {
        return Ok(());
    }
    if !answer.is_success() {
        // A serverless collection has nothing at its root.
        return match (answer.status, product) {
            (404, Product::OpenSearch) => Ok(()),
            _ => Err(answer.unexpected("looking at the cluster")),
        };
    }
    let info: Info = serde_json::from_slice(&answer.body).unwrap_or_default();
    let major: u32 =
        info.version.number.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(OLDEST);
    let is_opensearch = info.version.distribution == "opensearch";
    if product == Product::Elasticsearch && !is_opensearch && major < OLDEST {
        let number = info.version.number;
        return Err(CallError::Refused(format!(
            "Elasticsearch version {number} is not supported; it must be at least {OLDEST}"
        )));
    }
    Ok(())
}

/// Adds what is wrong with the cluster to a report: of keys of the connection, and of resources that must exist.
/// Runs on a thread of its own, because checks of configurations are not asynchronous; it ends within seconds.
pub(crate) fn check(settings: &Settings, report: &mut ConfigReport) {
    let worker = thread::scope(|scope| {
        let look = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(async {
                    match tokio::time::timeout(CHECK_LIMIT, look(settings)).await {
                        Ok(found) => found,
                        Err(_) => vec![("connection.url", "Could not connect: no answer in time".to_owned())],
                    }
                }),
                Err(error) => vec![("connection.url", format!("looking at the cluster: {error}"))],
            }
        };
        scope.spawn(look).join()
    });
    for (key, text) in worker.unwrap_or_default() {
        report.add_error(key, text);
    }
}

async fn look(settings: &Settings) -> Vec<(&'static str, String)> {
    let name = settings.product.name();
    let client = match Client::new(&settings.connection) {
        Ok(client) => client,
        Err(error) => return vec![("connection.url", error.trace().trim_end().to_owned())],
    };
    let mut outcome = Err(CallError::Refused(String::new()));
    for _ in 0..client.nodes() {
        outcome = check_server(&client, settings.product).await;
        if !matches!(outcome, Err(CallError::Again { .. })) {
            break;
        }
    }
    match outcome {
        Ok(()) => missing_resources(&client, settings).await,
        Err(CallError::Refused(reason)) if reason.contains("status 401") => {
            let text = format!(
                "Could not authenticate the user. Check the 'connection.username' and 'connection.password'. Error \
                 message: {reason}"
            );
            vec![
                ("connection.url", text.clone()),
                ("connection.username", text.clone()),
                ("connection.password", text),
            ]
        }
        Err(error) => {
            let text = format!("Could not connect to {name}. Error message: {}", error.reason());
            vec![("connection.url", text)]
        }
    }
}

async fn missing_resources(client: &Client, settings: &Settings) -> Vec<(&'static str, String)> {
    let Naming::Mapped(mapping) = &settings.rules.naming else { return Vec::new() };
    let key = match settings.product {
        Product::Elasticsearch => "topic.to.external.resource.mapping",
        Product::OpenSearch => "topic.to.existing.resource.mapping",
    };
    let mut found = Vec::new();
    for resource in mapping.values() {
        match client.call(Method::HEAD, &format!("/{resource}"), None).await {
            Ok(answer) if answer.status == 404 => {
                let name = settings.product.name();
                found.push((key, format!("Resource '{resource}' does not exist in {name}")));
            }
            Ok(_) => {}
            Err(error) => {
                found.push((
                    key,
                    format!("Failed to check if resource '{resource}' exists: {}", error.reason()),
                ));
            }
        }
    }
    found
}
