//! The program and a practice exchange as processes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// A folder of its own for each test, removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tripline-cli-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn tripline(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command
            .args(args)
            .current_dir(&self.0)
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE");
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.tripline(args).output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// Standard output and standard error, for messages.
pub fn text(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{out}{err}")
}

/// Asserts the exit code and that every part was said, and never a panic.
pub fn ends(output: &Output, code: i32, parts: &[&str]) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    for part in parts {
        assert!(text.contains(part), "'{part}' is missing in:\n{text}");
    }
}

/// A practice exchange on a port that the system chose; killed at the end.
pub struct Exchange {
    child: Child,
    pub address: String,
}

impl Exchange {
    pub fn start(folder: &Folder, args: &[&str]) -> Self {
        let mut command = folder.tripline(&[&["exchange", "--port", "0"], args].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let url = ready
            .split_whitespace()
            .find(|word| word.contains("://"))
            .unwrap_or_else(|| panic!("{ready}"));
        let address = url.split("://").nth(1).unwrap().to_owned();
        Self { child, address }
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; gives the exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// The configuration that `init` writes, for this exchange.
    pub fn config(&self, folder: &Folder) -> PathBuf {
        let path = folder.0.join("tripline.toml");
        ends(&folder.run(&["init", "--force"]), 0, &[]);
        let config = fs::read_to_string(&path)
            .unwrap()
            .replace("127.0.0.1:18080", &self.address);
        fs::write(&path, config).unwrap();
        path
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the exchange stays: {error}");
        }
    }
}

/// One request on a connection of its own; gives the whole answer.
pub fn http(address: &str, verb: &str, path: &str, body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{verb} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n"
    );
    write!(stream, "{head}Content-Type: application/json\r\n\r\n{body}").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
