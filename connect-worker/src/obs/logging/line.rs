//! How an event is written: as a line in the manner of Kafka's log, or as a JSON object.

use std::fmt::{Debug, Write};

use jiff::Zoned;
use serde_json::{Map as JsonMap, Value as Json};
use tracing::Level;
use tracing::field::{Field, Visit};

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `[2026-11-21 10:00:00,123] INFO [c|task-0] message key=value (logger)`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Parses the value of `SLUICE_LOG_FORMAT`.
    ///
    /// # Errors
    /// Fails on anything but `text` and `json`, naming the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("the log format `{other}` is neither `text` nor `json`")),
        }
    }
}

/// The connector and task that an event or span is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    connector: Option<String>,
    task: Option<String>,
}

impl Context {
    /// Fills what is missing from the context around.
    pub(super) fn or(self, outer: &Context) -> Context {
        let Context { connector, task } = self;
        Context {
            connector: connector.or_else(|| outer.connector.clone()),
            task: task.or_else(|| outer.task.clone()),
        }
    }

    /// Returns connector and task number. A task may be given as a number or as `connector-number`.
    fn parts(&self) -> Option<(&str, Option<&str>)> {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match (self.connector.as_deref(), self.task.as_deref()) {
            (connector, Some(task)) if !is_number(task) => match task.rsplit_once('-') {
                Some((name, number)) if is_number(number) => Some((name, Some(number))),
                _ => connector.map(|connector| (connector, None)),
            },
            (Some(connector), task) => Some((connector, task)),
            (None, _) => None,
        }
    }
}

/// What an event or span says.
#[derive(Default)]
pub(super) struct Content {
    pub(super) context: Context,
    message: String,
    fields: Vec<(&'static str, Json)>,
}

impl Content {
    fn put(&mut self, field: &Field, value: Json) {
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        match field.name() {
            "message" => self.message = text(&value),
            "connector" => self.context.connector = Some(text(&value)),
            "task" => self.context.task = Some(text(&value)),
            name => self.fields.push((name, value)),
        }
    }
}

impl Visit for Content {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Json::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Json::String(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// Returns the line of an event, with its end.
pub(super) fn line(format: LogFormat, now: &Zoned, level: Level, logger: &str, content: Content) -> String {
    match format {
        LogFormat::Text => text_line(now, level, logger, &content),
        LogFormat::Json => json_line(now, level, logger, content),
    }
}

fn text_line(now: &Zoned, level: Level, logger: &str, content: &Content) -> String {
    let mut line = format!("[{}] {level} ", now.strftime("%Y-%m-%d %H:%M:%S,%3f"));
    if let Some((connector, task)) = content.context.parts() {
        line.push('[');
        push_plain(&mut line, connector);
        if let Some(task) = task {
            line.push_str("|task-");
            line.push_str(task);
        }
        line.push_str("] ");
    }
    line.push_str(&content.message);
    for (name, value) in &content.fields {
        // Writing into a string cannot fail.
        write!(line, " {name}=").ok();
        match value.as_str() {
            Some(text) => push_plain(&mut line, text),
            None => line.push_str(&value.to_string()),
        }
    }
    line.push_str(&format!(" ({logger})\n"));
    line
}

/// Writes a value without its control characters, so that no record's content can forge a line.
fn push_plain(line: &mut String, text: &str) {
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
}

fn json_line(now: &Zoned, level: Level, logger: &str, content: Content) -> String {
    let mut object = JsonMap::new();
    object.insert("timestamp".to_owned(), now.timestamp().to_string().into());
    object.insert("level".to_owned(), level.as_str().into());
    object.insert("logger".to_owned(), logger.into());
    if let Some((connector, task)) = content.context.parts() {
        object.insert("connector".to_owned(), connector.into());
        if let Some(task) = task.and_then(|task| task.parse::<u32>().ok()) {
            object.insert("task".to_owned(), task.into());
        }
    }
    object.insert("message".to_owned(), content.message.into());
    let fields: JsonMap<String, Json> =
        content.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if !fields.is_empty() {
        object.insert("fields".to_owned(), Json::Object(fields));
    }
    format!("{}\n", Json::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Zoned {
        "2026-11-21T10:00:00.123[UTC]".parse().expect("a time")
    }

    fn content(connector: Option<&str>, task: Option<&str>) -> Content {
        let context = Context { connector: connector.map(Into::into), task: task.map(Into::into) };
        let fields = vec![("topic", "a\nb".into()), ("offset", 7.into())];
        Content { context, message: "polling".to_owned(), fields }
    }

    #[test]
    fn text_lines_look_like_kafkas() {
        let cases = [
            (None, None, ""),
            (Some("c"), None, "[c] "),
            (Some("c"), Some("0"), "[c|task-0] "),
            (None, Some("my-c-12"), "[my-c|task-12] "),
            (Some("c"), Some("odd"), "[c] "),
            (None, Some("0"), ""),
        ];
        for (connector, task, context) in cases {
            let line = line(LogFormat::Text, &now(), Level::WARN, "x.y", content(connector, task));
            let expected =
                format!("[2026-11-21 10:00:00,123] WARN {context}polling topic=a\\nb offset=7 (x.y)\n");
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn json_lines_hold_the_same() {
        let line = line(LogFormat::Json, &now(), Level::INFO, "x.y", content(None, Some("c-0")));
        assert_eq!(
            line,
            "{\"timestamp\":\"2026-11-21T10:00:00.123Z\",\"level\":\"INFO\",\"logger\":\"x.y\",\
             \"connector\":\"c\",\"task\":0,\"message\":\"polling\",\
             \"fields\":{\"topic\":\"a\\nb\",\"offset\":7}}\n"
        );
    }

    #[test]
    fn format_is_one_of_two() {
        assert_eq!(LogFormat::parse(" json "), Ok(LogFormat::Json));
        assert_eq!(LogFormat::parse("text"), Ok(LogFormat::Text));
        assert_eq!(
            LogFormat::parse("xml"),
            Err("the log format `xml` is neither `text` nor `json`".to_owned())
        );
    }
}
