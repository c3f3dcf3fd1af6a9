//! Random schemas, values and records, in the notation of the golden files. The same seed gives the same cases.

use fastrand::Rng;
use serde_json::{Map, Value as Json, json};

const LOGICAL: &str = "org.apache.kafka.connect.data.";
/// Fields come from a small set, so that configurations name some that are there.
pub(super) const NAMES: [&str; 12] =
    ["a", "b", "c", "id", "name", "ts", "amount", "x1", "größe", "key_with_a_longer_name", "a.b", "schema"];
const TEXTS: [&str; 24] = [
    "",
    "1",
    "-7",
    "2.50",
    "true",
    "FALSE",
    "text",
    " padded ",
    "ü✓",
    "😀",
    "a\"b\\c/d",
    "tab\tnew\nline\r",
    "\u{1}\u{7f}\u{2028}",
    "null",
    "NaN",
    "1e5",
    "[1,2]",
    "{\"a\":1}",
    "2024-02-29",
    "2024-02-29T10:00:00.000Z",
    "10:00:00.000Z",
    "0x1F",
    "+5",
    "99999999999999999999",
];
const MAX_DEPTH: u32 = 3;
const DAY_MS: i64 = 86_400_000;

/// Makes data.
pub(super) struct Maker {
    pub(super) rng: Rng,
}

impl Maker {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed) }
    }

    /// Returns true in `percent` of 100 calls.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.rng.usize(0..items.len())]
    }

    pub(super) fn name(&mut self) -> String {
        self.pick(&NAMES).to_owned()
    }

    /// Returns a schema, or null, and a value that mostly fits it.
    pub(super) fn pair(&mut self) -> (Json, Json) {
        if self.chance(25) {
            let value = self.schemaless(0);
            return (Json::Null, value);
        }
        let schema = self.schema(0);
        let mut value = match self.rng.u32(0..100) {
            0..3 => self.scalar(),
            3..5 => Json::Null,
            _ => self.value(&schema),
        };
        // Only the outermost struct may lack what is required: it alone is not checked when it is built.
        if let Some(fields) =
            value.get_mut("struct").and_then(Json::as_object_mut).filter(|_| self.rng.u32(0..20) == 0)
        {
            fields.shift_remove(NAMES[self.rng.usize(0..NAMES.len())]);
        }
        (schema, value)
    }

    /// Returns a value without a schema.
    pub(super) fn schemaless(&mut self, depth: u32) -> Json {
        match self.rng.u32(0..100) {
            0..6 => Json::Null,
            6..40 if depth < MAX_DEPTH => self.map(depth),
            40..52 if depth < MAX_DEPTH => {
                let items: Vec<Json> = (0..self.rng.u32(0..5)).map(|_| self.schemaless(depth + 1)).collect();
                json!({"list": items})
            }
            52..56 => json!({"decimal": self.decimal(None)}),
            56..60 => json!({"date": self.millis().to_string()}),
            _ => self.scalar(),
        }
    }

    /// Returns a map without a schema, mostly with text keys.
    pub(super) fn map(&mut self, depth: u32) -> Json {
        let count = self.rng.u32(0..if depth == 0 { 16 } else { 5 });
        let is_plain = !self.chance(4);
        let mut pairs: Vec<(Json, Json)> = Vec::new();
        for _ in 0..count {
            let key = if is_plain { self.key() } else { self.any_key() };
            let value = self.schemaless(depth + 1);
            if pairs.iter().all(|(known, _)| *known != key) {
                pairs.push((key, value));
            }
        }
        json!({ "map": pairs })
    }

    fn key(&mut self) -> Json {
        let name = self.name();
        Json::from(if self.chance(30) { format!("{name}{}", self.rng.u32(0..100)) } else { name })
    }

    fn any_key(&mut self) -> Json {
        match self.rng.u32(0..4) {
            0 => json!({"i32": self.rng.i32(-100..100)}),
            1 => json!({"bool": self.rng.bool()}),
            2 => json!({"i64": self.rng.i64(-9_000_000_000..9_000_000_000).to_string()}),
            _ => self.key(),
        }
    }

    pub(super) fn scalar(&mut self) -> Json {
        let ty = self.pick(&PRIMITIVES);
        self.primitive(ty)
    }

    fn primitive(&mut self, ty: &str) -> Json {
        match ty {
            "INT8" => json!({"i8": self.rng.i8(..)}),
            "INT16" => json!({"i16": self.rng.i16(..)}),
            "INT32" => json!({"i32": if self.chance(30) { self.rng.i32(-3..3) } else { self.rng.i32(..) }}),
            "INT64" => {
                let number = match self.rng.u32(0..4) {
                    0 => self.rng.i64(..),
                    1 => self.pick(&[i64::MIN, i64::MAX, 0, -1, 1]),
                    2 => self.millis(),
                    _ => self.rng.i64(-1000..1000),
                };
                json!({"i64": number.to_string()})
            }
            "FLOAT32" => json!({"f32": self.float()}),
            "FLOAT64" => json!({"f64": self.float()}),
            "BOOLEAN" => json!({"bool": self.rng.bool()}),
            "BYTES" => {
                let bytes: String =
                    (0..self.rng.u32(0..12)).map(|_| format!("{:02x}", self.rng.u8(..))).collect();
                json!({ "bytes": bytes })
            }
            _ => json!({"s": self.text()}),
        }
    }

    pub(super) fn text(&mut self) -> String {
        let text = self.pick(&TEXTS).to_owned();
        if self.chance(20) { text + self.pick(&TEXTS) } else { text }
    }

    /// Returns a number of few digits: of more, not every JDK prints the shortest text.
    fn float(&mut self) -> String {
        match self.rng.u32(0..10) {
            0 => self.pick(&["NaN", "Infinity", "-Infinity", "-0.0", "0.0"]).to_owned(),
            1 => format!("{}E{}", self.rng.i32(-999..999), self.rng.i32(-30..30)),
            2 => self.rng.i32(-10_000_000..10_000_000).to_string(),
            _ => format!("{}.{}", self.rng.i32(-9999..9999), self.pick(&["0", "5", "25", "125", "75"])),
        }
    }

    /// Returns a decimal, of a scale if one is given.
    fn decimal(&mut self, scale: Option<i64>) -> String {
        let unscaled = match self.rng.u32(0..3) {
            0 => self.rng.i128(..).to_string(),
            1 => "0".to_owned(),
            _ => self.rng.i32(-100_000..100_000).to_string(),
        };
        let scale = scale.unwrap_or_else(|| self.rng.i64(-3..12));
        format!("{unscaled}E{}", -scale)
    }

    pub(super) fn millis(&mut self) -> i64 {
        match self.rng.u32(0..4) {
            0 => self.rng.i64(-20_000..60_000) * DAY_MS,
            1 => self.rng.i64(0..DAY_MS),
            // Far years have five digits.
            2 if self.chance(10) => self.rng.i64(200_000_000_000_000..900_000_000_000_000),
            _ => self.rng.i64(-2_000_000_000_000..4_000_000_000_000),
        }
    }

    /// Returns a schema with random attributes.
    fn schema(&mut self, depth: u32) -> Json {
        let mut schema = match self.rng.u32(0..100) {
            0..10 if depth < MAX_DEPTH => json!({"type": "ARRAY", "value": self.schema(depth + 1)}),
            10..20 if depth < MAX_DEPTH => {
                let key = if self.chance(75) { json!("STRING") } else { json!(self.pick(&PRIMITIVES)) };
                json!({"type": "MAP", "key": key, "value": self.schema(depth + 1)})
            }
            20..50 if depth < MAX_DEPTH => self.structure(depth),
            50..62 => self.logical(),
            _ => json!({"type": self.pick(&PRIMITIVES)}),
        };
        let default = (self.chance(15) && schema["type"] != "STRUCT").then(|| self.value(&schema));
        let object = schema.as_object_mut().expect("a schema is an object");
        if self.chance(35) {
            object.insert("optional".to_owned(), json!(true));
        }
        if let Some(default) = default.filter(|default| !default.is_null()) {
            object.insert("default".to_owned(), default);
        }
        self.attributes(object);
        schema
    }

    fn attributes(&mut self, schema: &mut Map<String, Json>) {
        if self.chance(10) && !schema.contains_key("name") {
            schema.insert("name".to_owned(), json!(self.pick(&["rec", "com.acme.Ünit", ""])));
        }
        if self.chance(10) {
            schema.insert("version".to_owned(), json!(self.rng.i32(0..9)));
        }
        if self.chance(8) {
            schema.insert("doc".to_owned(), json!(self.text()));
        }
        if self.chance(8) && !schema.contains_key("parameters") {
            schema.insert("parameters".to_owned(), json!({"k": self.text()}));
        }
    }

    fn structure(&mut self, depth: u32) -> Json {
        let mut fields: Vec<(String, Json)> = Vec::new();
        for _ in 0..self.rng.u32(0..7) {
            let name = self.name();
            let schema = self.schema(depth + 1);
            if fields.iter().all(|(known, _)| *known != name) {
                fields.push((name, schema));
            }
        }
        json!({"type": "STRUCT", "fields": fields})
    }

    fn logical(&mut self) -> Json {
        let (name, base) =
            self.pick(&[("Decimal", "BYTES"), ("Date", "INT32"), ("Time", "INT32"), ("Timestamp", "INT64")]);
        let mut schema = json!({"type": base, "name": format!("{LOGICAL}{name}"), "version": 1});
        if name == "Decimal" {
            schema["parameters"] = json!({"scale": self.rng.i64(-2..8).to_string()});
        }
        schema
    }

    /// Returns a value for a schema, sometimes null where it is optional.
    fn value(&mut self, schema: &Json) -> Json {
        if schema["optional"] == true && self.chance(30) {
            return Json::Null;
        }
        let name = schema["name"].as_str().and_then(|name| name.strip_prefix(LOGICAL)).unwrap_or_default();
        match (schema["type"].as_str().or(schema.as_str()).unwrap_or_default(), name) {
            (_, "Decimal") => {
                let scale = schema["parameters"]["scale"].as_str().and_then(|text| text.parse().ok());
                let is_wrong = self.chance(3);
                json!({"decimal": self.decimal(scale.filter(|_| !is_wrong))})
            }
            (_, "Date") if !self.chance(3) => {
                json!({"date": (self.rng.i64(-20_000..60_000) * DAY_MS).to_string()})
            }
            (_, "Time") if !self.chance(3) => json!({"date": self.rng.i64(0..DAY_MS).to_string()}),
            (_, "Date" | "Time" | "Timestamp") => json!({"date": self.millis().to_string()}),
            ("ARRAY", _) => {
                let count = self.rng.u32(0..4);
                json!({"list": (0..count).map(|_| self.value(&schema["value"])).collect::<Vec<_>>()})
            }
            ("MAP", _) => self.map_of(schema),
            ("STRUCT", _) => self.struct_of(schema),
            (ty, _) => self.primitive(ty),
        }
    }

    fn map_of(&mut self, schema: &Json) -> Json {
        let mut pairs: Vec<(Json, Json)> = Vec::new();
        for _ in 0..self.rng.u32(0..6) {
            let key = match schema["key"].as_str() {
                Some("STRING") => self.key(),
                // Byte arrays are equal to themselves only.
                Some("BYTES") => continue,
                other => self.primitive(other.unwrap_or_default()),
            };
            let value = self.value(&schema["value"]);
            if pairs.iter().all(|(known, _)| *known != key) {
                pairs.push((key, value));
            }
        }
        json!({ "map": pairs })
    }

    fn struct_of(&mut self, schema: &Json) -> Json {
        let mut members = Map::new();
        for field in schema["fields"].as_array().expect("a struct has fields") {
            let value = self.value(&field[1]);
            let is_left_out = field[1].get("default").is_some() && self.chance(30);
            if !value.is_null() && !is_left_out {
                members.insert(field[0].as_str().expect("a name").to_owned(), value);
            }
        }
        json!({ "struct": members })
    }

    /// Returns a record of a sink or a source. `whole` asks for keys and values that are no containers.
    pub(super) fn record(&mut self, whole: bool) -> Json {
        let mut record = json!({"topic": self.pick(&["t", "db.Orders-17", "logs_2024", "ÄÖ"])});
        if self.chance(70) {
            record["offset"] = json!(self.rng.i64(0..1_000_000));
        }
        if self.chance(60) {
            record["partition"] = json!(self.rng.i32(0..64));
        }
        if self.chance(80) {
            record["timestamp"] = json!(self.millis().abs());
        }
        for (schema_name, name) in [("keySchema", "key"), ("valueSchema", "value")] {
            let (schema, value) = match self.rng.u32(0..100) {
                0..4 => (Json::Null, Json::Null),
                4..10 => self.pair(),
                _ if whole => self.whole(),
                10..55 => (Json::Null, self.map(0)),
                _ => self.structured(),
            };
            record[schema_name] = schema;
            record[name] = value;
        }
        if self.chance(40) {
            let headers: Vec<Json> = (0..self.rng.u32(1..4)).map(|_| self.header()).collect();
            record["headers"] = json!(headers);
        }
        record
    }

    fn whole(&mut self) -> (Json, Json) {
        if self.chance(40) {
            return (Json::Null, self.scalar());
        }
        let mut schema =
            if self.chance(30) { self.logical() } else { json!({"type": self.pick(&PRIMITIVES)}) };
        if self.chance(40) {
            schema["optional"] = json!(true);
        }
        let value = self.value(&schema);
        (schema, value)
    }

    fn structured(&mut self) -> (Json, Json) {
        let mut schema = self.structure(0);
        let object = schema.as_object_mut().expect("a schema is an object");
        self.attributes(object);
        let value = self.value(&schema);
        (schema, value)
    }

    fn header(&mut self) -> Json {
        let name = self.pick(&["h", "k", "a", "b"]);
        // Headers are checked against their schemas when they are built.
        let (schema, value) = if self.chance(80) { self.whole() } else { (Json::Null, self.schemaless(1)) };
        json!([name, schema, value])
    }
}

const PRIMITIVES: [&str; 9] =
    ["INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64", "BOOLEAN", "STRING", "BYTES"];

impl Maker {
    /// Changes some bytes as a faulty writer might: cut, flip, repeat, or replace by what means something in JSON.
    pub(super) fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.rng.u32(0..4) {
            let place = self.rng.usize(0..=bytes.len());
            match self.rng.u32(0..5) {
                0 => bytes.truncate(place),
                // `padded-names`: 0xff may pass for nothing in the JVM.
                1 => bytes.insert(place, self.rng.u8(..0xff)),
                2 => bytes.insert(place, self.pick(b"{}[]\",:0123456789-+.eEtfn \\u")),
                3 if place < bytes.len() => bytes[place] = self.pick(b"{}[]\",:0123456789-+.eEtfn \\u"),
                _ if place < bytes.len() => {
                    let byte = bytes.remove(place);
                    if self.chance(30) {
                        bytes.extend([byte, byte]);
                    }
                }
                _ => {}
            }
        }
        // `foreign-digits`: such texts are numbers in the JVM only.
        let is_foreign = |character: char| character.is_numeric() && !character.is_ascii();
        if String::from_utf8_lossy(bytes).contains(is_foreign) {
            bytes.clear();
        }
    }
}
