//! Checking a journal without changing it: every record, the chain, what records are found by, the
//! snapshot, the head file and the intake. Also beside a running engine.

use std::path::Path;

use tripline_engine::journal::{Damage, JournalError, JournalRecord, JournalState, Sequence};

use super::chain::{Hash, Link, Row, hex};
use super::files::{Files, failed};
use super::head::Head;
use super::intake::content::{self, Content};
use super::lock::Lock;
use super::recover::{check_head, check_overlap, next};
use super::store::{Snapshot, Store};

/// Findings that are listed; one altered page can make thousands.
const LISTED: usize = 20;

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Records in the database.
    pub stored: u64,
    /// Records that are in the intake only: appended, and not yet stored.
    pub waiting: u64,
    /// The last record, and its hash in hexadecimal.
    pub last: Sequence,
    pub hash: String,
    /// Whether an engine has the journal open.
    pub running: bool,
    /// Bytes of a record at the end that was not, or not yet, written to its end. It was promised to nobody.
    pub unfinished: usize,
    /// What is wrong: nothing in a journal that is intact. Of very many the first are listed.
    pub findings: Vec<Damage>,
}

impl Verified {
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Checks the journal whose database this is.
///
/// # Errors
/// [`JournalError`] when there is no journal to check: no file, a file of something else, a newer journal.
pub fn verify(path: &Path) -> Result<Verified, JournalError> {
    let files = Files::of(path);
    loop {
        let running = Lock::is_held(&files);
        // Head, intake, database: each can only be behind what is read after it.
        let head = Head::read(&files.head);
        let verified = Check::new(running, head).journal(&files)?;
        // Beside an engine some things look half done, so that its start meanwhile has to be known.
        if verified.is_intact() || running || !Lock::is_held(&files) {
            return Ok(verified);
        }
    }
}

/// What is known of the journal so far.
struct Check {
    verified: Verified,
    head: Result<Link, Damage>,
    /// The hash that the record of the head file has here.
    at_head: Option<Hash>,
    end: Link,
    state: JournalState,
    /// Entries that the indexes of intents and fills have to have.
    intents: u64,
    fills: u64,
}

impl Check {
    fn new(running: bool, head: Result<Link, Damage>) -> Self {
        let verified = Verified {
            stored: 0,
            waiting: 0,
            last: Sequence(0),
            hash: hex(&Link::START.hash),
            running,
            unfinished: 0,
            findings: Vec::new(),
        };
        Self {
            verified,
            head,
            at_head: None,
            end: Link::START,
            state: JournalState::default(),
            intents: 0,
            fills: 0,
        }
    }

    fn journal(mut self, files: &Files) -> Result<Verified, JournalError> {
        let contents = content::read(files, self.verified.running);
        if let Err(error) = std::fs::metadata(&files.database) {
            if error.kind() != std::io::ErrorKind::NotFound || self.head == Err(Damage::HeadMissing)
            {
                return Err(failed("opening", &files.database, &error));
            }
            self.found(Damage::DatabaseMissing);
            return Ok(self.verified);
        }
        let store = match Store::open_to_read(&files.database) {
            Ok(store) => store,
            Err(JournalError::Damaged { damage, .. }) => {
                self.found(damage);
                return Ok(self.verified);
            }
            Err(error) => return Err(error),
        };
        let checked = self.database(&store);
        self.note(checked);
        for content in contents {
            self.intake(&store, content);
        }
        let headed = self.head.clone();
        let headed = headed.and_then(|head| check_head(&head, &self.end, self.at_head));
        self.note(headed);
        self.verified.last = self.end.sequence;
        self.verified.hash = hex(&self.end.hash);
        Ok(self.verified)
    }

    fn database(&mut self, store: &Store) -> Result<(), Damage> {
        let schema = store.check_schema();
        self.note(schema);
        let held = store.hold()?;
        for line in store.check_integrity()? {
            self.found(Damage::Database(line));
        }
        let snapshot = store.snapshot()?;
        self.records(store, snapshot.as_ref())?;
        for (table, wanted) in [
            ("record", self.verified.stored),
            ("intent", self.intents),
            ("fill", self.fills),
        ] {
            let found = store.count(table)?;
            if found != wanted {
                let reason = format!("it has {found} entries, not {wanted}");
                self.found(Damage::Index { table, reason });
            }
        }
        drop(held);
        Ok(())
    }

    /// Walks along the records. Behind an altered one it goes on, so that each is named.
    fn records(&mut self, store: &Store, snapshot: Option<&Snapshot>) -> Result<(), Damage> {
        // The end of the chain if the last record's hash was altered, and not its content.
        let mut else_end = self.end;
        let mut from = Sequence(1);
        loop {
            let read = store.each(from, Sequence(u64::MAX), |row| {
                self.record(store, &row, &mut else_end)?;
                if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.covers == row.sequence)
                {
                    self.snapshot(snapshot);
                }
                from = next(row.sequence);
                Ok::<_, Damage>(())
            });
            match read {
                Ok(()) => break,
                Err(Damage::Unreadable { sequence, reason }) if sequence >= from => {
                    self.found(Damage::Unreadable { sequence, reason });
                    self.verified.stored += 1;
                    from = next(sequence);
                }
                Err(damage) => return Err(damage),
            }
        }
        let beyond = snapshot.filter(|snapshot| snapshot.covers > self.end.sequence);
        if let Some(snapshot) = beyond {
            let reason = "the record is missing".into();
            self.found(Damage::Snapshot {
                covers: snapshot.covers,
                reason,
            });
        }
        Ok(())
    }

    fn record(&mut self, store: &Store, row: &Row, else_end: &mut Link) -> Result<(), Damage> {
        self.verified.stored += 1;
        let follows = row.check(&self.end);
        let follows = follows.or_else(|damage| row.check(else_end).map_err(|_| damage));
        *else_end = row.after(&self.end);
        self.note(follows);
        self.pass(row.link());
        match row.decode() {
            Ok(record) => {
                self.state.apply(row.at, &record);
                self.indexed(store, row.sequence, &record)
            }
            Err(damage) => {
                self.found(damage);
                Ok(())
            }
        }
    }

    /// Checks that an intent or a fill is found, by its first record.
    fn indexed(
        &mut self,
        store: &Store,
        sequence: Sequence,
        record: &JournalRecord,
    ) -> Result<(), Damage> {
        let (table, count) = match record {
            JournalRecord::Intent(_) => ("intent", &mut self.intents),
            JournalRecord::Filled(_) => ("fill", &mut self.fills),
            _ => return Ok(()),
        };
        match store.indexed(record)? {
            Some(first) if first == sequence => *count += 1,
            Some(first) if first < sequence => {}
            _ => {
                let reason = format!("record {sequence} is not found by its key");
                self.found(Damage::Index { table, reason });
            }
        }
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        if !self.verified.findings.is_empty() {
            return; // It is of the records as they were.
        }
        match snapshot.state(&self.end.hash) {
            Ok(Some(state)) if state != self.state => {
                let reason = "it is not what they add up to".into();
                self.found(Damage::Snapshot {
                    covers: snapshot.covers,
                    reason,
                });
            }
            Ok(_) => {}
            Err(damage) => self.found(damage),
        }
    }

    fn intake(&mut self, store: &Store, content: Content) {
        self.verified.unfinished += content.unfinished;
        let overlap = check_overlap(store, &content, &self.end);
        let fits = overlap.is_ok();
        self.note(overlap);
        for row in content.rows {
            if fits && row.sequence > self.end.sequence {
                self.verified.waiting += 1;
                self.pass(row.link());
                let decoded = row.decode().map(drop);
                self.note(decoded);
            }
        }
        self.verified.findings.extend(content.damage);
    }

    /// The chain goes on to here.
    fn pass(&mut self, end: Link) {
        if self
            .head
            .as_ref()
            .is_ok_and(|head| head.sequence == end.sequence)
        {
            self.at_head = Some(end.hash);
        }
        self.end = end;
    }

    fn note(&mut self, checked: Result<(), Damage>) {
        if let Err(damage) = checked {
            self.found(damage);
        }
    }

    fn found(&mut self, damage: Damage) {
        if self.verified.findings.len() < LISTED {
            self.verified.findings.push(damage);
        }
    }
}
