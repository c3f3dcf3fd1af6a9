//! The JVM's side: compiles the Java program and asks it case by case.

use std::{
    io::{BufRead, BufReader, BufWriter, Write},
    process::{Command, Stdio},
    thread,
};

use connect_tests::{
    kafka::java,
    services::{kafka_home, repository},
};

/// Returns the JVM's answer to each line of `cases`.
///
/// # Panics
/// When Java cannot be run or ends early.
pub(super) fn ask(cases: Vec<String>) -> Vec<String> {
    let classes = tempfile::tempdir().expect("a temporary folder is made");
    let libraries = format!("{}/lib/*", kafka_home().display());
    let sources = ["TransformOracle", "FidelityOracle"]
        .map(|name| repository().join(format!("tests/java/{name}.java")));
    let mut compiler = Command::new("javac");
    compiler.args(["-nowarn", "-Xlint:none", "-cp", &libraries, "-d"]).arg(classes.path()).args(sources);
    assert!(compiler.status().expect("javac runs").success(), "the oracle compiles");

    let mut command = java("512m");
    command.arg("-cp").arg(format!("{}:{libraries}", classes.path().display())).arg("FidelityOracle");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("java starts");
    let mut input = BufWriter::new(child.stdin.take().expect("the oracle reads"));
    let count = cases.len();
    let writer = thread::spawn(move || {
        for case in cases {
            // It tells itself why it ended.
            if writeln!(input, "{case}").is_err() {
                return;
            }
        }
        input.flush().ok();
    });
    let output = BufReader::new(child.stdout.take().expect("the oracle answers"));
    let answers: Vec<String> = output.lines().collect::<Result<_, _>>().expect("the oracle writes UTF-8");
    writer.join().expect("the writer ends");
    assert!(child.wait().expect("the oracle ends").success(), "the oracle ended with an error");
    assert_eq!(answers.len() + 1, count, "one answer a case, and none to the list of converters");
    answers
}
