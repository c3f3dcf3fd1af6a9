//! The way to the cluster: by TLS, and through proxies.

use std::sync::{Arc, Mutex};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::contract::errors;
use crate::fake::FakeCluster;
use crate::rig::{ELASTICSEARCH, OPENSEARCH, Rig, batch, settings};

/// A certificate and its key in PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn pair(name: &str) -> Pair {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    Pair { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

fn certificate(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM")
}

/// Serves a cluster by TLS as `server`, to clients with the certificate of `client` alone if there is one, and
/// returns the port.
async fn serve(cluster: &FakeCluster, server: &Pair, client: Option<&Pair>) -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("usual versions");
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(client)).expect("a certificate");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).expect("PEM");
    let config =
        builder.with_single_cert(vec![certificate(server)], key).expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let cluster = cluster.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (cluster, acceptor) = (cluster.clone(), acceptor.clone());
            tokio::spawn(async move {
                // Clients that trust nobody hang up.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| {
                    let cluster = cluster.clone();
                    async move { cluster.answer(request).await }
                });
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    port
}

const TRUSTED: &str = "elastic.https.ssl.truststore.certificates";
const NAMED: &str = "elastic.https.ssl.endpoint.identification.algorithm";
const SSL: (&str, &str) = ("elastic.security.protocol", "SSL");

/// A connector, keys beside the usual ones, and whether the cluster is reached.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);

#[tokio::test(flavor = "multi_thread")]
async fn tls_trusts_what_is_configured_and_checks_the_name_unless_told_not_to() {
    let cluster = FakeCluster::start().await;
    let server = pair("localhost");
    let port = serve(&cluster, &server, None).await;
    let (by_name, by_number) = (format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}"));
    let trusted = server.certificate.as_str();
    let other = pair("localhost").certificate;
    let cases: &[Case<'_>] = &[
        (ELASTICSEARCH, &[("connection.url", &by_name), SSL, (TRUSTED, trusted)], true),
        (ELASTICSEARCH, &[("connection.url", &by_number), SSL, (TRUSTED, trusted)], false),
        (ELASTICSEARCH, &[("connection.url", &by_number), SSL, (TRUSTED, trusted), (NAMED, "")], true),
        (ELASTICSEARCH, &[("connection.url", &by_name), SSL, (TRUSTED, &other)], false),
        (ELASTICSEARCH, &[("connection.url", &by_name)], false),
        (OPENSEARCH, &[("connection.url", &by_number)], false),
        (OPENSEARCH, &[("connection.url", &by_number), ("connection.trust.all.certificates", "true")], true),
    ];
    for (class, extra, is_reached) in cases {
        let found = errors(class, &settings(&cluster, extra));
        assert_eq!(found.is_empty(), *is_reached, "{class} {extra:?}: {found:?}");
    }
    let mut rig = Rig::start_on(cluster, ELASTICSEARCH, cases[0].1).await;
    rig.put(&batch(0..3)).await;
    rig.settle(3).await;
    assert_eq!(rig.cluster.ids("logs").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_shows_its_certificate() {
    let cluster = FakeCluster::start().await;
    let (server, client) = (pair("localhost"), pair("client"));
    let port = serve(&cluster, &server, Some(&client)).await;
    let url = format!("https://localhost:{port}");
    let shared = [("connection.url", url.as_str()), SSL, (TRUSTED, &server.certificate)];
    let shows = |pair: &Pair| {
        let mut props = settings(&cluster, &shared);
        for (key, value) in [("certificate.chain", &pair.certificate), ("key", &pair.key)] {
            props.insert(format!("elastic.https.ssl.keystore.{key}"), value.clone());
        }
        props
    };
    assert_eq!(errors(ELASTICSEARCH, &shows(&client)), []);
    for props in [settings(&cluster, &shared), shows(&pair("client"))] {
        let found = errors(ELASTICSEARCH, &props);
        assert_eq!(found.first().map(|(key, _)| key.as_str()), Some("connection.url"), "{found:?}");
    }
}

#[tokio::test]
async fn requests_go_through_the_proxy_with_its_credentials() {
    let cluster = FakeCluster::start().await;
    let port = cluster.url.rsplit(':').next().expect("a port").to_owned();
    let extra = [
        ("connection.url", "http://cluster.invalid:9200"),
        ("proxy.host", "127.0.0.1"),
        ("proxy.port", port.as_str()),
        ("proxy.username", "u"),
        ("proxy.password", "p"),
    ];
    let mut rig = Rig::start_on(cluster, ELASTICSEARCH, &extra).await;
    rig.put(&batch(0..3)).await;
    rig.settle(3).await;
    assert_eq!(rig.cluster.ids("logs").len(), 3);
    let headers = rig.cluster.state().headers[0].clone();
    let header = |name: &str| headers.get(name).map(String::as_str);
    assert_eq!(header("proxy-authorization"), Some("Basic dTpw"));
    assert_eq!(header("host"), Some("cluster.invalid:9200"));
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_of_the_proxy() {
    let cluster = FakeCluster::start().await;
    let server = pair("cluster.invalid");
    let target = serve(&cluster, &server, None).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("a bound socket has an address").port().to_string();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(tunnel(stream, target, Arc::clone(&seen)));
        }
    });
    let extra = [
        ("connection.url", "https://cluster.invalid:9200"),
        SSL,
        (TRUSTED, server.certificate.as_str()),
        ("proxy.host", "127.0.0.1"),
        ("proxy.port", port.as_str()),
        ("proxy.username", "u"),
        ("proxy.password", "p"),
    ];
    let mut rig = Rig::start_on(cluster, ELASTICSEARCH, &extra).await;
    rig.put(&batch(0..3)).await;
    rig.settle(3).await;
    assert_eq!(rig.cluster.ids("logs").len(), 3);
    let heads = heads.lock().expect("no panic before").clone();
    let first: &String = heads.first().expect("a tunnel was asked for");
    assert!(first.starts_with("CONNECT cluster.invalid:9200 HTTP/1.1\r\n"), "{first}");
    assert!(first.to_lowercase().contains("\r\nproxy-authorization: basic dtpw\r\n"), "{first}");
    let headers = rig.cluster.state().headers[0].clone();
    assert_eq!(headers.get("proxy-authorization"), None, "the cluster need not know");
}

/// Answers a request for a tunnel and passes on what follows.
async fn tunnel(mut stream: TcpStream, target: u16, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    heads.lock().expect("no panic before").push(String::from_utf8_lossy(&head).into_owned());
    let mut onward = TcpStream::connect(("127.0.0.1", target)).await.expect("the cluster listens");
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("the client reads");
    // Either side may end it.
    drop(tokio::io::copy_bidirectional(&mut stream, &mut onward).await);
}
