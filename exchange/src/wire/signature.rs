//! Signatures, verified over the bytes that were signed: raw and still encoded for REST, sorted and
//! unencoded for the WebSocket API (Binance Spot API docs, "SIGNED endpoint security" and "SIGNED
//! request security"). HMAC-SHA256 in hex, Ed25519 in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use ring::{hmac, signature};
use thiserror::Error;

use super::params::Params;

/// What a signature of an API key is verified with.
#[derive(Clone)]
pub enum Verifier {
    Hmac(hmac::Key),
    Ed25519(signature::UnparsedPublicKey<Vec<u8>>),
}

/// Why a configured key cannot verify anything.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "'{text}' is no Ed25519 public key: want the base64 of its 32 bytes or of its DER, or a PEM block"
)]
pub struct PublicKeyError {
    pub text: String,
}

/// The 12 bytes before the key in a DER `SubjectPublicKeyInfo` of Ed25519 (RFC 8410).
const ED25519_DER_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

impl Verifier {
    pub fn hmac(secret: &str) -> Self {
        Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// A public key as Binance takes it: PEM, or the base64 inside of it, or just the 32 bytes in base64.
    ///
    /// # Errors
    /// [`PublicKeyError`].
    pub fn ed25519(text: &str) -> Result<Self, PublicKeyError> {
        let refused = || PublicKeyError {
            text: text.chars().take(60).collect(),
        };
        let body: String = text
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .map(str::trim)
            .collect();
        let bytes = STANDARD.decode(body).map_err(|_| refused())?;
        let key = bytes.strip_prefix(&ED25519_DER_PREFIX).unwrap_or(&bytes);
        if key.len() != 32 {
            return Err(refused());
        }
        Ok(Self::Ed25519(signature::UnparsedPublicKey::new(
            &signature::ED25519,
            key.to_vec(),
        )))
    }

    /// Only Ed25519 keys may log a session on.
    pub fn can_log_on(&self) -> bool {
        matches!(self, Self::Ed25519(_))
    }

    pub fn verifies(&self, payload: &[u8], signed: &str) -> bool {
        match self {
            Self::Hmac(key) => {
                decode_hex(signed).is_some_and(|tag| hmac::verify(key, payload, &tag).is_ok())
            }
            Self::Ed25519(key) => STANDARD
                .decode(signed)
                .is_ok_and(|bytes| key.verify(payload, &bytes).is_ok()),
        }
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// What a REST request signed, and its signature.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedForm {
    /// The raw query without its `signature` pair, immediately followed by the raw body without its own.
    pub payload: String,
    /// Percent-decoded; `None` when it was not sent.
    pub signature: Option<String>,
}

impl SignedForm {
    /// A request without a signature.
    pub const fn unsigned() -> Self {
        Self {
            payload: String::new(),
            signature: None,
        }
    }
}

fn cut_signature(raw: &str, payload: &mut String) -> Option<String> {
    let mut found = None;
    let mut first = true;
    for pair in raw.split('&') {
        if let Some(value) = pair.strip_prefix("signature=") {
            found = percent_decode_str(value)
                .decode_utf8()
                .ok()
                .map(std::borrow::Cow::into_owned);
            continue;
        }
        if !first {
            payload.push('&');
        }
        first = false;
        payload.push_str(pair);
    }
    found
}

/// Splits the raw query and body of a REST request into what was signed and the signature.
pub fn signed_form(query: &str, body: &str) -> SignedForm {
    let mut payload = String::with_capacity(query.len() + body.len());
    let in_query = cut_signature(query, &mut payload);
    let in_body = cut_signature(body, &mut payload);
    SignedForm {
        payload,
        signature: in_query.or(in_body),
    }
}

/// What a WebSocket API request signed: all parameters but the signature, sorted by name, unencoded.
pub fn sorted_payload(params: &Params) -> String {
    let mut pairs: Vec<_> = params
        .pairs()
        .filter(|(name, _)| *name != "signature")
        .collect();
    pairs.sort_unstable();
    let joined: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    joined.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::KeyPair as _;

    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";

    #[test]
    fn the_official_rest_vectors_verify_and_a_changed_byte_does_not() {
        let tail = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
        let vectors = [
            (
                format!("symbol=LTCBTC&{tail}"),
                "",
                "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
            ),
            (
                format!("symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&{tail}"),
                "",
                "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
            ),
            (
                "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC".into(),
                "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
                "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
            ),
        ];
        let verifier = Verifier::hmac(SECRET);
        for (query, body, expected) in vectors {
            for upper in [false, true] {
                let sent = if upper {
                    expected.to_uppercase()
                } else {
                    expected.to_owned()
                };
                let form = signed_form(&format!("{query}&signature={sent}"), body);
                assert!(
                    verifier.verifies(form.payload.as_bytes(), &form.signature.unwrap()),
                    "{query}"
                );
            }
            let changed = query.replace("BUY", "SELL");
            let form = signed_form(&format!("{changed}&signature={expected}"), body);
            assert!(!verifier.verifies(form.payload.as_bytes(), expected));
        }
    }

    #[test]
    fn the_official_websocket_vectors_verify_over_sorted_raw_utf8() {
        let vectors = [
            (
                "BTCUSDT",
                "52000.00",
                "0.01000000",
                "SELL",
                100,
                "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
            ),
            (
                "１２３４５６",
                "0.10000000",
                "1.00000000",
                "BUY",
                5000,
                "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd",
            ),
        ];
        for (symbol, price, quantity, side, window, expected) in vectors {
            let object = serde_json::json!({
                "timeInForce": "GTC", "symbol": symbol, "side": side, "type": "LIMIT", "price": price,
                "quantity": quantity, "apiKey": KEY, "signature": expected, "recvWindow": window,
                "timestamp": 1_645_423_376_532_i64,
            });
            let params = Params::from_json(object.as_object().unwrap());
            assert!(
                Verifier::hmac(SECRET).verifies(sorted_payload(&params).as_bytes(), expected),
                "{symbol}"
            );
        }
    }

    #[test]
    fn an_ed25519_signature_verifies_under_its_key_in_every_spelling() {
        let pair = signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let raw = pair.public_key().as_ref().to_vec();
        let der = [ED25519_DER_PREFIX.as_slice(), &raw].concat();
        let signed = STANDARD.encode(pair.sign(b"a=1").as_ref());
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&der)
        );
        for text in [STANDARD.encode(&raw), STANDARD.encode(&der), pem] {
            let verifier = Verifier::ed25519(&text).unwrap();
            assert!(verifier.verifies(b"a=1", &signed));
            assert!(!verifier.verifies(b"a=2", &signed));
        }
        assert!(
            Verifier::ed25519("MCowBQYDK2VwAyEAgmDRTtj2FA+wzJUIlAL9ly1eovjLBu7uXUFR+jFULmg=")
                .is_ok()
        );
        assert!(Verifier::ed25519("c2hvcnQ=").is_err());
    }

    #[test]
    fn a_signature_may_stand_anywhere_and_is_percent_decoded() {
        let form = signed_form("signature=a%2Bb%3D&x=1&y=2", "");
        assert_eq!(
            form,
            SignedForm {
                payload: "x=1&y=2".into(),
                signature: Some("a+b=".into())
            }
        );
        let form = signed_form("x=1", "y=2&signature=ab");
        assert_eq!(
            form,
            SignedForm {
                payload: "x=1y=2".into(),
                signature: Some("ab".into())
            }
        );
    }
}
