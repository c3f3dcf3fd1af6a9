//! Java's object serialisation, as far as a `java.util.HashMap<byte[], byte[]>` needs it: the file format of
//! Kafka Connect's standalone offsets (`FileOffsetBackingStore`). Pure; called by the file store.

use bytes::Bytes;
use indexmap::IndexMap;
use thiserror::Error;

const STREAM_HEADER: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS_DESCRIPTION: u8 = 0x72;
const OBJECT: u8 = 0x73;
const STRING: u8 = 0x74;
const ARRAY: u8 = 0x75;
const BLOCK_DATA: u8 = 0x77;
const END_BLOCK: u8 = 0x78;
const FIRST_HANDLE: u32 = 0x007e_0000;

const HASH_MAP: &str = "java.util.HashMap";
const BYTE_ARRAY: &str = "[B";

/// Everything before the map's own numbers: the object and the description of its class.
const HASH_MAP_PREFIX: &[u8] =
    b"\x73\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02\
    F\x00\x0aloadFactorI\x00\x09threshold\x78\x70";
const LOAD_FACTOR: [u8; 4] = [0x3f, 0x40, 0x00, 0x00];
const BYTE_ARRAY_CLASS: &[u8] = b"\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70";
/// Handle of the byte array class when it is written for the first key: after the map's class and the map.
const BYTE_ARRAY_CLASS_HANDLE: u32 = FIRST_HANDLE + 2;
/// Nesting of class descriptions; the classes of interest have one level.
const MAX_DEPTH: usize = 8;

/// What is wrong with a file of offsets.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum StreamError {
    #[error("expecting a Java object stream, which begins with `aced0005`")]
    NoStream,
    #[error("expecting a `java.util.HashMap`, found `{0}`")]
    NoHashMap(String),
    #[error("the data end at byte {0}, in the middle of a value")]
    Truncated(usize),
    #[error("unexpected content at byte {0}")]
    Unexpected(usize),
}

/// Reads a map. Entries whose key or value is null are left out: a null value means a deleted offset.
///
/// # Errors
/// Fails on anything but a serialised `HashMap` of byte arrays.
pub(crate) fn read_map(content: &[u8]) -> Result<IndexMap<Bytes, Bytes>, StreamError> {
    let rest = content.strip_prefix(&STREAM_HEADER).ok_or(StreamError::NoStream)?;
    let mut reader = Reader { content, at: content.len() - rest.len(), handles: Vec::new() };
    let size = reader.begin_map()?;
    let mut map = IndexMap::new();
    for _ in 0..size {
        let key = reader.byte_array()?;
        let value = reader.byte_array()?;
        if let (Some(key), Some(value)) = (key, value) {
            map.insert(key, value);
        }
    }
    reader.expect(END_BLOCK)?;
    Ok(map)
}

/// Writes a map, byte for byte as the JVM does for a `HashMap` that was filled entry by entry.
pub(crate) fn write_map(map: &IndexMap<Bytes, Bytes>) -> Vec<u8> {
    let capacity = connect_core::data::java_map::table_size(map.len());
    let payload: usize = map.iter().map(|(key, value)| key.len() + value.len() + 20).sum();
    let mut out = Vec::with_capacity(payload + 128);
    out.extend_from_slice(&STREAM_HEADER);
    out.extend_from_slice(HASH_MAP_PREFIX);
    out.extend_from_slice(&LOAD_FACTOR);
    // A map that was never filled has no table, and its threshold field is still zero.
    let threshold = if map.is_empty() { 0 } else { capacity / 4 * 3 };
    out.extend_from_slice(&java_int(threshold));
    out.extend_from_slice(&[BLOCK_DATA, 8]);
    out.extend_from_slice(&java_int(capacity));
    out.extend_from_slice(&java_int(map.len()));
    let mut is_class_known = false;
    for array in map.iter().flat_map(|(key, value)| [key, value]) {
        out.push(ARRAY);
        if is_class_known {
            out.push(REFERENCE);
            out.extend_from_slice(&BYTE_ARRAY_CLASS_HANDLE.to_be_bytes());
        } else {
            out.extend_from_slice(BYTE_ARRAY_CLASS);
            is_class_known = true;
        }
        out.extend_from_slice(&java_int(array.len()));
        out.extend_from_slice(array);
    }
    out.push(END_BLOCK);
    out
}

fn java_int(number: usize) -> [u8; 4] {
    i32::try_from(number).unwrap_or(i32::MAX).to_be_bytes()
}

/// Something later parts of the stream may refer to.
#[derive(Clone)]
enum Handle {
    Class(Class),
    Array(Bytes),
    Other,
}

#[derive(Clone)]
struct Class {
    name: String,
    /// Bytes that the primitive fields of an object take.
    field_bytes: usize,
}

struct Reader<'a> {
    content: &'a [u8],
    at: usize,
    handles: Vec<Handle>,
}

impl Reader<'_> {
    /// Reads up to the first key and returns the number of entries.
    fn begin_map(&mut self) -> Result<u32, StreamError> {
        self.expect(OBJECT)?;
        let class = self.class(0)?.ok_or(StreamError::Unexpected(self.at))?;
        if class.name != HASH_MAP {
            return Err(StreamError::NoHashMap(class.name));
        }
        self.handles.push(Handle::Other);
        self.take(class.field_bytes)?;
        self.expect(BLOCK_DATA)?;
        self.expect(8)?;
        self.take(4)?; // Capacity.
        self.int()
    }

    fn byte_array(&mut self) -> Result<Option<Bytes>, StreamError> {
        let start = self.at;
        match self.byte()? {
            NULL => Ok(None),
            REFERENCE => match self.referred()? {
                Handle::Array(bytes) => Ok(Some(bytes)),
                _ => Err(StreamError::Unexpected(start)),
            },
            ARRAY => {
                let class = self.class(0)?;
                if class.is_none_or(|class| class.name != BYTE_ARRAY) {
                    return Err(StreamError::Unexpected(start));
                }
                let length = self.int()? as usize;
                let bytes = Bytes::copy_from_slice(self.take(length)?);
                self.handles.push(Handle::Array(bytes.clone()));
                Ok(Some(bytes))
            }
            _ => Err(StreamError::Unexpected(start)),
        }
    }

    fn class(&mut self, depth: usize) -> Result<Option<Class>, StreamError> {
        let start = self.at;
        match self.byte()? {
            NULL => return Ok(None),
            REFERENCE => {
                return match self.referred()? {
                    Handle::Class(class) => Ok(Some(class)),
                    _ => Err(StreamError::Unexpected(start)),
                };
            }
            CLASS_DESCRIPTION if depth < MAX_DEPTH => {}
            _ => return Err(StreamError::Unexpected(start)),
        }
        let name = self.text()?;
        self.take(8)?; // Serial version.
        let index = self.handles.len();
        self.handles.push(Handle::Other);
        self.take(1)?; // Flags.
        let fields = self.short()?;
        let mut field_bytes = 0;
        for _ in 0..fields {
            field_bytes += self.field()?;
        }
        self.expect(END_BLOCK)?;
        let parent_bytes = self.class(depth + 1)?.map_or(0, |parent| parent.field_bytes);
        let class = Class { name, field_bytes: field_bytes + parent_bytes };
        self.handles[index] = Handle::Class(class.clone());
        Ok(Some(class))
    }

    /// Reads the description of a field and returns how many bytes its value takes.
    fn field(&mut self) -> Result<usize, StreamError> {
        let start = self.at;
        let code = self.byte()?;
        self.text()?;
        match code {
            b'B' | b'Z' => Ok(1),
            b'C' | b'S' => Ok(2),
            b'F' | b'I' => Ok(4),
            b'D' | b'J' => Ok(8),
            // Objects have no fixed size; no class that may stand here has such a field, but its root is named
            // in the error, so the description is read to the end.
            b'L' | b'[' => {
                match self.byte()? {
                    STRING => {
                        self.text()?;
                        self.handles.push(Handle::Other);
                    }
                    REFERENCE => {
                        self.referred()?;
                    }
                    _ => return Err(StreamError::Unexpected(start)),
                }
                Ok(0)
            }
            _ => Err(StreamError::Unexpected(start)),
        }
    }

    fn referred(&mut self) -> Result<Handle, StreamError> {
        let start = self.at;
        let index = self.int()?.checked_sub(FIRST_HANDLE);
        let handle = index.and_then(|index| self.handles.get(index as usize));
        handle.cloned().ok_or(StreamError::Unexpected(start))
    }

    fn text(&mut self) -> Result<String, StreamError> {
        let length = self.short()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn expect(&mut self, byte: u8) -> Result<(), StreamError> {
        let start = self.at;
        if self.byte()? == byte { Ok(()) } else { Err(StreamError::Unexpected(start)) }
    }

    fn byte(&mut self) -> Result<u8, StreamError> {
        Ok(self.take(1)?[0])
    }

    fn short(&mut self) -> Result<usize, StreamError> {
        let bytes = self.take(2)?;
        Ok(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    }

    fn int(&mut self) -> Result<u32, StreamError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn take(&mut self, length: usize) -> Result<&[u8], StreamError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.content.len());
        let end = end.ok_or(StreamError::Truncated(self.content.len()))?;
        let start = std::mem::replace(&mut self.at, end);
        Ok(&self.content[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN_BY_JVM: &[u8] = include_bytes!("testdata/jvm-offsets.bin");
    const EMPTY_WRITTEN_BY_JVM: &[u8] = include_bytes!("testdata/jvm-offsets-empty.bin");

    fn map(pairs: &[(&str, &str)]) -> IndexMap<Bytes, Bytes> {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        pairs.iter().map(|(key, value)| (bytes(key), bytes(value))).collect()
    }

    #[test]
    fn file_written_by_jvm_is_read_without_null_values() {
        let mut read = read_map(WRITTEN_BY_JVM).expect("a JVM file");
        read.sort_keys();
        let expected = map(&[
            (r#"["other",{"table":"t","db":"d"}]"#, r#"{"lsn":12,"snapshot":true}"#),
            (r#"["src",{"filename":"/data/in.txt"}]"#, r#"{"position":6}"#),
            (r#"["src",{"filename":"ä"}]"#, r#"{"position":6}"#),
        ]);
        assert_eq!(read, expected);
    }

    #[test]
    fn map_is_written_as_the_jvm_writes_it() {
        let one = map(&[(r#"["c",{"f":1}]"#, r#"{"p":2}"#)]);
        let mut expected = Vec::new();
        expected.extend_from_slice(&STREAM_HEADER);
        expected.extend_from_slice(HASH_MAP_PREFIX);
        expected
            .extend_from_slice(b"\x3f\x40\x00\x00\x00\x00\x00\x0c\x77\x08\x00\x00\x00\x10\x00\x00\x00\x01");
        expected.extend_from_slice(
            b"\x75\x72\x00\x02\x5b\x42\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70",
        );
        expected.extend_from_slice(b"\x00\x00\x00\x0d[\"c\",{\"f\":1}]");
        expected.extend_from_slice(b"\x75\x71\x00\x7e\x00\x02\x00\x00\x00\x07{\"p\":2}\x78");
        assert_eq!(write_map(&one), expected);
        assert_eq!(write_map(&IndexMap::new()), EMPTY_WRITTEN_BY_JVM);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for len in [0usize, 1, 12, 13, 200] {
            let entry = |index: usize| (Bytes::from(format!("key {index}")), Bytes::from(vec![0u8; index]));
            let map: IndexMap<Bytes, Bytes> = (0..len).map(entry).collect();
            assert_eq!(read_map(&write_map(&map)), Ok(map), "{len}");
        }
    }

    #[test]
    fn every_truncation_is_an_error_and_never_a_panic() {
        for end in 0..WRITTEN_BY_JVM.len() {
            let outcome = read_map(&WRITTEN_BY_JVM[..end]);
            assert!(outcome.is_err(), "{end}");
        }
    }

    #[test]
    fn other_content_is_refused_with_its_reason() {
        let mut tree = STREAM_HEADER.to_vec();
        tree.extend_from_slice(b"\x73\x72\x00\x11java.util.TreeMap");
        tree.extend_from_slice(
            b"\0\0\0\0\0\0\0\0\x03\0\x01L\0\x0acomparatort\0\x16Ljava/util/Comparator;\x78\x70",
        );
        assert_eq!(read_map(&tree), Err(StreamError::NoHashMap("java.util.TreeMap".to_owned())));
        assert_eq!(read_map(b"{}"), Err(StreamError::NoStream));
        assert_eq!(read_map(&[&STREAM_HEADER[..], b"\x70"].concat()), Err(StreamError::Unexpected(4)));
    }
}
