//! The same over TLS.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;

/// A server with a certificate for `localhost` that it signed itself, and the certificate as a file.
async fn tls_server(name: &str, acts: &[Act]) -> (u16, PathBuf, Seen) {
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
    let path =
        std::env::temp_dir().join(format!("tripline-rest-{name}-{}.pem", std::process::id()));
    std::fs::write(&path, made.cert.pem()).unwrap();
    let (seen, acts) = (
        Seen::default(),
        Rc::new(RefCell::new(acts.iter().cloned().collect())),
    );
    let counted = seen.clone();
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate ends the handshake.
            if let Ok(stream) = acceptor.accept(stream).await {
                *counted.connections.borrow_mut() += 1;
                actix_rt::spawn(serve(stream, Rc::clone(&acts), counted.clone()));
            }
        }
    });
    (port, path, seen)
}

fn trusting(base: &str, ca: Option<PathBuf>) -> BinanceSettings {
    let mut settings = settings(base);
    settings.bounds.request_timeout_ms = 5_000;
    settings.extra_ca_file = ca;
    settings
}

#[actix_rt::test]
async fn an_unknown_authority_and_another_host_name_are_told_apart_and_nothing_is_sent() {
    let (port, path, seen) = tls_server("trust", &[ok(FULL)]).await;
    for (host, ca, advice) in [
        ("localhost", None, "set extra_ca_file"),
        ("127.0.0.1", Some(path.clone()), "for another host name"),
    ] {
        let settings = trusting(&format!("https://{host}:{port}"), ca);
        let client =
            RestClient::new(&settings, Some(&credentials()), Limits::new(20), clock()).unwrap();
        let outcome = client.place(&order(), &gate().1).await;
        let PlaceOutcome::NotSent(VenueError::Network(text)) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(text.contains(advice), "{text}");
    }
    let settings = trusting(&format!("https://localhost:{port}"), Some(path.clone()));
    let client =
        RestClient::new(&settings, Some(&credentials()), Limits::new(20), clock()).unwrap();
    let outcome = client.place(&order(), &gate().1).await;
    assert!(
        matches!(outcome, PlaceOutcome::Answered(Ok(_))),
        "{outcome:?}"
    );
    assert_eq!(seen.requests.borrow().len(), 1);
    std::fs::remove_file(path).unwrap();
}

#[actix_rt::test]
async fn a_halt_during_the_handshake_holds_the_order_back() {
    let (port, path, seen) = tls_server("halt", &[ok(FULL)]).await;
    let (board, gate) = gate();
    let connector = actix_service::fn_service(move |info: ConnectInfo<Uri>| {
        let board = board.clone();
        async move {
            let uri = info.request().clone();
            let address = ("127.0.0.1", uri.port_u16().unwrap());
            let stream = TcpStream::connect(address)
                .await
                .map_err(ConnectError::Io)?;
            halt(&board);
            Ok(Connection::new(uri, stream))
        }
    });
    let settings = trusting(&format!("https://localhost:{port}"), Some(path.clone()));
    let client = RestClient::over(
        connector,
        &settings,
        Some(&credentials()),
        Limits::new(20),
        clock(),
    )
    .unwrap();
    assert_eq!(
        client.place(&order(), &gate).await,
        PlaceOutcome::Held(HaltLevel::Halted)
    );
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(*seen.connections.borrow(), 1, "the handshake was allowed");
    assert!(seen.requests.borrow().is_empty(), "{:?}", seen.requests);
    std::fs::remove_file(path).unwrap();
}
