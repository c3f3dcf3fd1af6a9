//! PEM texts as Java clients accept them: line ends may have become blanks, as in a property file's long line.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Characters of a line.
const LINE: usize = 64;

/// One block of a PEM text.
#[derive(PartialEq, Eq)]
pub(crate) struct Block {
    /// What stands between `BEGIN` and the dashes.
    pub(crate) label: String,
    /// The content.
    pub(crate) der: Vec<u8>,
}

/// Returns the blocks of a text in order; what stands between them is left out.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let (label, body) = begun.split_once("-----").ok_or("a `BEGIN` line without its end")?;
        let end = format!("-----END {label}-----");
        let (body, after) =
            body.split_once(&end).ok_or_else(|| format!("`BEGIN {label}` without `{end}`"))?;
        if body.contains("Proc-Type:") {
            return Err(format!(
                "`{label}` is encrypted in the old way of OpenSSL; convert it with `openssl pkcs8 -topk8`"
            ));
        }
        let packed: String = body.split_whitespace().collect();
        let der = STANDARD.decode(packed).map_err(|_| format!("`{label}` is not valid base64"))?;
        found.push(Block { label: label.to_owned(), der });
        rest = after;
    }
    Ok(found)
}

/// Returns a block as text.
pub(crate) fn text(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = left;
    }
    text + &format!("-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_whatever_became_of_their_line_ends() {
        for text in [
            "Bag Attributes\n-----BEGIN CERTIFICATE-----\nAQID\nBA==\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE----- AQID BA== -----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\r\nAQIDBA==\r\n-----END CERTIFICATE-----",
        ] {
            let read = blocks(text).expect("valid");
            let read: Vec<(&str, &[u8])> =
                read.iter().map(|block| (block.label.as_str(), block.der.as_slice())).collect();
            assert_eq!(read, [("CERTIFICATE", [1, 2, 3, 4].as_slice())]);
        }
    }

    #[test]
    fn text_is_read_back() {
        let der: Vec<u8> = (0..=255).collect();
        let text = text("CERTIFICATE", &der);
        assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
        let read = blocks(&text).expect("valid");
        assert_eq!(read.iter().map(|block| &block.der).collect::<Vec<_>>(), [&der]);
    }

    #[test]
    fn broken_blocks_are_refused() {
        for (text, error) in [
            ("-----BEGIN X-----\nAQ==\n", "`BEGIN X` without `-----END X-----`"),
            ("-----BEGIN X-----\n!\n-----END X-----", "`X` is not valid base64"),
        ] {
            assert_eq!(blocks(text).err().as_deref(), Some(error));
        }
        assert!(blocks("no PEM at all").is_ok_and(|blocks| blocks.is_empty()));
    }
}
