//! Reads recordings of market data: lines `<local time in ns> <frame as JSON>`, in plain, gzip or
//! Zstandard files. Several files are one continuous recording. What is damaged is reported and
//! stepped over; only a file that cannot be opened ends the reading.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;
use tripline_engine::time::Timestamp;

/// The longest line that is read; a REST snapshot of 5000 levels a side has about 300 KB.
const LINE_LIMIT: usize = 16 << 20;

/// Why a recording cannot be read on.
#[derive(Debug, Error)]
#[error("cannot read the recording {}: {source}", path.display())]
pub struct RecordingError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// One good line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1 through all files.
    pub number: u64,
    /// When the frame was received, by the recorder's clock.
    pub received: Timestamp,
    /// The frame as the venue sent it; whether it is JSON is for its reader to find out.
    pub frame: &'a str,
}

/// A line that is not `<local time in ns> <frame>`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {number}: {reason}")]
pub struct BadLine {
    /// Counted from 1 through all files.
    pub number: u64,
    pub reason: BadLineReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadLineReason {
    #[error("it is empty")]
    Empty,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("it does not start with a time in nanoseconds")]
    NoTime,
    #[error("there is no frame after the time")]
    NoFrame,
    #[error("it is longer than {LINE_LIMIT} bytes")]
    TooLong,
}

/// A file that ends in the middle. Its complete lines were read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is damaged after line {after_line}: {reason}", path.display())]
pub struct CutFile {
    pub path: PathBuf,
    /// The number of the last complete line, counted through all files.
    pub after_line: u64,
    pub reason: String,
}

/// What comes next in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    Line(Line<'a>),
    Bad(BadLine),
    Cut(CutFile),
}

struct OpenFile {
    path: PathBuf,
    reader: Box<dyn BufRead>,
}

/// Reads the lines of one or more files, in their order.
pub struct Recording {
    /// Those not opened yet, the next one last.
    waiting: Vec<PathBuf>,
    open: Option<OpenFile>,
    buffer: Vec<u8>,
    number: u64,
}

/// How [`read_line`] ended.
enum Ended {
    AtNewline,
    AtEnd,
    TooLong,
}

impl Recording {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(files: &[PathBuf]) -> Self {
        let waiting = files.iter().rev().cloned().collect();
        Self {
            waiting,
            open: None,
            buffer: Vec::new(),
            number: 0,
        }
    }

    /// How many lines were read so far, good and bad.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.number
    }

    /// The next line or finding; `None` at the end of the last file.
    ///
    /// # Errors
    /// [`RecordingError`] when a file cannot be opened.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, RecordingError> {
        loop {
            let Some(file) = &mut self.open else {
                let Some(path) = self.waiting.pop() else {
                    return Ok(None);
                };
                self.open = Some(open(path)?);
                continue;
            };
            self.buffer.clear();
            match read_line(&mut file.reader, &mut self.buffer) {
                Ok(Ended::AtEnd) if self.buffer.is_empty() => self.open = None,
                Ok(Ended::TooLong) => {
                    self.number += 1;
                    let reason = BadLineReason::TooLong;
                    return Ok(Some(Entry::Bad(BadLine {
                        number: self.number,
                        reason,
                    })));
                }
                Ok(Ended::AtNewline | Ended::AtEnd) => {
                    self.number += 1;
                    return Ok(Some(entry(&self.buffer, self.number)));
                }
                Err(error) => {
                    let path = std::mem::take(&mut file.path);
                    self.open = None;
                    let (after_line, reason) = (self.number, error.to_string());
                    return Ok(Some(Entry::Cut(CutFile {
                        path,
                        after_line,
                        reason,
                    })));
                }
            }
        }
    }
}

fn open(path: PathBuf) -> Result<OpenFile, RecordingError> {
    match reader(&path) {
        Ok(reader) => Ok(OpenFile { path, reader }),
        Err(source) => Err(RecordingError { path, source }),
    }
}

/// Tells the compression by the file's first bytes, so that a wrong name does no harm.
fn reader(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut magic)?;
    let start = io::Cursor::new(magic.clone()).chain(file);
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(start)))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(BufReader::new(zstd::Decoder::new(start)?)),
        _ => Box::new(BufReader::new(start)),
    })
}

/// Reads up to the next newline, which is left out; of a line beyond [`LINE_LIMIT`] only the start.
fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<Ended> {
    let mut too_long = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(if too_long {
                Ended::TooLong
            } else {
                Ended::AtEnd
            });
        }
        let newline = available.iter().position(|byte| *byte == b'\n');
        let (piece, _) = available.split_at(newline.unwrap_or(available.len()));
        if !too_long && line.len() + piece.len() <= LINE_LIMIT {
            line.extend_from_slice(piece);
        } else {
            too_long = true;
        }
        let used = piece.len() + usize::from(newline.is_some());
        reader.consume(used);
        if newline.is_some() {
            return Ok(if too_long {
                Ended::TooLong
            } else {
                Ended::AtNewline
            });
        }
    }
}

fn entry(line: &[u8], number: u64) -> Entry<'_> {
    match parse_line(line) {
        Ok((received, frame)) => Entry::Line(Line {
            number,
            received,
            frame,
        }),
        Err(reason) => Entry::Bad(BadLine { number, reason }),
    }
}

/// Splits a line into local time and frame. No state: can be called with any bytes.
///
/// # Errors
/// [`BadLineReason`].
pub fn parse_line(line: &[u8]) -> Result<(Timestamp, &str), BadLineReason> {
    let text = std::str::from_utf8(line)
        .map_err(|_| BadLineReason::NotUtf8)?
        .trim_ascii();
    if text.is_empty() {
        return Err(BadLineReason::Empty);
    }
    let (time, frame) = text.split_once(' ').unwrap_or((text, ""));
    let nanos = time
        .parse::<u64>()
        .ok()
        .and_then(|nanos| i64::try_from(nanos).ok());
    let received = Timestamp::from_nanos(nanos.ok_or(BadLineReason::NoTime)?);
    let frame = frame.trim_ascii_start();
    if frame.is_empty() {
        Err(BadLineReason::NoFrame)
    } else {
        Ok((received, frame))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Files of one test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir()
                .join(format!("tripline-recording-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, content: &[u8]) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, content).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// Every entry as text.
    fn entries(files: &[PathBuf]) -> Vec<String> {
        let mut recording = Recording::new(files);
        let mut all = vec![];
        while let Some(entry) = recording.next_entry().unwrap() {
            all.push(match entry {
                Entry::Line(line) => format!(
                    "{} {} {}",
                    line.number,
                    line.received.as_nanos(),
                    line.frame
                ),
                Entry::Bad(bad) => bad.to_string(),
                Entry::Cut(cut) => format!("cut after {}", cut.after_line),
            });
        }
        all
    }

    #[test]
    fn plain_gzip_and_zstandard_files_are_one_recording_with_one_line_count() {
        let folder = Folder::new("kinds");
        let zstandard = zstd::encode_all(&b"3 {\"c\":3}\n"[..], 0).unwrap();
        let members = [gzip(b"4 {}\n"), gzip(b"5 {}\n")].concat();
        let files = [
            folder.file("a", b"1 {\"a\":1}\n"),
            folder.file("b", &gzip(b"2 {\"b\":2}\r\n")),
            folder.file("c", &zstandard),
            folder.file("empty", b""),
            folder.file("d", &members),
        ];
        let expected = [
            "1 1 {\"a\":1}",
            "2 2 {\"b\":2}",
            "3 3 {\"c\":3}",
            "4 4 {}",
            "5 5 {}",
        ];
        assert_eq!(entries(&files), expected);
    }

    #[test]
    fn bad_lines_are_told_with_their_number_and_reason_and_survived() {
        let folder = Folder::new("bad");
        let file = folder.file(
            "a",
            b"1 {}\n\nx {}\n-2 {}\n3\n4 \xff\n99999999999999999999 {}\n5 {}",
        );
        assert_eq!(
            entries(&[file]),
            [
                "1 1 {}",
                "line 2: it is empty",
                "line 3: it does not start with a time in nanoseconds",
                "line 4: it does not start with a time in nanoseconds",
                "line 5: there is no frame after the time",
                "line 6: it is not UTF-8",
                "line 7: it does not start with a time in nanoseconds",
                "8 5 {}",
            ]
        );
    }

    #[test]
    fn a_compressed_file_cut_in_the_middle_is_reported_and_its_complete_lines_are_used() {
        let folder = Folder::new("cut");
        let lines: Vec<u8> = (0..20_000u32)
            .flat_map(|n| format!("{n} {{\"n\":{}}}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect();
        let zstandard = zstd::encode_all(&lines[..], 0).unwrap();
        for whole in [gzip(&lines), zstandard] {
            let cut = folder.file("cut", &whole[..whole.len() / 2]);
            let next = folder.file("next", b"7 {\"next\":1}\n");
            let all = entries(&[cut, next]);
            let good = all.len() - 2;
            assert!(good > 1_000, "only {good} lines were used");
            assert_eq!(all[good], format!("cut after {good}"));
            assert_eq!(all[good + 1], format!("{} 7 {{\"next\":1}}", good + 1));
        }
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let folder = Folder::new("long");
        let mut content = vec![b'1'; LINE_LIMIT + 1];
        content.extend_from_slice(b"\n2 {}\n");
        let file = folder.file("a", &gzip(&content));
        let expected = [
            format!("line 1: it is longer than {LINE_LIMIT} bytes"),
            "2 2 {}".to_owned(),
        ];
        assert_eq!(entries(&[file]), expected);
    }

    #[test]
    fn a_missing_file_is_an_error_with_its_name() {
        let mut recording = Recording::new(&[PathBuf::from("/nonexistent/file.gz")]);
        let error = recording.next_entry().unwrap_err().to_string();
        assert!(error.contains("/nonexistent/file.gz"), "{error}");
    }
}
