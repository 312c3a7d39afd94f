//! The least of HTTP and WebSocket that a bare client and a bare server need, on blocking or spinning
//! sockets. Frames of the client are masked with a zero key, which leaves the payload as it is.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// One socket with what was read of it and not yet used.
pub struct Socket {
    pub stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
}

impl Socket {
    pub fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(1 << 16),
            start: 0,
        })
    }

    /// Reads once; `false` when nothing is there (a non-blocking socket) .
    pub fn fill(&mut self) -> Result<bool> {
        let mut chunk = [0; 8192];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(Error::new(
                ErrorKind::UnexpectedEof,
                "the other side closed",
            )),
            Ok(count) => {
                if self.start == self.buffer.len() {
                    self.buffer.clear();
                    self.start = 0;
                }
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads up to the end of an HTTP head.
    pub fn head(&mut self) -> Result<String> {
        loop {
            let text = &self.buffer[self.start..];
            if let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&text[..end]).into_owned();
                self.start += end + 4;
                return Ok(head);
            }
            self.fill()?;
        }
    }

    /// The next whole frame, as opcode and payload, if it has arrived.
    pub fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let bytes = &self.buffer[self.start..];
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (length, mut at) = match second & 0x7f {
            126 => (
                usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
                4,
            ),
            127 => return None, // Nothing here is that long.
            short => (usize::from(short), 2),
        };
        let mask: [u8; 4] = if second & 0x80 != 0 {
            at += 4;
            bytes.get(at - 4..at)?.try_into().ok()?
        } else {
            [0; 4]
        };
        let mut payload = bytes.get(at..at + length)?.to_vec();
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        self.start += at + length;
        Some((first & 0x0f, payload))
    }

    /// Waits for the next text frame, spinning or blocking as the socket is set; answers pings.
    pub fn text(&mut self, masked: bool) -> Result<Vec<u8>> {
        loop {
            match self.frame() {
                Some((1, payload)) => return Ok(payload),
                Some((9, payload)) => self.send(10, &payload, masked)?,
                Some(_) => {}
                None => {
                    self.fill()?;
                }
            }
        }
    }

    /// Writes one frame with one call.
    pub fn send(&mut self, opcode: u8, payload: &[u8], masked: bool) -> Result<()> {
        let bytes = frame(opcode, payload, masked);
        self.write_all(&bytes)
    }

    pub fn write_all(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

pub fn frame(opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    let bit = if masked { 0x80 } else { 0 };
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(bit | length),
        _ => {
            let length = u16::try_from(payload.len()).expect("frames of this benchmark are short");
            bytes.push(bit | 126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    if masked {
        bytes.extend_from_slice(&[0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// Answers a WebSocket handshake, and tells which path was asked for.
pub fn accept(stream: TcpStream) -> Result<(Socket, String)> {
    let mut socket = Socket::new(stream)?;
    let head = socket.head()?;
    let key = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with("sec-websocket-key:")
                .then(|| line[18..].trim().to_owned())
        })
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, "no WebSocket key in the handshake"))?;
    let digest = ring::digest::digest(
        &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}{GUID}").as_bytes(),
    );
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(digest)
    );
    socket.write_all(answer.as_bytes())?;
    let path = head
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    Ok((socket, path))
}

/// Makes a WebSocket handshake as a client.
pub fn connect(address: std::net::SocketAddr, path: &str) -> Result<Socket> {
    let mut socket = Socket::new(TcpStream::connect(address)?)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    socket.write_all(request.as_bytes())?;
    socket.head()?;
    Ok(socket)
}
