//! One connection to one broker: requests go out one at a time, each in the newest version that both sides know.

use std::{collections::HashMap, io, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader,
        SaslAuthenticateRequest, SaslHandshakeRequest, SaslHandshakeResponse,
    },
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use crate::connection::{
    BrokerAddress, ConnectionError, ConnectionSettings, ErrorKind, quoted,
    sasl::Sasl,
    tls,
    transport::{self, Stream},
};

/// Largest answer that is read; the answers asked for here are far smaller.
const RESPONSE_LIMIT_BYTES: usize = 64 << 20;
/// Part of a login's lifetime after which the client logs in again.
const LOGIN_USED: f64 = 0.85;
const UNSUPPORTED_VERSION: i16 = 35;
/// `ApiVersions` of brokers since 2.4. Older ones answer with an error and are asked again in version 0.
const API_VERSIONS: i16 = 3;

/// An open connection. A call that fails or is dropped half-way leaves it broken; every later call fails then.
#[derive(Debug)]
pub struct BrokerConnection {
    address: BrokerAddress,
    stream: Box<dyn Stream>,
    client_id: StrBytes,
    request_timeout: Duration,
    versions: HashMap<i16, (i16, i16)>,
    correlation: i32,
    is_broken: bool,
    /// Whether a request beyond the opening ones was answered.
    has_served: bool,
    sasl: Option<Sasl>,
    /// When to log in again: the broker closes the connection at the end of a login's lifetime (KIP-368).
    login_due: Option<Instant>,
}

impl BrokerConnection {
    /// Connects, and asks for the versions of the broker's requests.
    ///
    /// # Errors
    /// Fails when the broker cannot be reached or refuses this client.
    pub async fn open(
        address: &BrokerAddress,
        settings: &ConnectionSettings,
    ) -> Result<Self, ConnectionError> {
        let stream = transport::open(address, settings).await?;
        let mut connection = Self {
            address: address.clone(),
            stream,
            client_id: StrBytes::from_string(settings.client_id.clone()),
            request_timeout: settings.request_timeout,
            versions: HashMap::new(),
            correlation: 0,
            is_broken: false,
            has_served: false,
            sasl: settings.security.sasl.clone(),
            login_due: None,
        };
        // The system of a broker that hangs still accepts connections, so only its first answer proves that it is there.
        connection.negotiate(settings.setup_timeout.min(settings.request_timeout)).await?;
        connection.log_in().await?;
        Ok(connection)
    }

    /// Returns where the connection leads.
    pub fn address(&self) -> &BrokerAddress {
        &self.address
    }

    /// Returns whether no call can succeed any more.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Returns the version in which a request of this type goes out.
    ///
    /// # Errors
    /// Fails when broker and client have no version in common.
    pub fn version<R: Request>(&self) -> Result<i16, ConnectionError> {
        let api = ApiKey::try_from(R::KEY).map_or_else(|()| R::KEY.to_string(), |api| format!("{api:?}"));
        let unsupported = |why: String| {
            let text = format!("broker `{}` {why}; it is too old or too new for this worker", self.address);
            Err(ConnectionError::new(ErrorKind::Unsupported, text))
        };
        let Some(&(least, most)) = self.versions.get(&R::KEY) else {
            return unsupported(format!("does not know the request {api}"));
        };
        let version = most.min(R::VERSIONS.max);
        if version < least.max(R::VERSIONS.min) {
            let (min, max) = (R::VERSIONS.min, R::VERSIONS.max);
            return unsupported(format!("knows {api} in versions {least} to {most}, not in {min} to {max}"));
        }
        Ok(version)
    }

    /// Sends a request and waits for its answer, for at most `request.timeout.ms`.
    ///
    /// # Errors
    /// Fails when the connection breaks, the time is over or the answer cannot be read. Error codes inside the
    /// answer are the caller's.
    pub async fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, ConnectionError> {
        self.call_within(request, self.request_timeout).await
    }

    /// Does the same as [`call`](Self::call) within another time.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_within<R: Request>(
        &mut self,
        request: &R,
        limit: Duration,
    ) -> Result<R::Response, ConnectionError> {
        if self.login_due.is_some_and(|due| Instant::now() >= due) {
            self.log_in().await?;
        }
        let answer = self.send(request, limit).await?;
        self.has_served = true;
        Ok(answer)
    }

    async fn send<R: Request>(
        &mut self,
        request: &R,
        limit: Duration,
    ) -> Result<R::Response, ConnectionError> {
        let version = self.version::<R>()?;
        let body = self.exchange(request, version, limit).await?;
        decode::<R>(body, version).map_err(|cause| self.nonsense(&cause))
    }

    async fn negotiate(&mut self, limit: Duration) -> Result<(), ConnectionError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("sluice"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut version = API_VERSIONS;
        let mut body = self.exchange(&request, version, limit).await?;
        if body.get(..2) == Some(UNSUPPORTED_VERSION.to_be_bytes().as_slice()) {
            version = 0;
            body = self.exchange(&ApiVersionsRequest::default(), version, limit).await?;
        }
        let answer: ApiVersionsResponse =
            decode::<ApiVersionsRequest>(body, version).map_err(|cause| self.nonsense(&cause))?;
        if answer.error_code != 0 {
            return Err(self.nonsense(&format!("ApiVersions answered with error {}", answer.error_code)));
        }
        self.versions =
            answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        Ok(())
    }

    async fn log_in(&mut self) -> Result<(), ConnectionError> {
        let Some(sasl) = self.sasl.clone() else { return Ok(()) };
        let request =
            SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(sasl.mechanism()));
        let answer = self.send(&request, self.request_timeout).await?;
        self.check_handshake(&sasl, &answer)?;
        let mut dialogue = sasl.begin().await?;
        let mut message = dialogue.open();
        loop {
            let said = Instant::now();
            let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
            let answer = self.send(&request, self.request_timeout).await?;
            if answer.error_code != 0 {
                let cause = answer.error_message.unwrap_or_default();
                return Err(self.refused(&sasl, &cause));
            }
            match dialogue.hear(&answer.auth_bytes).map_err(|cause| self.refused(&sasl, &cause))? {
                Some(next) => message = next,
                None => {
                    let life = u64::try_from(answer.session_lifetime_ms).unwrap_or(0);
                    let life = Duration::from_millis(life).mul_f64(LOGIN_USED);
                    self.login_due = (!life.is_zero()).then(|| said + life);
                    return Ok(());
                }
            }
        }
    }

    fn check_handshake(&self, sasl: &Sasl, answer: &SaslHandshakeResponse) -> Result<(), ConnectionError> {
        let cause = match ResponseError::try_from_code(answer.error_code) {
            None => return Ok(()),
            Some(ResponseError::UnsupportedSaslMechanism) => {
                let offered = quoted(answer.mechanisms.iter().map(|name| &**name));
                format!("the listener offers only {offered}; check `sasl.mechanism`")
            }
            Some(ResponseError::IllegalSaslState) => {
                "the listener wants no login; set `security.protocol` to \
                 PLAINTEXT or SSL, or use another port"
                    .to_owned()
            }
            Some(other) => format!("{other:?}"),
        };
        Err(self.refused(sasl, &cause))
    }

    fn refused(&self, sasl: &Sasl, cause: &str) -> ConnectionError {
        let (address, who, mechanism) = (&self.address, sasl.who(), sasl.mechanism());
        let text = format!("logging in to `{address}` as {who} with {mechanism}: {cause}");
        ConnectionError::new(ErrorKind::Authentication, text)
    }

    /// Sends one frame and returns the body of the answer's frame, after its header.
    async fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        limit: Duration,
    ) -> Result<Bytes, ConnectionError> {
        if self.is_broken {
            return Err(self.lost(&"it broke before"));
        }
        self.correlation = self.correlation.wrapping_add(1);
        let frame = encode(request, version, self.correlation, &self.client_id)
            .map_err(|cause| self.nonsense(&format!("encoding a request: {cause}")))?;
        // Stays so when this future is dropped: the answer would be taken for that of the next request.
        self.is_broken = true;
        let mut body = match timeout(limit, round_trip(&mut self.stream, &frame)).await {
            Ok(Ok(body)) => body,
            Ok(Err(RoundTrip::Io(error))) => {
                return Err(tls::explain(&self.address, &error).unwrap_or_else(|| self.broken(&error)));
            }
            Ok(Err(RoundTrip::Foreign(kind, text))) => {
                return Err(ConnectionError::new(kind, format!("talking to `{}`: {text}", self.address)));
            }
            Err(_) => {
                let text =
                    format!("waiting for `{}`: no answer within {} ms", self.address, limit.as_millis());
                return Err(ConnectionError::new(ErrorKind::Timeout, text));
            }
        };
        let header = ResponseHeader::decode(&mut body, R::Response::header_version(version))
            .map_err(|error| self.nonsense(&error.to_string()))?;
        if header.correlation_id != self.correlation {
            return Err(self.nonsense("the answer belongs to another request"));
        }
        self.is_broken = false;
        Ok(body)
    }

    fn broken(&self, error: &io::Error) -> ConnectionError {
        let is_close = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        );
        if !is_close || self.has_served || self.sasl.is_some() {
            return self.lost(error);
        }
        // A listener closes the connection without a word when a client does not log in.
        self.lost(&format!("{error}; does the listener want a login, or TLS? (`security.protocol`)"))
    }

    fn lost(&self, cause: &dyn std::fmt::Display) -> ConnectionError {
        ConnectionError::new(
            ErrorKind::Lost,
            format!("the connection to `{}` is lost: {cause}", self.address),
        )
    }

    fn nonsense(&self, cause: &str) -> ConnectionError {
        ConnectionError::new(ErrorKind::Protocol, format!("reading an answer of `{}`: {cause}", self.address))
    }
}

fn encode<R: Request>(
    request: &R,
    version: i16,
    correlation: i32,
    client_id: &StrBytes,
) -> Result<BytesMut, String> {
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(client_id.clone()));
    header.encode(&mut frame, R::header_version(version)).map_err(|error| error.to_string())?;
    request.encode(&mut frame, version).map_err(|error| error.to_string())?;
    let size = i32::try_from(frame.len() - 4).map_err(|error| error.to_string())?;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    Ok(frame)
}

fn decode<R: Request>(mut body: Bytes, version: i16) -> Result<R::Response, String> {
    R::Response::decode(&mut body, version).map_err(|error| error.to_string())
}

enum RoundTrip {
    Io(io::Error),
    Foreign(ErrorKind, String),
}

impl From<io::Error> for RoundTrip {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn round_trip(stream: &mut Box<dyn Stream>, frame: &[u8]) -> Result<Bytes, RoundTrip> {
    stream.write_all(frame).await?;
    stream.flush().await?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let size = usize::try_from(i32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if size > RESPONSE_LIMIT_BYTES {
        return Err(foreign(head));
    }
    // Grows with what arrives: the size is only a claim.
    let mut body = Vec::with_capacity(size.min(64 << 10));
    let read = stream.take(size as u64).read_to_end(&mut body).await?;
    if read < size {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(Bytes::from(body))
}

/// Says what else may have answered when the size makes no sense.
fn foreign(head: [u8; 4]) -> RoundTrip {
    match head {
        // An alert or a handshake record of TLS 1.x.
        [0x15 | 0x16, 0x03, ..] => RoundTrip::Foreign(
            ErrorKind::Tls,
            "the listener speaks TLS; set `security.protocol` to SSL or SASL_SSL, or use another port"
                .to_owned(),
        ),
        [b'H', b'T', b'T', b'P'] => {
            RoundTrip::Foreign(ErrorKind::Protocol, "this is an HTTP server, not a Kafka broker".to_owned())
        }
        _ => RoundTrip::Foreign(
            ErrorKind::Protocol,
            format!("the answer's size {} is out of range; is it a Kafka broker?", i32::from_be_bytes(head)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than the limit that is tested, far shorter than the one that must not count.
    const PATIENCE: Duration = Duration::from_secs(100);

    #[tokio::test]
    async fn broker_that_hangs_is_given_up_as_early_as_one_that_cannot_be_reached() {
        // Nobody accepts, but the system completes the connection, as it does for a frozen process.
        let frozen = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = frozen.local_addr().expect("an address").port();
        let pairs = [
            ("bootstrap.servers", format!("127.0.0.1:{port}")),
            ("socket.connection.setup.timeout.ms", "200".to_owned()),
            ("request.timeout.ms", "3600000".to_owned()),
        ];
        let props = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let settings = ConnectionSettings::from_props(&props).expect("valid");
        let opened = timeout(PATIENCE, BrokerConnection::open(&settings.bootstrap[0], &settings)).await;
        let error = opened.expect("given up in time").expect_err("nobody answers");
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::Timeout, format!("waiting for `127.0.0.1:{port}`: no answer within 200 ms"))
        );
    }
}
