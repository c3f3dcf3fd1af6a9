//! `RegexRouter`: another topic where a regular expression matches the old one.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::java_regex::{Pattern, valid_regex};
use crate::settings::first_issue;

config! {
    /// Settings.
    struct Settings {
        /// Regular expression that the whole topic must match.
        regex: String = "regex", High, valid Validator::Custom(valid_regex);
        /// New topic; `$1` stands for the first group.
        replacement: String = "replacement", High;
    }
}

/// `org.apache.kafka.connect.transforms.RegexRouter`.
#[derive(Default)]
pub(crate) struct RegexRouter {
    pattern: Option<Pattern>,
    replacement: String,
}

impl Transform for RegexRouter {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.pattern = Some(Pattern::compile(&settings.regex).map_err(ConnectError::config)?);
        self.replacement = settings.replacement;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        if let Some(pattern) = &self.pattern
            && pattern.matches(&record.topic)?
        {
            record.topic = pattern.replace_first(&record.topic, &self.replacement)?.into();
        }
        Ok(Outcome::Keep)
    }
}
