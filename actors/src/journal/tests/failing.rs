//! Failures are typed, told once, and nothing is tried again.

use super::*;
use tripline_engine::journal::Damage;

/// Waits until the journal has told of trouble.
fn told(troubles: &Troubles) -> JournalError {
    until("trouble is told", || !troubles.all().is_empty());
    troubles.all()[0].clone()
}

fn failing(step: Step, kind: io::ErrorKind) -> (Folder, Troubles, Opened) {
    let (folder, troubles) = (Folder::new(), Troubles::default());
    let opened = Journal::open(JournalSettings {
        disturbance: Some(Failing::new(step, 0, kind)),
        durability: Durability::Power,
        ..troubles.settings(&folder)
    });
    (folder, troubles, opened.unwrap())
}

#[test]
fn after_a_failed_commit_intents_are_refused_and_what_happened_is_still_kept() {
    let (folder, troubles, opened) = failing(Step::Commit, io::ErrorKind::StorageFull);
    let appender = opened.journal.appender();
    append(&appender, &[started(0), intent(0, 1)]);
    let failure = told(&troubles);
    assert!(matches!(failure, JournalError::Full { .. }), "{failure}");
    let cause = Box::new(failure.clone());
    let dead = JournalError::Dead { cause };
    assert_eq!(appender.health(), Err(dead.clone()));
    assert_eq!(appender.append(&[intent(0, 2)], at(7)), Err(dead.clone()));
    append(&appender, &[sent(0, 1)]);
    append(&appender, &[halted(1, 10)]);
    assert_eq!(opened.journal.close(), Err(dead));
    assert_eq!(troubles.all(), [failure], "it is told once");
    let opened = open(&folder);
    assert_eq!(opened.end, Sequence(4));
    assert_eq!(opened.state.halts.standing().count(), 1);
}

#[test]
fn an_order_that_waits_for_the_disk_learns_that_the_sync_failed() {
    let (_folder, troubles, opened) = failing(Step::Sync, io::ErrorKind::Other);
    let appender = opened.journal.appender();
    let through = append(&appender, &[started(0), intent(0, 1)]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let answer = runtime.block_on(appender.durable(through).unwrap());
    assert!(
        matches!(answer, Err(JournalError::Dead { .. })),
        "{answer:?}"
    );
    told(&troubles);
    assert_eq!(troubles.all().len(), 1);
    // Not tried again: the system may have dropped what it could not write.
    let again = appender
        .durable(through)
        .map(|again| runtime.block_on(again));
    assert!(
        matches!(again, Some(Err(JournalError::Dead { .. }))),
        "{again:?}"
    );
}

#[test]
fn a_failed_append_is_an_error_of_the_append() {
    let (folder, troubles, opened) = failing(Step::Append, io::ErrorKind::Other);
    let appender = opened.journal.appender();
    let failed = appender.append(&[started(0)], at(7)).unwrap_err();
    assert!(
        matches!(
            failed,
            JournalError::Io {
                doing: "appending to",
                ..
            }
        ),
        "{failed}"
    );
    assert_eq!(troubles.all(), [failed]);
    drop(opened);
    assert_eq!(open(&folder).end, Sequence(0));
}

#[test]
fn a_failure_is_told_at_each_start_until_it_is_forgotten() {
    let (folder, _, opened) = failing(Step::Append, io::ErrorKind::Other);
    assert_eq!(opened.failed, None);
    let appender = opened.journal.appender();
    let failure = appender.append(&[started(0)], at(7)).unwrap_err();
    drop(opened);
    for _ in 0..2 {
        assert_eq!(open(&folder).failed, Some(failure.to_string()));
    }
    open(&folder).journal.forget_failure().unwrap();
    assert_eq!(open(&folder).failed, None);
}

#[test]
fn a_head_or_a_segment_that_cannot_be_written_is_a_failure_too() {
    for step in [Step::Head, Step::Empty] {
        let (folder, troubles, opened) = failing(step, io::ErrorKind::Other);
        let appender = opened.journal.appender();
        append(&appender, &[started(0)]);
        // More than a segment, so that one has to be emptied.
        for sequence in 0..70 {
            append(&appender, &[filled(0, 1, sequence)]);
            let progress = &opened.journal.shared.progress;
            until("it is stored", || {
                progress.waiting() < 10 || !troubles.all().is_empty()
            });
        }
        told(&troubles);
        drop(opened);
        assert!(open(&folder).end > Sequence(0), "{step:?}");
    }
}

#[test]
fn what_is_slow_is_told_and_the_journal_lives_on() {
    struct Slow;
    impl Disturbance for Slow {
        fn before(&self, _: Step) -> io::Result<Duration> {
            Ok(Duration::from_secs(60))
        }
    }
    let (folder, troubles) = (Folder::new(), Troubles::default());
    let opened = Journal::open(JournalSettings {
        disturbance: Some(Arc::new(Slow)),
        ..troubles.settings(&folder)
    })
    .unwrap();
    let appender = opened.journal.appender();
    append(&appender, &[started(0), intent(0, 1)]);
    append(&appender, &[intent(0, 2)]);
    assert_eq!(opened.journal.close(), Ok(()));
    let doing = |wanted| {
        let troubles = troubles.all();
        let slow = troubles
            .iter()
            .filter(|error| matches!(error, JournalError::Slow { doing, .. } if *doing == wanted));
        slow.count()
    };
    assert_eq!(doing("appending to"), 2);
    assert!(doing("storing records in") >= 1);
}

#[test]
fn without_room_for_a_record_the_journal_fails_and_keeps_what_it_has() {
    let (folder, troubles, opened) = failing(Step::Commit, io::ErrorKind::Other);
    let appender = opened.journal.appender();
    append(&appender, &[started(0)]);
    let mut kept = 1;
    let refused = loop {
        match appender.append(&[sent(0, kept)], at(7)) {
            Ok(sequence) => kept = sequence.0,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, JournalError::Behind { .. }), "{refused}");
    assert!(!troubles.all().is_empty() && kept > 50);
    drop(opened);
    assert_eq!(open(&folder).end, Sequence(kept));
}

#[test]
fn a_second_engine_on_the_same_journal_is_refused_and_told_what_to_do() {
    let folder = Folder::new();
    let opened = open(&folder);
    let refused = Journal::open(settings(&folder)).unwrap_err();
    let text = refused.to_string();
    let process = format!("process {}", std::process::id());
    assert!(
        text.contains(&process) && text.contains("stop that one first"),
        "{text}"
    );
    opened.journal.close().unwrap();
    open(&folder);
}

#[test]
fn a_database_that_another_program_holds_is_a_typed_failure() {
    let (folder, troubles) = (Folder::new(), Troubles::default());
    let opened = Journal::open(troubles.settings(&folder)).unwrap();
    let other = rusqlite::Connection::open(folder.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    append(&opened.journal.appender(), &[started(0)]);
    let failure = told(&troubles);
    assert!(matches!(failure, JournalError::Locked { .. }), "{failure}");
    drop(other);
    drop(opened);
    assert_eq!(open(&folder).end, Sequence(1));
}

#[test]
fn a_full_database_is_a_typed_failure() {
    let (folder, troubles) = (Folder::new(), Troubles::default());
    let opened = Journal::open(troubles.settings(&folder)).unwrap();
    opened.journal.close().unwrap();
    let store = super::super::store::Store::open(
        &folder.database(),
        super::super::store::Synchronous::Normal,
    )
    .unwrap();
    store.limit_pages(30);
    let row = |sequence: u64| {
        let record = halted(sequence, 4000);
        let mut bytes = Vec::new();
        let link = super::super::chain::Link {
            sequence: Sequence(sequence - 1),
            hash: [0; 32],
        };
        super::super::frame::write(&mut bytes, &link, at(1), &record).unwrap();
        match super::super::frame::read(&bytes) {
            super::super::frame::Frame::Record(row, _) => (row, record),
            other => panic!("{other:?}"),
        }
    };
    let failed = (1..100).find_map(|sequence| store.insert(&[row(sequence)]).err());
    assert!(
        matches!(failed, Some(JournalError::Full { .. })),
        "{failed:?}"
    );
}

#[test]
fn a_foreign_a_newer_and_a_broken_file_are_told_apart_and_left_alone() {
    let folder = Folder::new();
    let refused = |prepare: &dyn Fn(&Path)| {
        let folder = Folder::new();
        prepare(&folder.database());
        let before = fs::read(folder.database()).unwrap();
        let error = Journal::open(settings(&folder)).unwrap_err();
        assert_eq!(fs::read(folder.database()).unwrap(), before);
        error
    };
    let text = refused(&|path| fs::write(path, "no database, but a text of some length").unwrap());
    assert!(matches!(text, JournalError::Foreign { .. }), "{text}");
    let other = refused(&|path| {
        let database = rusqlite::Connection::open(path).unwrap();
        database.execute_batch("CREATE TABLE x (y)").unwrap();
    });
    assert!(matches!(other, JournalError::Foreign { .. }), "{other}");
    open(&folder).journal.close().unwrap();
    let pragma = |sql| {
        let database = rusqlite::Connection::open(folder.database()).unwrap();
        database.execute_batch(sql).unwrap();
    };
    pragma("PRAGMA user_version = 2");
    let newer = Journal::open(settings(&folder)).unwrap_err();
    assert!(
        matches!(
            newer,
            JournalError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{newer}"
    );
    pragma("PRAGMA user_version = 1; DROP TRIGGER record_stays");
    let tampered = Journal::open(settings(&folder)).unwrap_err();
    assert!(
        tampered.to_string().contains("record_stays is missing"),
        "{tampered}"
    );
}

#[test]
fn a_journal_whose_database_is_gone_is_not_begun_anew() {
    for waiting in [false, true] {
        let folder = Folder::new();
        let opened = open(&folder);
        append(&opened.journal.appender(), &[started(0)]);
        if !waiting {
            opened.journal.close().unwrap();
        }
        let after = folder.copy();
        fs::remove_file(after.database()).unwrap();
        let refused = Journal::open(settings(&after)).unwrap_err();
        let damage = matches!(
            &refused,
            JournalError::Damaged {
                damage: Damage::DatabaseMissing,
                ..
            }
        );
        assert!(damage, "{refused}");
    }
}

#[test]
fn a_creation_that_was_cut_short_is_made_again() {
    let folder = Folder::new();
    open(&folder).journal.close().unwrap();
    fs::remove_file(folder.database()).unwrap();
    fs::remove_file(folder.file("-head")).unwrap();
    fs::remove_file(folder.file("-intake-1")).unwrap();
    fs::write(folder.file("-new"), "half a database").unwrap();
    assert_eq!(open(&folder).end, Sequence(0));
}

#[test]
fn a_thread_of_the_journal_that_panics_is_a_failure_of_the_journal() {
    struct Panics;
    impl Disturbance for Panics {
        fn before(&self, step: Step) -> io::Result<Duration> {
            assert!(step != Step::Commit, "made");
            Ok(Duration::ZERO)
        }
    }
    let (folder, troubles) = (Folder::new(), Troubles::default());
    let opened = Journal::open(JournalSettings {
        disturbance: Some(Arc::new(Panics)),
        ..troubles.settings(&folder)
    })
    .unwrap();
    append(&opened.journal.appender(), &[started(0)]);
    let failure = told(&troubles);
    assert!(failure.to_string().contains("panicked"), "{failure}");
    drop(opened);
    assert_eq!(open(&folder).end, Sequence(1));
}
