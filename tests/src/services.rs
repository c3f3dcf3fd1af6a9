//! Where the installed services are. `scripts/services` puts them there; the versions here and there must agree.

use std::{env, path::PathBuf};

/// Version of Apache Kafka and of JVM Kafka Connect, which is the oracle of the differential tests.
pub const KAFKA_VERSION: &str = "4.3.1";
const VERSITYGW_VERSION: &str = "1.8.0";
const APICURIO_VERSION: &str = "3.3.3";
/// With the number of the modules of our own.
const ELASTICSEARCH_VERSION: &str = "8.19.9-2";
const OPENSEARCH_VERSION: &str = "3.8.0.0";

/// Returns the folder with the jars and the logging set-up of Kafka.
///
/// # Panics
/// When the services are not installed: no test that needs them can say anything then.
pub fn kafka_home() -> PathBuf {
    installed(&format!("kafka-{KAFKA_VERSION}"))
}

/// Returns the program of the S3 gateway.
///
/// # Panics
/// When the services are not installed.
pub fn versitygw() -> PathBuf {
    installed(&format!("versitygw-{VERSITYGW_VERSION}")).join("versitygw")
}

/// Returns the folder of the schema registry: the program in `app`, the Java it needs in `jdk`.
///
/// # Panics
/// When the services are not installed.
pub fn apicurio_home() -> PathBuf {
    installed(&format!("apicurio-{APICURIO_VERSION}"))
}

/// Returns the folder of Elasticsearch: jars and classes, and in `home` the modules.
///
/// # Panics
/// When the services are not installed.
pub fn elasticsearch_home() -> PathBuf {
    installed(&format!("elasticsearch-{ELASTICSEARCH_VERSION}"))
}

/// Returns the folder of OpenSearch: jars and classes.
///
/// # Panics
/// When the services are not installed.
pub fn opensearch_home() -> PathBuf {
    installed(&format!("opensearch-{OPENSEARCH_VERSION}"))
}

/// Returns the root of the repository.
pub fn repository() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    package.parent().map(PathBuf::from).unwrap_or(package)
}

fn installed(name: &str) -> PathBuf {
    let cache = env::var_os("SLUICE_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(env::var_os("HOME").expect("a home folder is set")).join(".cache/sluice")
    });
    let path = cache.join(name);
    assert!(path.is_dir(), "`{}` is missing: run `make services`", path.display());
    path
}
