//! Damaged input to the program: REST bodies and files that are nearly right. It must answer or refuse, and never
//! panic, hang or grow. Damaged bytes for the converters are part of [`crate::fidelity`].
//!
//! `FUZZ_SEED` repeats a run, which prints its seed; `FUZZ_CASES` lengthens it.

use std::{fs, path::Path, process::Command};

use connect_core::testkit::{damaged, fuzz_settings};
use connect_tests::{
    kafka,
    sluice::{Setup, program},
};

const CASES: usize = 120;
/// Memory that the worker may hold afterwards, far more than it needs.
const MEMORY_KIB: u64 = 256 * 1024;
const BODIES: [(&str, &str, &str); 7] = [
    (
        "POST",
        "/connectors",
        r#"{"name":"fuzz","config":{"connector.class":"FileStreamSink","topics":"t","file":""}}"#,
    ),
    (
        "PUT",
        "/connector-plugins/FileStreamSink/config/validate",
        r#"{"connector.class":"FileStreamSink","topics":"t"}"#,
    ),
    (
        "POST",
        "/connector-plugins/FileStreamSink/preview",
        r#"{"config":{"connector.class":"FileStreamSink","topics":"t"},"records":[{"key":"k","value":{"a":1.5}}]}"#,
    ),
    ("PUT", "/connectors/none/config", r#"{"connector.class":"FileStreamSource"}"#),
    ("PATCH", "/connectors/none/config", r#"{"tasks.max":"2","file":null}"#),
    ("PATCH", "/connectors/none/offsets", r#"{"offsets":[{"partition":{"a":1},"offset":{"b":2}}]}"#),
    ("PUT", "/admin/loggers/root", r#"{"level":"INFO"}"#),
];
const FILE: &str = "name=fuzz\nconnector.class=FileStreamSink\ntopics=a,\\\n  b\nfile=out\\u0041\n# comment\n\
                    transforms=x\ntransforms.x.type=org.apache.kafka.connect.transforms.HoistField$Value\n";

#[tokio::test]
async fn damaged_rest_bodies_are_answered_and_leave_the_worker_whole() {
    let (mut rng, cases) = fuzz_settings("REST", CASES);
    let worker = Setup::new(&kafka::shared().bootstrap()).start().await;
    let client = reqwest::Client::new();
    for _ in 0..cases * 5 {
        let (method, path, body) = BODIES[rng.usize(0..BODIES.len())];
        let body = damaged(&mut rng, body.as_bytes(), 0);
        let call = client.request(method.parse().expect("a method"), format!("{}{path}", worker.url()));
        let call = call.header("content-type", "application/json").body(body.clone());
        let shown = String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
        let answer = call.send().await.unwrap_or_else(|error| panic!("{method} {path} {shown}: {error}"));
        assert!(answer.status().as_u16() >= 200, "{method} {path} {shown}");
        if method == "POST" && path == "/connectors" && answer.status() == 201 {
            let text = answer.text().await.expect("a body");
            let created: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let name = created["name"].as_str().expect("a name").to_owned();
            let mut url = reqwest::Url::parse(&worker.url()).expect("a URL");
            url.path_segments_mut().expect("a base").extend(["connectors", &name]);
            client.delete(url).send().await.expect("an answer");
        }
    }
    assert_eq!(worker.get("/health").await.0, 200);
    assert!(!worker.log().contains("panicked"), "{}", worker.log());
    let status = fs::read_to_string(format!("/proc/{}/status", worker.pid())).expect("a running worker");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    let resident: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(resident < MEMORY_KIB, "{resident} KiB");
}

#[test]
fn damaged_files_are_read_or_refused() {
    let (mut rng, cases) = fuzz_settings("files", CASES);
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let json = r#"{"name":"fuzz","config":{"connector.class":"FileStreamSink","topics":"t","tasks.max":2}}"#;
    let yaml = "name: fuzz\nconnector.class: FileStreamSink\ntopics: &t [a]\nfile: *t\n";
    let suite = "config: {connector.class: FileStreamSink, topics: t}\ntests:\n  - name: a\n    \
                 given: [{value: {n: 1}}]\n    expect: {records: [{value: {n: 1}}]}\n";
    for _ in 0..cases {
        let files = [
            ("validate", "c.properties", FILE),
            ("validate", "c.json", json),
            ("validate", "c.yaml", yaml),
            ("test", "t.yaml", suite),
        ];
        let (command, name, text) = files[rng.usize(0..files.len())];
        let path = folder.path().join(name);
        let content = damaged(&mut rng, text.as_bytes(), 0);
        fs::write(&path, &content).expect("a file is written");
        check(command, &path, &content);
    }
}

fn check(command: &str, path: &Path, content: &[u8]) {
    let output = Command::new(program()).arg(command).arg(path).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    let is_ended = matches!(output.status.code(), Some(0..=2));
    let shown = String::from_utf8_lossy(&content[..content.len().min(2000)]).into_owned();
    assert!(is_ended && !errors.contains("panicked"), "{command} of {shown}: {errors}");
}
