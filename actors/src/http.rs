//! The HTTP client that the venue adapter and the alert channels share: awc with `TCP_NODELAY`, rustls
//! with ring, no redirects, and one exchange that is bounded in time and size and read to its end.
//!
//! Errors name the host, never a path or a query: those may be a secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_codec::{AsyncRead, AsyncWrite};
use actix_rt::net::{ActixStream, TcpStream};
use actix_service::{Service, fn_service};
use actix_tls::connect::{
    ConnectError as TcpConnectError, ConnectInfo, Connection as TcpConnection,
    Connector as TcpConnector,
};
use awc::error::{ConnectError, PayloadError, SendRequestError};
use awc::http::header::{CONTENT_LENGTH, HeaderMap};
use awc::http::{StatusCode, Uri};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

/// Why there is no client, or no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The file with further certificate authorities cannot be used.
    #[error("the CA file {} cannot be used: {reason}; it must hold certificates in PEM", path.display())]
    CaFile { path: PathBuf, reason: String },
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Nothing of the request was written: it may be sent again without harm.
    #[error("{host}: not sent: {reason}")]
    NotSent { host: String, reason: String },
    /// The request may have been read and carried out.
    #[error("{host}: sent, outcome unknown: {reason}")]
    Unknown { host: String, reason: String },
    /// The head of an answer came, its body did not, or is too long.
    #[error("{host}: HTTP {status}, but its body {reason}")]
    Body {
        host: String,
        status: StatusCode,
        reason: String,
    },
}

impl HttpError {
    /// Whether it is certain that the other side has not seen the request.
    #[must_use]
    pub fn is_not_sent(&self) -> bool {
        !matches!(self, Self::Unknown { .. } | Self::Body { .. })
    }
}

/// How long each part of an exchange may take, and how long its answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Resolving the name and connecting; the TLS handshake has as long again.
    pub connect: Duration,
    /// From handing over the request to the answer's head; connecting is included.
    pub head: Duration,
    /// From the answer's head to the end of its body.
    pub body: Duration,
    /// Bytes of the answer's body.
    pub body_bytes: usize,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            body_bytes: 2 * 1024 * 1024,
            keep_alive: Duration::from_secs(60),
        }
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// TLS 1.2 and 1.3 with ring, Mozilla's roots and those of `extra_ca`, HTTP/1.1 only (awc refuses a
/// WebSocket over HTTP/2).
///
/// # Errors
/// [`HttpError::CaFile`] when the file cannot be read or holds no certificate.
pub fn tls_config(extra_ca: Option<&Path>) -> Result<Arc<rustls::ClientConfig>, HttpError> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = extra_ca {
        let unusable = |reason: String| HttpError::CaFile {
            path: path.to_owned(),
            reason,
        };
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| unusable(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(unusable("it holds no certificate".into()));
        }
    }
    // The provider is named because awc's rustls feature installs none.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A client over TCP. One a thread: it holds the pool of connections.
#[must_use]
pub fn client(tls: Arc<rustls::ClientConfig>, limits: &Limits) -> awc::Client {
    client_over(over_tcp(), tls, limits)
}

/// The connector for TCP.
pub(crate) fn over_tcp()
-> impl Service<ConnectInfo<Uri>, Response = TcpConnection<Uri, TcpStream>, Error = TcpConnectError>
+ Clone
+ 'static {
    fn_service(connect)
}

/// A client over connections that `connector` opens; TLS goes on top of them for `https` and `wss`.
#[must_use]
pub fn client_over<S, Io>(
    connector: S,
    tls: Arc<rustls::ClientConfig>,
    limits: &Limits,
) -> awc::Client
where
    Io: ActixStream + AsyncRead + AsyncWrite + std::fmt::Debug + 'static,
    S: Service<ConnectInfo<Uri>, Response = TcpConnection<Uri, Io>, Error = TcpConnectError>
        + Clone
        + 'static,
{
    let connector = awc::Connector::new()
        .connector(connector)
        .timeout(limits.connect)
        .handshake_timeout(limits.connect)
        .conn_keep_alive(limits.keep_alive)
        .conn_lifetime(limits.keep_alive.max(Duration::from_secs(3600)))
        .rustls_0_23(tls);
    awc::Client::builder()
        .connector(connector)
        .timeout(limits.head)
        .disable_redirects()
        .finish()
}

/// Resolves and connects, with `TCP_NODELAY`, which awc itself never sets.
async fn connect(info: ConnectInfo<Uri>) -> Result<TcpConnection<Uri, TcpStream>, TcpConnectError> {
    let connection = TcpConnector::default().service().call(info).await?;
    connection
        .io_ref()
        .set_nodelay(true)
        .map_err(TcpConnectError::Io)?;
    Ok(connection)
}

/// Sends, and reads the answer to its end. `host` is only for the errors. Not for HEAD requests, whose
/// answers announce a length that they do not have.
///
/// # Errors
/// [`HttpError::NotSent`] when connecting failed, [`HttpError::Unknown`] when anything later failed,
/// [`HttpError::Body`] when the answer's body was late, broken or longer than the limit.
pub async fn exchange(
    host: &str,
    sending: awc::SendClientRequest,
    limits: &Limits,
) -> Result<Answer, HttpError> {
    // awc's own timeout ends with the head and does not cover every phase of TLS: this one does.
    let head = tokio::time::timeout(limits.head, sending).await;
    let Ok(head) = head else {
        let reason = format!("no answer within {:?}", limits.head);
        return Err(HttpError::Unknown {
            host: host.into(),
            reason,
        });
    };
    let mut response = head.map_err(|error| send_error(host, &error))?;
    let status = response.status();
    let headers = response.headers().clone();
    // Not awc's body timeout: it asks std::time, which does not follow virtual time.
    let reading = response.body().limit(limits.body_bytes);
    let body = match tokio::time::timeout(limits.body, reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => {
            let reason = match error {
                PayloadError::Overflow => format!("is longer than {} bytes", limits.body_bytes),
                other => format!("broke off: {other}"),
            };
            return Err(HttpError::Body {
                host: host.into(),
                status,
                reason,
            });
        }
        Err(_) => {
            let reason = format!("did not end within {:?}", limits.body);
            return Err(HttpError::Body {
                host: host.into(),
                status,
                reason,
            });
        }
    };
    // awc takes the end of the connection for the end of the body, of a chunked one too: that one is
    // found out by whoever reads it as JSON.
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if let Some(length) = length.filter(|length| *length != body.len()) {
        let reason = format!("broke off after {} of {length} bytes", body.len());
        return Err(HttpError::Body {
            host: host.into(),
            status,
            reason,
        });
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// awc's error, sorted by whether a byte can have reached the other side. Only what fails while
/// connecting is certain; `Disconnected` comes also when the server had read the request.
fn send_error(host: &str, error: &SendRequestError) -> HttpError {
    let (host, reason) = (host.to_owned(), error.to_string());
    match error {
        SendRequestError::Url(_) | SendRequestError::TunnelNotSupported => {
            HttpError::NotSent { host, reason }
        }
        SendRequestError::Connect(
            ConnectError::SslIsNotSupported
            | ConnectError::Resolver(_)
            | ConnectError::NoRecords
            | ConnectError::Timeout
            | ConnectError::Unresolved
            | ConnectError::Io(_),
        ) => HttpError::NotSent { host, reason },
        _ => HttpError::Unknown { host, reason },
    }
}

/// The host of a URL, with its port when it has one, for errors and logs; never its path or query.
#[must_use]
pub fn host_of(url: &str) -> String {
    let parsed = url.parse::<Uri>().ok();
    let authority = parsed
        .as_ref()
        .and_then(Uri::authority)
        .map(ToString::to_string);
    // What stands before an '@' is a password.
    let host = authority
        .as_deref()
        .and_then(|text| text.rsplit('@').next());
    host.unwrap_or("a URL without a host").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn limits() -> Limits {
        let short = Duration::from_millis(300);
        Limits {
            head: short,
            body: short,
            body_bytes: 100,
            ..Limits::default()
        }
    }

    /// Reads one request, writes `answer`, and then closes or holds the connection.
    async fn serve(
        mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin,
        answer: &[u8],
        hold: bool,
    ) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\nx") {
            assert_ne!(
                stream.read_buf(&mut request).await.unwrap(),
                0,
                "the request broke off"
            );
        }
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
        if hold {
            std::future::pending::<()>().await;
        }
    }

    async fn server(answer: &'static [u8], hold: bool) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        actix_rt::spawn(
            async move { serve(listener.accept().await.unwrap().0, answer, hold).await },
        );
        host
    }

    /// A TLS server whose certificate is for `localhost` and signed by itself; its port, and the
    /// certificate in PEM.
    async fn tls_server() -> (u16, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        actix_rt::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate ends the handshake.
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(
                    stream,
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                    true,
                )
                .await;
            }
        });
        (port, made.cert.pem())
    }

    #[actix_rt::test]
    async fn a_private_ca_is_trusted_when_named_and_neither_otherwise_nor_for_another_host() {
        let path =
            std::env::temp_dir().join(format!("tripline-private-ca-{}.pem", std::process::id()));
        for (named, host, trusted) in [
            (true, "localhost", true),
            (false, "localhost", false),
            (true, "127.0.0.1", false),
        ] {
            let (port, pem) = tls_server().await;
            std::fs::write(&path, pem).unwrap();
            let client = client(
                tls_config(named.then_some(path.as_path())).unwrap(),
                &limits(),
            );
            let sending = client
                .post(format!("https://{host}:{port}/"))
                .send_body("x");
            let limits = Limits {
                head: Duration::from_secs(5),
                ..limits()
            };
            match exchange(host, sending, &limits).await {
                Ok(answer) => assert!(
                    trusted && answer.body == "ok",
                    "{host} is not to be trusted"
                ),
                Err(error) => assert!(!trusted && error.is_not_sent(), "{named} {host}: {error}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    async fn post(host: &str) -> Result<Answer, HttpError> {
        let client = client(tls_config(None).unwrap(), &limits());
        let sending = client
            .post(format!("http://{host}/secretpath?secretquery"))
            .send_body("x");
        exchange(host, sending, &limits()).await
    }

    #[actix_rt::test]
    async fn an_answer_is_read_to_its_end() {
        let host = server(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-used: 5\r\n\r\nok",
            true,
        )
        .await;
        let answer = post(&host).await.unwrap();
        assert_eq!(
            (answer.status, &answer.body[..]),
            (StatusCode::OK, &b"ok"[..])
        );
        assert_eq!(answer.headers.get("x-used").unwrap(), "5");
    }

    #[actix_rt::test]
    async fn a_refused_connection_is_certainly_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = post(&host).await.unwrap_err();
        assert!(error.is_not_sent(), "{error}");
        let error = post("no-such-host.invalid").await.unwrap_err();
        assert!(error.is_not_sent(), "{error}");
    }

    #[actix_rt::test]
    async fn what_fails_after_the_request_was_read_is_unknown() {
        for (answer, hold) in [(&b""[..], false), (b"", true), (b"nonsense\r\n\r\n", true)] {
            let error = post(&server(answer, hold).await).await.unwrap_err();
            assert!(
                matches!(error, HttpError::Unknown { .. }) && !error.is_not_sent(),
                "{error}"
            );
            assert!(
                !format!("{error} {error:?}").contains("secret"),
                "{error:?}"
            );
        }
    }

    #[actix_rt::test]
    async fn a_body_that_stalls_breaks_off_or_is_too_long_is_an_error_with_the_status() {
        let cases: [(&[u8], bool, &str); 3] = [
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nab",
                true,
                "did not end within 300ms",
            ),
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nab",
                false,
                "broke off",
            ),
            (
                b"HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\nab",
                true,
                "is longer than 100 bytes",
            ),
        ];
        for (answer, hold, wanted) in cases {
            let error = post(&server(answer, hold).await).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    HttpError::Body {
                        status: StatusCode::OK,
                        ..
                    }
                ),
                "{error}"
            );
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }

    #[actix_rt::test]
    async fn a_connection_has_nagle_switched_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let connection = connect(ConnectInfo::new(uri)).await.unwrap();
        assert!(connection.io_ref().nodelay().unwrap());
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_refused_by_name() {
        let path = std::env::temp_dir().join(format!("tripline-ca-{}.pem", std::process::id()));
        std::fs::write(&path, "no certificate").unwrap();
        let error = tls_config(Some(&path)).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(
            error.to_string().contains("it holds no certificate"),
            "{error}"
        );
        assert!(tls_config(Some(&path)).is_err());
    }

    #[test]
    fn the_host_of_a_url_shows_neither_path_nor_password() {
        assert_eq!(
            host_of("https://user:pass@host:8443/path?query"),
            "host:8443"
        );
        assert_eq!(host_of("not a url"), "a URL without a host");
    }
}
