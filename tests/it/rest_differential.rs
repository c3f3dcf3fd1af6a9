//! The same requests to JVM Kafka Connect and to the worker under test: the answers must be the same.

use std::env;

use connect_tests::{
    golden::{mismatches, read_golden, write_golden},
    group::{Group, Member},
    jvm_connect::JvmConnect,
    kafka,
    rest::{Answers, Scenario, Worker},
    sluice::Setup,
};

const STANDALONE: &str = "standalone";
const DISTRIBUTED: &str = "distributed";

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
        others: Vec::new(),
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
        others: Vec::new(),
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
            write_golden(DISTRIBUTED, &name, &own);
        }
        scenario.forget_differences();
        let wanted = overlaid(standalone, read_golden(DISTRIBUTED, &name).unwrap_or_default());
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
        others: Vec::new(),
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

#[tokio::test]
async fn sluice_distributed_answers_as_jvm_distributed_does() {
    let group = Group::new(&kafka::shared().bootstrap(), "rest-own");
    let alone = Member::sluice(&group).await;
    check_distributed(&alone, &[], "alone").await;
}

#[tokio::test]
async fn sluice_follower_of_sluice_answers_as_the_leader_does() {
    let group = Group::new(&kafka::shared().bootstrap(), "rest-follower");
    let leader = Member::sluice(&group).await;
    let follower = Member::sluice(&group).await;
    check_distributed(&follower, &[&leader], "follower").await;
}

#[tokio::test]
async fn sluice_follower_of_a_jvm_leader_answers_as_the_leader_does() {
    let group = Group::new(&kafka::shared().bootstrap(), "rest-under-jvm");
    let leader = Member::jvm(&group);
    let follower = Member::sluice(&group).await;
    check_distributed(&follower, &[&leader], "under-jvm").await;
}

#[tokio::test]
async fn jvm_follower_of_a_sluice_leader_answers_as_a_jvm_leader_does() {
    let group = Group::new(&kafka::shared().bootstrap(), "rest-over-jvm");
    let leader = Member::sluice(&group).await;
    let follower = Member::jvm(&group);
    check_distributed(&follower, &[&leader], "over-jvm").await;
}

/// Sends all scenarios to a worker and compares with what a JVM worker answers that is alone in its cluster.
async fn check_distributed(asked: &Member, others: &[&Member], run: &str) {
    let broker = kafka::shared();
    let client = broker.client();
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    let mut worker = Worker {
        url: asked.api().url().to_owned(),
        bootstrap: broker.bootstrap(),
        kafka: &client,
        folder: folder.path().to_owned(),
        others: others.iter().map(|other| other.worker_id()).collect(),
        run: String::new(),
    };
    let mut failures = Vec::new();
    for (name, mut scenario) in chosen() {
        worker.run = format!("{run}-{name}");
        if matches!(asked, Member::Jvm(_)) {
            scenario.forget_differences();
        }
        let answers = scenario.run(&worker).await;
        let wanted = overlaid(golden(STANDALONE, &name), read_golden(DISTRIBUTED, &name).unwrap_or_default());
        check(&name, &scenario, &wanted, &answers, &mut failures);
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
