//! The same requests to JVM Kafka Connect and to the worker under test: the answers must be the same.

use std::env;

use connect_tests::{
    golden::{mismatches, read_golden, write_golden},
    jvm_connect::JvmConnect,
    kafka,
    rest::{Answers, Scenario, Worker},
    sluice::Setup,
};

const STANDALONE: &str = "standalone";

#[tokio::test]
async fn jvm_standalone_answers_as_the_golden_files_say() {
    let broker = kafka::shared();
    let worker = JvmConnect::standalone(&broker.bootstrap(), &[]);
    let client = broker.client();
    let mut worker = Worker {
        url: worker.url(),
        bootstrap: broker.bootstrap(),
        kafka: &client,
        folder: worker.folder().to_owned(),
        run: String::new(),
    };
    let mut failures = Vec::new();
    for (name, mut scenario) in chosen() {
        worker.run = format!("jvm-{name}");
        let answers = scenario.run(&worker).await;
        if env::var_os("UPDATE_GOLDEN").is_some() {
            write_golden(STANDALONE, &name, &answers);
        }
        scenario.forget_differences();
        check(&name, &scenario, &golden(STANDALONE, &name), &answers, &mut failures);
    }
    assert!(failures.is_empty(), "answers differ:\n{}", failures.join("\n"));
}

#[tokio::test]
async fn jvm_distributed_answers_as_the_golden_files_say() {
    let broker = kafka::shared();
    let worker = JvmConnect::distributed(&broker.bootstrap(), "rest-differential");
    let client = broker.client();
    let mut worker = Worker {
        url: worker.url(),
        bootstrap: broker.bootstrap(),
        kafka: &client,
        folder: worker.folder().to_owned(),
        run: String::new(),
    };
    let mut failures = Vec::new();
    for (name, mut scenario) in chosen() {
        worker.run = format!("group-{name}");
        let answers = scenario.run(&worker).await;
        let standalone = golden(STANDALONE, &name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            // Only what differs from standalone mode is kept.
            let own = answers.iter().filter(|answer| !standalone.contains(answer)).cloned().collect();
            write_golden("distributed", &name, &own);
        }
        scenario.forget_differences();
        let wanted = overlaid(standalone, read_golden("distributed", &name).unwrap_or_default());
        check(&name, &scenario, &wanted, &answers, &mut failures);
    }
    assert!(failures.is_empty(), "answers differ:\n{}", failures.join("\n"));
}

#[tokio::test]
async fn sluice_standalone_answers_as_jvm_standalone_does() {
    let broker = kafka::shared();
    let sluice = Setup::new(&broker.bootstrap()).start().await;
    let client = broker.client();
    let mut worker = Worker {
        url: sluice.url(),
        bootstrap: broker.bootstrap(),
        kafka: &client,
        folder: sluice.folder().to_owned(),
        run: String::new(),
    };
    let mut failures = Vec::new();
    for (name, scenario) in chosen() {
        worker.run = format!("own-{name}");
        let answers = scenario.run(&worker).await;
        check(&name, &scenario, &golden(STANDALONE, &name), &answers, &mut failures);
    }
    assert!(failures.is_empty(), "answers differ:\n{}", failures.join("\n"));
}

/// Returns all scenarios, or the one that the variable `SCENARIO` names.
fn chosen() -> impl Iterator<Item = (String, Scenario)> {
    let wanted = env::var("SCENARIO").ok();
    Scenario::all().into_iter().filter(move |(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name))
}

fn golden(mode: &str, name: &str) -> Answers {
    read_golden(mode, name).unwrap_or_else(|| panic!("tests/golden/rest/{mode}/{name}.json is missing"))
}

fn overlaid(mut answers: Answers, own: Answers) -> Answers {
    for (id, answer) in own {
        if let Some(place) = answers.iter_mut().find(|(known, _)| *known == id) {
            place.1 = answer;
        }
    }
    answers
}

fn check(name: &str, scenario: &Scenario, wanted: &Answers, answers: &Answers, failures: &mut Vec<String>) {
    let lines = mismatches(scenario, wanted, answers);
    failures.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
}
