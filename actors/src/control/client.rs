//! The outside of the door, for the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_rt::net::UnixStream;
use actix_service::fn_service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use serde_json::Value;

use super::ControlError;
use crate::http::{Limits, client_over, exchange, tls_config};

/// What is asked.
#[derive(Debug, Clone)]
pub enum Asked {
    Get(&'static str),
    Post(&'static str, Value),
}

/// Asks a running engine through its socket.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    within: Duration,
}

impl Client {
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            within: Duration::from_secs(15),
        }
    }

    /// Waits so long for an answer, instead of 15 seconds.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Asks, and gives the answer.
    ///
    /// # Errors
    /// [`ControlError::NoAnswer`] when no engine listens, [`ControlError::Refused`] in its own words.
    pub async fn ask(&self, asked: Asked) -> Result<Value, ControlError> {
        let no_answer = |reason: String| ControlError::NoAnswer {
            path: self.socket.clone(),
            reason,
        };
        let limits = Limits {
            head: self.within,
            ..Limits::default()
        };
        let tls = tls_config(None).map_err(|error| no_answer(error.to_string()))?;
        let socket = self.socket.clone();
        let connector = fn_service(move |info: ConnectInfo<Uri>| {
            let socket = socket.clone();
            async move {
                let stream = UnixStream::connect(&socket)
                    .await
                    .map_err(ConnectError::Io)?;
                Ok(Connection::new(info.request().clone(), stream))
            }
        });
        let client = client_over(connector, tls, &limits);
        let sending = match asked {
            Asked::Get(path) => client.get(url(path)).send(),
            Asked::Post(path, body) => client.post(url(path)).send_json(&body),
        };
        let answer = exchange("the engine", sending, &limits).await;
        let answer = answer.map_err(|error| no_answer(error.to_string()))?;
        let read: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match (answer.status.as_u16(), read) {
            (200, Some(read)) => Ok(read),
            (status, read) => {
                let said = read.and_then(|read| Some(read.get("error")?.as_str()?.to_owned()));
                let said = said.unwrap_or_else(|| format!("HTTP {status}"));
                Err(ControlError::Refused { status, said })
            }
        }
    }
}

/// The host is that of no machine: the socket is the address.
fn url(path: &str) -> String {
    format!("http://engine.invalid{path}")
}
