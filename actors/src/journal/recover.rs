//! Opening: what the database and the intake hold after whatever end, brought together and checked.

use std::fs;
use std::path::Path;

use tripline_engine::journal::{Damage, JournalError, JournalRecord, JournalState, Sequence};
use tripline_engine::planted::{self, Planted};

use super::chain::{Hash, Link, Row};
use super::files::{Files, beside, failed, sync_folder};
use super::head::Head;
use super::intake::content::{self, Content};
use super::intake::segment::Segment;
use super::store::Store;

/// What the journal held when it was opened.
#[derive(Debug)]
pub(super) struct Recovered {
    pub end: Link,
    pub state: JournalState,
    /// Records that were in the intake only.
    pub from_intake: u64,
    /// What could not be read of the intake, and where it is kept.
    pub lost: Option<Lost>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Lost {
    pub damage: Damage,
    pub after: Sequence,
    pub kept_as: String,
}

/// Makes the files of a new journal if there are none. The database comes last: where it is, everything is.
///
/// # Errors
/// [`JournalError`].
pub(super) fn create_if_new(files: &Files, segment: usize) -> Result<(), JournalError> {
    if files.database.exists() {
        return Ok(());
    }
    // A creation that was cut short has left nothing but empty files.
    let head = match Head::read(&files.head) {
        Ok(head) => head == Link::START,
        Err(damage) => damage == Damage::HeadMissing,
    };
    let intake = content::read(files, false);
    let blank = |content: &Content| matches!(content.damage, Some(Damage::IntakeMissing(_)));
    if !head || !intake.iter().all(blank) || files.wal().exists() {
        return Err(damaged(files, Damage::DatabaseMissing));
    }
    for path in &files.intake {
        Segment::create(path, segment)?;
    }
    Head::create(&files.head)?;
    sync_folder(&files.database)?;
    Store::create(&files.database)
}

/// Reads everything, checks that it fits together, and only then stores what is in the intake alone: after
/// that the intake can be emptied.
///
/// # Errors
/// [`JournalError`].
pub(super) fn recover(files: &Files, store: &Store) -> Result<Recovered, JournalError> {
    let wrong = |damage| damaged(files, damage);
    let head = Head::read(&files.head).map_err(wrong)?;
    let mut recovered = Recovered::begin(store).map_err(wrong)?;
    let from = recovered.end;
    let read = store.each(next(from.sequence), Sequence(u64::MAX), |row| {
        row.check(&recovered.end)?;
        recovered.take(&row, &row.decode()?);
        Ok(())
    });
    read.map_err(wrong)?;
    let mut fresh = Vec::new();
    for content in content::read(files, false) {
        if !planted::is(Planted::IntakeForgotten) {
            recovered.absorb(files, store, content, &mut fresh)?;
        }
    }
    let at_head = fresh.iter().find(|(row, _)| row.sequence == head.sequence);
    let at_head = match at_head {
        Some((row, _)) => Some(row.hash),
        None => store.row(head.sequence).map_err(wrong)?.map(|row| row.hash),
    };
    check_head(&head, &recovered.end, at_head).map_err(wrong)?;
    if !fresh.is_empty() {
        store.insert(&fresh)?;
    }
    recovered.from_intake = fresh.len() as u64;
    store.keep(&recovered.end, &recovered.state)?;
    Ok(recovered)
}

impl Recovered {
    /// Begins at the stored snapshot, or at the first record.
    fn begin(store: &Store) -> Result<Self, Damage> {
        let mut begun = Self {
            end: Link::START,
            state: JournalState::default(),
            from_intake: 0,
            lost: None,
            warnings: Vec::new(),
        };
        if let Some(snapshot) = store.snapshot()?
            && let Some(row) = store.row(snapshot.covers)?
        {
            match snapshot.state(&row.hash) {
                Ok(Some(state)) => {
                    begun.end = row.link();
                    begun.state = state;
                }
                Ok(None) => {}
                Err(damage) => begun
                    .warnings
                    .push(format!("every record was read: {damage}")),
            }
        }
        Ok(begun)
    }

    fn take(&mut self, row: &Row, record: &JournalRecord) {
        self.end = row.link();
        self.state.apply(row.at, record);
    }

    /// Takes the records of a segment that the database has not, and adds them to `fresh`.
    fn absorb(
        &mut self,
        files: &Files,
        store: &Store,
        content: Content,
        fresh: &mut Vec<(Row, JournalRecord)>,
    ) -> Result<(), JournalError> {
        let wrong = |damage| damaged(files, damage);
        check_overlap(store, &content, &self.end).map_err(wrong)?;
        for row in content.rows {
            if row.sequence > self.end.sequence {
                let record = row.decode().map_err(wrong)?;
                self.take(&row, &record);
                fresh.push((row, record));
            }
        }
        if content.unfinished > 0 {
            self.warnings.push(format!(
                "{} bytes of a record that was never written to its end were dropped: it was promised to nobody",
                content.unfinished
            ));
        }
        if let Some(damage) = content.damage {
            let path = &files.intake[content.index];
            let kept_as = keep(path, self.end.sequence)?;
            self.lost.get_or_insert(Lost {
                damage,
                after: self.end.sequence,
                kept_as,
            });
        }
        Ok(())
    }
}

/// Checks that the records of a segment go on where the database ends, and are the same where both have
/// them.
///
/// # Errors
/// [`Damage`].
pub(super) fn check_overlap(store: &Store, content: &Content, end: &Link) -> Result<(), Damage> {
    // Each record was checked against the one before: the last that both have stands for all of them.
    let links = content.rows.iter().map(Row::link);
    let mut links = std::iter::once(content.after).chain(links);
    let Some(both) = links.rfind(|link| link.sequence <= end.sequence) else {
        return Err(Damage::Gap {
            from: next(end.sequence),
            to: content.after.sequence,
        });
    };
    if both.sequence == end.sequence {
        return if both == *end {
            Ok(())
        } else {
            Err(Damage::TwoVersions(both.sequence))
        };
    }
    if both.sequence == Sequence(0) {
        return Ok(());
    }
    match store.row(both.sequence)? {
        Some(row) if row.hash == both.hash => Ok(()),
        Some(_) => Err(Damage::TwoVersions(both.sequence)),
        None => Err(Damage::Gap {
            from: both.sequence,
            to: both.sequence,
        }),
    }
}

/// Checks the head file against the chain's end, and against the hash that its record has here.
///
/// # Errors
/// [`Damage::TailMissing`] or [`Damage::HeadMismatch`].
pub(super) fn check_head(head: &Link, end: &Link, here: Option<Hash>) -> Result<(), Damage> {
    if head.sequence > end.sequence {
        return Err(Damage::TailMissing {
            from: next(end.sequence),
            to: head.sequence,
        });
    }
    if *head == Link::START || here == Some(head.hash) {
        Ok(())
    } else {
        Err(Damage::HeadMismatch(head.sequence))
    }
}

/// Keeps what could not be read beside the journal. Gives its name.
fn keep(path: &Path, after: Sequence) -> Result<String, JournalError> {
    if !path.exists() {
        return Ok("nowhere: the file is missing".into());
    }
    let kept = beside(path, &format!("-damaged-after-{after}"));
    fs::copy(path, &kept)
        .and_then(|_| fs::File::open(&kept)?.sync_all())
        .map_err(|error| failed("keeping", &kept, &error))?;
    sync_folder(&kept)?;
    Ok(kept.display().to_string())
}

pub(super) fn next(sequence: Sequence) -> Sequence {
    Sequence(sequence.0.saturating_add(1))
}

fn damaged(files: &Files, damage: Damage) -> JournalError {
    JournalError::Damaged {
        path: files.name(),
        damage,
    }
}
