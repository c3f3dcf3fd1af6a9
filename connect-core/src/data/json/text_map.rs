//! Schemaless maps that are still text. A transform that adds, renames or leaves out fields changes the list of keys
//! only; no value is decoded before something asks for it.
//!
//! The list belongs to all records with the same keys, so that what a transform makes of one is worked out once.

use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::data::json::direct::value_at;
use crate::data::json::fast::value_end;
use crate::data::json::{write_str, write_value};
use crate::data::{Map, Value};

/// Where the value of a key is.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The value of the member at this place of the text.
    Text(usize),
    /// The same value in every record.
    Fixed(Value),
    /// A value of the record's own that a transform has put in; counted from the first.
    Own(usize),
}

/// The keys of a map in the order in which Java iterates over it, and where their values are.
#[derive(Debug, PartialEq)]
pub struct TextLayout {
    members: Vec<Member>,
    /// Values of their own that maps of this layout have.
    own_count: usize,
}

#[derive(Debug, PartialEq)]
struct Member {
    key: Value,
    source: Source,
    /// What stands before the value in JSON text, and the value if it is fixed.
    text: Bytes,
}

impl TextLayout {
    /// Returns a layout of distinct keys, which are strings. Maps of it have `own_count` values of their own.
    pub fn new(entries: Vec<(Value, Source)>, own_count: usize) -> Self {
        let mut text = Vec::new();
        let mut member = |(key, source): (Value, Source)| {
            text.clear();
            write_str(&mut text, key.as_str().unwrap_or_default());
            text.push(b':');
            if let Source::Fixed(value) = &source {
                write_value(&mut text, value);
            }
            Member { key, source, text: Bytes::copy_from_slice(&text) }
        };
        Self { members: entries.into_iter().map(&mut member).collect(), own_count }
    }

    /// Returns the keys, and where their values are.
    pub fn entries(&self) -> Vec<(Value, Source)> {
        self.members.iter().map(|member| (member.key.clone(), member.source.clone())).collect()
    }

    /// Returns how many values of their own maps of this layout have.
    pub fn own_count(&self) -> usize {
        self.own_count
    }
}

/// A map whose values stand in the text of a JSON object: valid, and each value as Kafka Connect would write it.
#[derive(Debug, Clone)]
pub struct TextMap {
    text: Bytes,
    layout: Arc<TextLayout>,
    #[expect(
        clippy::box_collection,
        reason = "nearly no map has any, and every record has room for one of these"
    )]
    own: Option<Box<Vec<Value>>>,
}

impl TextMap {
    /// Returns the map of an object that has been validated, whose members the layout names by their places.
    pub(super) fn new(text: Bytes, layout: Arc<TextLayout>) -> Self {
        debug_assert_eq!(layout.own_count, 0, "values of its own are put in later");
        Self { text, layout, own: None }
    }

    /// Returns the layout.
    pub fn layout(&self) -> &Arc<TextLayout> {
        &self.layout
    }

    /// Changes the layout to one that was made from that of this map, and adds values of its own.
    pub fn change(&mut self, layout: Arc<TextLayout>, more: Vec<Value>) {
        debug_assert_eq!(layout.own_count, self.layout.own_count + more.len(), "the layout counts them");
        self.layout = layout;
        match &mut self.own {
            Some(own) => own.extend(more),
            None if more.is_empty() => {}
            None => self.own = Some(Box::new(more)),
        }
    }

    /// Returns the map with all values decoded.
    pub(in crate::data) fn to_value(&self) -> Value {
        let spans = spans(&self.text);
        let value = |source: &Source| match source {
            Source::Text(place) => value_at(&self.text, spans[*place].clone()),
            Source::Fixed(value) => value.clone(),
            Source::Own(place) => self.own()[*place].clone(),
        };
        let members = self.layout.members.iter();
        Value::Map(Map {
            entries: members.map(|member| (member.key.clone(), value(&member.source))).collect(),
        })
    }

    /// Returns the map as canonical text.
    pub(in crate::data) fn to_json(&self) -> Bytes {
        let spans = spans(&self.text);
        let room = self.layout.members.iter().map(|member| member.text.len() + 1).sum::<usize>();
        let mut out = BytesMut::with_capacity(self.text.len() + room + 2);
        let mut own = Vec::new();
        out.put_u8(b'{');
        for member in &self.layout.members {
            out.extend_from_slice(&member.text);
            match &member.source {
                Source::Text(place) => out.extend_from_slice(&self.text[spans[*place].clone()]),
                Source::Fixed(_) => {}
                Source::Own(place) => {
                    own.clear();
                    write_value(&mut own, &self.own()[*place]);
                    out.extend_from_slice(&own);
                }
            }
            out.put_u8(b',');
        }
        if !self.layout.members.is_empty() {
            out.truncate(out.len() - 1);
        }
        out.put_u8(b'}');
        out.freeze()
    }

    fn own(&self) -> &[Value] {
        self.own.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// Returns where the values of a valid object's members are. Its keys have no escapes.
fn spans(text: &[u8]) -> Vec<Range<usize>> {
    let mut spans = Vec::with_capacity(16);
    let next = |mut at: usize| {
        while text.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')) {
            at += 1;
        }
        at
    };
    let mut at = next(1);
    while text.get(at) == Some(&b'"') {
        let key = value_end(text, at);
        let start = next(key);
        let end = value_end(text, start);
        spans.push(start..end);
        at = next(end);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::json::schemaless_fields;

    #[test]
    fn fields_are_left_out_renamed_and_added_without_the_text_being_touched() {
        let input = Bytes::from_static(br#"{ "b" : {"y": 1} , "a" : "x\n" , "c" : 7 }"#);
        let mut datum = schemaless_fields(&input, &mut BytesMut::new()).unwrap();
        let map = datum.text_map_mut().expect("a map");
        let key = |name: &str| Value::string(name);
        let entries =
            vec![(key("a"), Source::Text(0)), (key("b"), Source::Text(1)), (key("c"), Source::Text(2))];
        assert_eq!(map.layout().entries(), entries, "in order: `y` had white space in front of its value");
        let changed = vec![
            (key("fixed \""), Source::Fixed(Value::string("\""))),
            (key("renamed"), Source::Text(0)),
            (key("own"), Source::Own(0)),
            (key("b"), Source::Text(1)),
        ];
        map.change(Arc::new(TextLayout::new(changed, 1)), vec![Value::Int32(5)]);
        let layout = TextLayout::new(map.layout().entries(), 2);
        map.change(Arc::new(layout), vec![Value::Null]);
        let text = datum.json_text().map(|text| String::from_utf8(text.to_vec()).unwrap());
        assert_eq!(text.unwrap(), r#"{"fixed \"":"\"","renamed":"x\n","own":5,"b":{"y":1}}"#);
        let entries = vec![
            (key("fixed \""), key("\"")),
            (key("renamed"), key("x\n")),
            (key("own"), Value::Int32(5)),
            (key("b"), Value::Map(Map { entries: vec![(key("y"), Value::Int64(1))] })),
        ];
        assert_eq!(*datum.value(), Value::Map(Map { entries: entries.clone() }));
        assert_eq!(datum.into_parts(), (None, Value::Map(Map { entries })));
    }

    #[test]
    fn map_without_fields_is_empty() {
        let mut datum = schemaless_fields(&Bytes::from_static(br#"{"a":[]}"#), &mut BytesMut::new()).unwrap();
        datum.text_map_mut().expect("a map").change(Arc::new(TextLayout::new(Vec::new(), 0)), Vec::new());
        assert_eq!(datum.json_text().as_deref(), Some(&Bytes::from_static(b"{}")));
        assert_eq!(*datum.value(), Value::Map(Map::default()));
    }
}
