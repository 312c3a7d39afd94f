//! TLS with a certificate authority of the exchange's own, made anew at each start.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("the certificate is refused: {0}")]
    Config(#[from] rustls::Error),
    #[error("the CA certificate cannot be written to {path}: {source}")]
    Write {
        path: String,
        source: std::io::Error,
    },
}

/// A server certificate for `localhost`, `127.0.0.1` and `::1`, and the CA that vouches for it.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    ca_pem: Arc<str>,
}

impl Tls {
    /// Makes a CA and a server certificate. Only HTTP/1.1 is offered.
    ///
    /// # Errors
    /// [`TlsError::Certificate`], [`TlsError::Config`].
    pub fn generate() -> Result<Self, TlsError> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.distinguished_name
            .push(DnType::CommonName, "Tripline practice exchange CA");
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let key = KeyPair::generate()?;
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut server = CertificateParams::new(names)?;
        server
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        let certificate = server.signed_by(&key, &issuer)?;

        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ca_pem: ca_certificate.pem().into(),
        })
    }

    /// The CA's certificate, for the client's list of trusted roots.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// # Errors
    /// [`TlsError::Write`].
    pub fn write_ca(&self, path: &Path) -> Result<(), TlsError> {
        let refused = |source| TlsError::Write {
            path: path.display().to_string(),
            source,
        };
        std::fs::write(path, self.ca_pem.as_bytes()).map_err(refused)
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}
