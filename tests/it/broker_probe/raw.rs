//! A client that sends one request and reads one answer, for what no client library can say.

use bytes::{BufMut, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection.
pub(super) struct Connection {
    stream: TcpStream,
}

impl Connection {
    pub(super) async fn open(bootstrap: &str) -> Self {
        Self { stream: TcpStream::connect(bootstrap).await.expect("the broker listens") }
    }

    /// Sends `request` in `version` and returns the answer.
    pub(super) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request).await;
        self.receive::<R>(version).await
    }

    /// Sends `request` without waiting.
    pub(super) async fn send<R: Request>(&mut self, version: i16, request: &R) {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(7)
            .with_client_id(Some(StrBytes::from_static_str("probe")));
        let mut bytes = BytesMut::new();
        bytes.put_i32(0);
        header.encode(&mut bytes, R::header_version(version)).expect("a header is encoded");
        request.encode(&mut bytes, version).expect("a request is encoded");
        let length = i32::try_from(bytes.len() - 4).expect("a request is small");
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&bytes).await.expect("the request is sent");
    }

    /// Returns the answer to the oldest request that has none yet.
    pub(super) async fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let length = self.stream.read_i32().await.expect("an answer comes");
        let mut bytes = BytesMut::zeroed(usize::try_from(length).expect("a length is positive"));
        self.stream.read_exact(&mut bytes).await.expect("the answer is whole");
        let mut bytes = bytes.freeze();
        let header = ResponseHeader::decode(&mut bytes, R::Response::header_version(version));
        assert_eq!(header.expect("a header is decoded").correlation_id, 7);
        let response = R::Response::decode(&mut bytes, version).expect("an answer is decoded");
        assert!(bytes.is_empty(), "{} bytes behind the answer", bytes.len());
        response
    }
}
