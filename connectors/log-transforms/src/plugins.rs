//! The list of transforms for the registry.

use connect_core::plugin::{Factory, PluginInfo};

use crate::deduplicate::Deduplicate;
use crate::expression::Expression;
use crate::normalize_fields::NormalizeFields;
use crate::normalize_level::NormalizeLevel;
use crate::parse_log::ParseLog;
use crate::parse_time::ParseTime;
use crate::redact::Redact;

macro_rules! plugins {
    ($($name:ident),*) => {
        vec![$(PluginInfo {
            class: concat!("io.sluice.connect.transforms.", stringify!($name)),
            version: env!("CARGO_PKG_VERSION"),
            factory: Factory::Transform(|| Box::new($name::default())),
        }),*]
    };
}

/// Returns all transforms for logs.
pub fn plugins() -> Vec<PluginInfo> {
    plugins!(Deduplicate, Expression, NormalizeFields, NormalizeLevel, ParseLog, ParseTime, Redact)
}
