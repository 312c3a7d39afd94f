//! A WeCom robot of our own, for the program as a process.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::program::{Exchange, Folder};

/// How often it is looked whether something has happened, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: usize = 3_000;

/// A robot that keeps what it took; it refuses with HTTP 200, as WeCom does.
pub struct Robot {
    url: String,
    texts: Arc<Mutex<Vec<String>>>,
    pub refuses: Arc<AtomicBool>,
}

impl Robot {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let robot = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            texts: Arc::default(),
            refuses: Arc::default(),
        };
        let (texts, refuses) = (robot.texts.clone(), robot.refuses.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (texts, refuses) = (texts.clone(), refuses.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &texts, &refuses));
            }
        });
        robot
    }

    /// The first text that holds this; waits for it.
    pub fn told(&self, part: &str) -> String {
        for _ in 0..PATIENCE {
            let texts = self.texts.lock().unwrap().clone();
            if let Some(text) = texts.iter().find(|text| text.contains(part)) {
                return text.clone();
            }
            std::thread::sleep(LOOK);
        }
        let texts = self.texts.lock().unwrap();
        panic!("nobody told of '{part}': {texts:#?}");
    }

    /// The configuration that `init` writes, for this exchange and with this robot as the only channel.
    pub fn configure(&self, folder: &Folder, exchange: &Exchange) {
        let key = folder.write("key", "the-key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let path = exchange.config(folder);
        let mut config = fs::read_to_string(&path).unwrap();
        config.push_str(&format!(
            "[[alert]]\nkind = \"wecom\"\nkey = {{ file = \"{}\" }}\nbase_url = \"{}\"\n",
            key.display(),
            self.url
        ));
        fs::write(&path, config).unwrap();
    }
}

fn serve(mut stream: TcpStream, texts: &Mutex<Vec<String>>, refuses: &AtomicBool) {
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read) = stream.read(&mut chunk) {
        if read == 0 {
            return;
        }
        received.extend_from_slice(&chunk[..read]);
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if received.len() < end + 4 + length {
            continue;
        }
        let body: Value = serde_json::from_slice(&received[end + 4..]).unwrap();
        received.clear();
        let is_key = head.starts_with("post /cgi-bin/webhook/send?key=the-key ");
        let answer = if refuses.load(Ordering::SeqCst) || !is_key {
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#
        } else {
            let text = body["text"]["content"].as_str().unwrap();
            texts.lock().unwrap().push(text.to_owned());
            r#"{"errcode":0,"errmsg":"ok"}"#
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream
            .write_all(format!("{head}{answer}").as_bytes())
            .is_err()
        {
            return;
        }
    }
}
