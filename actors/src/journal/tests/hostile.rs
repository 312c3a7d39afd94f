//! Files that were altered, cut or taken away. Whatever was done to them: no panic, an altered or lost
//! record is never called intact, and an opening that succeeds has every record or says what it lost.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use tripline_engine::journal::{Damage, JournalState};

use super::super::frame::END;
use super::super::{Reader, verify};
use super::*;

const FILES: [&str; 5] = ["", "-wal", "-head", "-intake-0", "-intake-1"];

/// What is done to a file.
#[derive(Debug, Clone)]
enum Harm {
    Flip(Index, u8),
    Zero(Index, usize),
    Cut(Index),
    Remove,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        6 => (any::<Index>(), 1u8..).prop_map(|(at, mask)| Harm::Flip(at, mask)),
        2 => (any::<Index>(), 1usize..600).prop_map(|(at, length)| Harm::Zero(at, length)),
        3 => any::<Index>().prop_map(Harm::Cut),
        1 => Just(Harm::Remove),
    ]
}

/// Whether the file is another one afterwards.
fn inflict(harm: &Harm, path: &Path) -> bool {
    let Ok(before) = fs::read(path) else {
        return false;
    };
    let mut bytes = before.clone();
    match harm {
        Harm::Remove => {
            fs::remove_file(path).unwrap();
            return true;
        }
        _ if bytes.is_empty() => return false,
        Harm::Flip(at, mask) => {
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
        }
        Harm::Zero(at, length) => {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + length);
            bytes[at..end].fill(0);
        }
        Harm::Cut(at) => bytes.truncate(at.index(bytes.len())),
    }
    fs::write(path, &bytes).unwrap();
    bytes != before
}

fn content(folder: &Folder) -> Result<Records, String> {
    let reader = Reader::open(&folder.database()).map_err(|error| error.to_string())?;
    let mut content = BTreeMap::new();
    let read = reader.each(Sequence(1), Sequence(u64::MAX), |entry| {
        content.insert(
            entry.sequence.0,
            format!("{} {} {}", entry.at, entry.kind, entry.payload),
        );
        Ok::<_, Damage>(())
    });
    read.map_err(|damage| damage.to_string())?;
    Ok(content)
}

type Records = BTreeMap<u64, String>;

/// A journal as it was before it was harmed.
struct Original {
    files: Vec<(OsString, Vec<u8>)>,
    records: Records,
    state: JournalState,
}

impl Original {
    fn new(folder: &Folder, state: JournalState) -> Self {
        let files = fs::read_dir(&folder.0).unwrap().map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name(), fs::read(entry.path()).unwrap())
        });
        Self {
            files: files.collect(),
            records: content(&folder.copy()).unwrap(),
            state,
        }
    }

    /// The files in a folder of their own.
    fn folder(&self) -> Folder {
        let folder = Folder::new();
        for (name, bytes) in &self.files {
            fs::write(folder.0.join(name), bytes).unwrap();
        }
        folder
    }
}

/// A journal of a crashed engine, with records in the database, in its WAL and in both segments.
fn crashed() -> &'static Original {
    static CRASHED: OnceLock<Original> = OnceLock::new();
    CRASHED.get_or_init(|| {
        let folder = Folder::new();
        let opened = open(&folder);
        append(&opened.journal.appender(), &[started(0), halted(1, 3000)]);
        opened.journal.close().unwrap();
        let holding = Holding::new(2);
        let opened = Journal::open(JournalSettings {
            disturbance: Some(holding.clone()),
            ..Troubles::default().settings(&folder)
        })
        .unwrap();
        let appender = opened.journal.appender();
        let progress = &opened.journal.shared.progress;
        // Two commits are made, the third is not.
        append(&appender, &[started(1)]);
        for sequence in 1..=3 {
            until("it is stored", || {
                sequence == 3 || progress.stored() == progress.appended()
            });
            append(
                &appender,
                &[intent(1, sequence), filled(1, sequence, sequence)],
            );
        }
        holding.wait();
        for number in 2..24 {
            append(&appender, &[halted(number, 500), sent(1, 1)]);
        }
        // The last record lies within a page: nothing that is done to it looks like a torn write.
        loop {
            append(&appender, &[sent(1, 2)]);
            let last = fs::read(folder.file("-intake-1")).unwrap();
            let end = last.iter().rposition(|byte| *byte != 0).unwrap();
            if end / 4096 == (end - 200) / 4096 {
                break;
            }
        }
        let after = folder.copy();
        holding.let_go.store(true, Ordering::SeqCst);
        let sizes = FILES.map(|suffix| fs::metadata(after.file(suffix)).unwrap().len());
        assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
        assert!(progress.stored() >= Sequence(3));
        let original = Original::new(&after, open(&after.copy()).state);
        assert!(original.records.len() > 50);
        assert_eq!(verify(&after.database()).unwrap().findings, []);
        original
    })
}

/// A journal that was closed in order, long after its intake went round.
fn closed() -> &'static Original {
    static CLOSED: OnceLock<Original> = OnceLock::new();
    CLOSED.get_or_init(|| {
        let folder = crashed().folder();
        let opened = open(&folder);
        opened.journal.close().unwrap();
        let original = Original::new(&folder, opened.state);
        assert!(original.records == crashed().records);
        original
    })
}

fn check(original: &Original, harms: &[(usize, Harm)]) -> Result<(), TestCaseError> {
    let Original { records, state, .. } = original;
    let folder = original.folder();
    let mut harmed = false;
    for (file, harm) in harms {
        harmed |= inflict(harm, &folder.file(FILES[*file]));
    }
    let whole = |content: &Result<Records, String>| content.as_ref() == Ok(records);
    let intact = verify(&folder.database()).is_ok_and(|verified| verified.is_intact());
    prop_assert!(!intact || whole(&content(&folder)), "called intact");
    prop_assert!(intact || harmed, "called damaged");
    let troubles = Troubles::default();
    let Ok(opened) = Journal::open(troubles.settings(&folder)) else {
        return Ok(());
    };
    let lost = opened.damage.is_some();
    prop_assert_eq!(lost, !troubles.all().is_empty());
    if !lost {
        // An opening goes on from the snapshot: what is damaged before it is found by verify.
        prop_assert!(opened.state == *state && opened.end.0 == records.len() as u64);
    }
    drop(opened);
    let content = content(&folder);
    prop_assert!(
        lost || !intact || whole(&content),
        "opened as if nothing was lost"
    );
    if let (true, Ok(content)) = (lost, &content) {
        // What is left is the beginning of what there was, and after it the note of the loss.
        let kept = content
            .iter()
            .take_while(|(at, record)| records.get(at) == Some(record));
        prop_assert_eq!(kept.count() + 1, content.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_harmed_file_of_a_crashed_engine_never_passes_for_the_whole_truth(
        file in 0..FILES.len(), harm in harm(),
    ) {
        check(crashed(), &[(file, harm)])?;
    }

    #[test]
    fn one_harmed_file_of_a_closed_journal_never_passes_for_the_whole_truth(
        file in 0..FILES.len(), harm in harm(),
    ) {
        check(closed(), &[(file, harm)])?;
    }

    #[test]
    fn the_records_of_a_harmed_database_are_named_or_whole(at in any::<Index>(), mask in 1u8..) {
        check(closed(), &[(0, Harm::Flip(at, mask))])?;
    }

    #[test]
    fn several_harmed_files_make_no_panic(
        harms in prop::collection::vec((0..FILES.len(), harm()), 2..6),
    ) {
        let folder = crashed().folder();
        for (file, harm) in harms {
            inflict(&harm, &folder.file(FILES[file]));
        }
        drop(verify(&folder.database()));
        drop(content(&folder));
        drop(Journal::open(Troubles::default().settings(&folder)));
    }
}

#[test]
fn verify_names_what_is_wrong() {
    let findings = |harm: &dyn Fn(&Folder)| {
        let folder = closed().folder();
        harm(&folder);
        verify(&folder.database()).unwrap().findings
    };
    let sql = |folder: &Folder, text: &str| {
        let database = rusqlite::Connection::open(folder.database()).unwrap();
        database.execute_batch(text).unwrap();
    };
    let drop_guards = "DROP TRIGGER record_stays; DROP TRIGGER record_remains;";
    let guards = "
CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;
CREATE TRIGGER record_remains BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;";
    let edited = |change: &str| {
        findings(&|folder: &Folder| sql(folder, &format!("{drop_guards}{change};{guards}")))
    };
    let last = closed().records.len() as u64;

    let altered =
        edited("UPDATE record SET payload = replace(payload, '60021', '60022') WHERE sequence = 4");
    assert_eq!(altered, [Damage::Altered(Sequence(4))]);
    let rehashed = edited("UPDATE record SET hash = zeroblob(32) WHERE sequence = 4");
    assert_eq!(rehashed, [Damage::Altered(Sequence(4))]);
    let cut = edited(&format!("DELETE FROM record WHERE sequence > {}", last - 3));
    let tail = Damage::TailMissing {
        from: Sequence(last - 2),
        to: Sequence(last),
    };
    assert!(cut.contains(&tail), "{cut:?}");
    let hole = edited("DELETE FROM record WHERE sequence BETWEEN 20 AND 21");
    let gap = Damage::Gap {
        from: Sequence(20),
        to: Sequence(21),
    };
    assert_eq!(hole[0], gap);
    let torn = edited("UPDATE record SET kind = 'poem' WHERE sequence = 3");
    assert!(
        matches!(
            &torn[..],
            [Damage::Altered(Sequence(3)), Damage::Unreadable { .. }]
        ),
        "{torn:?}"
    );
    let unguarded = findings(&|folder| sql(folder, drop_guards));
    assert!(
        matches!(&unguarded[..], [Damage::Schema(_)]),
        "{unguarded:?}"
    );
    let headless = findings(&|folder| fs::remove_file(folder.file("-head")).unwrap());
    assert_eq!(headless, [Damage::HeadMissing]);
    let no_intake = findings(&|folder| fs::remove_file(folder.file("-intake-1")).unwrap());
    assert_eq!(
        no_intake,
        [Damage::IntakeMissing("journal.db-intake-1".into())]
    );
    let unindexed = findings(&|folder| {
        sql(folder, "DROP TRIGGER intent_remains; DELETE FROM intent WHERE sequence = 4;
CREATE TRIGGER intent_remains BEFORE DELETE ON intent BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;");
    });
    assert!(
        matches!(
            &unindexed[0],
            Damage::Index {
                table: "intent",
                ..
            }
        ),
        "{unindexed:?}"
    );
}

#[test]
fn a_tail_that_was_cut_from_the_wal_comes_back_from_the_intake() {
    let folder = crashed().folder();
    let wal = fs::OpenOptions::new()
        .write(true)
        .open(folder.file("-wal"))
        .unwrap();
    wal.set_len(32).unwrap();
    // The head file knows of records that are in the intake only, now.
    assert_eq!(verify(&folder.database()).unwrap().findings, []);
    let opened = open(&folder);
    assert!(
        opened.damage.is_none() && opened.recovered > 40,
        "{opened:?}"
    );
    drop(opened);
    assert!(content(&folder).as_ref() == Ok(&crashed().records));
}

#[test]
fn a_part_of_the_intake_that_cannot_be_read_is_kept_told_and_written_down() {
    let folder = crashed().folder();
    // The later of the two segments, so that nothing is missing in between.
    let second = folder.file("-intake-1");
    let mut bytes = fs::read(&second).unwrap();
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[middle] ^= 1;
    fs::write(&second, &bytes).unwrap();
    assert_eq!(verify(&folder.database()).unwrap().findings.len(), 1);
    let troubles = Troubles::default();
    let opened = Journal::open(troubles.settings(&folder)).unwrap();
    assert!(matches!(opened.damage, Some(Damage::Intake { .. })));
    assert_eq!(troubles.all().len(), 1);
    let kept = folder.file(&format!("-intake-1-damaged-after-{}", opened.end));
    assert_eq!(fs::read(kept).unwrap(), bytes);
    drop(opened);
    let content = content(&folder).unwrap();
    assert!(content.values().last().unwrap().contains("damaged-after-"));
    assert_eq!(verify(&folder.database()).unwrap().findings, []);
}

#[test]
fn a_record_that_was_never_written_to_its_end_is_dropped_and_said() {
    let folder = crashed().folder();
    let second = folder.file("-intake-1");
    let bytes = fs::read(&second).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1 - END.len();
    // A record that crosses a page, of which the kernel has taken the first page only.
    let mut torn = bytes.clone();
    let page = end.next_multiple_of(4096);
    let length = u32::try_from(page - end + 100).unwrap();
    torn[end..end + 4].copy_from_slice(&length.to_be_bytes());
    torn[end + 4..end + 8].copy_from_slice(&(!length).to_be_bytes());
    torn[end + 8..page].fill(7);
    fs::write(&second, &torn).unwrap();
    let verified = verify(&folder.database()).unwrap();
    assert_eq!(
        (verified.findings, verified.unfinished),
        (vec![], page - end)
    );
    let opened = open(&folder);
    assert!(opened.damage.is_none());
    assert!(
        opened
            .warnings
            .iter()
            .any(|warning| warning.contains("never written to its end"))
    );
    drop(opened);
    assert!(content(&folder).as_ref() == Ok(&crashed().records));
}

#[test]
fn an_older_copy_of_the_files_is_not_taken_for_the_whole_journal() {
    let folder = Folder::new();
    let opened = open(&folder);
    append(&opened.journal.appender(), &[started(0)]);
    opened.journal.close().unwrap();
    let older = folder.copy();
    let opened = open(&folder);
    append(
        &opened.journal.appender(),
        &[started(1), intent(1, 1), sent(1, 1)],
    );
    opened.journal.close().unwrap();
    fs::copy(folder.file("-head"), older.file("-head")).unwrap();
    let missing = Damage::TailMissing {
        from: Sequence(2),
        to: Sequence(4),
    };
    assert_eq!(
        verify(&older.database()).unwrap().findings,
        std::slice::from_ref(&missing)
    );
    let refused = Journal::open(settings(&older)).unwrap_err();
    assert!(
        matches!(&refused, JournalError::Damaged { damage, .. } if *damage == missing),
        "{refused}"
    );
}
