//! The exchange as a program, with TLS.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of tests fails where it goes wrong"
)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tripline_exchange::{Clock, ExchangeConfig, PracticeExchange, Tls};

fn client(tls: &Tls) -> awc::Client {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(tls.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connector = awc::Connector::new().rustls_0_23(Arc::new(config));
    awc::Client::builder()
        .connector(connector)
        .timeout(Duration::from_secs(5))
        .finish()
}

#[actix_rt::test]
async fn a_client_that_trusts_the_written_ca_is_served_and_others_are_not() {
    let exchange = PracticeExchange::new(&ExchangeConfig::default(), Clock::system()).unwrap();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = Tls::generate().unwrap();
    let trusted = client(&tls);
    let stranger = client(&Tls::generate().unwrap());
    let served = tls.clone();
    actix_rt::spawn(async move { exchange.serve(listener, Some(served)).await });
    for host in ["localhost", "127.0.0.1"] {
        let answer = trusted
            .get(format!("https://{host}:{port}/api/v3/ping"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{host}");
    }
    let (response, _) = trusted
        .ws(format!("wss://localhost:{port}/ws/btcusdt@trade"))
        .connect()
        .await
        .unwrap();
    assert_eq!(response.status(), 101);
    assert!(
        stranger
            .get(format!("https://localhost:{port}/api/v3/ping"))
            .send()
            .await
            .is_err()
    );
}
