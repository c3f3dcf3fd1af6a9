//! Trust stores and key stores of the Java client: PEM by location or inline, PKCS12 by location.

use std::fs;

use connect_core::config::{Props, Secret};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::connection::{
    ConnectionError, ErrorKind,
    pem::{self, Block},
};

/// A private key with the certificates that belong to it, the own one first.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// Reads the certificates to trust; `None` when there is no such setting.
pub(crate) fn trusted(props: &Props) -> Result<Option<Vec<CertificateDer<'static>>>, ConnectionError> {
    let (key, found) = if let Some(text) = set(props, "ssl.truststore.certificates") {
        ("ssl.truststore.certificates", certificates(&blocks("ssl.truststore.certificates", text)?))
    } else {
        let key = "ssl.truststore.location";
        let Some(location) = set(props, key) else { return Ok(None) };
        let found = match store_type(props, "ssl.truststore.type")? {
            StoreType::Pem => certificates(&blocks(key, &text_of(key, location)?)?),
            StoreType::Pkcs12 => all_certificates(&pkcs12(props, "ssl.truststore", location)?),
        };
        (key, found)
    };
    if found.is_empty() {
        return Err(bad(key, "holds no certificate"));
    }
    Ok(Some(found))
}

/// Returns the certificates to trust as a PEM text; `None` when there is no such setting.
///
/// # Errors
/// Fails with a text that names the key when the store cannot be read.
pub fn trusted_pem(props: &Props) -> Result<Option<String>, ConnectionError> {
    let found = trusted(props)?;
    Ok(found.map(|found| found.iter().map(|certificate| pem::text("CERTIFICATE", certificate)).collect()))
}

/// Reads the client's own certificate and key; `None` when there is no such setting.
pub(crate) fn identity(props: &Props) -> Result<Option<Identity>, ConnectionError> {
    if let Some(text) = set(props, "ssl.keystore.key") {
        let key = "ssl.keystore.certificate.chain";
        let chain = set(props, key).ok_or_else(|| bad(key, "is not set, but `ssl.keystore.key` is"))?;
        let chain = certificates(&blocks(key, chain)?);
        return of_pem("ssl.keystore.key", chain, &blocks("ssl.keystore.key", text)?, props).map(Some);
    }
    let key = "ssl.keystore.location";
    let Some(location) = set(props, key) else { return Ok(None) };
    match store_type(props, "ssl.keystore.type")? {
        StoreType::Pem => {
            let blocks = blocks(key, &text_of(key, location)?)?;
            of_pem(key, certificates(&blocks), &blocks, props).map(Some)
        }
        StoreType::Pkcs12 => {
            let store = pkcs12(props, "ssl.keystore", location)?;
            let (_, entry) = store.private_key_chain().ok_or_else(|| bad(key, "holds no private key"))?;
            let chain = entry.certs().iter().map(|cert| CertificateDer::from(cert.as_der().to_vec()));
            Ok(Some(Identity { chain: chain.collect(), key: private_key(key, entry.key().as_der())? }))
        }
    }
}

enum StoreType {
    Pem,
    Pkcs12,
}

fn store_type(props: &Props, key: &str) -> Result<StoreType, ConnectionError> {
    match set(props, key).unwrap_or("JKS").to_ascii_uppercase().as_str() {
        "PEM" => Ok(StoreType::Pem),
        "PKCS12" => Ok(StoreType::Pkcs12),
        other => {
            let prefix = key.trim_end_matches(".type");
            let text = format!(
                "`{prefix}.location` is a {other} store by its `{key}`, which only the JVM reads; convert it with \
                 `keytool -importkeystore -deststoretype PKCS12` and set `{key}=PKCS12`, or export it as PEM and set \
                 `{key}=PEM`"
            );
            Err(ConnectionError::new(ErrorKind::Config, text))
        }
    }
}

fn of_pem(
    key: &str,
    chain: Vec<CertificateDer<'static>>,
    blocks: &[Block],
    props: &Props,
) -> Result<Identity, ConnectionError> {
    if chain.is_empty() {
        return Err(bad(key, "holds no certificate beside the key"));
    }
    let block = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY"));
    let block = block.ok_or_else(|| bad(key, "holds no private key"))?;
    let key = if block.label == "ENCRYPTED PRIVATE KEY" {
        let password = set(props, "ssl.key.password")
            .ok_or_else(|| bad(key, "is encrypted, but `ssl.key.password` is not set"))?;
        let info = EncryptedPrivateKeyInfoRef::try_from(block.der.as_slice())
            .map_err(|_| bad(key, "has an encrypted key in an unknown form"))?;
        let plain = info.decrypt(password).map_err(|_| {
            bad(key, "cannot be decrypted: `ssl.key.password` is wrong, or its cipher is outdated (convert it with \
                      `openssl pkcs8 -topk8`)")
        })?;
        private_key(key, plain.as_bytes())?
    } else {
        private_key(key, &block.der)?
    };
    Ok(Identity { chain, key })
}

/// Takes a key in any of its three forms.
fn private_key(key: &str, der: &[u8]) -> Result<PrivateKeyDer<'static>, ConnectionError> {
    PrivateKeyDer::try_from(der.to_vec()).map_err(|_| bad(key, "has a private key in an unknown form"))
}

fn pkcs12(props: &Props, prefix: &str, location: &str) -> Result<KeyStore, ConnectionError> {
    let key = format!("{prefix}.location");
    let bytes =
        fs::read(location).map_err(|error| bad(&key, &format!("`{location}` cannot be read: {error}")))?;
    let password = Secret::new(props.get(&format!("{prefix}.password")).map_or("", String::as_str));
    KeyStore::from_pkcs12(&bytes, password.expose(), Pkcs12ImportPolicy::Relaxed).map_err(|_| {
        bad(&key, &format!("`{location}` is no PKCS12 store, or `{prefix}.password` is missing or wrong"))
    })
}

fn all_certificates(store: &KeyStore) -> Vec<CertificateDer<'static>> {
    let of_entry = |entry: &KeyStoreEntry| match entry {
        KeyStoreEntry::Certificate(certificate) => vec![certificate.as_der().to_vec()],
        KeyStoreEntry::PrivateKeyChain(chain) => {
            chain.certs().iter().map(|certificate| certificate.as_der().to_vec()).collect()
        }
        _ => Vec::new(),
    };
    store.entries().flat_map(|(_, entry)| of_entry(entry)).map(CertificateDer::from).collect()
}

fn certificates(blocks: &[Block]) -> Vec<CertificateDer<'static>> {
    let certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
    certificates.map(|block| CertificateDer::from(block.der.clone())).collect()
}

fn blocks(key: &str, text: &str) -> Result<Vec<Block>, ConnectionError> {
    pem::blocks(text).map_err(|error| bad(key, &format!("is not a PEM text: {error}")))
}

fn text_of(key: &str, location: &str) -> Result<String, ConnectionError> {
    fs::read_to_string(location).map_err(|error| bad(key, &format!("`{location}` cannot be read: {error}")))
}

fn set<'a>(props: &'a Props, key: &str) -> Option<&'a str> {
    props.get(key).map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn bad(key: &str, what: &str) -> ConnectionError {
    ConnectionError::new(ErrorKind::Config, format!("`{key}` {what}"))
}
