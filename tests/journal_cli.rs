//! `tripline journal` as people and scripts meet it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests of the program use the rest")]
#[path = "cli/program.rs"]
mod program;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use program::{Folder, ends};
use serde_json::Value;
use tripline_actors::clock::Clock;
use tripline_actors::journal::{Journal, JournalSettings, Opened};
use tripline_engine::ids::{ClientOrderId, RunId};
use tripline_engine::journal::{
    Durability, JournalPort, JournalRecord, RECORD_VERSION, RunStarted, Sent,
};
use tripline_engine::time::Timestamp;

fn open(folder: &Folder) -> Opened {
    Journal::open(JournalSettings::new(folder.0.join("j.db"), Clock::system())).unwrap()
}

fn started() -> JournalRecord {
    JournalRecord::RunStarted(RunStarted {
        run: RunId::from_millis(1_795_000_000_000),
        engine: "1.0.0".into(),
        configuration: "a, \"b\"".into(),
        durability: Durability::Process,
        live: false,
    })
}

fn sent(number: u64) -> JournalRecord {
    let id = ClientOrderId::new(&format!("order-{number}")).unwrap();
    JournalRecord::Sent(Sent { id })
}

fn append(opened: &Opened, records: &[JournalRecord]) {
    let at = Timestamp::from_nanos(1_795_000_000_000_000_001);
    opened.journal.appender().append(records, at).unwrap();
}

/// A journal of five records, closed in order.
fn five(folder: &Folder) {
    let opened = open(folder);
    append(&opened, &[started(), sent(1), sent(2), sent(3), sent(4)]);
    opened.journal.close().unwrap();
}

fn lines(folder: &Folder, args: &[&str]) -> Vec<String> {
    let output = folder.run(args);
    ends(&output, 0, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn verify_tells_an_intact_journal_from_a_damaged_one_and_from_none() {
    let folder = Folder::new("journal-verify");
    five(&folder);
    let verify = || folder.run(&["journal", "verify", "j.db"]);
    ends(&verify(), 0, &["5 records", "the last is 5", "intact"]);
    let database = rusqlite::Connection::open(folder.0.join("j.db")).unwrap();
    let guard: String = database
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'record_stays'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let edit =
        "UPDATE record SET payload = replace(payload, 'order-2', 'order-9') WHERE sequence = 3";
    database
        .execute_batch(&format!("DROP TRIGGER record_stays; {edit}; {guard}"))
        .unwrap();
    drop(database);
    ends(
        &verify(),
        5,
        &["DAMAGED  record 3 was altered", "j.db is damaged"],
    );
    fs::remove_file(folder.0.join("j.db-head")).unwrap();
    ends(
        &verify(),
        5,
        &["record 3 was altered", "the head file is missing"],
    );
    ends(
        &folder.run(&["journal", "export", "j.db"]),
        5,
        &["record 3 was altered"],
    );
    folder.write("other.db", "this is not a database, but a text");
    ends(
        &folder.run(&["journal", "verify", "other.db"]),
        5,
        &["not a journal"],
    );
    ends(
        &folder.run(&["journal", "verify", "none.db"]),
        1,
        &["none.db"],
    );
    ends(&folder.run(&["journal", "verify"]), 2, &["FILE"]);
}

#[test]
fn tail_shows_the_last_records_and_follows_what_comes() {
    let folder = Folder::new("journal-tail");
    five(&folder);
    let shown = lines(&folder, &["journal", "tail", "j.db", "-n", "2"]);
    let at = "2026-11-18T11:06:40.000000001Z";
    assert_eq!(
        shown,
        [3, 4].map(|n| format!("{} {at} sent {{\"id\":\"order-{n}\"}}", n + 1))
    );
    assert_eq!(
        lines(&folder, &["journal", "tail", "j.db", "-n", "99"]).len(),
        5
    );
    let opened = open(&folder);
    let mut following = folder
        .tripline(&["journal", "tail", "j.db", "-n", "1", "--follow", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&output.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["sequence"], 5);
    append(&opened, &[sent(5)]);
    assert_eq!(next()["payload"]["id"], "order-5");
    append(&opened, &[sent(6), sent(7)]);
    assert_eq!(
        (next()["sequence"].clone(), next()["sequence"].clone()),
        (7.into(), 8.into())
    );
    following.kill().unwrap();
    following.wait().unwrap();
    ends(
        &folder.run(&["journal", "verify", "j.db"]),
        0,
        &["8 records", "an engine is writing", "intact"],
    );
}

/// The hash chain by the words of the schema, from what `export` writes.
fn recomputed(lines: &[Value]) -> Vec<String> {
    let mut hash = [0u8; 32];
    let hashes = lines.iter().map(|line| {
        let kind = line["kind"].as_str().unwrap();
        let mut bytes = hash.to_vec();
        bytes.extend(line["sequence"].as_u64().unwrap().to_be_bytes());
        bytes.extend(line["nanos"].as_i64().unwrap().to_be_bytes());
        bytes.extend(
            u16::try_from(line["version"].as_u64().unwrap())
                .unwrap()
                .to_be_bytes(),
        );
        bytes.push(u8::try_from(kind.len()).unwrap());
        bytes.extend(kind.bytes());
        bytes.extend(line["payload"].to_string().bytes());
        hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    });
    hashes.collect()
}

#[test]
fn export_writes_every_record_with_all_that_its_hash_covers() {
    let folder = Folder::new("journal-export");
    let opened = open(&folder);
    append(&opened, &[sent(1), sent(2), sent(3)]);
    // Beside a running engine, wherever it has the records by now.
    let exported = lines(&folder, &["journal", "export", "j.db", "--format", "json"]);
    let values: Vec<Value> = exported
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(values.len(), 3);
    let hashes: Vec<_> = values
        .iter()
        .map(|value| value["hash"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(hashes, recomputed(&values));
    append(&opened, &[started()]);
    opened.journal.close().unwrap();
    let part = lines(
        &folder,
        &["journal", "export", "j.db", "--from", "2", "--to", "3"],
    );
    assert_eq!(part, exported[1..]);
    let csv = lines(
        &folder,
        &[
            "journal", "export", "j.db", "--format", "csv", "--from", "4",
        ],
    );
    assert_eq!(csv[0], "sequence,at,nanos,version,kind,hash,payload");
    let begins = format!(
        "4,2026-11-18T11:06:40.000000001Z,1795000000000000001,{RECORD_VERSION},run_started,"
    );
    assert!(csv[1].starts_with(&begins), "{csv:?}");
    assert!(
        csv[1].contains(r#""{""run"":"#) && csv[1].contains(r#"a, \""b\"""#),
        "{csv:?}"
    );
    assert_eq!(csv.len(), 2);
}

#[test]
fn looking_changes_nothing() {
    let folder = Folder::new("journal-look");
    five(&folder);
    let files = |folder: &Path| {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            // SQLite's own note of who reads; it holds nothing.
            .filter(|path| {
                !path.to_string_lossy().ends_with("-shm") && fs::metadata(path).unwrap().len() > 0
            })
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files(&folder.0);
    for args in [
        ["journal", "verify", "j.db"],
        ["journal", "tail", "j.db"],
        ["journal", "export", "j.db"],
    ] {
        ends(&folder.run(&args), 0, &[]);
    }
    assert_eq!(files(&folder.0), before);
}
