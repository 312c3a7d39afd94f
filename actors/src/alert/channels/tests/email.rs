//! E-mail against an SMTP server on the loopback.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

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
            actix_rt::spawn(serve(stream, answer, kept.clone()));
        }
    });
    (port, letters)
}

async fn serve(
    stream: tokio::net::TcpStream,
    answer: &'static str,
    letters: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await.unwrap();
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

fn email(port: u16, password: &str) -> Rc<dyn Channel> {
    let SecretSource::File(path) = secret(password) else {
        unreachable!("tests keep secrets in files")
    };
    let config = json!({
        "kind": "email", "host": "127.0.0.1", "port": port, "security": "none",
        "user": "user", "password": { "file": path },
        "from": "Tripline <tripline@example.com>", "to": ["desk@example.com"],
    });
    let config: ChannelConfig = serde_json::from_value(config).unwrap();
    config.build(&http()).unwrap()
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
