//! The probe with Java's own tools, as an operator would use them.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use connect_tests::{kafka::unique, services::kafka_home};

pub(super) async fn tools_work(bootstrap: &str) {
    let bootstrap = bootstrap.to_owned();
    tokio::task::spawn_blocking(move || run_tools(&bootstrap)).await.expect("the tools ran");
}

fn run_tools(bootstrap: &str) {
    let (topic, group) = (unique("probe-java"), unique("probe-java-group"));
    let topics = |arguments: &[&str]| tool("org.apache.kafka.tools.TopicCommand", bootstrap, arguments, "");
    topics(&["--create", "--topic", &topic, "--partitions", "3", "--config", "retention.ms=60000"]);
    let described = topics(&["--describe", "--topic", &topic]);
    assert!(described.contains("PartitionCount: 3"), "{described}");
    assert!(described.contains("retention.ms=60000"), "{described}");

    let lines: String = (0..500).map(|number| format!("line {number}\n")).collect();
    // The default producer is idempotent and waits for all replicas.
    tool("org.apache.kafka.tools.ConsoleProducer", bootstrap, &["--topic", &topic], &lines);
    let arguments = ["--topic", &topic, "--from-beginning", "--max-messages", "500", "--group", &group];
    let read = tool("org.apache.kafka.tools.consumer.ConsoleConsumer", bootstrap, &arguments, "");
    let mut read: Vec<&str> = read.lines().filter(|line| line.starts_with("line ")).collect();
    read.sort_unstable();
    let mut sent: Vec<&str> = lines.lines().collect();
    sent.sort_unstable();
    assert_eq!(read, sent);

    let groups = |arguments: &[&str]| {
        tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", bootstrap, arguments, "")
    };
    assert!(groups(&["--list"]).lines().any(|line| line == group));
    assert_eq!(committed(&groups(&["--describe", "--group", &group]), &topic), 500);
    let reset = ["--reset-offsets", "--to-earliest", "--execute", "--topic", &topic, "--group", &group];
    groups(&reset);
    assert_eq!(committed(&groups(&["--describe", "--group", &group]), &topic), 0);
    groups(&["--delete", "--group", &group]);
    topics(&["--delete", "--topic", &topic]);
}

/// Adds up the committed offsets in the table that the tool prints.
fn committed(described: &str, topic: &str) -> i64 {
    let offset = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_row = columns.get(1) == Some(&topic);
        is_row.then(|| columns[3].parse::<i64>().expect("an offset is a number"))
    };
    described.lines().filter_map(offset).sum()
}

/// Runs a tool with `input` and returns what it printed.
fn tool(class: &str, bootstrap: &str, arguments: &[&str], input: &str) -> String {
    let home = kafka_home();
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-Xmx256m"]);
    command.arg("-cp").arg(format!("{}/lib/*", home.display()));
    command.arg(class).args(["--bootstrap-server", bootstrap]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("java starts");
    let mut stdin = child.stdin.take().expect("the tool reads");
    stdin.write_all(input.as_bytes()).expect("the tool reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("the tool ends");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{class} {arguments:?}: {printed}{complaint}");
    printed
}
