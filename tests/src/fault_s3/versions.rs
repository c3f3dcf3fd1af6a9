//! What an S3 server took under each path: digests of contents, not the contents.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hasher},
};

use super::{Seen, header};

/// A content that the server took: its size and a digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    /// Bytes of the object.
    pub size: usize,
    digest: u64,
}

/// The contents under each path, and the parts of uploads that are not complete.
#[derive(Debug, Default)]
pub(super) struct Versions {
    stored: BTreeMap<String, Vec<Version>>,
    /// By upload and number.
    parts: BTreeMap<(String, u32), Vec<u8>>,
}

impl Version {
    fn of<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut size, mut hasher) = (0, DefaultHasher::new());
        for piece in pieces {
            size += piece.len();
            hasher.write(piece);
        }
        Self { size, digest: hasher.finish() }
    }
}

impl Versions {
    /// Returns the contents by path, in order.
    pub(super) fn stored(&self) -> BTreeMap<String, Vec<Version>> {
        self.stored.clone()
    }

    /// Notes a request that the server answered with success.
    pub(super) fn note(&mut self, head: &[String], seen: &Seen, body: &[u8], answer: &[u8]) {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
        };
        let upload = parameter("uploadId");
        match (seen.method.as_str(), upload) {
            ("PUT", Some(upload)) => {
                let number = parameter("partNumber").and_then(|number| number.parse().ok());
                self.parts.insert((upload, number.unwrap_or(0)), content(head, body).to_vec());
            }
            // Completing can be answered with success and tell of an error.
            ("POST", Some(upload)) if !String::from_utf8_lossy(answer).contains("<Error>") => {
                let mine = self.parts.range((upload.clone(), 0)..=(upload.clone(), u32::MAX));
                let version = Version::of(mine.map(|(_, part)| part.as_slice()));
                self.forget(&upload);
                // A lost answer makes the client complete an upload that is gone: there is nothing new then.
                if version.size > 0 {
                    self.stored.entry(path.to_owned()).or_default().push(version);
                }
            }
            ("DELETE", Some(upload)) => self.forget(&upload),
            ("PUT", None)
                if parameter("x-id").as_deref() != Some("PutObjectTagging") && query != "tagging" =>
            {
                let version = Version::of(std::iter::once(content(head, body)));
                self.stored.entry(path.to_owned()).or_default().push(version);
            }
            _ => {}
        }
    }

    fn forget(&mut self, upload: &str) {
        self.parts.retain(|(known, _), _| known != upload);
    }
}

/// Returns the object's bytes of a body, which may be sent in signed chunks (`aws-chunked`): a size line before each
/// and trailers after the last.
fn content<'a>(head: &[String], body: &'a [u8]) -> &'a [u8] {
    let decoded =
        header(head, "x-amz-decoded-content-length").and_then(|length| length.parse::<usize>().ok());
    let Some(length) = decoded else { return body };
    // The clients under test send one chunk: what they send is in memory.
    let start = body.windows(2).position(|pair| pair == b"\r\n").map_or(0, |at| at + 2);
    body.get(start..start + length).unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(method: &str, target: &str) -> Seen {
        Seen { method: method.to_owned(), target: target.to_owned() }
    }

    #[test]
    fn objects_in_parts_and_whole_ones_are_the_same_by_their_bytes() {
        let mut versions = Versions::default();
        versions.note(&[], &seen("PUT", "/b/whole?x-id=PutObject"), b"abcd", b"");
        versions.note(&[], &seen("PUT", "/b/parts?partNumber=2&uploadId=u"), b"cd", b"");
        versions.note(&[], &seen("PUT", "/b/parts?partNumber=1&uploadId=u"), b"ab", b"");
        versions.note(&[], &seen("POST", "/b/parts?uploadId=u"), b"", b"<Error>");
        versions.note(&[], &seen("POST", "/b/parts?uploadId=u"), b"", b"<Done>");
        versions.note(&[], &seen("POST", "/b/parts?uploadId=u"), b"", b"<Done>");
        versions.note(&[], &seen("PUT", "/b/whole?x-id=PutObject"), b"abce", b"");
        let stored = versions.stored();
        assert_eq!(stored["/b/parts"], stored["/b/whole"][..1]);
        assert_ne!(stored["/b/whole"][0], stored["/b/whole"][1]);
    }

    #[test]
    fn sizes_and_trailers_of_chunks_are_no_content() {
        let head = ["PUT /b/k HTTP/1.1", "X-Amz-Decoded-Content-Length: 4"].map(str::to_owned);
        assert_eq!(content(&head, b"4\r\nabcd\r\n0\r\nx-amz-checksum-crc32: x\r\n\r\n"), b"abcd");
        assert_eq!(content(&head[..1], b"abcd"), b"abcd");
    }
}
