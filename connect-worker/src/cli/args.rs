//! The commands and their arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::preview::Offsets;

/// Kafka Connect in one small program: moves data between Apache Kafka and other systems.
///
/// It takes the worker and connector files, the REST calls and the class names of Kafka Connect as they are.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, arg_required_else_help = true, max_term_width = 100, after_help = EXAMPLES)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sluice quickstart
  sluice standalone worker.properties orders-to-s3.json
  sluice distributed worker.properties
  sluice validate orders-to-s3.json --worker worker.properties
  sluice preview orders-to-s3.json --worker worker.properties --last 3
  sluice plugins S3Sink";

/// A command.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs a worker alone, with connectors from files.
    Standalone(StandaloneArgs),
    /// Runs a worker of a group that shares its connectors, with all state in Kafka.
    ///
    /// Workers with the same `group.id` and topics form one cluster, JVM workers among them. Connectors are created
    /// over REST.
    Distributed(DistributedArgs),
    /// Runs a broker, an S3 server and a worker on this machine, to try things out.
    Quickstart(QuickstartArgs),
    /// Runs a broker and several workers of one group on this machine, and shows who runs what.
    Fleet(FleetArgs),
    /// Lists the built-in plug-ins, or the keys of one.
    Plugins(PluginsArgs),
    /// Checks a connector file, without a broker.
    ///
    /// Ends with 0 when the file is in order, 1 when it has errors, 2 when it cannot be read.
    Validate(ValidateArgs),
    /// Shows what a connector would do with records, without doing it.
    ///
    /// Runs the connector's converters, transforms and predicates on records of its topic or of a file, and tells
    /// what the connector would send. Nothing is joined, committed or written. Ends with 0 when all went well, 1 when
    /// a record is refused, 2 when it cannot run.
    Preview(PreviewArgs),
    /// Runs tests of connector files: given records and what is expected of them.
    ///
    /// Ends with 0 when all pass, 1 when one fails, 2 when one cannot run.
    Test(TestArgs),
    /// Looks at the cluster of a worker file: would its connectors run here?
    ///
    /// Reads the cluster's topics without joining it or writing anything. Ends with 0 when everything would run, 1
    /// when something would not, 2 when the file or the cluster cannot be read.
    Takeover(TakeoverArgs),
    /// Prints the script that completes commands in a shell.
    Completions {
        /// Shell to print it for.
        shell: clap_complete::Shell,
    },
    /// Writes the reference of all keys as Markdown.
    Docs {
        /// Folder to write to; it is made if need be.
        folder: PathBuf,
    },
}

/// Arguments of `standalone`.
#[derive(Debug, Args)]
pub(super) struct StandaloneArgs {
    /// Worker file: properties, or by its extension JSON or YAML.
    pub(super) worker: PathBuf,
    /// Connector files: properties, JSON or YAML.
    pub(super) connectors: Vec<PathBuf>,
    /// Ends by itself: sinks read to the ends that their topics have now, commit, and are stopped.
    ///
    /// Ends with 0 when that is done, 3 when there was nothing to do, 1 when it failed. Connectors can ask for the
    /// same with `sluice.once=true`. No port is opened but one of the system's choice on 127.0.0.1.
    #[arg(long)]
    pub(super) once: bool,
    /// With --once: most batches of `max.poll.records` records, for each connector.
    #[arg(long, value_name = "BATCHES", requires = "once", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_batches: Option<u64>,
    /// With --once: most records, for each connector.
    #[arg(long, value_name = "RECORDS", requires = "once", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_records: Option<u64>,
    /// With --once: longest time, for each connector.
    #[arg(long, value_name = "SECONDS", requires = "once", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_seconds: Option<u64>,
}

/// Arguments of `distributed`.
#[derive(Debug, Args)]
pub(super) struct DistributedArgs {
    /// Worker file: properties, or by its extension JSON or YAML.
    pub(super) worker: PathBuf,
}

/// Arguments of `takeover`.
#[derive(Debug, Args)]
pub(super) struct TakeoverArgs {
    /// Looks and tells. There is nothing else to do: a worker that is started with the file takes over.
    #[arg(long, required = true)]
    check: bool,
    /// Worker file of the cluster: properties, or by its extension JSON or YAML.
    pub(super) worker: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Arguments of `quickstart`.
#[derive(Debug, Args)]
pub(super) struct QuickstartArgs {
    /// Folder of all data; it is made if need be, and found again at the next start.
    #[arg(long, value_name = "FOLDER", default_value = ".quickstart")]
    pub(super) dir: PathBuf,
    /// Logs made a second.
    #[arg(long, value_name = "LOGS", default_value_t = 100.0, value_parser = rate)]
    pub(super) rate: f64,
}

/// Arguments of `fleet`.
#[derive(Debug, Args)]
pub(super) struct FleetArgs {
    /// Number of workers.
    #[arg(long, value_name = "WORKERS", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(super) workers: u8,
    /// Folder of all data; it is made if need be, and found again at the next start.
    #[arg(long, value_name = "FOLDER", default_value = ".fleet")]
    pub(super) dir: PathBuf,
    /// Logs made a second.
    #[arg(long, value_name = "LOGS", default_value_t = 100.0, value_parser = rate)]
    pub(super) rate: f64,
    /// Stops after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    pub(super) seconds: Option<u64>,
}

/// Reads a rate that can be kept: no less than nothing, and a number.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate >= 0.0 && f64::is_finite(rate) => Ok(rate),
        _ => Err("a number of at least 0 is needed".to_owned()),
    }
}

/// Arguments of `plugins`.
#[derive(Debug, Args)]
pub(super) struct PluginsArgs {
    /// Class or alias of a plug-in whose keys are shown.
    pub(super) class: Option<String>,
    /// Shows plug-ins that are no connectors; of a connector, the keys that all connectors have.
    #[arg(long)]
    pub(super) all: bool,
    /// Prints JSON, as the REST interface does.
    #[arg(long)]
    pub(super) json: bool,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// Connector file: properties, JSON or YAML.
    pub(super) file: PathBuf,
    /// Worker file whose converters, policies and config providers apply.
    #[arg(long, value_name = "FILE")]
    pub(super) worker: Option<PathBuf>,
    /// Prints JSON, as the REST interface does.
    #[arg(long)]
    pub(super) json: bool,
}

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    /// Connector file: properties, JSON or YAML.
    pub(super) file: PathBuf,
    /// Worker file whose brokers, converters, policies and config providers apply.
    #[arg(long, value_name = "FILE")]
    pub(super) worker: Option<PathBuf>,
    /// Topic to read; by default that of the connector.
    #[arg(long, conflicts_with = "input")]
    pub(super) topic: Option<String>,
    /// Offsets to read, such as `0:100-110`; may be given several times.
    #[arg(long, value_name = "PARTITION:FIRST-LAST", conflicts_with_all = ["last", "input"])]
    pub(super) offsets: Vec<Offsets>,
    /// Number of the newest records to read; 10 unless offsets or a file are given.
    #[arg(long, value_name = "RECORDS", conflicts_with = "input")]
    pub(super) last: Option<usize>,
    /// File of records, a line each: a value, a key and a value with a tab between, or a JSON object with `key`,
    /// `value` (or `key_base64`, `value_base64`), `headers`, `timestamp`, `topic`, `partition`, `offset`.
    #[arg(long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Test files: YAML or JSON.
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn standalone_takes_a_worker_and_any_number_of_connectors() {
        let cli = Cli::try_parse_from(["sluice", "standalone", "w", "a", "b"]).expect("valid");
        let Command::Standalone(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!((args.worker, args.connectors.len()), (PathBuf::from("w"), 2));
        Cli::try_parse_from(["sluice", "standalone"]).expect_err("a worker file is needed");
    }

    #[test]
    fn limits_of_a_run_need_a_run_that_ends() {
        let parse =
            |words: &[&str]| Cli::try_parse_from([&["sluice", "standalone", "w", "a"], words].concat());
        parse(&["--once", "--max-batches", "5", "--max-records=9", "--max-seconds=3"]).expect("valid");
        parse(&["--max-batches", "5"]).expect_err("without `--once` nothing ends");
        parse(&["--once", "--max-records", "0"]).expect_err("nothing could be done");
    }

    #[test]
    fn quickstart_takes_rates_that_can_be_kept() {
        for (text, is_fine) in
            [("0", true), ("0.5", true), ("1e6", true), ("-1", false), ("nan", false), ("inf", false)]
        {
            let parsed = Cli::try_parse_from(["sluice", "quickstart", &format!("--rate={text}")]);
            assert_eq!(parsed.is_ok(), is_fine, "{text}");
        }
    }
}
