//! Tests of connector files as users write them: given records, and what is expected of them.

use std::path::PathBuf;

use connect_core::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::config::files::RawConfig;
use crate::preview::compare::{Difference, outputs, records};
use crate::preview::given::Given;
use crate::preview::mask::Masks;
use crate::preview::previewer::Previewer;
use crate::preview::report::{ErrorReport, Outcome, Report};

/// A test file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suite {
    /// Connector file, from the folder of the test file.
    pub(crate) connector: Option<PathBuf>,
    /// Worker file, from the folder of the test file.
    pub(crate) worker: Option<PathBuf>,
    /// Configuration over that of the connector file, or in its place.
    #[serde(default)]
    pub(crate) config: IndexMap<String, Json>,
    /// The tests.
    pub(crate) tests: Vec<Case>,
}

/// A test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What it is about.
    pub(crate) name: String,
    /// Configuration for this test, over all else.
    #[serde(default)]
    pub(crate) config: IndexMap<String, Json>,
    /// Wall clock in milliseconds, for records without a timestamp and for the connector.
    #[serde(default)]
    pub(crate) now: Option<i64>,
    given: Vec<Json>,
    expect: Expect,
}

/// What is expected. What is left out is not compared, except for errors: without them there are none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// Records after the chain, in order, with the members to compare.
    records: Option<Vec<Map<String, Json>>>,
    /// Positions of given records that transforms drop.
    dropped: Option<Vec<usize>>,
    /// Positions of given records for which the connector writes nothing.
    ignored: Option<Vec<usize>>,
    #[serde(default)]
    errors: Vec<ExpectedError>,
    /// What the connector would send, in order.
    outputs: Option<Vec<ExpectedOutput>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedError {
    /// Position of the given record.
    record: usize,
    /// Kafka Connect's name of the stage.
    stage: Option<String>,
    /// Alias of the transform.
    transform: Option<String>,
    /// Part of the message or of a cause.
    message: Option<String>,
}

/// Something that is to be sent, with what is to be compared of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedOutput {
    pub(super) target: Option<String>,
    pub(super) content: Option<String>,
    pub(super) content_base64: Option<String>,
    /// Lines of the content: texts, or JSON that a line must hold.
    pub(super) lines: Option<Vec<Json>>,
    pub(super) records: Option<Vec<usize>>,
}

impl Suite {
    /// Reads a test file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn from_json(json: Json) -> Result<Self, String> {
        let suite: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        if suite.connector.is_none() && suite.config.is_empty() {
            return Err("neither `connector` nor `config` is given".to_owned());
        }
        Ok(suite)
    }

    /// Returns the configuration of a test: that of the connector file, of the suite, of the test.
    ///
    /// # Errors
    /// Fails when a value is no text, number, boolean or null.
    pub(crate) fn config(&self, file: Option<&RawConfig>, case: &Case) -> Result<RawConfig, String> {
        let mut config = file.cloned().unwrap_or_default();
        for (key, value) in self.config.iter().chain(&case.config) {
            let text = match value {
                Json::Null => None,
                Json::String(text) => Some(text.clone()),
                Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
                Json::Array(_) | Json::Object(_) => {
                    return Err(format!("the value of `{key}` is not a text, number or boolean"));
                }
            };
            config.insert(key.clone(), text);
        }
        config.entry("name".to_owned()).or_insert_with(|| Some("test".to_owned()));
        Ok(config)
    }
}

impl Case {
    /// Runs the given records and returns what differs from what is expected.
    ///
    /// # Errors
    /// Fails when a given record cannot be read.
    pub(crate) async fn run(&self, previewer: &Previewer, now_ms: i64) -> Result<Vec<Difference>, String> {
        let read = |(index, json): (usize, &Json)| {
            Given::from_json(json.clone()).map_err(|error| format!("given record {index}: {error}"))
        };
        let given = self.given.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        let report = previewer.run_unmasked(given, self.now.unwrap_or(now_ms)).await;
        let mut found = self.expect.differences(&report);
        mask(&mut found, &previewer.masks);
        Ok(found)
    }
}

impl Expect {
    fn differences(&self, report: &Report) -> Vec<Difference> {
        let mut found = self.error_differences(report);
        let positions = |outcome| -> Vec<usize> {
            let numbered = report.records.iter().enumerate();
            numbered.filter(|(_, record)| record.outcome == outcome).map(|(index, _)| index).collect()
        };
        for (name, expected, outcome) in
            [("dropped", &self.dropped, Outcome::Dropped), ("ignored", &self.ignored, Outcome::Ignored)]
        {
            let actual = positions(outcome);
            if let Some(expected) = expected.as_ref().filter(|expected| **expected != actual) {
                found.push(Difference::new(name, format!("{expected:?}"), format!("{actual:?}")));
            }
        }
        if let Some(expected) = &self.records {
            let is_through = |outcome| matches!(outcome, Outcome::Sent | Outcome::Ignored);
            let through = report.records.iter().filter(|record| is_through(record.outcome));
            let actual: Vec<_> = through.filter_map(|record| record.last_view()).collect();
            found.extend(records(expected, &actual));
        }
        if let Some(expected) = &self.outputs {
            match &report.outputs {
                Some(actual) => found.extend(outputs(expected, actual)),
                None if report.error.is_some() => {}
                None => found.push(Difference::new(
                    "outputs",
                    format!("{} outputs", expected.len()),
                    "nothing: the connector cannot tell what it would send".to_owned(),
                )),
            }
        }
        found
    }

    fn error_differences(&self, report: &Report) -> Vec<Difference> {
        let none = || "no error".to_owned();
        let mut found = Vec::new();
        for (index, record) in report.records.iter().enumerate() {
            let expected = self.errors.iter().find(|expected| expected.record == index);
            let at = format!("record {index}");
            match (expected, &record.error) {
                (None, Some(error)) => found.push(Difference::new(at, none(), text(error))),
                (Some(expected), None) => found.push(Difference::new(at, expected.text(), none())),
                (Some(expected), Some(error)) if !expected.fits(error) => {
                    found.push(Difference::new(at, expected.text(), text(error)));
                }
                _ => {}
            }
        }
        for expected in self.errors.iter().filter(|expected| expected.record >= report.records.len()) {
            let at = format!("record {}", expected.record);
            found.push(Difference::new(at, expected.text(), "no such record".to_owned()));
        }
        if let Some(error) = &report.error {
            found.push(Difference::new("all records", none(), text(error)));
        }
        found
    }
}

impl ExpectedError {
    fn fits(&self, error: &ErrorReport) -> bool {
        let has_text = |part: &String| {
            error.message.contains(part) || error.causes.iter().any(|cause| cause.contains(part))
        };
        self.stage.as_ref().is_none_or(|stage| stage == error.stage)
            && self.transform.as_ref().is_none_or(|alias| Some(alias) == error.transform.as_ref())
            && self.message.as_ref().is_none_or(has_text)
    }

    fn text(&self) -> String {
        let parts = [&self.stage, &self.transform, &self.message];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        if parts.is_empty() { "an error".to_owned() } else { format!("an error: {}", parts.join(" ")) }
    }
}

fn text(error: &ErrorReport) -> String {
    let at = error.transform.as_ref().map_or_else(String::new, |alias| format!(" {alias}"));
    let mut text = format!("an error: {}{at} {}", error.stage, error.message);
    for cause in &error.causes {
        text.push_str(": ");
        text.push_str(cause);
    }
    text
}

fn mask(found: &mut [Difference], masks: &Masks) {
    for difference in found {
        for text in [&mut difference.at, &mut difference.expected, &mut difference.actual] {
            masks.text(text);
        }
    }
}
