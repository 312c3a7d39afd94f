//! E-mail over SMTP, by lettre. Messages of one incident are one conversation; a refusal with 4xx passes,
//! one with 5xx stays.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tripline_engine::time::Timestamp;

use super::Make;
use crate::alert::{
    Channel, ChannelError, ConfigError, HOUR, MINUTE, Rate, Rendered, SecretSource, Window, cut,
};

/// Below what mailbox providers take for spam.
const RATE: Rate = Rate::of(&[Window::new(10, MINUTE), Window::new(100, HOUR)]);

const TIMEOUT: Duration = Duration::from_secs(10);

/// A subject of one line.
const SUBJECT_LIMIT: usize = 200;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte, on port 465.
    #[default]
    Tls,
    /// TLS after a word in the open, on port 587.
    Starttls,
    /// None, for a server on this machine only.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The SMTP server.
    pub host: String,
    /// 465, or 587 with `starttls`, by default.
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub security: Security,
    /// Certificates in PEM that are trusted beside the public ones: those of a company's own authority.
    #[serde(default)]
    pub extra_ca_file: Option<PathBuf>,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// Such as `Tripline <alerts@example.com>`.
    pub from: String,
    pub to: Vec<String>,
}

impl Config {
    /// Reads the secrets and makes the channel.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field.
    pub fn build(&self, make: &Make<'_>) -> Result<Email, ConfigError> {
        let mailbox = |field, text: &String| {
            let parsed = text.parse::<Mailbox>();
            parsed.map_err(|error| make.invalid(field, format!("'{text}': {error}")))
        };
        let from = mailbox("from", &self.from)?;
        let to: Result<Vec<_>, _> = self.to.iter().map(|text| mailbox("to", text)).collect();
        let to = to?;
        if to.is_empty() {
            return Err(make.invalid("to", "names nobody"));
        }
        let password = make.optional("password", self.password.as_ref())?;
        Ok(Email {
            name: make.name.to_owned(),
            host: self.host.clone(),
            transport: self.transport(make, password)?,
            from,
            to,
        })
    }

    fn transport(
        &self,
        make: &Make<'_>,
        password: Option<SecretString>,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, ConfigError> {
        let (tls, port) = match self.security {
            Security::Tls => (Tls::Wrapper(self.tls(make)?), 465),
            Security::Starttls => (Tls::Required(self.tls(make)?), 587),
            Security::None if is_here(&self.host) => (Tls::None, 25),
            Security::None => {
                return Err(make.invalid(
                    "security",
                    "without TLS only a server on this machine may be used",
                ));
            }
        };
        let port = self.port.unwrap_or(port);
        // "Dangerous" is a builder that has no TLS yet.
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host);
        let mut builder = builder.port(port).tls(tls).timeout(Some(TIMEOUT));
        match (&self.user, password) {
            (Some(user), Some(password)) => {
                let password = password.expose_secret().to_owned();
                builder = builder.credentials(Credentials::new(user.clone(), password));
            }
            (None, None) => {}
            _ => return Err(make.invalid("user", "user and password need each other")),
        }
        Ok(builder.build())
    }

    fn tls(&self, make: &Make<'_>) -> Result<TlsParameters, ConfigError> {
        let mut parameters = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.extra_ca_file {
            let unfit = |why: String| {
                make.invalid("extra_ca_file", format!("{}: {why}", path.display()))
            };
            let pem = std::fs::read(path).map_err(|error| unfit(error.to_string()))?;
            let certificate = Certificate::from_pem(&pem);
            let certificate = certificate.map_err(|error| unfit(error.to_string()))?;
            parameters = parameters.add_root_certificate(certificate);
        }
        let parameters = parameters.build();
        parameters.map_err(|error| make.invalid("host", error.to_string()))
    }
}

fn is_here(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// One sender and those who receive.
pub struct Email {
    name: String,
    host: String,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Email {
    fn letter(&self, message: &Rendered) -> Result<Message, ChannelError> {
        let id = |name: &str| {
            let plain = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
            format!("<{}@tripline>", plain.collect::<String>())
        };
        let subject = cut(&message.headline, SUBJECT_LIMIT).into_owned();
        let mut builder: MessageBuilder = Message::builder()
            .from(self.from.clone())
            .message_id(Some(id(&message.reference)))
            .references(id(&message.thread))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let letter = builder.body(message.text(self.text_limit()));
        letter.map_err(|error| self.refused("not a letter", error.to_string(), None))
    }

    fn refused(&self, code: &str, said: String, retry: Option<Duration>) -> ChannelError {
        ChannelError::Refused {
            host: self.host.clone(),
            code: code.to_owned(),
            said: cut(&said, 300).into_owned(),
            retry,
        }
    }

    async fn send_once(&self, message: &Rendered) -> Result<(), ChannelError> {
        let letter = self.letter(message)?;
        let sending = tokio::time::timeout(3 * TIMEOUT, self.transport.send(letter)).await;
        let Ok(sent) = sending else {
            return Err(self.refused("timeout", "no answer".into(), Some(Duration::ZERO)));
        };
        match sent {
            Ok(response) if response.is_positive() => Ok(()),
            Ok(response) => {
                Err(self.refused(&response.code().to_string(), "not taken".into(), None))
            }
            Err(error) => {
                let code = error.status().map(|code| code.to_string());
                let retry = (!error.is_permanent()).then_some(Duration::ZERO);
                let code = code.unwrap_or_else(|| "no answer".into());
                Err(self.refused(&code, error.to_string(), retry))
            }
        }
    }
}

impl Channel for Email {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(
        &'a self,
        message: &'a Rendered,
        _now: Timestamp,
    ) -> LocalBoxFuture<'a, Result<(), ChannelError>> {
        Box::pin(self.send_once(message))
    }

    fn rate(&self) -> Rate {
        RATE
    }
}
