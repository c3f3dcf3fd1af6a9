//! The broker as a program: `dev-broker --data DIR --listen 127.0.0.1:9092`.

use std::{env, io::Write, process::ExitCode};

use dev_broker::{Broker, BrokerConfig};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: dev-broker --data DIR [--listen ADDRESS:PORT] [--partitions COUNT]";

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let config = match parse(env::args().skip(1)) {
        Ok(config) => config,
        Err(message) => return fail(&format!("{message}\n{USAGE}")),
    };
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            fail(&format!("{error}{cause}"))
        }
    }
}

async fn run(config: BrokerConfig) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let broker = Broker::start(config).await?;
    writeln!(std::io::stdout(), "listening on {}", broker.address())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    broker.shutdown().await;
    Ok(())
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<BrokerConfig, String> {
    let mut config = BrokerConfig::new("");
    config.listen = ([127, 0, 0, 1], 9092).into();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        let invalid =
            |error: &dyn std::fmt::Display| format!("reading `{name}`: `{value}` is invalid: {error}");
        match name.as_str() {
            "--data" => config.data_dir = (&value).into(),
            "--listen" => config.listen = value.parse().map_err(|error| invalid(&error))?,
            "--partitions" => config.default_partitions = value.parse().map_err(|error| invalid(&error))?,
            _ => return Err(format!("`{name}` is not an option")),
        }
    }
    if config.data_dir.as_os_str().is_empty() {
        return Err("`--data` is missing".to_owned());
    }
    Ok(config)
}

fn fail(message: &str) -> ExitCode {
    // Without standard error there is nobody left to tell.
    writeln!(std::io::stderr(), "dev-broker: {message}").ok();
    ExitCode::FAILURE
}
