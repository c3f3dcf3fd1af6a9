//! What `sluice takeover --check` tells of the topics of a JVM cluster.

use std::{fs, path::Path, process::Command};

use connect_tests::{group::Group, jvm_connect::JvmConnect, kafka, sluice::program};
use serde_json::{Value, json};

use crate::support::{file_sink, with};

const SECRET: &str = "hunter2";
const MIRROR: &str = "org.apache.kafka.connect.mirror.MirrorSourceConnector";
const EXTENSION: &str = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";

/// The outcome of one check.
struct Checked {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Checked {
    /// Runs the command with a worker file of `group` and more lines at its end.
    fn of(group: &Group, lines: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder is made");
        let file = folder.path().join("worker.properties");
        fs::write(&file, group.file(8083) + lines).expect("a file is written");
        let mut command = Command::new(program());
        let output = command.args(["takeover", "--check"]).arg(&file).args(arguments).output();
        let output = output.expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let checked =
            Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        let is_told = checked.stdout.contains(SECRET) || checked.stderr.contains(SECRET);
        assert!(!is_told, "a secret is shown: {}{}", checked.stdout, checked.stderr);
        checked
    }

    fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|_| panic!("exit code {:?}: {}{}", self.code, self.stdout, self.stderr))
    }
}

fn connector<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut connectors = report["connectors"].as_array().into_iter().flatten();
    connectors.find(|connector| connector["name"] == name).unwrap_or_else(|| panic!("no {name}: {report}"))
}

/// Has a JVM worker write what it accepts, and adds what only JVM workers with other plug-ins would have written.
async fn fill(group: &Group, folder: &Path) {
    let (given, gone) = (folder.join("given.properties"), folder.join("gone.properties"));
    fs::write(&given, format!("topic=t\npassword={SECRET}\n")).expect("a file is written");
    fs::write(&gone, "topic=t\n").expect("a file is written");
    let sink = || file_sink("t", "/dev/null");
    let mut jvm = JvmConnect::member(group);
    let api = jvm.api();
    api.create("given", &with(sink(), json!({ "topics": format!("${{file:{}:topic}}", given.display()) })))
        .await;
    api.create("gone", &with(sink(), json!({ "topics": format!("${{file:{}:topic}}", gone.display()) })))
        .await;
    api.create("misspelt", &with(sink(), json!({ "batch.sise": "1", "errors.tolerence": "all" }))).await;
    for name in ["paused", "stopped", "deleted"] {
        api.create(name, &sink()).await;
    }
    api.settled("PUT", "/connectors/paused/pause", None, 202).await;
    api.settled("PUT", "/connectors/stopped/stop", None, 204).await;
    api.settled("DELETE", "/connectors/deleted", None, 204).await;
    jvm.stop();
    fs::remove_file(&gone).expect("a file is removed");

    let jks = json!({
        "consumer.override.security.protocol": "SSL",
        "consumer.override.ssl.truststore.location": "/trust.jks",
        "consumer.override.ssl.truststore.password": SECRET,
    });
    let foreign = [
        ("classless", json!({ "tasks.max": "1", "password": SECRET })),
        ("converter", with(sink(), json!({ "value.converter": "com.example.XmlConverter" }))),
        ("jks", with(sink(), jks)),
        ("mirror", json!({ "connector.class": MIRROR, "source.cluster.sasl.jaas.config": SECRET })),
        (
            "secret",
            with(
                sink(),
                json!({ "tasks.max": format!("${{file:{}:password}}", given.display()), "password": SECRET }),
            ),
        ),
        ("transform", with(sink(), json!({ "transforms": "a", "transforms.a.type": "com.example.Scrub" }))),
    ];
    let records = foreign.map(|(name, config)| {
        let config = with(config, json!({ "name": name }));
        (format!("connector-{name}"), json!({ "properties": config }).to_string())
    });
    let records: Vec<(&str, Option<&str>)> =
        records.iter().map(|(key, value)| (key.as_str(), Some(value.as_str()))).collect();
    let topic = format!("{}-configs", group.name());
    kafka::shared().client().produce_keyed(&topic, 0, &records).await;
}

fn assert_connectors(report: &Value) {
    let rows = report["connectors"].as_array().expect("a list").iter().map(|connector| {
        let text = |key: &str| connector[key].as_str().unwrap_or_default().to_owned();
        (text("name"), text("verdict"), text("target"))
    });
    let rows: Vec<_> = rows.collect();
    let wanted = [
        ("classless", "refused", "STARTED"),
        ("converter", "refused", "STARTED"),
        ("given", "runs", "STARTED"),
        ("gone", "refused", "STARTED"),
        ("jks", "refused", "STARTED"),
        ("mirror", "unknown_class", "STARTED"),
        ("misspelt", "runs", "STARTED"),
        ("paused", "runs", "PAUSED"),
        ("secret", "refused", "STARTED"),
        ("stopped", "runs", "STOPPED"),
        ("transform", "refused", "STARTED"),
    ];
    let wanted =
        wanted.map(|(name, verdict, target)| (name.to_owned(), verdict.to_owned(), target.to_owned()));
    assert_eq!(rows, wanted);
    let unknown = connector(report, "misspelt")["unknown_keys"].to_string();
    assert!(unknown.contains("`batch.sise`") && unknown.contains("`errors.tolerance`"), "{unknown}");
    for (name, part, word) in [
        ("classless", "reasons", "no `connector.class`"),
        ("converter", "errors", "com.example.XmlConverter could not be found"),
        ("gone", "reasons", "gone.properties; look from a machine"),
        ("jks", "reasons", "`ssl.truststore.location` is a JKS store"),
        ("mirror", "reasons", "is not built in; leave the connector on JVM workers"),
        ("secret", "errors", "[hidden] for configuration tasks.max"),
        ("transform", "errors", "com.example.Scrub could not be found"),
    ] {
        let text = connector(report, name)[part].to_string();
        assert!(text.contains(word), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_check_tells_what_would_become_of_each_connector_of_a_jvm_cluster() {
    let broker = kafka::shared();
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let group = Group::new(&broker.bootstrap(), &kafka::unique("newcomer"))
        .property("config.providers", "file")
        .property(
            "config.providers.file.class",
            "org.apache.kafka.common.config.provider.FileConfigProvider",
        );
    fill(&group, folder.path()).await;

    let checked = Checked::of(&group, "", &["--json"]);
    assert_eq!(checked.code, Some(1));
    let report = checked.json();
    assert_connectors(&report);
    assert_eq!(report["worker"]["problems"], json!([]));
    let text = Checked::of(&group, "", &[]).stdout;
    assert!(
        text.ends_with(
            "Not everything would run: 4 of 11 connectors would, 1 of unknown class, 6 refused.\n"
        ),
        "{text}"
    );

    // A coordinator soon forgets a group that nobody is in.
    let forgotten = Checked::of(&group, "group.id=forgotten\n", &[]);
    assert!(
        forgotten.stdout.contains("Group forgotten: no member is active now (dead)"),
        "{}",
        forgotten.stdout
    );
    for (lines, word) in [
        (format!("rest.extension.classes={EXTENSION}\n"), EXTENSION),
        (
            "listeners=https://127.0.0.1:8443\nlisteners.https.ssl.keystore.location=/x.jks\n".to_owned(),
            "keystore",
        ),
        ("key.converter=com.example.Xml\n".to_owned(), "com.example.Xml"),
    ] {
        let checked = Checked::of(&group, &lines, &["--json"]);
        let report = checked.json();
        let problems = report["worker"]["problems"].to_string();
        assert!(checked.code == Some(1) && problems.contains(word), "{problems}");
    }
    let jks =
        format!("security.protocol=SSL\nssl.truststore.location=/t.jks\nssl.truststore.password={SECRET}\n");
    for (lines, word) in [
        (jks.as_str(), "is a JKS store by its `ssl.truststore.type`"),
        ("config.storage.topic=nowhere\n", "`nowhere`"),
        ("config.providers.file.class=com.example.Vault\n", "`com.example.Vault`"),
    ] {
        let checked = Checked::of(&group, lines, &[]);
        assert!(checked.code == Some(2) && checked.stdout.is_empty(), "{}", checked.stdout);
        assert!(checked.stderr.contains(word), "{}", checked.stderr);
    }
}
