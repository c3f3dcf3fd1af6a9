//! The sink of Elasticsearch against a real node: how many documents it takes with one, two, five and twenty requests
//! allowed at a time, how busy the node is then, and whether it had to refuse any. A machine that does other things
//! too gives the node less than it wants: both are told.

use connect_tests::kafka::Kafka;
use connect_tests::search::{Product, SearchServer};
use connect_tests::sluice::Setup;
use serde_json::{Value, json};

use super::{PLAIN_TOPIC, sink};
use crate::measure::{Meter, starved_time};
use crate::paths::{self, with};

pub(super) const NAME: &str = "Elasticsearch, real node";

/// Requests allowed at a time. The sink itself decides how many of them it makes.
const ALLOWED: [usize; 4] = [1, 2, 5, 20];

/// Measures a node, and prints a table.
pub(super) async fn measure(kafka: &Kafka, records: u64) {
    let node = SearchServer::start(Product::Elasticsearch);
    let sluice = Setup::new(&kafka.bootstrap()).start().await;
    println!(
        "\n{NAME}\n{:<20}{:>13}{:>19}{:>19}{:>16}{:>10}",
        "requests at a time",
        "documents/s",
        "node's processors",
        "... it could use",
        "worker's CPU-s",
        "refusals"
    );
    // The first pass is the node's: it compiles its own code meanwhile.
    for (number, allowed) in std::iter::once(&ALLOWED[2]).chain(&ALLOWED).enumerate() {
        let name = format!("node-{number}");
        let own = json!({
            "connection.url": node.url(), "key.ignore": "true", "schema.ignore": "true",
            "max.in.flight.requests": allowed.to_string(), "max.buffered.records": "80000",
        });
        let class = "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector";
        let config = with(sink(PLAIN_TOPIC, class), own);
        let refusals = rejected(&node).await;
        let (worker, server) = (Meter::start(sluice.pid()), Meter::start(node.pid()));
        let starved = starved_time(node.pid());
        paths::create(&sluice.url(), &name, &config).await;
        paths::await_committed(&kafka.client(), &name, PLAIN_TOPIC, records).await;
        let (worker, server) = (worker.stop(records), server.stop(records));
        let starved = starved_time(node.pid()).saturating_sub(starved);
        let refusals = rejected(&node).await - refusals;
        assert_eq!(node.count(PLAIN_TOPIC).await, records, "every document is there once");
        if number > 0 {
            let wall = server.wall.as_secs_f64();
            println!(
                "{allowed:<20}{:>13.0}{:>19.2}{:>19.2}{:>16.2}{refusals:>10}",
                worker.per_second(),
                server.cpu.as_secs_f64() / wall,
                (server.cpu + starved).as_secs_f64() / wall,
                worker.cpu.as_secs_f64()
            );
        }
        paths::delete(&sluice.url(), &name).await;
        node.done("DELETE", &format!("/{PLAIN_TOPIC}"), None).await;
    }
}

/// Returns how many requests the node has refused because its queue of writes was full.
async fn rejected(node: &SearchServer) -> u64 {
    let stats: Value = node.done("GET", "/_nodes/stats/thread_pool,indexing_pressure", None).await;
    let nodes = stats["nodes"].as_object().into_iter().flatten();
    nodes.map(|(_, node)| node["thread_pool"]["write"]["rejected"].as_u64().unwrap_or(0)).sum()
}
