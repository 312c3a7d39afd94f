//! What is appended is kept.

use super::super::{Reader, verify};
use super::*;
use tripline_engine::journal::{Damage, JournalState};

fn unsettled(state: &JournalState) -> Vec<ClientOrderId> {
    state
        .orders
        .unsettled()
        .map(|memory| memory.order.id)
        .collect()
}

/// Kind and payload of every record.
fn contents(folder: &Folder) -> Vec<(u64, String, String)> {
    let mut contents = Vec::new();
    let reader = Reader::open(&folder.database()).unwrap();
    reader
        .each(Sequence(1), Sequence(u64::MAX), |entry| {
            contents.push((entry.sequence.0, entry.kind, entry.payload));
            Ok::<_, Damage>(())
        })
        .unwrap();
    contents
}

#[test]
fn a_new_journal_is_empty_intact_and_ended_in_order() {
    let folder = Folder::new();
    let opened = open(&folder);
    assert_eq!(opened.state, JournalState::default());
    assert_eq!((opened.end, opened.recovered), (Sequence(0), 0));
    opened.journal.close().unwrap();
    assert_eq!(verify(&folder.database()).unwrap().findings, []);
}

#[test]
fn what_was_appended_is_there_after_the_next_start() {
    let folder = Folder::new();
    let opened = open(&folder);
    let appender = opened.journal.appender();
    append(&appender, &[started(0)]);
    let last = append(&appender, &[intent(0, 1), sent(0, 1), intent(0, 2)]);
    assert_eq!(last, Sequence(4));
    opened.journal.close().unwrap();
    assert_eq!(
        appender.append(&[sent(0, 2)], at(7)),
        Err(JournalError::Closed)
    );
    let opened = open(&folder);
    assert_eq!((opened.end, opened.recovered), (Sequence(4), 0));
    assert_eq!(unsettled(&opened.state), [id(0, 1), id(0, 2)]);
    assert!(!opened.state.ended_in_order());
}

#[test]
fn what_was_appended_survives_a_crash_before_it_was_stored() {
    let folder = Folder::new();
    let opened = Journal::open(JournalSettings {
        // A writer that never gets to store anything.
        disturbance: Some(Failing::new(Step::Commit, 0, io::ErrorKind::Other)),
        ..Troubles::default().settings(&folder)
    })
    .unwrap();
    let appender = opened.journal.appender();
    append(&appender, &[started(0), intent(0, 1)]);
    let after = folder.copy();
    let verified = verify(&after.database()).unwrap();
    assert_eq!(
        (verified.waiting, verified.last, verified.findings),
        (2, Sequence(2), vec![])
    );
    assert_eq!(contents(&after).len(), 2);
    let opened = open(&after);
    assert_eq!((opened.end, opened.recovered), (Sequence(2), 2));
    assert_eq!(unsettled(&opened.state), [id(0, 1)]);
    let appender = opened.journal.appender();
    append(&appender, &[started(1), intent(1, 1)]);
    opened.journal.close().unwrap();
    let verified = verify(&after.database()).unwrap();
    assert_eq!((verified.stored, verified.findings), (4, vec![]));
}

#[test]
fn the_intake_goes_round_and_nothing_is_lost_on_the_way() {
    let folder = Folder::new();
    let opened = open(&folder);
    let appender = opened.journal.appender();
    append(&appender, &[started(0)]);
    for sequence in 1..=300 {
        append(&appender, &[intent(0, sequence), sent(0, sequence)]);
        // Both segments together have room for some eighty records.
        let progress = &opened.journal.shared.progress;
        until("most is stored", || progress.waiting() <= 20);
    }
    opened.journal.close().unwrap();
    let contents = contents(&folder);
    let sequences: Vec<_> = contents.iter().map(|(sequence, ..)| *sequence).collect();
    assert_eq!(sequences, (1..=601).collect::<Vec<_>>());
    assert_eq!(verify(&folder.database()).unwrap().findings, []);
}

#[test]
fn a_record_larger_than_a_page_and_than_a_group_is_kept_whole() {
    let folder = Folder::new();
    let opened = Journal::open(JournalSettings {
        segment: 1 << 20,
        ..settings(&folder)
    })
    .unwrap();
    let appender = opened.journal.appender();
    append(
        &appender,
        &[started(0), halted(1, 500 << 10), halted(2, 10)],
    );
    let big = appender.append(&[halted(3, 1 << 20)], at(7));
    assert!(matches!(big, Err(JournalError::TooLarge { .. })), "{big:?}");
    // The rest of the segment has no room for these.
    append(&appender, &[halted(3, 600 << 10)]);
    appender.health().unwrap();
    opened.journal.close().unwrap();
    let opened = open(&folder);
    assert_eq!(opened.end, Sequence(4));
    let (_, standing) = opened.state.halts.standing().next().unwrap();
    assert_eq!(standing.incidents.len(), 3);
}

#[test]
fn several_threads_append_and_each_finds_its_records_in_its_own_order() {
    let folder = Folder::new();
    let opened = Journal::open(JournalSettings {
        segment: 4 << 20,
        ..settings(&folder)
    })
    .unwrap();
    let threads: Vec<_> = (1..=3u64)
        .map(|thread| {
            let appender = opened.journal.appender();
            std::thread::spawn(move || {
                for number in 0..3000 {
                    append(&appender, &[filled(0, thread, number)]);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    opened.journal.close().unwrap();
    let contents = contents(&folder);
    assert_eq!(contents.len(), 9000);
    for thread in 1..=3 {
        let mine = contents
            .iter()
            .filter(|(_, _, payload)| payload.contains(id(0, thread).as_str()));
        let trades = mine.map(|(_, _, payload)| {
            let value: serde_json::Value = serde_json::from_str(payload).unwrap();
            value["fill"]["trade_id"].as_u64().unwrap()
        });
        assert_eq!(trades.collect::<Vec<_>>(), (0..3000).collect::<Vec<_>>());
    }
    assert_eq!(verify(&folder.database()).unwrap().findings, []);
}

#[test]
fn a_client_order_id_is_taken_once_and_only_in_its_run() {
    let folder = Folder::new();
    let opened = open(&folder);
    let appender = opened.journal.appender();
    let refused = |record: JournalRecord| appender.append(&[record], at(7));
    assert_eq!(
        refused(intent(0, 1)),
        Err(JournalError::NotNew { id: id(0, 1) })
    );
    append(&appender, &[started(0), intent(0, 2)]);
    for sequence in [1, 2] {
        let refusal = Err(JournalError::NotNew {
            id: id(0, sequence),
        });
        assert_eq!(refused(intent(0, sequence)), refusal);
    }
    assert_eq!(
        refused(intent(1, 3)),
        Err(JournalError::NotNew { id: id(1, 3) })
    );
    assert_eq!(
        refused(started(0)),
        Err(JournalError::RunUsed { run: run(0) })
    );
    appender.health().unwrap();
    opened.journal.close().unwrap();
    let opened = open(&folder);
    let appender = opened.journal.appender();
    assert_eq!(
        appender.append(&[started(0)], at(7)),
        Err(JournalError::RunUsed { run: run(0) })
    );
}

#[test]
fn records_cannot_be_changed_or_removed_in_the_database() {
    let folder = Folder::new();
    let opened = open(&folder);
    let fill = filled(0, 1, 77);
    append(
        &opened.journal.appender(),
        &[started(0), intent(0, 1), fill.clone(), fill],
    );
    opened.journal.close().unwrap();
    let database = rusqlite::Connection::open(folder.database()).unwrap();
    for table in ["record", "intent", "fill"] {
        for sql in [
            format!("UPDATE {table} SET sequence = sequence + 100"),
            format!("DELETE FROM {table}"),
        ] {
            let error = database.execute(&sql, []).unwrap_err();
            assert!(
                error.to_string().contains("only appended to"),
                "{sql}: {error}"
            );
        }
    }
    // A type that the column does not have is refused (STRICT).
    let text = "INSERT INTO intent (client_order_id, sequence) VALUES ('x', 'one')";
    assert!(database.execute(text, []).is_err());
    let count = |table| {
        database
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert_eq!((count("record"), count("intent"), count("fill")), (4, 1, 1));
}

#[test]
fn a_start_goes_on_from_the_snapshot_and_ends_with_the_same_state() {
    let folder = Folder::new();
    for number in 0..3 {
        let opened = open(&folder);
        let appender = opened.journal.appender();
        append(
            &appender,
            &[started(number), intent(number, 1), halted(number + 1, 10)],
        );
        opened.journal.close().unwrap();
    }
    let with = open(&folder).state;
    let database = rusqlite::Connection::open(folder.database()).unwrap();
    let covers: i64 = database
        .query_row("SELECT covers FROM snapshot", [], |row| row.get(0))
        .unwrap();
    assert_eq!(covers, 9);
    database.execute("DELETE FROM snapshot", []).unwrap();
    drop(database);
    assert_eq!(open(&folder).state, with);
    let database = rusqlite::Connection::open(folder.database()).unwrap();
    let altered = "UPDATE snapshot SET state = replace(state, 'BTCUSDT', 'ETHUSDT')";
    assert_eq!(database.execute(altered, []).unwrap(), 1);
    drop(database);
    let findings = verify(&folder.database()).unwrap().findings;
    assert!(
        matches!(findings[..], [Damage::Snapshot { .. }]),
        "{findings:?}"
    );
}

#[test]
fn with_durability_power_an_order_waits_for_the_disk_and_otherwise_it_does_not() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for durability in [Durability::Process, Durability::Power] {
        let folder = Folder::new();
        let opened = Journal::open(JournalSettings {
            durability,
            ..settings(&folder)
        })
        .unwrap();
        let appender = opened.journal.appender();
        append(&appender, &[started(0)]);
        for sequence in 1..100 {
            let through = append(&appender, &[intent(0, sequence)]);
            let durable = appender.durable(through);
            assert!(durability == Durability::Power || durable.is_none());
            if let Some(durable) = durable {
                runtime.block_on(durable).unwrap();
            }
            let again = appender.durable(through);
            assert!(again.is_none(), "it is durable already");
        }
        opened.journal.close().unwrap();
    }
}
