//! E-mail against an SMTP server on the loopback.

use std::sync::{Arc, Mutex};

use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A server that takes mail with a password, and answers the end of the data by `answer`; its port, and the
/// letters.
async fn server(answer: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let letters: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = letters.clone();
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = kept.clone();
            actix_rt::spawn(async move { serve(stream, answer, &kept, true).await });
        }
    });
    (port, letters)
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &'static str,
    letters: &Mutex<Vec<String>>,
    greets: bool,
) {
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(b"220 here\r\n").await.unwrap();
    }
    let (mut line, mut letter) = (String::new(), None::<String>);
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let reply = match &mut letter {
            Some(text) if line == ".\r\n" => {
                letters.lock().unwrap().push(std::mem::take(text));
                letter = None;
                answer
            }
            Some(text) => {
                text.push_str(&line);
                continue;
            }
            None => match line.split_whitespace().next().unwrap_or_default() {
                "EHLO" => "250-here\r\n250 AUTH PLAIN LOGIN",
                // base64 of "\0user\0the-password"
                "AUTH" if line.contains("AHVzZXIAdGhlLXBhc3N3b3Jk") => "235 welcome",
                "AUTH" => "535 5.7.8 wrong password",
                "DATA" => {
                    letter = Some(String::new());
                    "354 go on"
                }
                "QUIT" => "221 bye",
                _ => "250 ok",
            },
        };
        if stream
            .write_all(format!("{reply}\r\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}

/// How a server protects its connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protected {
    FromTheStart,
    /// After `STARTTLS`.
    ByAWord,
    /// It does not offer that.
    Never,
}

/// The same with a certificate for `localhost` that it signed itself; its port, the certificate as a file, the
/// letters, and what it was told in the open.
async fn tls_server(protected: Protected) -> (u16, PathBuf, Arc<Mutex<Vec<String>>>, Open) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = format!("tripline-smtp-{}-{port}.pem", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, made.cert.pem()).unwrap();
    let (letters, open) = (Arc::<Mutex<Vec<String>>>::default(), Open::default());
    let (kept, told) = (letters.clone(), open.clone());
    actix_rt::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acceptor, kept, told) = (acceptor.clone(), kept.clone(), told.clone());
            actix_rt::spawn(async move {
                if protected != Protected::FromTheStart
                    && !in_the_open(&mut stream, protected, &told).await
                {
                    return;
                }
                // A client that does not trust the certificate ends the handshake.
                if let Ok(stream) = acceptor.accept(stream).await {
                    let greets = protected == Protected::FromTheStart;
                    serve(stream, "250 taken", &kept, greets).await;
                }
            });
        }
    });
    (port, path, letters, open)
}

type Open = Arc<Mutex<String>>;

/// Talks until the client asks for TLS; whether it did.
async fn in_the_open(
    stream: &mut tokio::net::TcpStream,
    protected: Protected,
    told: &Open,
) -> bool {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await.unwrap();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        told.lock().unwrap().push_str(&line);
        let reply = match (line.trim(), protected) {
            ("STARTTLS", _) => {
                stream.write_all(b"220 go on\r\n").await.unwrap();
                return true;
            }
            (line, Protected::ByAWord) if line.starts_with("EHLO") => {
                "250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN"
            }
            (line, _) if line.starts_with("EHLO") => "250-here\r\n250 AUTH PLAIN",
            _ => "250 ok",
        };
        let reply = format!("{reply}\r\n");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return false;
        }
    }
}

fn email(port: u16, password: &str) -> Rc<dyn Channel> {
    build("127.0.0.1", port, password, "none", None)
}

fn build(
    host: &str,
    port: u16,
    password: &str,
    security: &str,
    extra_ca_file: Option<&Path>,
) -> Rc<dyn Channel> {
    let SecretSource::File(path) = secret(password) else {
        unreachable!("tests keep secrets in files")
    };
    let config = json!({
        "kind": "email", "host": host, "port": port, "security": security,
        "extra_ca_file": extra_ca_file, "user": "user", "password": { "file": path },
        "from": "Tripline <tripline@example.com>", "to": ["desk@example.com"],
    });
    let config: ChannelConfig = serde_json::from_value(config).unwrap();
    config.build(&http()).unwrap()
}

#[actix_rt::test]
async fn a_letter_arrives_over_tls_where_the_servers_certificate_is_trusted_and_nowhere_else() {
    for (protected, security) in [
        (Protected::FromTheStart, "tls"),
        (Protected::ByAWord, "starttls"),
    ] {
        let (port, ca, letters, open) = tls_server(protected).await;
        let channel = build("localhost", port, "the-password", security, Some(&ca));
        channel.send(&critical(), NOW).await.unwrap();
        assert_eq!(letters.lock().unwrap().len(), 1);
        // Neither an unknown authority nor another host's certificate.
        for (host, ca) in [("localhost", None), ("127.0.0.1", Some(ca.as_path()))] {
            let channel = build(host, port, "the-password", security, ca);
            channel.send(&critical(), NOW).await.unwrap_err();
            assert_eq!(letters.lock().unwrap().len(), 1, "{host} {security}");
        }
        let open = open.lock().unwrap();
        assert!(!open.contains("AUTH"), "a password in the open: {open}");
        std::fs::remove_file(ca).unwrap();
    }
}

#[actix_rt::test]
async fn a_server_that_does_not_offer_tls_gets_neither_password_nor_letter() {
    let (port, ca, letters, open) = tls_server(Protected::Never).await;
    let channel = build("localhost", port, "the-password", "starttls", Some(&ca));
    channel.send(&critical(), NOW).await.unwrap_err();
    assert!(letters.lock().unwrap().is_empty());
    let open = open.lock().unwrap();
    assert!(open.contains("EHLO"), "it was asked: {open}");
    assert!(!open.contains("AUTH") && !open.contains("MAIL"), "{open}");
    std::fs::remove_file(ca).unwrap();
}

#[actix_rt::test]
async fn a_letter_arrives_and_belongs_to_its_incidents_conversation() {
    let (port, letters) = server("250 taken").await;
    let channel = email(port, "the-password");
    channel.send(&critical(), NOW).await.unwrap();
    let letter = letters.lock().unwrap()[0].clone();
    for wanted in [
        "Message-ID: <ref-1@tripline>",
        "References: <tripline-network-@tripline>",
        "Subject: [CRIT][PRACTICE] no <data> & nothing",
        "To: desk@example.com",
    ] {
        assert!(letter.contains(wanted), "{wanted}: {letter}");
    }
}

#[actix_rt::test]
async fn a_refusal_with_4xx_passes_one_with_5xx_stays_and_the_password_is_not_shown() {
    for (answer, passes) in [("451 4.7.1 try later", true), ("554 5.7.1 spam", false)] {
        let (port, _) = server(answer).await;
        let error = email(port, "the-password")
            .send(&critical(), NOW)
            .await
            .unwrap_err();
        assert_eq!(error.retry().is_some(), passes, "{error}");
    }
    let (port, letters) = server("250 taken").await;
    let error = email(port, "another-password")
        .send(&critical(), NOW)
        .await
        .unwrap_err();
    assert!(letters.lock().unwrap().is_empty());
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(
            text.contains("535") && !text.contains("another-password"),
            "{text}"
        );
    }
}

#[actix_rt::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = email(port, "the-password")
        .send(&critical(), NOW)
        .await
        .unwrap_err();
    assert!(error.retry().is_some(), "{error}");
}

#[actix_rt::test]
async fn without_tls_only_this_machine_is_written_to() {
    let built = |config: Value| {
        let config: ChannelConfig = serde_json::from_value(config).unwrap();
        config.build(&http()).err().map(|error| error.to_string())
    };
    let with = |host: &str, to: Value| json!({ "kind": "email", "host": host, "security": "none", "from": "a@b.c", "to": to });
    let told = built(with("mail.example.com", json!(["a@b.c"]))).unwrap();
    assert!(told.contains("'email', security"), "{told}");
    assert!(
        built(with("localhost", json!([])))
            .unwrap()
            .contains("'email', to")
    );
    assert!(
        built(with("localhost", json!(["nobody"])))
            .unwrap()
            .contains("'nobody'")
    );
    assert_eq!(built(with("localhost", json!(["a@b.c"]))), None);
}
