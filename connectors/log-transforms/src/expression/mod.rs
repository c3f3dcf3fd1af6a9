//! `Expression`: records kept, and fields, topic and timestamp set, by expressions in CEL, the Common Expression
//! Language.

mod convert;

use std::sync::Arc;

use cel::{Context, Env, Program, extensions};
use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::Value;
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::fields::{first_issue, map_of, put};
use crate::mismatch::{CHOICES, OnMismatch};

config! {
    /// Settings.
    struct Settings {
        /// Expression that must be true for a record to go on; empty for all. It sees `value`, `key`, `headers` (the
        /// last of each name), `topic`, `partition`, `offset` and `timestamp`.
        condition: String = "condition", High, default "";
        /// Fields set by expressions, `name=expression` each, one a line or separated by `;`. Every expression sees what
        /// those before it set. They need a value without a schema.
        set: String = "set", High, default "";
        /// Fields taken out afterwards.
        remove: Vec<String> = "remove", Medium, default "";
        /// Expression of the topic; empty to leave it.
        topic: String = "topic", Medium, default "";
        /// Expression of the timestamp in milliseconds; empty to leave it.
        timestamp: String = "timestamp", Medium, default "";
        /// What becomes of a record for which an expression fails, as for a missing field: `fail`, `keep` it as it is, or
        /// `drop` it.
        on_mismatch: String = "on.mismatch", Medium, default "fail", valid Validator::OneOf(CHOICES);
    }
}

/// A compiled expression and its text.
struct Expr {
    program: Program,
    text: String,
}

/// `io.sluice.connect.transforms.Expression`.
pub(crate) struct Expression {
    env: Arc<Env>,
    condition: Option<Expr>,
    set: Vec<(String, Expr)>,
    remove: Vec<String>,
    topic: Option<Expr>,
    timestamp: Option<Expr>,
    on_mismatch: OnMismatch,
}

impl Default for Expression {
    fn default() -> Self {
        let mut env = Env::stdlib();
        // The functions on texts; they clash with nothing in a fresh environment.
        env.add_extension(extensions::strings).unwrap_or_else(|error| unreachable!("{error}"));
        Self {
            env: Arc::new(env),
            condition: None,
            set: Vec::new(),
            remove: Vec::new(),
            topic: None,
            timestamp: None,
            on_mismatch: OnMismatch::Fail,
        }
    }
}

impl Transform for Expression {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.condition = self.compiled("condition", &settings.condition)?;
        self.topic = self.compiled("topic", &settings.topic)?;
        self.timestamp = self.compiled("timestamp", &settings.timestamp)?;
        for line in statements(&settings.set) {
            let parts = line.split_once('=').map(|(name, text)| (name.trim(), text.trim()));
            let Some((name, text)) = parts.filter(|(name, _)| is_name(name)) else {
                return Err(ConnectError::config(format!(
                    "Invalid value {line} for configuration set: `name=expression` is needed"
                )));
            };
            if let Some(expr) = self.compiled("set", text)? {
                self.set.push((name.to_owned(), expr));
            }
        }
        self.remove = settings.remove.into_iter().filter(|field| !field.is_empty()).collect();
        self.on_mismatch = OnMismatch::of(&settings.on_mismatch);
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, position: Position) -> Result<Outcome, ConnectError> {
        let before = match self.on_mismatch {
            OnMismatch::Keep if !self.set.is_empty() => Some(record.clone()),
            _ => None,
        };
        match self.changed(record, position) {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Record(error)) => Err(error),
            Err(Failure::Expression(why)) => {
                if let Some(before) = before {
                    *record = before;
                }
                self.on_mismatch.outcome(|| why)
            }
        }
    }
}

/// Why a record could not be changed.
enum Failure {
    /// The record is not of the kind that fields can be set in.
    Record(ConnectError),
    /// An expression failed; `on.mismatch` says what follows.
    Expression(String),
}

impl Expression {
    fn compiled(&self, key: &str, text: &str) -> Result<Option<Expr>, ConnectError> {
        if text.is_empty() {
            return Ok(None);
        }
        let program = self.env.compile(text).map_err(|error| {
            let error = error.to_string().replace('\n', " ");
            ConnectError::config(format!("Invalid value {text} for configuration {key}: {error}"))
        })?;
        Ok(Some(Expr { program, text: text.to_owned() }))
    }

    fn changed(&self, record: &mut ConnectRecord, position: Position) -> Result<Outcome, Failure> {
        if let Some(condition) = &self.condition {
            match self.evaluated(condition, record, position)? {
                Value::Boolean(true) => {}
                Value::Boolean(false) => return Ok(Outcome::Drop),
                other => return Err(condition.no("true or false", &other)),
            }
        }
        for (name, expr) in &self.set {
            let value = self.evaluated(expr, record, position)?;
            put(map_of(record, "setting fields").map_err(Failure::Record)?, name, value);
        }
        if let Some(expr) = &self.topic {
            match self.evaluated(expr, record, position)? {
                Value::String(topic) if !topic.is_empty() => record.topic = (&*topic).into(),
                other => return Err(expr.no("the name of a topic", &other)),
            }
        }
        if let Some(expr) = &self.timestamp {
            match self.evaluated(expr, record, position)? {
                Value::Int64(millis) if millis >= 0 => record.timestamp = Some(millis),
                other => return Err(expr.no("milliseconds", &other)),
            }
        }
        if !self.remove.is_empty() {
            let map = map_of(record, "taking fields out").map_err(Failure::Record)?;
            map.entries.retain(|(name, _)| {
                !name.as_str().is_some_and(|name| self.remove.iter().any(|gone| gone == name))
            });
        }
        Ok(Outcome::Keep)
    }

    fn evaluated(&self, expr: &Expr, record: &ConnectRecord, position: Position) -> Result<Value, Failure> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        let references = expr.program.references();
        // Only what an expression names is converted for it.
        let mut add = |name: &str, value: &dyn Fn() -> cel::Value| {
            if references.has_variable(name) {
                context.add_variable_from_value(name, value());
            }
        };
        add("value", &|| convert::to_cel(&record.value.value()));
        add("key", &|| convert::to_cel(&record.key.value()));
        add("headers", &|| convert::headers(&record.headers));
        add("topic", &|| cel::Value::from(&*record.topic));
        add("partition", &|| convert::optional(record.partition.map(i64::from)));
        add("offset", &|| convert::optional(position.kafka_offset));
        add("timestamp", &|| convert::optional(record.timestamp));
        let failed = |error: &dyn std::fmt::Display| {
            let text = &expr.text;
            Failure::Expression(format!("evaluating `{text}` failed: {error}"))
        };
        let result = expr.program.execute(&context).map_err(|error| failed(&error))?;
        convert::from_cel(&result).ok_or_else(|| failed(&"the result has no form in a record"))
    }
}

impl Expr {
    fn no(&self, wanted: &str, found: &Value) -> Failure {
        let (text, class) = (&self.text, found.java_class());
        Failure::Expression(format!("evaluating `{text}` did not give {wanted}: {class}"))
    }
}

/// Splits at line ends and at semicolons that are in no quotes.
fn statements(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quote = None;
    let mut is_escaped = false;
    for c in text.chars() {
        let is_end = quote.is_none() && matches!(c, ';' | '\n');
        match (quote, c) {
            (_, _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            _ => {}
        }
        match all.last_mut() {
            Some(last) if !is_end => last.push(c),
            _ => all.push(String::new()),
        }
    }
    all.retain(|statement| !statement.trim().is_empty());
    all.into_iter().map(|statement| statement.trim().to_owned()).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.@".contains(c))
}

#[cfg(test)]
mod tests;
