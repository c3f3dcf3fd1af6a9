//! The program is killed while it writes: everything it acknowledged is there afterwards, at the same offsets.

#[cfg(test)]
mod raw;

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use kafka_protocol::messages::InitProducerIdRequest;
use raw::Server;

#[test]
fn everything_acknowledged_is_there_after_kill_9_and_an_idempotent_producer_goes_on_without_duplicates() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let mut client = server.client();
    client.create_topic();
    let init = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1000);
    let initialised = client.call(4, &init).unwrap();
    assert_eq!(initialised.error_code, 0);
    let producer_id = initialised.producer_id.0;
    let mut next = 0;
    let mut acknowledged_commit = 0;
    for round in 0..5 {
        // The producer repeats what was not acknowledged, as after any lost connection.
        let start = Instant::now();
        let lifetime = Duration::from_millis(50 + 30 * round);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                while let Some(offset) = client.produce(next, producer_id) {
                    assert_eq!(offset, next as i64);
                    next += 1;
                    if next % 10 == 0 {
                        let Some(()) = client.commit(offset) else { break };
                        acknowledged_commit = offset;
                    }
                }
            });
            thread::sleep(lifetime.saturating_sub(start.elapsed()));
            server.kill();
            writer.join().unwrap();
        });
        server = Server::start(dir.path());
        client = server.client();
        let values = client.values();
        // One more than acknowledged may have been written before the answer was lost.
        assert!((next..=next + 1).contains(&values.len()), "{next} acknowledged, {} there", values.len());
        assert!(values.iter().enumerate().all(|(number, value)| *value == number.to_string()));
        if next >= 10 {
            assert!(client.committed() >= acknowledged_commit);
        }
    }
    assert!(next > 50, "{next}");
}

#[test]
fn terminated_program_ends_cleanly_and_keeps_its_folder_to_itself_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let second = Command::new(env!("CARGO_BIN_EXE_dev-broker"))
        .arg("--data")
        .arg(dir.path())
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another broker is using it"));
    let mut client = server.client();
    client.create_topic();
    client.produce(0, -1).unwrap();
    let terminated = Command::new("kill").arg(server.child.id().to_string()).status().unwrap();
    assert!(terminated.success());
    assert!(server.child.wait().unwrap().success());
    assert_eq!(Server::start(dir.path()).client().values(), ["0"]);
}
