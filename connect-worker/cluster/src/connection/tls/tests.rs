//! Handshakes with a server that is given certificates made for the test.

use std::{fs, path::Path, sync::Arc};

use connect_core::config::Props;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use pkcs8::PrivateKeyInfoRef;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

struct Signed {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn sign(&self, name: &str) -> Signed {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        Signed { certificate: params.signed_by(&key, &self.issuer).expect("signed"), key }
    }
}

fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Shakes hands with a server that has `server`'s certificate and, when there is one, wants clients of `clients`.
async fn shake(
    client: &[(&str, &str)],
    host: &str,
    server: &Signed,
    clients: Option<&Authority>,
) -> Result<(), String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.certificate.der().clone()).expect("a CA");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server.key.serialize_der()));
    let config = builder.with_single_cert(vec![server.certificate.der().clone()], key).expect("a pair");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target = listener.local_addr().expect("bound");
    let serve = async {
        let (tcp, _) = listener.accept().await.expect("a client");
        if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(tcp).await {
            drop(stream.write_all(b"x").await);
            drop(stream.shutdown().await);
        }
    };
    let address = BrokerAddress { host: host.to_owned(), port: target.port() };
    let ask = async {
        let tls = Tls::from_props(&props(client)).map_err(|error| error.to_string())?;
        let tcp = TcpStream::connect(target).await.expect("the server listens");
        let mut stream = tls.connect(&address, tcp).await.map_err(|error| error.to_string())?;
        // In TLS 1.3 the server's opinion of the client's certificate comes with the first read.
        let read = stream.read_u8().await;
        read.map(drop)
            .map_err(|error| explain(&address, &error).map_or(error.to_string(), |error| error.to_string()))
    };
    tokio::select! {
        result = ask => result,
        ((), never) = async { tokio::join!(serve, std::future::pending::<Result<(), String>>()) } => never,
    }
}

#[tokio::test]
async fn server_is_trusted_by_its_ca_or_by_itself_and_by_no_other() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let server = ours.sign("localhost");
    let folder = tempfile::tempdir().expect("a folder");
    let location = folder.path().join("ca.pem");
    fs::write(&location, ours.certificate.pem()).expect("a file is written");
    let by_location =
        [("ssl.truststore.type", "PEM"), ("ssl.truststore.location", location.to_str().expect("text"))];
    assert_eq!(shake(&by_location, "localhost", &server, None).await, Ok(()));
    let itself = server.certificate.pem();
    assert_eq!(shake(&[("ssl.truststore.certificates", &itself)], "localhost", &server, None).await, Ok(()));
    let other = other.certificate.pem();
    let error = shake(&[("ssl.truststore.certificates", &other)], "localhost", &server, None).await;
    assert!(
        error.as_ref().is_err_and(|text| text.contains("is not trusted; put its CA into `ssl.truststore")),
        "{error:?}"
    );
}

#[tokio::test]
async fn host_name_is_checked_unless_the_algorithm_is_empty() {
    let ours = Authority::new("ours");
    let server = ours.sign("broker.example");
    for trust in [ours.certificate.pem(), server.certificate.pem()] {
        let mut client = vec![("ssl.truststore.certificates", trust.as_str())];
        let error = shake(&client, "localhost", &server, None).await;
        assert!(
            error.as_ref().is_err_and(|text| text.contains("does not name the host `localhost`")),
            "{error:?}"
        );
        assert_eq!(shake(&client, "broker.example", &server, None).await, Ok(()));
        client.push(("ssl.endpoint.identification.algorithm", ""));
        assert_eq!(shake(&client, "localhost", &server, None).await, Ok(()));
    }
}

#[tokio::test]
async fn client_shows_its_certificate_from_each_kind_of_store() {
    let (ours, clients) = (Authority::new("ours"), Authority::new("other"));
    let (server, client) = (ours.sign("localhost"), clients.sign("worker"));
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (trust, key, chain) = (ours.certificate.pem(), client.key.serialize_pem(), client.certificate.pem());
    let encrypted = encrypted(&client.key, "key password");
    fs::write(at("plain.pem"), format!("{key}{chain}")).expect("written");
    fs::write(at("encrypted.pem"), format!("{chain}{encrypted}")).expect("written");
    write_pkcs12(Path::new(&at("client.p12")), &client, "store password");
    let trusting = ("ssl.truststore.certificates", trust.as_str());
    let one_line = key.replace('\n', " ");
    let (plain, coded, store) = (at("plain.pem"), at("encrypted.pem"), at("client.p12"));
    for identity in [
        vec![("ssl.keystore.key", one_line.as_str()), ("ssl.keystore.certificate.chain", &chain)],
        vec![("ssl.keystore.type", "PEM"), ("ssl.keystore.location", &plain)],
        vec![
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", &coded),
            ("ssl.key.password", "key password"),
        ],
        vec![
            ("ssl.keystore.type", "PKCS12"),
            ("ssl.keystore.location", &store),
            ("ssl.keystore.password", "store password"),
        ],
    ] {
        let client: Vec<(&str, &str)> = identity.into_iter().chain([trusting]).collect();
        assert_eq!(shake(&client, "localhost", &server, Some(&clients)).await, Ok(()), "{client:?}");
    }
    let error = shake(&[trusting], "localhost", &server, Some(&clients)).await;
    assert!(error.as_ref().is_err_and(|text| text.contains("wants a client certificate")), "{error:?}");
    let foreign = ours.sign("worker");
    let (key, chain) = (foreign.key.serialize_pem(), foreign.certificate.pem());
    let foreign = [trusting, ("ssl.keystore.key", &key), ("ssl.keystore.certificate.chain", &chain)];
    let error = shake(&foreign, "localhost", &server, Some(&clients)).await;
    assert!(error.as_ref().is_err_and(|text| text.contains("refused the client's certificate")), "{error:?}");
}

#[tokio::test]
async fn pkcs12_trust_store_serves() {
    let ours = Authority::new("ours");
    let folder = tempfile::tempdir().expect("a folder");
    let location = folder.path().join("trust.p12");
    let mut store = KeyStore::new();
    let certificate = Certificate::from_der(ours.certificate.der()).expect("a certificate");
    store.add_entry("ca", KeyStoreEntry::Certificate(certificate));
    fs::write(&location, store.writer("pw").write().expect("a store")).expect("written");
    let client = [
        ("ssl.truststore.type", "PKCS12"),
        ("ssl.truststore.location", location.to_str().expect("text")),
        ("ssl.truststore.password", "pw"),
    ];
    assert_eq!(shake(&client, "localhost", &ours.sign("localhost"), None).await, Ok(()));
}

#[test]
fn settings_that_cannot_be_used_are_refused_by_name_and_without_secrets() {
    let client = Authority::new("ours").sign("worker");
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (store, encrypted_pem) = (at("client.p12"), at("encrypted.pem"));
    write_pkcs12(Path::new(&store), &client, "store password");
    fs::write(
        &encrypted_pem,
        format!("{}{}", client.certificate.pem(), encrypted(&client.key, "key password")),
    )
    .expect("written");
    let trust = client.certificate.pem();
    let trusting = ("ssl.truststore.certificates", trust.as_str());
    for (pairs, part) in [
        (vec![("ssl.truststore.location", "/t.jks")], "JKS store by its `ssl.truststore.type`"),
        (
            vec![("ssl.truststore.location", "/none.pem"), ("ssl.truststore.type", "PEM")],
            "`/none.pem` cannot be read",
        ),
        (vec![("ssl.truststore.certificates", "none")], "`ssl.truststore.certificates` holds no certificate"),
        (
            vec![
                trusting,
                ("ssl.keystore.location", &store),
                ("ssl.keystore.type", "PKCS12"),
                ("ssl.keystore.password", "wrong-secret"),
            ],
            "`ssl.keystore.password` is missing or wrong",
        ),
        (
            vec![trusting, ("ssl.keystore.location", &encrypted_pem), ("ssl.keystore.type", "PEM")],
            "is encrypted, but `ssl.key.password` is not set",
        ),
        (
            vec![
                trusting,
                ("ssl.keystore.location", &encrypted_pem),
                ("ssl.keystore.type", "PEM"),
                ("ssl.key.password", "wrong-secret"),
            ],
            "`ssl.key.password` is wrong",
        ),
        (vec![trusting, ("ssl.enabled.protocols", "SSLv3")], "`ssl.enabled.protocols` is `SSLv3`"),
        (vec![trusting, ("ssl.endpoint.identification.algorithm", "LDAPS")], "is `ldaps`"),
    ] {
        let error = Tls::from_props(&props(&pairs)).expect_err("refused").to_string();
        assert!(error.contains(part) && !error.contains("wrong-secret"), "{error}");
    }
}

fn encrypted(key: &KeyPair, password: &str) -> String {
    let der = key.serialize_der();
    let info = PrivateKeyInfoRef::try_from(der.as_slice()).expect("a key");
    let salt = [7; 16];
    let parameters = pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(4096, &salt, [9; 16])
        .expect("parameters");
    let coded = info.encrypt_with_params(parameters, password).expect("encrypted");
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, coded.as_bytes());
    format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}\n-----END ENCRYPTED PRIVATE KEY-----\n")
}

fn write_pkcs12(path: &Path, signed: &Signed, password: &str) {
    let certificate = Certificate::from_der(signed.certificate.der()).expect("a certificate");
    let key = PrivateKey::from_der(&signed.key.serialize_der()).expect("a key");
    let mut store = KeyStore::new();
    store.add_entry("worker", KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("id", key, [certificate])));
    fs::write(path, store.writer(password).write().expect("a store")).expect("written");
}
