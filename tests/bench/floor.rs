//! The floor: what librdkafka alone consumes, in batches, touching every value.
#![expect(unsafe_code, reason = "librdkafka's batch call has no safe wrapper")]

use std::ptr;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use rdkafka_sys as sys;

const BATCH: usize = 2_000;

/// Consumes `records` records of the topic and returns.
pub(crate) fn consume(bootstrap: &str, records: u64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "bench-floor")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    for partition in 0..crate::PARTITIONS {
        partitions.add_partition_offset(crate::TOPIC, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&partitions).expect("assigned");
    let (mut seen, mut bytes) = (0, 0);
    let mut messages = vec![ptr::null_mut(); BATCH];
    // SAFETY: the client outlives the queue; librdkafka fills the first `count` pointers, each destroyed once.
    unsafe {
        let queue = sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        while seen < records {
            let count = sys::rd_kafka_consume_batch_queue(queue, 200, messages.as_mut_ptr(), BATCH);
            for message in &messages[..usize::try_from(count).unwrap_or(0)] {
                if (**message).err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    bytes += (**message).len;
                    seen += 1;
                }
                sys::rd_kafka_message_destroy(*message);
            }
        }
        sys::rd_kafka_queue_destroy(queue);
    }
    assert!(bytes > 0, "the records have values");
    println!("{}", read_usage());
}

/// Returns CPU milliseconds and peak MiB of this process, for the parent.
fn read_usage() -> String {
    let meter = crate::measure::own_usage();
    format!("{} {}", meter.0.as_millis(), meter.1)
}
