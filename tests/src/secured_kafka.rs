//! One real Kafka broker with a listener for each way to secure a connection, and the certificates for them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::{
    kafka::java,
    process::{Process, free_port},
    wait,
};

const CLUSTER_ID: &str = "MkU3OEVBNTcwNTJENDM2Qm";
const MODULES: &str = "org.apache.kafka.common.security";

/// The user that may do everything, and its password.
pub const USER: (&str, &str) = ("alice", "alice-secret");
/// A user that may log in and do nothing else.
pub const GUEST: (&str, &str) = ("guest", "guest-secret");
/// Time after which clients of the `SASL_PLAINTEXT` listener must log in again.
pub const REAUTHENTICATION: Duration = Duration::from_secs(3);

/// A listener of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// No security.
    Plaintext,
    /// TLS.
    Ssl,
    /// TLS with a client certificate.
    MutualTls,
    /// A login without TLS.
    SaslPlaintext,
    /// A login over TLS.
    SaslSsl,
}

const LISTENERS: [(Listener, &str, &str); 5] = [
    (Listener::Plaintext, "OPEN", "PLAINTEXT"),
    (Listener::Ssl, "TLS", "SSL"),
    (Listener::MutualTls, "MUTUAL", "SSL"),
    (Listener::SaslPlaintext, "LOGIN", "SASL_PLAINTEXT"),
    (Listener::SaslSsl, "BOTH", "SASL_SSL"),
];

/// A secured broker with its files. Dropping it kills the broker.
#[derive(Debug)]
pub struct SecuredKafka {
    _process: Process,
    ports: [u16; 5],
    folder: TempDir,
}

impl SecuredKafka {
    /// Starts the broker.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("secured").tempdir().expect("a temporary folder is made");
        write_certificates(folder.path());
        let ports = [(); 5].map(|()| free_port());
        let properties = folder.path().join("server.properties");
        fs::write(&properties, server_properties(folder.path(), ports, free_port()))
            .expect("a file is written");
        format(&properties);
        let mut command = java("512m");
        command.arg("kafka.Kafka").arg(&properties);
        let mut process = Process::start("secured kafka", &mut command, &folder.path().join("log"));
        for port in ports {
            process.await_port(port, wait::LIMIT);
        }
        Self { _process: process, ports, folder }
    }

    /// Returns `host:port` of a listener; the certificate names `localhost`.
    pub fn bootstrap(&self, listener: Listener) -> String {
        let index = LISTENERS.iter().position(|(known, ..)| *known == listener).unwrap_or_default();
        format!("localhost:{}", self.ports[index])
    }

    /// Returns the location of a file: `ca.pem`, `client.pem` (key and chain), `other-ca.pem`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the client's settings for a listener, without those of a login.
    pub fn client(&self, listener: Listener) -> Vec<(String, String)> {
        let protocol = match listener {
            Listener::Plaintext => "PLAINTEXT",
            Listener::Ssl | Listener::MutualTls => "SSL",
            Listener::SaslPlaintext => "SASL_PLAINTEXT",
            Listener::SaslSsl => "SASL_SSL",
        };
        let path = |name: &str| self.file(name).display().to_string();
        let mut lines = vec![
            ("bootstrap.servers".to_owned(), self.bootstrap(listener)),
            ("security.protocol".to_owned(), protocol.to_owned()),
        ];
        let mut add = |key: &str, value: String| lines.push((key.to_owned(), value));
        if protocol.ends_with("SSL") {
            add("ssl.truststore.type", "PEM".to_owned());
            add("ssl.truststore.location", path("ca.pem"));
        }
        if listener == Listener::MutualTls {
            add("ssl.keystore.type", "PEM".to_owned());
            add("ssl.keystore.location", path("client.pem"));
        }
        lines
    }
}

/// Returns the settings of a login with a password.
pub fn login(mechanism: &str, (user, password): (&str, &str)) -> Vec<(String, String)> {
    let module = if mechanism == "PLAIN" { "plain.PlainLoginModule" } else { "scram.ScramLoginModule" };
    let line = format!("{MODULES}.{module} required username=\"{user}\" password=\"{password}\";");
    vec![("sasl.mechanism".to_owned(), mechanism.to_owned()), ("sasl.jaas.config".to_owned(), line)]
}

/// Returns the settings of a login with an unsecured token.
pub fn token_login(user: &str) -> Vec<(String, String)> {
    let module = "oauthbearer.OAuthBearerLoginModule";
    let line = format!("{MODULES}.{module} required unsecuredLoginStringClaim_sub=\"{user}\";");
    vec![("sasl.mechanism".to_owned(), "OAUTHBEARER".to_owned()), ("sasl.jaas.config".to_owned(), line)]
}

fn write_certificates(folder: &Path) {
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("a file is written");
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key is made");
        let certificate = params.self_signed(&key).expect("a certificate is signed");
        (Issuer::new(params, key), certificate.pem())
    };
    let (issuer, pem) = authority("test authority");
    write("ca.pem", pem);
    write("other-ca.pem", authority("other authority").1);
    for (file, name) in [("server.pem", "localhost"), ("client.pem", "worker")] {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a host name");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key is made");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate is signed");
        write(file, format!("{}{}", key.serialize_pem(), certificate.pem()));
    }
}

fn server_properties(folder: &Path, ports: [u16; 5], controller: u16) -> String {
    let join = |line: &dyn Fn(&str, &str, u16) -> String| {
        let each = LISTENERS.iter().zip(ports).map(|((_, name, protocol), port)| line(name, protocol, port));
        each.collect::<Vec<String>>().join(",")
    };
    let listeners = join(&|name, _, port| format!("{name}://127.0.0.1:{port}"));
    let advertised = join(&|name, _, port| format!("{name}://localhost:{port}"));
    let map = join(&|name, protocol, _| format!("{name}:{protocol}"));
    let at = folder.display();
    let (user, password) = USER;
    let (guest, guests) = GUEST;
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners={advertised},CONTROLLER://127.0.0.1:{controller}\n\
         listener.security.protocol.map={map},CONTROLLER:PLAINTEXT\n\
         inter.broker.listener.name=OPEN\n\
         log.dirs={at}/data\n\
         ssl.keystore.type=PEM\n\
         ssl.keystore.location={at}/server.pem\n\
         ssl.truststore.type=PEM\n\
         ssl.truststore.location={at}/ca.pem\n\
         listener.name.mutual.ssl.client.auth=required\n\
         authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
         super.users=User:ANONYMOUS;User:{user};User:CN=worker\n\
         offsets.topic.num.partitions=5\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.num.partitions=5\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         log.retention.ms=-1\n\
         group.min.session.timeout.ms=1000\n\
         broker.session.timeout.ms=120000\n\
         listener.name.login.connections.max.reauth.ms={}\n",
        REAUTHENTICATION.as_millis()
    );
    for name in ["login", "both"] {
        let key = format!("listener.name.{name}");
        text += &format!(
            "{key}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
             {key}.plain.sasl.jaas.config={MODULES}.plain.PlainLoginModule required \
             user_{user}=\"{password}\" user_{guest}=\"{guests}\";\n\
             {key}.scram-sha-256.sasl.jaas.config={MODULES}.scram.ScramLoginModule required;\n\
             {key}.scram-sha-512.sasl.jaas.config={MODULES}.scram.ScramLoginModule required;\n\
             {key}.oauthbearer.sasl.jaas.config={MODULES}.oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"broker\";\n"
        );
    }
    text
}

fn format(properties: &Path) {
    let mut command = java("256m");
    command.args(["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "--standalone"]);
    command.args(["-t", CLUSTER_ID, "-c"]).arg(properties);
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let (user, password) = USER;
        command.args(["--add-scram", &format!("{mechanism}=[name={user},password={password}]")]);
    }
    let output = command.output().expect("java starts");
    assert!(output.status.success(), "formatting Kafka's storage: {output:?}");
}
