//! Signatures of requests to domains of AWS.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

use connect_core::config::Secret;

use crate::settings::Auth;

/// Signs requests with static credentials.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    access_key_id: String,
    secret_access_key: Secret,
    region: String,
    service: String,
}

impl Signer {
    /// Returns a signer where the configuration asks for signatures.
    pub(super) fn new(auth: &Auth) -> Option<Self> {
        match auth {
            Auth::Aws { access_key_id, secret_access_key, region, service } => Some(Self {
                access_key_id: access_key_id.clone(),
                secret_access_key: secret_access_key.clone(),
                region: region.clone(),
                service: service.clone(),
            }),
            _ => None,
        }
    }

    /// Adds the signature's headers for the request and its body as it is sent.
    ///
    /// # Errors
    /// Returns why the request cannot be signed.
    pub(super) fn sign(
        &self,
        request: &mut Request<Full<Bytes>>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), String> {
        let secret = self.secret_access_key.expose();
        let identity = Credentials::new(&self.access_key_id, secret, None, None, "configuration").into();
        let mut settings = SigningSettings::default();
        // Serverless collections want the hash of the body among the headers.
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = request.uri().to_string();
        let signable =
            SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::Bytes(body));
        let signed = sign(signable.map_err(|error| error.to_string())?, &params);
        let (instructions, _) = signed.map_err(|error| error.to_string())?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn requests_carry_the_signature_of_region_service_and_body() {
        let signer = Signer {
            access_key_id: "AKID".to_owned(),
            secret_access_key: Secret::new("secret"),
            region: "eu-west-1".to_owned(),
            service: "aoss".to_owned(),
        };
        let signed = |body: &'static [u8]| {
            let mut request = Request::post("https://x.eu-west-1.aoss.amazonaws.com/_bulk")
                .body(Full::new(Bytes::from_static(body)))
                .expect("a request");
            signer.sign(&mut request, body, UNIX_EPOCH + Duration::from_secs(1_767_225_600)).expect("signed");
            let header = |name: &str| request.headers()[name].to_str().expect("text").to_owned();
            (header("authorization"), header("x-amz-content-sha256"))
        };
        let (authorization, hash) = signed(b"{}\n");
        let start =
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/aoss/aws4_request, SignedHeaders=host;";
        assert!(authorization.starts_with(start), "{authorization}");
        assert_eq!(hash.len(), 64);
        assert_ne!(signed(b"[]\n"), (authorization, hash), "the body is part of the signature");
    }
}
