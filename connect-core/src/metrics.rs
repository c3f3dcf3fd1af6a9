//! The metric table: every metric of a worker with Kafka Connect's group and attribute, and its Prometheus name.
