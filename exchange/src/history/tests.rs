use super::*;
use crate::faults::Kind;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("tripline-history-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> Result<Opened, HistoryError> {
        History::open(&self.0, &ExchangeConfig::default(), 5)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn deeds() -> Vec<Deed> {
    let fault = FaultSpec::new(Kind::MonthlyReset);
    vec![
        Deed::Market,
        Deed::Skip,
        Deed::Request {
            operation: "order.place".into(),
            account: Some("practice".parse().unwrap()),
            transport: Transport::WsApi,
            params: vec![("symbol".into(), "BTC\"\nUSDT".into())],
        },
        Deed::Lever {
            verb: "POST".into(),
            rest: "market".into(),
            body: "{}".into(),
        },
        Deed::Fault {
            fault: Box::new(fault),
        },
    ]
}

fn append_all(history: &mut History) {
    for (deed, at) in deeds().into_iter().zip(10..) {
        let events = 3;
        history.append(&Line { at, events, deed }).unwrap();
    }
}

#[test]
fn what_was_written_is_read_and_a_line_that_was_torn_anywhere_is_cut_off() {
    let folder = Folder::new("torn");
    let mut opened = folder.open().unwrap();
    append_all(&mut opened.history);
    drop(opened);
    let opened = folder.open().unwrap();
    assert_eq!(opened.began, 5);
    let read: Vec<Deed> = opened.lines.into_iter().map(|line| line.deed).collect();
    assert_eq!(read, deeds());
    drop(opened.history);
    let path = folder.0.join(FILE);
    let whole = fs::read(&path).unwrap();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let opened = folder.open().unwrap();
        let left = lines(&whole[..length]);
        assert_eq!(
            opened.lines.len(),
            left.saturating_sub(1),
            "of {length} bytes"
        );
        assert_eq!(lines(&fs::read(&path).unwrap()), left.max(1));
    }
}

#[test]
fn a_folder_has_one_exchange_at_a_time_and_always_the_same() {
    let folder = Folder::new("same");
    let opened = folder.open().unwrap();
    assert!(matches!(folder.open(), Err(HistoryError::InUse(_))));
    drop(opened);
    let mut other = ExchangeConfig {
        state: Some("elsewhere".into()),
        faults: vec![FaultSpec::new(Kind::Timeout)],
        ..ExchangeConfig::default()
    };
    assert!(History::open(&folder.0, &other, 9).is_ok_and(|opened| opened.began == 5));
    other.seed += 1;
    let refused = History::open(&folder.0, &other, 9);
    assert!(matches!(refused, Err(HistoryError::Other(_))));
}

#[test]
fn after_a_write_that_failed_nothing_is_added() {
    let folder = Folder::new("failing");
    let mut opened = folder.open().unwrap();
    append_all(&mut opened.history);
    let path = folder.0.join(FILE);
    let writable = std::mem::replace(&mut opened.history.file, File::open(&path).unwrap());
    let line = || Line {
        at: 20,
        events: 3,
        deed: Deed::Market,
    };
    assert!(matches!(
        opened.history.append(&line()),
        Err(HistoryError::Io { .. })
    ));
    opened.history.file = writable;
    assert!(matches!(
        opened.history.append(&line()),
        Err(HistoryError::Failed)
    ));
    drop(opened);
    assert_eq!(folder.open().unwrap().lines.len(), deeds().len());
}
