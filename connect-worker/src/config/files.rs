//! Configuration files: Java properties, JSON and YAML, read alike.
//!
//! The only file that names `serde_yaml`. A worker file's format follows from its extension; a connector file is
//! parsed by trial, as `ConnectStandalone.parseConnectorConfigurationFile` does.

use std::fmt;
use std::path::{Path, PathBuf};

use connect_core::IndexMap;
use connect_core::config::Props;
use java_properties::PropertiesIter;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// A configuration in which a key may be present without a value.
pub type RawConfig = IndexMap<String, Option<String>>;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("reading configuration file `{}`", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file's content is at fault.
    #[error("reading configuration file `{}`{}: {message}", path.display(), line_text(*line))]
    Content {
        /// File.
        path: PathBuf,
        /// Line, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
}

fn line_text(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

/// The state a connector is created in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialState {
    /// With tasks at work.
    Running,
    /// With idle tasks.
    Paused,
    /// Without tasks.
    Stopped,
}

/// A connector as a file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorFile {
    /// File it was read from.
    pub path: PathBuf,
    /// Name of the connector.
    pub name: String,
    /// Configuration, `name` included.
    pub config: RawConfig,
    /// State to create it in; `None` is running.
    pub initial_state: Option<InitialState>,
}

/// Reads a worker file: JSON or YAML by extension, Java properties otherwise.
///
/// # Errors
/// Fails when the file cannot be read or parsed, or a value is not a scalar.
pub fn read_worker(path: &Path) -> Result<Props, FileError> {
    let bytes = read(path)?;
    let content = |(line, message)| FileError::Content { path: path.to_owned(), line, message };
    let pairs = match extension(path).as_str() {
        "json" => json_map(&text(&bytes), &json(&bytes).map_err(content)?).map_err(content)?,
        "yaml" | "yml" => yaml_flat(&bytes).map_err(content)?,
        _ => properties(&bytes).map_err(content)?,
    };
    Ok(pairs.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect())
}

/// Reads a connector file: a flat JSON object, a JSON create request, YAML of either shape, or Java properties.
///
/// # Errors
/// Fails when the file cannot be read, fits none of the formats, or does not name the connector.
pub fn read_connector(path: &Path) -> Result<ConnectorFile, FileError> {
    let bytes = read(path)?;
    let (name, config, initial_state) = parse_connector(path, &bytes)
        .map_err(|(line, message)| FileError::Content { path: path.to_owned(), line, message })?;
    Ok(ConnectorFile { path: path.to_owned(), name, config, initial_state })
}

/// Reads a JSON or YAML document of any shape.
///
/// # Errors
/// Fails when the file cannot be read or parsed.
pub fn read_document(path: &Path) -> Result<Value, FileError> {
    let bytes = read(path)?;
    let document = match extension(path).as_str() {
        "json" => json(&bytes),
        _ => serde_yaml::from_slice(&bytes).map_err(|error| yaml_fault(&error)),
    };
    document.map_err(|(line, message)| FileError::Content { path: path.to_owned(), line, message })
}

/// Line if known, and what is wrong.
pub(crate) type Fault = (Option<usize>, String);
type Request = (String, RawConfig, Option<InitialState>);

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|source| FileError::Io { path: path.to_owned(), source })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn parse_connector(path: &Path, bytes: &[u8]) -> Result<Request, Fault> {
    let is_yaml = matches!(extension(path).as_str(), "yaml" | "yml") || bytes.starts_with(b"---");
    let looks_like_json = bytes.trim_ascii_start().first() == Some(&b'{');
    match json(bytes) {
        Ok(value) if value.is_object() => return json_request(&text(bytes), &value),
        // A broken JSON file would otherwise be reported as properties without a name.
        Err(fault) if looks_like_json && !is_yaml => return Err(fault),
        _ => {}
    }
    if is_yaml {
        let flat = yaml_flat(bytes);
        return match (flat, yaml_request(bytes)) {
            (Ok(config), Err(_)) => named(config),
            (_, Ok((name, config, state))) => request(name, config, state.as_deref()),
            (Err(fault), Err(_)) => Err(fault),
        };
    }
    named(properties(bytes)?)
}

/// Takes the connector's name from a flat configuration.
fn named(config: RawConfig) -> Result<Request, Fault> {
    match config.get("name") {
        Some(name) => Ok((name.clone().unwrap_or_default(), config, None)),
        None => Err((None, "the mandatory `name` configuration is missing".to_owned())),
    }
}

fn request(name: String, mut config: RawConfig, state: Option<&str>) -> Result<Request, Fault> {
    let inner = config.entry("name".to_owned()).or_insert_with(|| Some(name.clone()));
    if inner.as_deref() != Some(name.as_str()) {
        return Err((None, "`name` inside `config` differs from the outer `name`".to_owned()));
    }
    let state = state.map(initial_state).transpose()?;
    Ok((name, config, state))
}

fn initial_state(text: &str) -> Result<InitialState, Fault> {
    match text.to_ascii_uppercase().as_str() {
        "RUNNING" => Ok(InitialState::Running),
        "PAUSED" => Ok(InitialState::Paused),
        "STOPPED" => Ok(InitialState::Stopped),
        _ => Err((None, format!("`initial_state` is `{text}`, not one of `RUNNING`, `PAUSED`, `STOPPED`"))),
    }
}

fn json(bytes: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(bytes).map_err(|error| (Some(error.line()), error.to_string()))
}

fn json_request(text: &str, value: &Value) -> Result<Request, Fault> {
    let (Some(config), true) = (value.get("config"), value.get("config").is_some_and(Value::is_object))
    else {
        return named(json_map(text, value)?);
    };
    let Some(name) = value.get("name").and_then(scalar).flatten() else {
        return Err((Some(1), "the mandatory `name` of the create request is missing".to_owned()));
    };
    let state = value.get("initial_state").and_then(scalar).flatten();
    request(name, json_map(text, config)?, state.as_deref())
}

fn json_map(text: &str, value: &Value) -> Result<RawConfig, Fault> {
    let Value::Object(object) = value else {
        return Err((Some(1), "a JSON object of keys and values is expected".to_owned()));
    };
    let entry = |(key, value): (&String, &Value)| match scalar(value) {
        Some(value) => Ok((key.clone(), value)),
        None => Err((json_line(text, key), format!("the value of `{key}` is not a text, number or boolean"))),
    };
    object.iter().map(entry).collect()
}

/// Returns a JSON scalar as text, `Some(None)` for null, `None` for lists and objects.
fn scalar(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::Bool(flag) => Some(Some(flag.to_string())),
        Value::Number(number) => Some(Some(number.to_string())),
        Value::String(text) => Some(Some(text.clone())),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Finds the line of a key, since a parsed value no longer knows it.
fn json_line(text: &str, key: &str) -> Option<usize> {
    let quoted = serde_json::to_string(key).ok()?;
    let position = text.find(&quoted)?;
    text.get(..position).map(|before| before.matches('\n').count() + 1)
}

/// Pairs in file order, every scalar as the text that stands in the file.
struct YamlMap(RawConfig);

impl<'de> Deserialize<'de> for YamlMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(YamlVisitor)
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = YamlMap;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a mapping of keys to scalar values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<YamlMap, A::Error> {
        let mut config = RawConfig::new();
        while let Some((key, value)) = access.next_entry::<String, Option<String>>()? {
            config.insert(key, value);
        }
        Ok(YamlMap(config))
    }
}

#[derive(serde::Deserialize)]
struct YamlRequest {
    name: String,
    config: YamlMap,
    initial_state: Option<String>,
}

fn yaml_fault(error: &serde_yaml::Error) -> Fault {
    (error.location().map(|location| location.line()), error.to_string())
}

fn yaml_flat(bytes: &[u8]) -> Result<RawConfig, Fault> {
    serde_yaml::from_slice(bytes).map(|YamlMap(config)| config).map_err(|error| yaml_fault(&error))
}

fn yaml_request(bytes: &[u8]) -> Result<(String, RawConfig, Option<String>), Fault> {
    let request: YamlRequest = serde_yaml::from_slice(bytes).map_err(|error| yaml_fault(&error))?;
    Ok((request.name, request.config.0, request.initial_state))
}

/// Parses Java properties in ISO-8859-1, as Java reads them from a stream.
fn properties(bytes: &[u8]) -> Result<RawConfig, Fault> {
    read_properties(PropertiesIter::new(escape_latin1(bytes).as_slice()))
}

/// Parses Java properties in UTF-8, as Java reads them from a reader.
pub(crate) fn properties_utf8(bytes: &[u8]) -> Result<RawConfig, Fault> {
    read_properties(PropertiesIter::new_with_encoding(bytes, encoding_rs::UTF_8))
}

fn read_properties(mut lines: PropertiesIter<&[u8]>) -> Result<RawConfig, Fault> {
    let mut config = RawConfig::new();
    let insert = |key, value| {
        config.insert(key, Some(value));
    };
    lines.read_into(insert).map_err(|error| (error.line_number(), error.to_string()))?;
    Ok(config)
}

/// Writes every byte above ASCII as `\u00XX`: Java reads such files as ISO-8859-1, the parser as Windows-1252.
fn escape_latin1(bytes: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(bytes.len());
    let mut backslashes = 0usize;
    for &byte in bytes {
        if byte.is_ascii() {
            backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
            escaped.push(byte);
            continue;
        }
        // A backslash before an ordinary letter means nothing; before our escape it would.
        if backslashes % 2 == 1 {
            escaped.pop();
        }
        backslashes = 0;
        escaped.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(name: &str, content: &str) -> Result<Request, Fault> {
        parse_connector(Path::new(name), content.as_bytes())
    }

    fn config(pairs: &[(&str, &str)]) -> RawConfig {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect()
    }

    #[test]
    fn every_format_of_a_connector_file_gives_the_same_connector() {
        let expected = config(&[("name", "c"), ("tasks.max", "2"), ("flag", "true"), ("version", "1.10")]);
        let flat_json = r#"{"name": "c", "tasks.max": 2, "flag": true, "version": 1.10}"#;
        let flat_yaml = "name: c\ntasks.max: 2\nflag: true\nversion: 1.10\n";
        let properties = "# a comment\nname=c\ntasks.max = 2\nflag:true\nversion 1.10\n";
        let cases =
            [("c.json", flat_json), ("c.properties", flat_json), ("c.yaml", flat_yaml), ("c", properties)];
        for (name, content) in cases {
            let (connector_name, read, state) = connector(name, content).expect(name);
            assert_eq!((connector_name.as_str(), read, state), ("c", expected.clone(), None), "{name}");
        }
    }

    #[test]
    fn create_requests_carry_a_state_and_add_the_name() {
        let json = r#"{"name": "c", "config": {"a": "1"}, "initial_state": "stopped", "extra": []}"#;
        let yaml = "name: c\nconfig:\n  a: 1\ninitial_state: STOPPED\n";
        for (name, content) in [("c.json", json), ("c.yml", yaml)] {
            let read = connector(name, content).expect(name);
            let expected = config(&[("a", "1"), ("name", "c")]);
            assert_eq!(read, ("c".to_owned(), expected, Some(InitialState::Stopped)), "{name}");
        }
    }

    #[test]
    fn faults_name_line_and_reason() {
        let cases = [
            ("c.json", "{\n\"name\": \"c\",\n\"a\": [1]\n}", Some(3), "the value of `a` is not"),
            ("c.json", "{\n\"name\": \"c\",\n", Some(3), "EOF"),
            ("c.json", r#"{"a": "b"}"#, None, "`name` configuration is missing"),
            ("c.json", r#"{"name": "a", "config": {"name": "b"}}"#, None, "differs from the outer"),
            ("c.json", r#"{"name": "a", "config": {}, "initial_state": "x"}"#, None, "not one of `RUNNING`"),
            ("c.yaml", "name: c\na:\n  b: c\n", Some(3), "invalid type: map"),
            ("c.properties", "name=c\na=\\u00zz\n", Some(2), ""),
            ("c.properties", "a=b\n", None, "`name` configuration is missing"),
        ];
        for (name, content, line, message) in cases {
            let fault = connector(name, content).expect_err(content);
            assert_eq!(fault.0, line, "{content}: {fault:?}");
            assert!(fault.1.contains(message), "{content}: {fault:?}");
        }
    }

    #[test]
    fn null_values_are_kept_for_validation() {
        for (name, content) in [("c.json", r#"{"name":"c","a":null}"#), ("c.yaml", "name: c\na: null\n")] {
            let (_, config, _) = connector(name, content).expect(name);
            assert_eq!(config.get("a"), Some(&None), "{name}");
        }
    }

    #[test]
    fn properties_are_read_as_java_reads_them() {
        let bytes =
            b"a = b\\\n   c\n! comment\nu=\\u00e4\nlatin=\xe4\x80\nescaped=\\\xe4\nspace = x \na=last\n";
        let expected =
            config(&[("a", "last"), ("u", "ä"), ("latin", "ä\u{80}"), ("escaped", "ä"), ("space", "x ")]);
        assert_eq!(properties(bytes), Ok(expected));
    }
}
