//! The integration tests: one binary, so one link and one shared broker.

mod admin;
mod broker_probe;
mod config_topic;
mod exactly_once;
mod examples;
mod file;
mod fleet;
mod group_faults;
mod group_member;
mod group_support;
mod harness;
mod house_rules;
mod kill;
mod licence;
mod mixed;
mod offsets_file;
mod rest_differential;
mod schema_registry;
mod sink_faults;
mod sink_s3;
mod standalone;
mod static_members;
mod status_topic;
mod support;
mod takeover;
mod tasks;
