//! `sluice preview` and `sluice test` as a user calls them, and the preview over REST.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use connect_tests::{
    kafka::{self, unique},
    services::repository,
    sluice::{Setup, program},
};
use serde_json::{Value, json};

const SECRET: &str = "hunter22";

/// Calls the program in `folder`, with a secret in its environment.
fn sluice(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(folder).args(arguments).env("PREVIEW_SECRET", SECRET);
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Calls the program, checks its exit code, and returns what it printed, which never holds the secret.
fn answer(folder: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let output = sluice(folder, arguments);
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{errors}");
    assert!(!out.contains(SECRET) && !errors.contains(SECRET), "{out}\n{errors}");
    (out, errors)
}

fn json_answer(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let (out, errors) = answer(folder, arguments, code);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{errors}"))
}

/// A folder with a worker file and a file sink whose chain adds a secret, drops what is marked, and casts a number.
fn folder(bootstrap: &str, topic: &str) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("preview").tempdir().expect("a temporary folder is made");
    let out = folder.path().join("out.txt");
    let worker = format!(
        "bootstrap.servers={bootstrap}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         offset.storage.file.filename={}\n\
         config.providers=env\n\
         config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n",
        folder.path().join("offsets").display()
    );
    let sink = format!(
        "name=previewed\nconnector.class=FileStreamSink\ntopics={topic}\nfile={}\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter.schemas.enable=false\n\
         errors.tolerance=all\nerrors.deadletterqueue.topic.name=dead\n\
         transforms=sign,drop,cast\n\
         transforms.sign.type=org.apache.kafka.connect.transforms.InsertField$Value\n\
         transforms.sign.static.field=token\ntransforms.sign.static.value=${{env:PREVIEW_SECRET}}\n\
         transforms.drop.type=org.apache.kafka.connect.transforms.Filter\ntransforms.drop.predicate=marked\n\
         transforms.cast.type=org.apache.kafka.connect.transforms.Cast$Value\ntransforms.cast.spec=n:int8\n\
         predicates=marked\n\
         predicates.marked.type=org.apache.kafka.connect.transforms.predicates.HasHeaderKey\n\
         predicates.marked.name=drop\n",
        out.display()
    );
    fs::write(folder.path().join("worker.properties"), worker).expect("a file is written");
    fs::write(folder.path().join("sink.properties"), sink).expect("a file is written");
    folder
}

fn outcomes(report: &Value) -> Vec<&str> {
    let records = report["records"].as_array().expect("a list");
    records.iter().map(|record| record["outcome"].as_str().expect("a text")).collect()
}

#[test]
fn preview_of_a_file_shows_each_stage_its_errors_and_no_secret() {
    let folder = folder("127.0.0.1:1", "logs");
    let lines = "{\"n\":1}\n{\"n\":\"x\"}\nnot json\n{\"value\":{\"n\":2},\"headers\":{\"drop\":\"1\"}}\n";
    fs::write(folder.path().join("in.txt"), lines).expect("a file is written");
    let call = ["preview", "sink.properties", "--worker", "worker.properties", "--input", "in.txt"];

    let (shown, _) = answer(folder.path(), &call, 1);
    for part in [
        "record 0  logs-0@0  sent",
        "{\"n\":1,\"token\":\"[hidden]\"}",
        "TRANSFORMATION `cast`  Value (x) was out of range for requested data type",
        "VALUE_CONVERTER  Converting byte[] to Kafka Connect data failed due to serialization error",
        "the record goes to topic `dead`",
        "drop          drops the record",
        "4 records: 1 sent, 1 dropped, 0 ignored, 2 failed",
    ] {
        assert!(shown.contains(part), "`{part}` is missing:\n{shown}");
    }

    let report = json_answer(folder.path(), &[&call[..], &["--json"]].concat(), 1);
    assert_eq!(outcomes(&report), ["sent", "failed", "failed", "dropped"]);
    assert_eq!(report["summary"], json!({"records": 4, "sent": 1, "dropped": 1, "ignored": 0, "failed": 2}));
    let stages: Vec<_> = report["records"][0]["stages"].as_array().expect("a list").iter().collect();
    let named: Vec<_> = stages.iter().map(|stage| (&stage["stage"], &stage["effect"])).collect();
    let wanted = json!([
        ["consumed", "origin"],
        ["converters", "changed"],
        ["sign", "changed"],
        ["drop", "skipped"],
        ["cast", "unchanged"]
    ]);
    assert_eq!(json!(named), wanted);
    let error = &report["records"][1]["error"];
    assert_eq!(
        json!([error["stage"], error["transform"], error["class"]]),
        json!(["TRANSFORMATION", "cast", "org.apache.kafka.connect.transforms.Cast$Value"])
    );
    assert_eq!(report["outputs"][0]["content"], "{n=1, token=[hidden]}\n");
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    left.sort();
    assert_eq!(left, ["in.txt", "sink.properties", "worker.properties"], "nothing is written");
}

#[tokio::test]
async fn preview_of_a_topic_reads_the_offsets_asked_for_and_commits_nothing() {
    let broker = kafka::shared();
    let client = broker.client();
    let topic = unique("previewed");
    client.create_topic(&topic, 2).await;
    client.produce(&topic, 0, (0..20).map(|number| format!("{{\"n\":{number}}}"))).await;
    client.produce(&topic, 1, ["{\"n\":100}", "{\"n\":101}"]).await;
    let folder = folder(&broker.bootstrap(), &topic);
    let call = |more: &[&str]| {
        let call =
            [&["preview", "sink.properties", "--worker", "worker.properties", "--json"], more].concat();
        let report = json_answer(folder.path(), &call, 0);
        let records = report["records"].as_array().expect("a list");
        let place = |record: &Value| {
            let view = &record["stages"][0]["record"];
            (view["partition"].as_i64().expect("a number"), view["offset"].as_i64().expect("a number"))
        };
        records.iter().map(place).collect::<Vec<_>>()
    };
    let range = |partition, from, to| (from..=to).map(|offset| (partition, offset)).collect::<Vec<_>>();
    assert_eq!(call(&["--topic", &topic, "--offsets", "0:3-5"]), range(0, 3, 5));
    let two = [range(0, 18, 19), range(1, 1, 1)].concat();
    assert_eq!(call(&["--offsets", "0:18-99", "--offsets", "1:1"]), two);
    assert_eq!(call(&["--last", "2"]), range(1, 0, 1));
    assert_eq!(call(&[]).len(), 10);
    assert_eq!(client.committed("connect-previewed", &topic, 2), [None, None]);

    let call = ["preview", "sink.properties", "--worker", "worker.properties"];
    let refused = |more: &[&str], wanted: &str| {
        let (_, errors) = answer(folder.path(), &[&call[..], more].concat(), 2);
        assert!(errors.contains(wanted), "{errors}");
    };
    refused(&["--offsets", "7:1"], &format!("the topic `{topic}` has no partition 7"));
    refused(&["--topic", &format!("{topic}-not")], &format!("the topic `{topic}-not` does not exist"));
}

#[test]
fn what_cannot_be_previewed_or_tested_says_why() {
    let folder = folder("127.0.0.1:1", "logs");
    let path = folder.path();
    let write = |name: &str, text: &str| fs::write(path.join(name), text).expect("a file is written");
    let sink = fs::read_to_string(path.join("sink.properties")).expect("a file");
    write("in.txt", "{\"n\":1}\n");
    write("class.properties", &sink.replace("FileStreamSink", "FileStreamSinq"));
    write("spec.properties", &sink.replace("n:int8", "n:int9"));
    write("secret.properties", &sink.replace("n:int8", "n:${env:PREVIEW_SECRET}"));
    write("line.txt", "{\"value\":1,\"offset\":-1}\n");
    write("member.yaml", "connector: sink.properties\ntests: [{name: a, given: [], expct: {}}]\n");
    write("indent.yaml", "tests:\n - name: a\n  given: [\n");
    let source = "name=s\nconnector.class=FileStreamSource\ntopic=t\nfile=x\n";
    write("source.properties", source);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["preview", "none.properties", "--input", "in.txt"], 2, "`none.properties`: No such file"),
        (&["preview", "sink.properties", "--input", "none.txt"], 2, "`none.txt`: No such file"),
        (&["preview", "class.properties", "--input", "in.txt"], 2, "Did you mean `"),
        (&["preview", "spec.properties", "--input", "in.txt"], 2, "Invalid type found in casting spec: int9"),
        (&["preview", "secret.properties", "--input", "in.txt"], 2, "casting spec: [hidden]"),
        (
            &["preview", "sink.properties", "--input", "line.txt"],
            2,
            "line 1: `partition` and `offset` begin at 0",
        ),
        (&["preview", "sink.properties", "--offsets", "0:9-1"], 1, "`0:9-1` is not `PARTITION:FIRST-LAST`"),
        (&["preview", "sink.properties", "--last", "1", "--input", "in.txt"], 1, "cannot be used with"),
        (&["preview", "source.properties"], 2, "a source reads no topic"),
        (&["preview"], 1, "<FILE>"),
        (&["test", "none.yaml"], 2, "`none.yaml`: No such file"),
        (&["test", "member.yaml"], 2, "unknown field `expct`"),
        (&["test", "indent.yaml"], 2, "`indent.yaml`"),
        (&["test"], 1, "<FILES>"),
    ];
    for (call, code, wanted) in cases {
        let with_worker = if call[0] == "preview" && call.len() > 1 {
            [call, &["--worker", "worker.properties"][..]].concat()
        } else {
            call.to_vec()
        };
        let (out, errors) = answer(path, &with_worker, *code);
        assert!(out.contains(wanted) || errors.contains(wanted), "{call:?}: `{wanted}` in:\n{out}\n{errors}");
    }
    let (_, errors) =
        answer(path, &["preview", "sink.properties", "--last", "1", "--worker", "worker.properties"], 2);
    assert!(errors.contains("reaching a Kafka broker at bootstrap.servers `127.0.0.1:1`"), "{errors}");
}

#[test]
fn tests_of_a_connector_file_pass_fail_or_say_where_they_differ() {
    let example = repository().join("examples/1-raw-logs-to-s3");
    let (out, _) = answer(&example, &["test", "s3-sink.test.yaml"], 0);
    assert!(out.contains("Tests run: 3, Failures: 0, Errors: 0"), "{out}");
    let records =
        ["preview", "s3-sink.properties", "--worker", "worker.properties", "--input", "records.txt"];
    let (out, _) = answer(&example, &records, 0);
    assert!(out.contains("topics/raw_logs/partition=3/raw_logs+3+0000000040.json"), "{out}");

    let folder = folder("127.0.0.1:1", "logs");
    let suite = "connector: sink.properties\nworker: worker.properties\ntests:\n\
                 \x20 - name: right\n    given: [{value: {n: 1}}, {value: {n: x}}, {value: {n: 3}, headers: {drop: 1}}]\n\
                 \x20   expect: {records: [{value: {n: 1, token: hunter22}}], dropped: [2], \
                 errors: [{record: 1, transform: cast, message: out of range}]}\n\
                 \x20 - name: wrong\n    given: [{value: {n: 1}}]\n    expect: {records: [{value: {n: 2, token: other}}]}\n";
    fs::write(folder.path().join("t.yaml"), suite).expect("a file is written");
    let report = json_answer(folder.path(), &["test", "t.yaml", "--json"], 1);
    let tests = &report["files"][0]["tests"];
    assert_eq!(tests[0], json!({"name": "right", "status": "passed"}));
    let at = "record 0 after the chain, value";
    assert_eq!(
        tests[1]["differences"],
        json!([
            {"at": format!("{at}.n"), "expected": "2", "actual": "1"},
            {"at": format!("{at}.token"), "expected": "\"other\"", "actual": "\"[hidden]\""},
        ])
    );
}

#[tokio::test]
async fn preview_over_rest_gives_the_same_report_and_refuses_bad_bodies() {
    let worker = Setup::new(&kafka::shared().bootstrap()).start().await;
    let config = json!({
        "connector.class": "FileStreamSink", "topics": "t", "file": "/nowhere/out",
        "transforms": "hoist", "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.hoist.field": "line",
    });
    let path = "/connector-plugins/FileStreamSink/preview";
    let body = json!({"config": config, "records": [{"key": "k", "value": "v", "offset": 7}]});
    let (status, report) = worker.request("POST", path, Some(&body)).await;
    assert_eq!((status, outcomes(&report)), (200, vec!["sent"]), "{report}");
    let last = &report["records"][0]["stages"][2]["record"];
    let wanted = json!({"line": "v"});
    assert_eq!((&last["offset"], &last["value"]), (&json!(7), &wanted));
    assert_eq!(report["outputs"][0]["content"], "Struct{line=v}\n");

    for (path, body, wanted) in [
        (path, json!({"config": config}), (400, "missing field `records`")),
        (
            path,
            json!({"config": config, "records": [{"valeu": 1}]}),
            (400, "record 0: unknown field `valeu`"),
        ),
        (
            path,
            json!({"config": {"connector.class": "FileStreamSource"}, "records": []}),
            (400, "FileStreamSource"),
        ),
        (path, json!({"config": {"connector.class": "FileStreamSink"}, "records": []}), (400, "topics")),
        ("/connector-plugins/Nope/preview", json!({"config": {}, "records": []}), (400, "Nope")),
        (path, json!([]), (400, "invalid")),
    ] {
        let (status, answer) = worker.request("POST", path, Some(&body)).await;
        let message = answer["message"].as_str().unwrap_or_default().to_owned();
        assert!(status == wanted.0 && message.contains(wanted.1), "{body}: {status} {message}");
    }
}
