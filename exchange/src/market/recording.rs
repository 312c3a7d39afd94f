//! Recordings of a venue's combined streams: one frame a line, `<local time in ns> <json>`, with a REST
//! depth snapshot inline. Plain text, gzip or zstd, told apart by their first bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::Deserialize;
use thiserror::Error;
use tripline_engine::ids::Symbol;
use tripline_engine::money::{Price, Quantity};

use crate::model::LIMIT;

/// Why a recording cannot be read.
#[derive(Debug, Error)]
#[error("recording {path}: {source}", path = path.display())]
pub struct RecordingError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// One line of a recording that matters to a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When the recorder received it, in nanoseconds since 1970-01-01 UTC by its own clock.
    pub local_ns: i64,
    pub kind: FrameKind,
}

/// What a frame tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameKind {
    Depth(DepthDiff),
    Snapshot(Snapshot),
    Ticker(Ticker),
    Trade(RecordedTrade),
    /// Another stream or another symbol.
    Other,
}

/// `depthUpdate`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DepthDiff {
    #[serde(rename = "U")]
    pub first_id: u64,
    #[serde(rename = "u")]
    pub last_id: u64,
    #[serde(rename = "b")]
    pub bids: Vec<(Price, Quantity)>,
    #[serde(rename = "a")]
    pub asks: Vec<(Price, Quantity)>,
}

/// A depth snapshot as REST answers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    #[serde(rename = "lastUpdateId")]
    pub last_id: u64,
    pub bids: Vec<(Price, Quantity)>,
    pub asks: Vec<(Price, Quantity)>,
}

/// `bookTicker`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ticker {
    #[serde(rename = "u")]
    pub update_id: u64,
    #[serde(rename = "b")]
    pub bid: Price,
    #[serde(rename = "B")]
    pub bid_quantity: Quantity,
    #[serde(rename = "a")]
    pub ask: Price,
    #[serde(rename = "A")]
    pub ask_quantity: Quantity,
}

/// `trade`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordedTrade {
    #[serde(rename = "t")]
    pub trade_id: u64,
    #[serde(rename = "p")]
    pub price: Price,
    #[serde(rename = "q")]
    pub quantity: Quantity,
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(rename = "lastUpdateId")]
    last_id: Option<u64>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// A line that is not a frame.
#[derive(Debug, Error)]
pub enum LineError {
    #[error("no '<local time in ns> <json>' in the line")]
    Shape,
    #[error("the line's json does not parse: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the line has an amount of {0}; at most {LIMIT} is possible")]
    Amount(Decimal),
}

/// # Errors
/// [`LineError::Amount`] for the first amount with which a book could not calculate.
fn bounded<'a>(rows: impl IntoIterator<Item = &'a (Price, Quantity)>) -> Result<(), LineError> {
    let amounts = rows
        .into_iter()
        .flat_map(|(price, quantity)| [price.value(), quantity.value()]);
    match amounts.max().filter(|most| *most > LIMIT) {
        Some(most) => Err(LineError::Amount(most)),
        None => Ok(()),
    }
}

impl FrameKind {
    fn check(&self) -> Result<(), LineError> {
        match self {
            Self::Depth(diff) => bounded(diff.bids.iter().chain(&diff.asks)),
            Self::Snapshot(snapshot) => bounded(snapshot.bids.iter().chain(&snapshot.asks)),
            Self::Ticker(ticker) => bounded(&[
                (ticker.bid, ticker.bid_quantity),
                (ticker.ask, ticker.ask_quantity),
            ]),
            Self::Trade(trade) => bounded(&[(trade.price, trade.quantity)]),
            Self::Other => Ok(()),
        }
    }
}

fn data<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str::<Envelope<T>>(json).map(|envelope| envelope.data)
}

/// Reads one line; frames of other symbols than `symbol` are [`FrameKind::Other`].
///
/// # Errors
/// [`LineError`].
pub fn parse_line(line: &str, symbol: Symbol) -> Result<Frame, LineError> {
    let (time, json) = line.split_once(' ').ok_or(LineError::Shape)?;
    let local_ns: i64 = time.parse().map_err(|_| LineError::Shape)?;
    let head: Head<'_> = serde_json::from_str(json)?;
    let kind = match head {
        Head {
            stream: None,
            last_id: Some(_),
        } => FrameKind::Snapshot(serde_json::from_str(json)?),
        Head {
            stream: Some(stream),
            ..
        } => {
            let (name, channel) = stream.split_once('@').ok_or(LineError::Shape)?;
            let ours = name.to_uppercase() == symbol.as_str();
            match channel.split('@').next() {
                Some("depth") if ours => FrameKind::Depth(data(json)?),
                Some("bookTicker") if ours => FrameKind::Ticker(data(json)?),
                Some("trade") if ours => FrameKind::Trade(data(json)?),
                _ => FrameKind::Other,
            }
        }
        Head { .. } => return Err(LineError::Shape),
    };
    kind.check()?;
    Ok(Frame { local_ns, kind })
}

/// An open recording, read line by line.
pub struct Recording {
    path: PathBuf,
    lines: Box<dyn BufRead + Send>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn decoder(mut file: File) -> io::Result<Box<dyn BufRead + Send>> {
    let mut magic = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    if magic.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(
            file,
        ))));
    }
    if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(Box::new(BufReader::new(zstd::Decoder::new(file)?)));
    }
    Ok(Box::new(BufReader::new(file)))
}

impl Recording {
    /// # Errors
    /// [`RecordingError`] when the file cannot be opened or its compression not be started.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let failed = |source| RecordingError {
            path: path.to_owned(),
            source,
        };
        let lines = File::open(path).and_then(decoder).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            lines,
        })
    }

    /// The next line without its end; `None` at the end of the file. A line that is not UTF-8 comes
    /// with replacement characters, so that it counts as a bad line only.
    ///
    /// # Errors
    /// [`RecordingError`] when the file breaks off or is damaged.
    pub fn next_line(&mut self) -> Result<Option<String>, RecordingError> {
        let mut line = Vec::new();
        let read = self.lines.read_until(b'\n', &mut line);
        match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned())),
            Err(source) => Err(RecordingError {
                path: self.path.clone(),
                source,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const DEPTH: &str = r#"1723161253937085768 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":5,"u":9,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}}"#;

    fn symbol() -> Symbol {
        Symbol::new("BTCUSDT").unwrap()
    }

    #[test]
    fn a_depth_line_is_read_with_its_ids_and_levels() {
        let frame = parse_line(DEPTH, symbol()).unwrap();
        assert_eq!(frame.local_ns, 1_723_161_253_937_085_768);
        let FrameKind::Depth(diff) = frame.kind else {
            panic!("{:?}", frame.kind)
        };
        assert_eq!((diff.first_id, diff.last_id), (5, 9));
        assert_eq!(diff.asks[0].1.to_string(), "1.54698000");
    }

    #[test]
    fn another_symbols_frame_is_passed_over_and_broken_lines_are_errors() {
        let other = Symbol::new("ETHUSDT").unwrap();
        assert_eq!(parse_line(DEPTH, other).unwrap().kind, FrameKind::Other);
        for line in [
            "",
            "17",
            "x {}",
            "1 {}",
            "1 {\"stream\":\"btcusdt@trade\",\"data\":{}}",
            r#"1 {"lastUpdateId":1,"bids":[["1","1"]],"asks":[["1","100000000001"]]}"#,
            &DEPTH[..90],
        ] {
            assert!(parse_line(line, symbol()).is_err(), "{line}");
        }
    }

    #[test]
    fn plain_gzip_and_zstd_files_read_alike() {
        let folder =
            std::env::temp_dir().join(format!("tripline-recording-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!("{DEPTH}\n\u{fffd}\n");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let files = [
            ("plain", text.clone().into_bytes()),
            ("gzip", gzip.finish().unwrap()),
            ("zstd", zstd::encode_all(text.as_bytes(), 1).unwrap()),
        ];
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            let mut recording = Recording::open(&path).unwrap();
            assert_eq!(
                recording.next_line().unwrap().as_deref(),
                Some(DEPTH),
                "{name}"
            );
            assert_eq!(
                recording.next_line().unwrap().as_deref(),
                Some("\u{fffd}"),
                "{name}"
            );
            assert_eq!(recording.next_line().unwrap(), None, "{name}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_missing_file_is_named_in_the_error() {
        let error = Recording::open(Path::new("/nowhere/at.all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at.all"), "{error}");
    }
}
