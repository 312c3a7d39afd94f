//! Reading the intake as it lies there: after a crash, for a check, or beside a running engine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tripline_engine::journal::Damage;

use super::super::chain::{Link, Row};
use super::super::files::Files;
use super::super::frame::{self, END, Frame, HASH, LENGTHS};
use super::segment::{HEADER, Use};

/// A torn write ends at the end of a page: the kernel looks for a fatal signal between pages only.
const PAGE: usize = 4096;

/// The records of one segment.
#[derive(Debug)]
pub(in super::super) struct Content {
    /// Which of the two files.
    pub index: usize,
    /// What the first record comes after.
    pub after: Link,
    /// In their order, each checked against the one before.
    pub rows: Vec<Row>,
    /// Bytes of a last record that was never written to its end, and so never promised to anybody.
    pub unfinished: usize,
    pub damage: Option<Damage>,
}

impl Content {
    /// The end of the chain with its records.
    pub fn end(&self) -> Link {
        self.rows.last().map_or(self.after, Row::link)
    }
}

/// Reads both segments: those that hold records or are damaged, the earlier one first. `running` says that
/// an engine may be writing at this moment.
pub(in super::super) fn read(files: &Files, running: bool) -> Vec<Content> {
    // A file that is written while it is read may seem to be broken, or to have a gap to the other one:
    // what is truly so is so the next time too.
    let tries = if running { 16 } else { 1 };
    let mut contents = Vec::new();
    for _ in 0..tries {
        let bytes = files.intake.each_ref().map(fs::read);
        contents = order(&files.intake, &bytes);
        let whole = |content: &Content| content.damage.is_none() && content.unfinished == 0;
        let follows = |pair: &[Content]| pair[0].end() == pair[1].after;
        if contents.iter().all(whole) && contents.windows(2).all(follows) {
            break;
        }
    }
    contents
}

fn order(paths: &[PathBuf; 2], bytes: &[io::Result<Vec<u8>>; 2]) -> Vec<Content> {
    let contents = paths.iter().zip(bytes).enumerate();
    let mut contents: Vec<_> = contents
        .filter_map(|(index, (path, bytes))| one(index, path, bytes))
        .collect();
    contents.sort_by_key(|content| (content.after.sequence, content.index));
    contents
}

/// `None` for a segment that holds nothing.
fn one(index: usize, path: &Path, bytes: &io::Result<Vec<u8>>) -> Option<Content> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut content = Content {
        index,
        after: Link::START,
        rows: Vec::new(),
        unfinished: 0,
        damage: None,
    };
    let found = match bytes {
        Ok(bytes) => records(&mut content, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            content.damage = Some(Damage::IntakeMissing(file.into_owned()));
            return Some(content);
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = found {
        content.damage = Some(Damage::Intake {
            file: file.into_owned(),
            after: content.end().sequence,
            reason,
        });
    }
    (content.damage.is_some() || content.end() != Link::START).then_some(content)
}

/// Reads the records of a segment. What follows the last one has to be zero, or a record that was never
/// written to its end.
fn records(content: &mut Content, bytes: &[u8]) -> Result<(), String> {
    let last = bytes.iter().rposition(|byte| *byte != 0);
    let written = last.map_or(0, |last| last + 1);
    match Use::read(bytes) {
        None => return Err("its header or its size was altered".into()),
        Some(Use::Stored) => return Ok(()),
        Some(Use::Empty) if written <= HEADER => return Ok(()),
        Some(Use::Empty) => return Err("it should be empty, and is not".into()),
        Some(Use::After(after)) => content.after = after,
    }
    let mut at = HEADER;
    loop {
        let (reason, length) = match frame::read(&bytes[at..]) {
            Frame::Record(row, length) => match row.check(&content.end()) {
                Ok(()) => {
                    content.rows.push(row);
                    at += length;
                    continue;
                }
                Err(damage) => (damage.to_string(), Some(length)),
            },
            Frame::End if written <= at + END.len() => return Ok(()),
            Frame::End => return Err("there is something behind the last record".into()),
            Frame::Nothing => return Err("its end is missing".into()),
            Frame::Broken(reason, length) => (reason.to_owned(), length),
        };
        // A torn write is a record whose end is missing from some page on: the last byte that is not zero
        // is the last of a page, but for zeros in the hash.
        let page = written.next_multiple_of(PAGE);
        let unfinished = page - written <= HASH && at + length.unwrap_or(LENGTHS) > page;
        if !unfinished {
            return Err(reason);
        }
        content.unfinished = written.saturating_sub(at);
        return Ok(());
    }
}
