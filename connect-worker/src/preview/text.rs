//! A report for people.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::preview::mask::BASE64;
use crate::preview::report::{Effect, ErrorReport, Outcome, OutputReport, RecordReport, Report};
use crate::preview::shown::View;

/// Parts of a record that are shown, in order; those that did not change are left out.
const PARTS: [&str; 6] = ["topic", "partition", "timestamp", "key", "value", "headers"];
const STAGE_WIDTH: usize = 14;
const PART_WIDTH: usize = 9;
/// Bytes of an output that are shown: the rest is counted.
const SHOWN_BYTES: usize = 64 * 1024;

/// Writes reports, with or without colours.
pub(crate) struct TextWriter<'a> {
    pub(crate) output: &'a mut dyn Write,
    pub(crate) is_coloured: bool,
}

#[derive(Clone, Copy)]
enum Colour {
    Red,
    Yellow,
    Green,
    Bold,
}

impl TextWriter<'_> {
    /// Writes a report.
    ///
    /// # Errors
    /// Fails as the output does.
    pub(crate) fn report(&mut self, report: &Report) -> io::Result<()> {
        writeln!(self.output, "connector `{}` of class `{}`", report.connector, report.class)?;
        for (index, record) in report.records.iter().enumerate() {
            self.record(index, record)?;
        }
        if let Some(outputs) = &report.outputs {
            for (index, output) in outputs.iter().enumerate() {
                self.output(index, output)?;
            }
        }
        if let Some(error) = &report.error {
            writeln!(self.output)?;
            self.error(error, "")?;
        }
        let summary = &report.summary;
        writeln!(
            self.output,
            "\n{} records: {} sent, {} dropped, {} ignored, {} failed",
            summary.records, summary.sent, summary.dropped, summary.ignored, summary.failed
        )
    }

    fn record(&mut self, index: usize, record: &RecordReport) -> io::Result<()> {
        let head = self.painted(Colour::Bold, &format!("record {index}"));
        let (word, colour) = match record.outcome {
            Outcome::Sent => ("sent", Colour::Green),
            Outcome::Dropped => ("dropped", Colour::Yellow),
            Outcome::Ignored => ("ignored by the connector", Colour::Yellow),
            Outcome::Failed => ("failed", Colour::Red),
        };
        let place =
            record.stages.first().and_then(|stage| stage.record.as_ref()).map_or_else(String::new, place);
        let word = self.painted(colour, word);
        writeln!(self.output, "\n{head}  {place}  {word}")?;
        let mut before: Option<&View> = None;
        for stage in &record.stages {
            let name = format!("  {:STAGE_WIDTH$}", stage.stage);
            match (&stage.record, stage.effect) {
                (Some(view), _) => {
                    self.changes(&name, before, view)?;
                    before = Some(view);
                }
                (None, effect) => {
                    let (word, colour) = match effect {
                        Effect::Skipped => ("not applied: its predicate keeps the record away", None),
                        Effect::Dropped => ("drops the record", Some(Colour::Yellow)),
                        Effect::Failed => ("fails", Some(Colour::Red)),
                        Effect::Origin | Effect::Changed | Effect::Unchanged => ("changes nothing", None),
                    };
                    let word = colour.map_or_else(|| word.to_owned(), |colour| self.painted(colour, word));
                    writeln!(self.output, "{name}{word}")?;
                }
            }
        }
        match &record.error {
            Some(error) => self.error(error, "  "),
            None => Ok(()),
        }
    }

    /// Writes the parts of a record that differ from those before.
    fn changes(&mut self, name: &str, before: Option<&View>, view: &View) -> io::Result<()> {
        let mut lead = name.to_owned();
        for part in PARTS {
            let (now, then) = (shown(view, part), before.and_then(|before| shown(before, part)));
            // Where the record was read from stands in its first line.
            let is_place = before.is_none() && matches!(part, "topic" | "partition");
            if is_place || now == then {
                continue;
            }
            let text = now.unwrap_or_else(|| "none".to_owned());
            writeln!(self.output, "{lead}{part:PART_WIDTH$}  {text}")?;
            lead = " ".repeat(name.chars().count());
        }
        if lead == name {
            writeln!(self.output, "{name}changes nothing")?;
        }
        Ok(())
    }

    fn error(&mut self, error: &ErrorReport, indent: &str) -> io::Result<()> {
        let at = error.transform.as_ref().map_or_else(String::new, |alias| format!(" `{alias}`"));
        let head = self.painted(Colour::Red, &format!("{}{at}", error.stage));
        writeln!(self.output, "{indent}{head}  {}", error.message.replace('\n', "\n    "))?;
        for cause in &error.causes {
            writeln!(self.output, "{indent}  caused by: {}", cause.replace('\n', "\n    "))?;
        }
        writeln!(self.output, "{indent}  in {}; {}", error.class, error.consequence)
    }

    fn output(&mut self, index: usize, output: &OutputReport) -> io::Result<()> {
        let head = self.painted(Colour::Bold, &format!("output {index}"));
        let records: Vec<String> = output.records.iter().map(ToString::to_string).collect();
        writeln!(self.output, "\n{head}  {}  of records {}", output.target, records.join(", "))?;
        if let Some(note) = &output.note {
            writeln!(self.output, "  ({note})")?;
        }
        let text = shown_content(&output.content);
        for line in text.lines() {
            writeln!(self.output, "  {line}")?;
        }
        Ok(())
    }

    fn painted(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Red => "31",
            Colour::Yellow => "33",
            Colour::Green => "32",
            Colour::Bold => "1",
        };
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn place(view: &View) -> String {
    let text = |name| view.get(name).map(ToString::to_string);
    let topic = view.get("topic").and_then(Json::as_str).unwrap_or_default();
    match (text("partition"), text("offset")) {
        (Some(partition), Some(offset)) => format!("{topic}-{partition}@{offset}"),
        (Some(partition), None) => format!("{topic}-{partition}"),
        _ => topic.to_owned(),
    }
}

/// Returns a part in one line, with its schema; `None` when there is none.
fn shown(view: &View, part: &str) -> Option<String> {
    if let Some(encoded) = view.get(&format!("{part}{BASE64}")).and_then(Json::as_str) {
        return Some(format!("base64 {encoded}"));
    }
    let value = view.get(part)?;
    if value.as_array().is_some_and(Vec::is_empty) {
        return None;
    }
    let text = match view.get(&format!("{part}_schema")).and_then(Json::as_str) {
        Some(schema) => format!("{value} ({schema})"),
        None => value.to_string(),
    };
    Some(text)
}

fn shown_content(content: &View) -> String {
    if let Some(text) = content.get("content").and_then(Json::as_str) {
        let end = (0..=SHOWN_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        let end = end.unwrap_or_default();
        return match text.len() - end {
            0 => text.to_owned(),
            rest => format!("{}\n… and {rest} bytes more", &text[..end]),
        };
    }
    let encoded = content.get(&format!("content{BASE64}")).and_then(Json::as_str).unwrap_or_default();
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    let head: Vec<String> = bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes: {}{}", bytes.len(), head.join(" "), if bytes.len() > 64 { " …" } else { "" })
}
