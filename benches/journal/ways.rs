//! The ways to write an intent down.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use ring::digest::{Context, SHA256};
use rusqlite::{Connection, params};
use tripline_actors::clock::Clock;
use tripline_actors::journal::{Appender, Journal, JournalSettings};
use tripline_engine::journal::{Durability, Intent, JournalPort, JournalRecord, RunStarted};
use tripline_engine::time::Timestamp;

use super::{Failure, run};

pub trait Way {
    /// Writes the intent down; when it returns, its order may be sent.
    fn write(&mut self, sequence: u64, intent: Intent) -> Result<(), Failure>;
}

/// The engine's own journal, its writer at work on the other core.
pub struct Intake {
    appender: Appender,
    runtime: tokio::runtime::Runtime,
    _journal: Journal,
}

impl Intake {
    pub fn new(folder: &Path, name: &str, power: bool) -> Result<Self, Failure> {
        let path = fresh(folder, name)?;
        let mut settings = JournalSettings::new(path, Clock::system());
        if power {
            settings.durability = Durability::Power;
        }
        let opened = Journal::open(settings)?;
        let appender = opened.journal.appender();
        let started = RunStarted {
            run: run(),
            engine: "bench".into(),
            configuration: String::new(),
            durability: Durability::Process,
            live: false,
        };
        appender.append(&[started.into()], Timestamp::EPOCH)?;
        Ok(Self {
            appender,
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            _journal: opened.journal,
        })
    }
}

impl Way for Intake {
    fn write(&mut self, _: u64, intent: Intent) -> Result<(), Failure> {
        let through = self.appender.append(&[intent.into()], Timestamp::EPOCH)?;
        if let Some(durable) = self.appender.durable(through) {
            self.runtime.block_on(durable)?;
        }
        Ok(())
    }
}

/// A commit on the calling thread.
pub struct Inline {
    connection: Connection,
    hash: Vec<u8>,
    buffer: Vec<u8>,
}

impl Inline {
    pub fn new(folder: &Path, name: &str, exclusive: bool) -> Result<Self, Failure> {
        let connection = Connection::open(fresh(folder, name)?)?;
        if exclusive {
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(
            "CREATE TABLE record (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, \
             payload TEXT NOT NULL, hash BLOB NOT NULL) STRICT;",
        )?;
        Ok(Self {
            connection,
            hash: vec![0; 32],
            buffer: Vec::new(),
        })
    }
}

impl Way for Inline {
    fn write(&mut self, sequence: u64, intent: Intent) -> Result<(), Failure> {
        let record = JournalRecord::from(intent);
        encode(&record, &mut self.buffer, &mut self.hash)?;
        // One statement is a transaction.
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let payload = std::str::from_utf8(&self.buffer)?;
        insert.execute(params![
            sequence.cast_signed(),
            0,
            record.kind(),
            payload,
            self.hash
        ])?;
        Ok(())
    }
}

/// A commit on another thread, waited for.
pub struct HandOver {
    intents: Option<mpsc::Sender<(u64, Intent)>>,
    stored: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl HandOver {
    pub fn new(folder: &Path, name: &str) -> Result<Self, Failure> {
        let mut inline = Inline::new(folder, name, false)?;
        let (intents, received) = mpsc::channel();
        let (tell, stored) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            for (sequence, intent) in received {
                let written = inline.write(sequence, intent);
                if written.is_err() || tell.send(()).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            intents: Some(intents),
            stored,
            thread: Some(thread),
        })
    }
}

impl Way for HandOver {
    fn write(&mut self, sequence: u64, intent: Intent) -> Result<(), Failure> {
        let intents = self.intents.as_ref().ok_or("over")?;
        intents.send((sequence, intent))?;
        Ok(self.stored.recv()?)
    }
}

impl Drop for HandOver {
    fn drop(&mut self) {
        self.intents = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the writing thread ends");
        }
    }
}

/// What every way has to do before it writes.
#[derive(Default)]
pub struct Encoding {
    hash: Vec<u8>,
    buffer: Vec<u8>,
}

impl Way for Encoding {
    fn write(&mut self, _: u64, intent: Intent) -> Result<(), Failure> {
        encode(&intent.into(), &mut self.buffer, &mut self.hash)
    }
}

fn encode(record: &JournalRecord, buffer: &mut Vec<u8>, hash: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.clear();
    record.serialize_payload(&mut serde_json::Serializer::new(&mut *buffer))?;
    let mut context = Context::new(&SHA256);
    context.update(hash);
    context.update(buffer);
    hash.clear();
    hash.extend_from_slice(context.finish().as_ref());
    Ok(())
}

/// A name of which no file is left.
fn fresh(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with(&format!("{name}.db"))
        {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(folder.join(format!("{name}.db")))
}
