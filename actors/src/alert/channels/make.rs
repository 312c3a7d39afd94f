//! What a channel is made from, and the checks that many of them share.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};

use super::Http;
use super::line::is_address;
use crate::alert::{ConfigError, SecretSource};

/// Scheme, host and port of a provider, perhaps with the beginning of a path: `https://host`.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// One that is written in the program.
    pub(super) fn of(literal: &str) -> Self {
        Self(literal.to_owned())
    }

    /// An origin from a text.
    ///
    /// # Errors
    /// When it is none; the message does not repeat it, because it may hold a secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_end_matches('/');
        if is_address(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err("not an address of the form https://host")
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({})", crate::http::host_of(&self.0))
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// The name of a channel in the making, and the client that it will use.
#[derive(Clone, Copy)]
pub struct Make<'m> {
    pub name: &'m str,
    pub http: &'m Http,
}

impl Make<'_> {
    pub(super) fn invalid(&self, field: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            channel: self.name.to_owned(),
            field,
            problem: problem.into(),
        }
    }

    pub(super) fn secret(
        &self,
        field: &'static str,
        source: &SecretSource,
    ) -> Result<SecretString, ConfigError> {
        source.resolve().map_err(|source| ConfigError::Secret {
            channel: self.name.to_owned(),
            field,
            source,
        })
    }

    pub(super) fn optional(
        &self,
        field: &'static str,
        source: Option<&SecretSource>,
    ) -> Result<Option<SecretString>, ConfigError> {
        source.map(|source| self.secret(field, source)).transpose()
    }

    /// A whole address that is a secret; `origin` stands in for its own.
    pub(super) fn address(
        &self,
        field: &'static str,
        source: &SecretSource,
        origin: Option<&Origin>,
    ) -> Result<SecretString, ConfigError> {
        let address = self.secret(field, source)?;
        if !is_address(address.expose_secret()) {
            return Err(self.invalid(field, "not an address of the form https://host/path"));
        }
        let Some(origin) = origin else {
            return Ok(address);
        };
        let rest = address
            .expose_secret()
            .split_once("://")
            .map_or("", |(_, rest)| rest);
        let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        Ok(SecretString::from(format!("{origin}{path}")))
    }

    pub(super) fn phone_numbers(
        &self,
        field: &'static str,
        numbers: &[String],
    ) -> Result<(), ConfigError> {
        let is_number = |number: &&String| {
            number.chars().any(|c| c.is_ascii_digit())
                && number
                    .chars()
                    .all(|c| c.is_ascii_digit() || "+-".contains(c))
        };
        match numbers.iter().find(|number| !is_number(number)) {
            None => Ok(()),
            Some(wrong) => {
                let problem = format!("'{wrong}' is not a phone number of digits, '+' and '-'");
                Err(self.invalid(field, problem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing::{http, secret};

    #[test]
    fn an_origin_that_is_none_is_refused_and_not_repeated() {
        for text in ["oapi.dingtalk.com/secretpath", "ftp://host/secretpath", ""] {
            let error = serde_json::from_value::<Origin>(text.into()).unwrap_err();
            assert!(!error.to_string().contains("secretpath"), "{error}");
        }
        assert_eq!(
            Origin::parse("http://a:1/").unwrap().to_string(),
            "http://a:1"
        );
    }

    #[actix_rt::test]
    async fn another_origin_takes_the_place_of_an_addresses_own_and_its_path_stays() {
        let http = http();
        let make = Make {
            name: "a",
            http: &http,
        };
        let source = secret("https://hooks.slack.com/services/T0/B0/x?y=1");
        let origin = Origin::parse("http://127.0.0.1:8080").unwrap();
        let address = make.address("url", &source, Some(&origin)).unwrap();
        assert_eq!(
            address.expose_secret(),
            "http://127.0.0.1:8080/services/T0/B0/x?y=1"
        );
        let error = make.address("url", &secret("no-address"), None);
        assert!(!error.unwrap_err().to_string().contains("no-address"));
    }
}
