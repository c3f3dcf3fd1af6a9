//! SCRAM (RFC 5802) with SHA-256 or SHA-512, without channel binding, as Kafka's brokers speak it.

use std::num::NonZeroU32;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest, hmac,
    pbkdf2::{self, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use connect_core::config::Secret;

/// Fewest iterations that Kafka's clients accept: fewer make a stolen dialogue cheap to guess from.
const ITERATIONS_AT_LEAST: u32 = 4096;
/// Most that are worked off: Kafka's tools set 16,384 at most, and the heartbeats wait meanwhile.
const ITERATIONS_AT_MOST: u32 = 200_000;

/// The hash of the mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha512,
}

/// The client's side of one login.
pub(crate) struct Scram {
    hash: Hash,
    password: Secret,
    nonce: String,
    first_bare: String,
    state: State,
}

enum State {
    AwaitsFirst,
    AwaitsFinal { server_signature: Vec<u8> },
    Over,
}

impl Scram {
    pub(crate) fn new(hash: Hash, user: &str, password: Secret, is_token: bool, nonce: &str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let extension = if is_token { ",tokenauth=true" } else { "" };
        Self {
            hash,
            password,
            nonce: nonce.to_owned(),
            first_bare: format!("n={user},r={nonce}{extension}"),
            state: State::AwaitsFirst,
        }
    }

    /// Returns the client's first message.
    pub(crate) fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// Takes an answer of the server and returns the next message, `None` at the end.
    pub(crate) fn hear(&mut self, answer: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let answer = std::str::from_utf8(answer).map_err(|_| "the broker's SCRAM message is no text")?;
        match std::mem::replace(&mut self.state, State::Over) {
            State::AwaitsFirst => {
                let (message, server_signature) = self.prove(answer)?;
                self.state = State::AwaitsFinal { server_signature };
                Ok(Some(message.into_bytes()))
            }
            State::AwaitsFinal { server_signature } => {
                let signature = attribute(answer, "v").and_then(|text| STANDARD.decode(text).ok());
                let signature = signature.ok_or("the broker's last SCRAM message has no signature")?;
                verify_slices_are_equal(&signature, &server_signature)
                    .map_err(|_| "the broker does not know the password either: its signature is wrong")?;
                Ok(None)
            }
            State::Over => Err("the broker goes on after the end of SCRAM".to_owned()),
        }
    }

    fn prove(&self, server_first: &str) -> Result<(String, Vec<u8>), String> {
        let missing = "the broker's first SCRAM message lacks nonce, salt or iterations";
        let nonce = attribute(server_first, "r").ok_or(missing)?;
        let salt = attribute(server_first, "s").and_then(|text| STANDARD.decode(text).ok()).ok_or(missing)?;
        let iterations: u32 =
            attribute(server_first, "i").and_then(|text| text.parse().ok()).ok_or(missing)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("the broker's SCRAM nonce does not continue the client's".to_owned());
        }
        let iterations = NonZeroU32::new(iterations)
            .filter(|count| (ITERATIONS_AT_LEAST..=ITERATIONS_AT_MOST).contains(&count.get()))
            .ok_or_else(|| {
                format!(
                    "the broker asks for {iterations} SCRAM iterations, not {ITERATIONS_AT_LEAST} or more"
                )
            })?;
        let without_proof = format!("c=biws,r={nonce}");
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let salted = self.salted(&salt, iterations);
        let client_key = self.mac(&salted, b"Client Key");
        let stored_key = digest::digest(self.digest(), &client_key);
        let client_signature = self.mac(stored_key.as_ref(), signed.as_bytes());
        let proof: Vec<u8> =
            client_key.iter().zip(&client_signature).map(|(key, signature)| key ^ signature).collect();
        let server_key = self.mac(&salted, b"Server Key");
        let server_signature = self.mac(&server_key, signed.as_bytes());
        Ok((format!("{without_proof},p={}", STANDARD.encode(proof)), server_signature))
    }

    fn salted(&self, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let algorithm = match self.hash {
            Hash::Sha256 => PBKDF2_HMAC_SHA256,
            Hash::Sha512 => PBKDF2_HMAC_SHA512,
        };
        let mut salted = vec![0; self.digest().output_len()];
        pbkdf2::derive(algorithm, iterations, salt, self.password.expose().as_bytes(), &mut salted);
        salted
    }

    fn mac(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = match self.hash {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message).as_ref().to_vec()
    }

    fn digest(&self) -> &'static digest::Algorithm {
        match self.hash {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha512 => &digest::SHA512,
        }
    }
}

fn attribute<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    fn example() -> Scram {
        Scram::new(Hash::Sha256, "user", Secret::new("pencil"), false, "rOprNGfwEbeRWgbNEkqO")
    }

    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn dialogue_is_that_of_the_standard() {
        let mut scram = example();
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let proof = scram.hear(SERVER_FIRST.as_bytes()).expect("proved").expect("a message");
        assert_eq!(
            String::from_utf8_lossy(&proof),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(scram.hear(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(None));
        assert!(scram.hear(b"").is_err());
    }

    #[test]
    fn broker_that_does_not_know_the_password_is_not_believed() {
        let mut scram = example();
        scram.hear(SERVER_FIRST.as_bytes()).expect("proved");
        let error = scram.hear(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").expect_err("refused");
        assert!(error.contains("signature is wrong"), "{error}");
    }

    #[test]
    fn weak_endless_or_foreign_challenges_are_refused() {
        for (challenge, part) in [
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1", "1 SCRAM iterations"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4000000000", "4000000000 SCRAM iterations"),
            ("r=other,s=AAAA,i=4096", "nonce"),
            ("r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096", "nonce"),
            ("e=other-error", "lacks"),
        ] {
            let error = example().hear(challenge.as_bytes()).expect_err("refused");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn user_with_commas_and_equal_signs_is_escaped() {
        let scram = Scram::new(Hash::Sha512, "a=b,c", Secret::new("p"), true, "N");
        assert_eq!(scram.first(), "n,,n=a=3Db=2Cc,r=N,tokenauth=true");
    }
}
