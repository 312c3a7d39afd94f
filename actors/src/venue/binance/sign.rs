//! Signatures of Binance's signed requests: HMAC-SHA256 as hex, or Ed25519 as base64.
//!
//! REST signs the percent-encoded query exactly as it is sent; the WebSocket API signs the raw values,
//! sorted by name (Binance Spot, "SIGNED request security" of both).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use ring::signature::Ed25519KeyPair;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::settings::KeyKind;

/// Why a secret cannot sign. The messages never show any of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignError {
    #[error("the secret is empty")]
    Empty,
    #[error("the secret is a private key in PEM, but key_kind is hmac: set key_kind = \"ed25519\"")]
    PemForHmac,
    #[error(
        "the secret is no PKCS#8 private key: for ed25519 give the PEM file that 'openssl genpkey -algorithm \
         ed25519' writes; for the secret that Binance shows beside an API key set key_kind = \"hmac\""
    )]
    NotPkcs8,
    #[error(
        "the private key is encrypted: write it without a passphrase ('openssl pkey -in key.pem -out plain.pem')"
    )]
    Encrypted,
    #[error(
        "the private key is not an Ed25519 key ({0}): RSA and other kinds are not supported; register an Ed25519 key"
    )]
    OtherAlgorithm(String),
}

/// Everything but letters, digits and `-_.~` (RFC 3986, "unreserved").
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A prepared key. Making a signature with HMAC takes well below a microsecond, with Ed25519 about 25.
pub enum Signer {
    Hmac(hmac::Key),
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.kind())
    }
}

impl Signer {
    /// # Errors
    /// [`SignError`] when the secret is not of the named kind.
    pub fn new(kind: KeyKind, secret: &SecretString) -> Result<Self, SignError> {
        let secret = secret.expose_secret().trim();
        if secret.is_empty() {
            return Err(SignError::Empty);
        }
        match kind {
            KeyKind::Hmac if secret.contains("-----BEGIN") => Err(SignError::PemForHmac),
            KeyKind::Hmac => Ok(Self::Hmac(hmac::Key::new(
                hmac::HMAC_SHA256,
                secret.as_bytes(),
            ))),
            KeyKind::Ed25519 if secret.contains("ENCRYPTED") && secret.contains("-----BEGIN") => {
                Err(SignError::Encrypted)
            }
            KeyKind::Ed25519 if secret.contains("-----BEGIN") => {
                let der = PrivatePkcs8KeyDer::from_pem_slice(secret.as_bytes())
                    .map_err(|_| SignError::NotPkcs8)?;
                Self::ed25519_der(der.secret_pkcs8_der())
            }
            KeyKind::Ed25519 => {
                let der = BASE64_STANDARD
                    .decode(secret)
                    .map_err(|_| SignError::NotPkcs8)?;
                // An HMAC secret happens to be valid base64 of 48 bytes; DER begins with a sequence.
                if der.first() != Some(&0x30) {
                    return Err(SignError::NotPkcs8);
                }
                Self::ed25519_der(&der)
            }
        }
    }

    /// An Ed25519 key as PKCS#8 in DER, version 1 (as OpenSSL writes it) or 2.
    ///
    /// # Errors
    /// [`SignError::OtherAlgorithm`].
    pub fn ed25519_der(der: &[u8]) -> Result<Self, SignError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(|pair| Self::Ed25519(Box::new(pair)))
            .map_err(|error| SignError::OtherAlgorithm(error.to_string()))
    }

    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        match self {
            Self::Hmac(_) => KeyKind::Hmac,
            Self::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The signature of `payload` as the WebSocket API takes it: hex, or base64 as it is.
    #[must_use]
    pub fn sign(&self, payload: &[u8]) -> String {
        match self {
            Self::Hmac(key) => hex(hmac::sign(key, payload).as_ref()),
            Self::Ed25519(pair) => BASE64_STANDARD.encode(pair.sign(payload)),
        }
    }

    /// Appends `&signature=…` to a query that is percent-encoded and complete.
    pub fn sign_query(&self, query: &mut Query) {
        let signature = self.sign(query.0.as_bytes());
        query.add("signature", &signature);
    }

    /// The signature of a WebSocket API request: `params` without `signature` but with `apiKey` and
    /// `timestamp`, values as text (numbers as digits, strings without quotes), in any order.
    #[must_use]
    pub fn sign_params<'a>(&self, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut params: Vec<_> = params.into_iter().collect();
        params.sort_unstable();
        let mut payload = String::with_capacity(256);
        for (name, value) in params {
            if !payload.is_empty() {
                payload.push('&');
            }
            payload.push_str(name);
            payload.push('=');
            payload.push_str(value);
        }
        self.sign(payload.as_bytes())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// A percent-encoded query string, in the order in which it is built, without the `?`. `Debug` shows
/// no signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Query(String);

impl Default for Query {
    fn default() -> Self {
        Self(String::with_capacity(256))
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.split("signature=").next().unwrap_or_default();
        write!(f, "Query({shown})")
    }
}

impl Query {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, ENCODED));
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.add(name, &value.to_string());
        self
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ED25519, KeyPair, UnparsedPublicKey};

    // The example key of Binance's public documentation.
    const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

    fn documented() -> Signer {
        Signer::new(KeyKind::Hmac, &SECRET.into()).unwrap()
    }

    #[test]
    fn the_documented_rest_requests_have_the_documented_signatures() {
        let query = |symbol: &str| {
            let mut query = Query::new()
                .with("symbol", symbol)
                .with("side", "BUY")
                .with("type", "LIMIT");
            for (name, value) in [("timeInForce", "GTC"), ("quantity", "1"), ("price", "0.1")] {
                query.add(name, value);
            }
            query
                .with("recvWindow", 5_000)
                .with("timestamp", 1_499_827_319_559_u64)
        };
        for (symbol, signature) in [
            (
                "LTCBTC",
                "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
            ),
            (
                "１２３４５６",
                "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
            ),
        ] {
            let mut query = query(symbol);
            let unsigned = query.as_str().to_owned();
            documented().sign_query(&mut query);
            assert_eq!(query.as_str(), format!("{unsigned}&signature={signature}"));
            assert!(!format!("{query:?}").contains(signature));
        }
        // Query and body, joined without a separator.
        let payload = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTCquantity=1&price=0.1&recvWindow=5000\
                       &timestamp=1499827319559";
        assert_eq!(
            documented().sign(payload.as_bytes()),
            "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"
        );
    }

    #[test]
    fn the_documented_websocket_requests_have_the_documented_signatures() {
        let order = |symbol, price, quantity, window, side| {
            vec![
                ("symbol", symbol),
                ("side", side),
                ("type", "LIMIT"),
                ("timeInForce", "GTC"),
                ("quantity", quantity),
                ("price", price),
                ("recvWindow", window),
                ("timestamp", "1645423376532"),
                ("apiKey", KEY),
            ]
        };
        let plain = order("BTCUSDT", "52000.00", "0.01000000", "100", "SELL");
        let mut with_type = plain.clone();
        with_type.push(("newOrderRespType", "ACK"));
        for (params, signature) in [
            (
                plain,
                "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
            ),
            (
                order("１２３４５６", "0.10000000", "1.00000000", "5000", "BUY"),
                "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
            ),
            (
                vec![("timestamp", "1649729878532"), ("apiKey", KEY)],
                "1cf54395b336b0a9727ef27d5d98987962bc47aca6e13fe978612d0adee066ed",
            ),
            (
                with_type,
                "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a",
            ),
        ] {
            assert_eq!(documented().sign_params(params), signature);
        }
    }

    /// RFC 8032, test 1, wrapped as PKCS#8 version 1 the way OpenSSL does.
    fn rfc_8032_der() -> Vec<u8> {
        let seed = [
            0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec,
            0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03,
            0x1c, 0xae, 0x7f, 0x60,
        ];
        let mut der = vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        der.extend(seed);
        der
    }

    #[test]
    fn an_ed25519_key_of_openssl_signs_as_rfc_8032_says() {
        let der = BASE64_STANDARD.encode(rfc_8032_der());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
        for secret in [pem, der] {
            let signer = Signer::new(KeyKind::Ed25519, &secret.into()).unwrap();
            let signature = BASE64_STANDARD.decode(signer.sign(b"")).unwrap();
            assert!(hex(&signature).starts_with("e5564300c360ac729086e2cc806e828a"));
            let Signer::Ed25519(pair) = &signer else {
                panic!("another kind")
            };
            let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec());
            public.verify(b"", &signature).unwrap();
        }
    }

    #[test]
    fn a_base64_signature_is_percent_encoded_in_a_query_and_raw_in_a_websocket_request() {
        let signer = Signer::ed25519_der(&rfc_8032_der()).unwrap();
        let mut query = Query::new().with("timestamp", 1);
        let raw = signer.sign(query.as_str().as_bytes());
        signer.sign_query(&mut query);
        let tail = query.as_str().split("signature=").nth(1).unwrap();
        assert!(
            !tail.contains(['+', '/', '=']) && tail.ends_with("%3D%3D"),
            "{tail}"
        );
        assert_eq!(
            percent_encoding::percent_decode_str(tail)
                .decode_utf8()
                .unwrap(),
            raw
        );
        assert_eq!(signer.sign_params([("timestamp", "1")]), raw);
    }

    #[test]
    fn a_key_of_the_wrong_kind_says_what_to_do_and_shows_nothing_of_itself() {
        let pem = |name: &str, body: &str| {
            format!("-----BEGIN {name}-----\n{body}\n-----END {name}-----\n")
        };
        // An EC key's PKCS#8 head.
        let other = BASE64_STANDARD.encode([
            0x30, 0x0f, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x71, 0x04, 0x03, 1,
            2, 3,
        ]);
        for (kind, secret, advice) in [
            (KeyKind::Hmac, pem("PRIVATE KEY", "AAAA"), "ed25519"),
            (KeyKind::Ed25519, SECRET.to_owned(), "hmac"),
            (
                KeyKind::Ed25519,
                pem("ENCRYPTED PRIVATE KEY", "AAAA"),
                "passphrase",
            ),
            (KeyKind::Ed25519, pem("RSA PRIVATE KEY", "AAAA"), "PKCS#8"),
            (
                KeyKind::Ed25519,
                pem("PRIVATE KEY", &other),
                "not an Ed25519 key",
            ),
            (KeyKind::Hmac, "  \n".to_owned(), "empty"),
        ] {
            let error = Signer::new(kind, &secret.clone().into())
                .unwrap_err()
                .to_string();
            assert!(error.contains(advice), "{error}");
            assert!(
                !error.contains(SECRET) && !error.contains("AAAA"),
                "{error}"
            );
        }
    }
}
