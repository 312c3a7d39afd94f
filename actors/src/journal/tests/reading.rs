//! Reading and checking beside a running engine.

use super::super::{Reader, verify};
use super::*;
use tripline_engine::journal::Damage;

#[test]
fn a_journal_that_is_being_written_is_read_whole_and_found_intact_at_every_moment() {
    let folder = Folder::new();
    let opened = open(&folder);
    let appender = opened.journal.appender();
    append(&appender, &[started(0)]);
    let over = Arc::new(AtomicBool::new(false));
    let (stop, progress) = (over.clone(), opened.journal.shared.progress.clone());
    let writing = std::thread::spawn(move || {
        let mut sequence = 0;
        while !stop.load(Ordering::SeqCst) {
            if progress.waiting() < 10 {
                sequence += 1;
                append(&appender, &[intent(0, sequence), halted(sequence, 900)]);
            }
        }
    });
    let reader = Reader::open(&folder.database()).unwrap();
    let mut last = Sequence(0);
    // Some ten turns of the intake.
    while last < Sequence(400) {
        let least = opened.journal.shared.progress.appended();
        let verified = verify(&folder.database()).unwrap();
        assert_eq!(verified.findings, []);
        assert!(
            verified.running && verified.last >= least,
            "{verified:?} {least}"
        );
        let mut sequences = Vec::new();
        let read = reader.each(Sequence(last.0 + 1), Sequence(u64::MAX), |entry| {
            sequences.push(entry.sequence);
            Ok::<_, Damage>(())
        });
        read.unwrap();
        for sequence in sequences {
            assert_eq!(sequence, Sequence(last.0 + 1));
            last = sequence;
        }
        assert!(last >= least, "{last} {least}");
    }
    over.store(true, Ordering::SeqCst);
    writing.join().unwrap();
    opened.journal.close().unwrap();
}

#[test]
fn a_part_is_read_wherever_it_is_kept() {
    let folder = Folder::new();
    let opened = open(&folder);
    append(
        &opened.journal.appender(),
        &[started(0), intent(0, 1), intent(0, 2)],
    );
    opened.journal.close().unwrap();
    let opened = Journal::open(JournalSettings {
        disturbance: Some(Failing::new(Step::Commit, 0, io::ErrorKind::Other)),
        ..Troubles::default().settings(&folder)
    })
    .unwrap();
    append(&opened.journal.appender(), &[sent(0, 1), sent(0, 2)]);
    let reader = Reader::open(&folder.database()).unwrap();
    assert_eq!(
        (reader.stored(), reader.last()),
        (Ok(Sequence(3)), Ok(Sequence(5)))
    );
    for (from, to, wanted) in [
        (0, 2, vec![1, 2]),
        (3, 4, vec![3, 4]),
        (5, 9, vec![5]),
        (6, 9, vec![]),
    ] {
        let mut found = Vec::new();
        let read = reader.each(Sequence(from), Sequence(to), |entry| {
            found.push(entry.sequence.0);
            Ok::<_, Damage>(())
        });
        read.unwrap();
        assert_eq!(found, wanted);
    }
}

#[test]
fn there_is_nothing_to_check_where_no_journal_is() {
    let folder = Folder::new();
    let error = verify(&folder.database()).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::Io {
                doing: "opening",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        fs::read_dir(&folder.0).unwrap().count(),
        0,
        "nothing was made"
    );
}
