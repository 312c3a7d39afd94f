//! On the caller's thread, under virtual time.

use super::super::Placement;
use super::*;

struct Latency(Duration);

impl Disturbance for Latency {
    fn before(&self, step: Step) -> io::Result<Duration> {
        Ok(if step == Step::Sync {
            self.0
        } else {
            Duration::ZERO
        })
    }
}

fn inline(folder: &Folder, troubles: &Troubles) -> JournalSettings {
    JournalSettings {
        placement: Placement::Inline,
        durability: Durability::Power,
        clock: Clock::starting_at(at(1_795_000_000_000)),
        ..troubles.settings(folder)
    }
}

#[tokio::test(start_paused = true)]
async fn an_inline_journal_stores_when_it_is_told_to() {
    let (folder, troubles) = (Folder::new(), Troubles::default());
    let opened = Journal::open(inline(&folder, &troubles)).unwrap();
    assert!(opened.journal.threads.is_none());
    let appender = opened.journal.appender();
    append(&appender, &[started(0)]);
    for sequence in 1..200 {
        let through = append(&appender, &[intent(0, sequence)]);
        assert!(opened.journal.shared.progress.stored() < through);
        appender.store();
        assert_eq!(opened.journal.shared.progress.stored(), through);
        assert!(appender.durable(through).is_none());
    }
    opened.journal.close().unwrap();
    assert_eq!(troubles.all(), []);
    assert_eq!(open(&folder).end, Sequence(200));
}

#[tokio::test(start_paused = true)]
async fn injected_latency_passes_in_virtual_time_and_what_is_slow_is_told() {
    let (folder, troubles) = (Folder::new(), Troubles::default());
    let opened = Journal::open(JournalSettings {
        disturbance: Some(Arc::new(Latency(Duration::from_secs(3)))),
        ..inline(&folder, &troubles)
    })
    .unwrap();
    let appender = opened.journal.appender();
    let through = append(&appender, &[started(0), intent(0, 1)]);
    let before = tokio::time::Instant::now();
    appender.durable(through).unwrap().await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(3));
    let slow = JournalError::Slow {
        doing: "syncing",
        took: Duration::from_secs(3),
        bound: Duration::from_secs(2),
    };
    assert_eq!(troubles.all(), [slow]);
}

#[tokio::test(start_paused = true)]
async fn an_injected_failure_kills_an_inline_journal_at_the_same_record_each_time() {
    for _ in 0..3 {
        let (folder, troubles) = (Folder::new(), Troubles::default());
        let opened = Journal::open(JournalSettings {
            disturbance: Some(Failing::new(Step::Commit, 5, io::ErrorKind::StorageFull)),
            ..inline(&folder, &troubles)
        })
        .unwrap();
        let appender = opened.journal.appender();
        append(&appender, &[started(0)]);
        appender.store();
        let refused = (1..100).find(|sequence| {
            let appended = appender.append(&[intent(0, *sequence)], at(7));
            appender.store();
            appended.is_err()
        });
        assert_eq!(refused, Some(6));
        assert_eq!(troubles.all().len(), 1);
        drop(opened);
        assert_eq!(open(&folder).end, Sequence(6));
    }
}
