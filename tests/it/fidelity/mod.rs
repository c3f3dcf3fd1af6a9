//! Generated data through every converter, transform and predicate of Kafka, in the JVM and here: the same bytes, the
//! same records, or errors of the same class.
//!
//! `FIDELITY_SEED` repeats a run, which prints its seed; `FIDELITY_CASES` is the number of pairs of schema and value.

mod compare;
mod configs;
#[path = "../../../connectors/transforms/tests/notation/mod.rs"]
mod notation;
mod oracle;
mod ours;
mod random;

use std::{collections::BTreeMap, env};

use bytes::Bytes;
use connect_core::plugin::PluginInfo;
use serde_json::{Value as Json, json};

use compare::{is_same, one_line};
use ours::Side;
use random::Maker;

const CASES: usize = 10_000;
/// Differences shown of each kind.
const SHOWN: usize = 3;

/// Returns the converters, each with what it is configured with.
fn converters() -> Vec<Json> {
    let json = |role: &str, config: Json| json!({"class": "org.apache.kafka.connect.json.JsonConverter", "role": role, "config": config});
    let mut all = vec![
        json("value", json!({"schemas.enable": "true"})),
        json("value", json!({"schemas.enable": "false"})),
        json(
            "key",
            json!({"schemas.enable": "true", "decimal.format": "NUMERIC", "replace.null.with.default": "false"}),
        ),
        json(
            "value",
            json!({"schemas.enable": "false", "decimal.format": "NUMERIC", "replace.null.with.default": "false"}),
        ),
        json("header", json!({"schemas.enable": "true"})),
        json!({"class": "org.apache.kafka.connect.storage.SimpleHeaderConverter", "role": "header", "config": {}}),
    ];
    for (class, roles) in [
        ("storage.StringConverter", &["value", "header"][..]),
        ("converters.ByteArrayConverter", &["value"]),
        ("converters.BooleanConverter", &["value"]),
        ("converters.ShortConverter", &["value"]),
        ("converters.IntegerConverter", &["value"]),
        ("converters.LongConverter", &["value"]),
        ("converters.FloatConverter", &["value", "header"]),
        ("converters.DoubleConverter", &["value"]),
    ] {
        let class = format!("org.apache.kafka.connect.{class}");
        all.extend(roles.iter().map(|role| json!({"class": class, "role": role, "config": {}})));
    }
    all
}

/// What a case asks for, and what is answered here.
struct Asked {
    line: String,
    /// One answer for each converter, or one for a transform.
    answers: Vec<String>,
}

struct Here {
    maker: Maker,
    plugins: Vec<PluginInfo>,
    sides: Vec<Side>,
}

impl Here {
    fn pair(&mut self) -> Asked {
        let (schema, value) = self.maker.pair();
        let case = json!({"schema": schema, "value": value});
        let datum = ours::datum(&case);
        let answers = self.sides.iter().map(|side| side.written(&datum)).collect();
        Asked { line: case.to_string(), answers }
    }

    /// Returns bytes that a converter wrote, with some of them changed.
    fn bytes(&mut self) -> Asked {
        let (schema, value) = self.maker.pair();
        let datum = ours::datum(&json!({"schema": schema, "value": value}));
        let side = self.maker.rng.usize(0..self.sides.len());
        let mut bytes = self.sides[side].write(&datum).ok().flatten().unwrap_or_default().to_vec();
        self.maker.damage(&mut bytes);
        let bytes = Bytes::from(bytes);
        let answers = self.sides.iter().map(|side| side.shown(Some(&bytes))).collect();
        Asked { line: json!({"bytes": ours::hex(&bytes)}).to_string(), answers }
    }

    fn transform(&mut self) -> Asked {
        let case = self.maker.transform();
        Asked { line: case.to_string(), answers: vec![ours::transformed(&self.plugins, &case)] }
    }
}

/// Differences of one kind: how many, and the first of them.
type Differences = BTreeMap<String, (usize, Vec<String>)>;

#[test]
fn generated_data_comes_out_of_converters_and_transforms_as_from_the_jvm() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("FIDELITY_SEED").unwrap_or_else(|| fastrand::u64(..));
    let cases = number("FIDELITY_CASES").map_or(CASES, |count| usize::try_from(count).expect("a count"));
    eprintln!("FIDELITY_SEED={seed}");
    let plugins = connectors::plugins();
    let converters = converters();
    let sides = converters.iter().map(|converter| Side::new(&plugins, converter)).collect();
    let mut here = Here { maker: Maker::new(seed), plugins, sides };
    let mut asked: Vec<Asked> = (0..cases).map(|_| here.pair()).collect();
    asked.extend((0..cases / 2).map(|_| here.bytes()));
    asked.extend((0..cases).map(|_| here.transform()));

    let list = std::iter::once(Json::from(converters.clone()).to_string());
    let answers = oracle::ask(list.chain(asked.iter().map(|asked| asked.line.clone())).collect());
    let mut differences = Differences::new();
    for (asked, answer) in asked.iter().zip(&answers) {
        compare_case(&converters, asked, answer, &mut differences);
    }
    let count: usize = differences.values().map(|(count, _)| count).sum();
    let report: String = differences
        .into_iter()
        .map(|(kind, (count, examples))| format!("\n== {kind}: {count}\n{}", examples.join("\n")))
        .collect();
    assert!(count == 0, "FIDELITY_SEED={seed}: {count} answers differ in {} cases:{report}", asked.len());
}

fn compare_case(converters: &[Json], asked: &Asked, answer: &str, differences: &mut Differences) {
    let parts: Vec<&str> = match answer.strip_prefix('\t') {
        Some(parts) => parts.split('\t').collect(),
        None => vec![answer],
    };
    assert_eq!(parts.len(), asked.answers.len(), "{}: {answer}", asked.line);
    for (index, (wanted, found)) in parts.into_iter().zip(&asked.answers).enumerate() {
        let found = one_line(found);
        if is_same(wanted, &found) {
            continue;
        }
        let kind = kind(converters.get(index), asked, wanted, &found);
        let entry = differences.entry(kind).or_default();
        entry.0 += 1;
        if entry.1.len() < SHOWN {
            let line: String = asked.line.chars().take(1000).collect();
            entry.1.push(format!("{line}\n{}", shown(wanted, &found)));
        }
    }
}

/// Names a kind of difference: where it is seen, and which error stands where another or none should be.
fn kind(converter: Option<&Json>, asked: &Asked, wanted: &str, found: &str) -> String {
    let word = |text: &str| match text.strip_prefix("error ") {
        Some(error) => error.split(": ").next().unwrap_or_default().to_owned(),
        None if text.contains(">error ") => "unreadable".to_owned(),
        None => "data".to_owned(),
    };
    let case: Json = serde_json::from_str(&asked.line).expect("a case is JSON");
    let place = match (case["class"].as_str(), converter) {
        (Some(class), _) => class.to_owned(),
        (None, Some(converter)) => {
            let what = if case.get("bytes").is_some() { "reading" } else { "writing" };
            format!(
                "{what} {} {} {}",
                converter["class"].as_str().unwrap_or_default(),
                converter["role"],
                converter["config"]
            )
        }
        (None, None) => String::new(),
    };
    format!("{place}: {} / {}", word(wanted), word(found))
}

/// Shows two answers from shortly before where they differ, with bytes as text.
fn shown(wanted: &str, found: &str) -> String {
    let (wanted, found): (Vec<char>, Vec<char>) =
        (readable(wanted).chars().collect(), readable(found).chars().collect());
    let common = wanted.iter().zip(&found).take_while(|(left, right)| left == right).count();
    let from = common.saturating_sub(120);
    let part = |text: &[char]| text.iter().skip(from).take(400).collect::<String>();
    format!("  JVM  {}\n  here {}", part(&wanted), part(&found))
}

fn readable(answer: &str) -> String {
    match answer.split_once('>') {
        Some((hex, rest)) if !answer.starts_with("error") => {
            format!("{} > {rest}", String::from_utf8_lossy(&compare::unhex(hex)))
        }
        _ => answer.to_owned(),
    }
}
