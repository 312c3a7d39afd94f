//! A start without a journal.

use super::*;
use crate::desk::reconcile::LONGEST_BACK;
use crate::journal::{JournalRecord, JournalState};

const DAY: Duration = Duration::from_secs(86_400);

/// A desk that remembers nothing and whose private stream has come up.
fn bench(look_back: Duration) -> Bench {
    let mut bench = Bench::unasked();
    bench.desk.look_back(look_back);
    let now = bench.now;
    bench
        .desk
        .restore(JournalState::default(), now, &mut bench.out);
    bench.desk.private_stream_up(now, &mut bench.out);
    bench
}

fn earlier(
    bench: &Bench,
    name: &str,
    sequence: u64,
    status: VenueStatus,
    executed: &str,
) -> OrderReport {
    let id = of_run(1_700_000_000_000, name, sequence);
    OrderReport {
        venue_id: VenueOrderId(sequence),
        ..bench.shown(id, status, executed)
    }
}

/// Answers everything; each window of BTCUSDT shows the orders. Returns the lists that were asked for at once,
/// at most.
fn answer(bench: &mut Bench, open: &[OrderReport], history: &[OrderReport]) -> usize {
    let mut at_once = 0;
    loop {
        let asked = bench.asked();
        if asked.is_empty() {
            return at_once;
        }
        let lists = asked.iter();
        let lists = lists.filter(|(_, question)| matches!(question, Question::History(..)));
        at_once = at_once.max(lists.count());
        for (round, question) in asked {
            let shown = match question {
                Question::OpenOrders => Shown::Orders(open.to_vec()),
                Question::History(of, window) => {
                    assert!(window.until.saturating_since(window.from) <= DAY);
                    let of_it = history.iter().filter(|report| report.symbol == of);
                    Shown::Orders(of_it.cloned().collect())
                }
                other => bench.believed(other),
            };
            bench.tell(round, question, Ok(shown));
        }
    }
}

fn found(bench: &mut Bench) -> Vec<(String, String)> {
    let found = bench.out.iter().filter_map(|effect| match effect {
        Effect::Found { title, text } => Some((title.clone(), text.clone())),
        _ => None,
    });
    found.collect()
}

#[test]
fn the_past_is_asked_for_in_windows_of_a_day_and_not_all_at_once() {
    let mut bench = bench(10 * DAY);
    let mut asked = Vec::new();
    loop {
        let questions = bench.asked();
        if questions.is_empty() {
            break;
        }
        for (round, question) in questions {
            if let Question::History(of, window) = question {
                asked.push((of, window));
            }
            let shown = bench.believed(question);
            bench.tell(round, question, Ok(shown));
        }
    }
    assert_eq!(asked.len(), 20, "ten days of two instruments");
    let first = asked.iter().map(|(_, window)| window.from).min().unwrap();
    assert_eq!(bench.now.saturating_since(first), 10 * DAY);
    assert!(bench.desk.is_private_stream_live());

    let mut bench = super::lost::bench(365 * DAY);
    assert!(
        answer(&mut bench, &[], &[]) <= 8,
        "four, and one for each answer"
    );
    assert_eq!(LONGEST_BACK, 30 * DAY);
    let mut bench = super::lost::bench(Duration::ZERO);
    assert_eq!(answer(&mut bench, &[], &[]), 0);
}

#[test]
fn what_is_open_is_taken_over_also_of_strategies_that_are_not_here() {
    let mut bench = bench(DAY);
    let ours = earlier(&bench, "a", 3, VenueStatus::New, "0");
    let gone = earlier(&bench, "gone", 4, VenueStatus::New, "0");
    answer(&mut bench, &[ours.clone(), gone.clone()], &[]);
    for report in [&ours, &gone] {
        let (id, now) = (report.id, bench.now);
        let shown = Ok(report.clone());
        bench.desk.query_answered(id, shown, now, &mut bench.out);
    }
    answer(&mut bench, &[ours.clone(), gone.clone()], &[]);
    assert_eq!(bench.state(ours.id), OrderState::Working);
    assert_eq!(bench.state(gone.id), OrderState::Working);
    let found = found(&mut bench);
    assert!(found[0].1.contains(&gone.id.to_string()), "{found:?}");
    assert!(!found[0].1.contains(&ours.id.to_string()), "{found:?}");
    let faults = bench
        .did()
        .into_iter()
        .filter(|word| word.starts_with("fault"));
    assert_eq!(faults.count(), 0);
    assert!(bench.desk.has_earlier());
    let now = bench.now;
    bench.desk.cancel_earlier(now, &mut bench.out);
    let cancels = bench.did().into_iter().filter(|word| word == "cancel");
    assert_eq!(cancels.count(), 2);
}

#[test]
fn what_had_ended_with_fills_is_told_and_is_no_news_any_more() {
    let mut bench = bench(2 * DAY);
    let filled = earlier(&bench, "a", 1, VenueStatus::Filled, "2");
    let part = earlier(&bench, "gone", 2, VenueStatus::Canceled, "0.5");
    let none = earlier(&bench, "a", 3, VenueStatus::Canceled, "0");
    let history = [filled.clone(), part.clone(), none];
    answer(&mut bench, &[], &history);
    let found = found(&mut bench);
    let [(title, text)] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert!(title.contains("2 ended orders"), "{title}");
    assert!(
        text.contains("BTCUSDT: 2 orders bought 2.5 and sold 0"),
        "{text}"
    );
    let records = bench.out.iter().filter_map(|effect| match effect {
        Effect::Record(record @ JournalRecord::Found(_)) => Some(record.clone()),
        _ => None,
    });
    let records: Vec<_> = records.collect();
    assert_eq!(records.len(), 2);
    assert_eq!(
        bench.desk.orders().count(),
        0,
        "nothing of them is taken over"
    );
    bench.out.clear();
    bench.desk.report(filled.clone(), bench.now, &mut bench.out);
    assert_eq!(bench.did(), [""; 0]);
    let state = JournalState::fold(records.iter().map(|record| (bench.now, record)));
    assert!(state.orders.is_known(&filled.id) && state.orders.is_known(&part.id));
    assert!(state.orders.is_used(&filled.id.origin().unwrap().run));
}

#[test]
fn an_order_of_an_engine_that_started_later_is_a_fault() {
    let mut bench = bench(DAY);
    answer(&mut bench, &[], &[]);
    bench.out.clear();
    bench.event(
        of_run(1_795_000_000_001, "a", 1),
        VenueStatus::New,
        "0",
        &[],
    );
    assert_eq!(bench.did(), ["fault unknown_order of account main"]);
}

#[test]
fn an_engine_with_a_journal_does_not_look_back() {
    let mut bench = Bench::unasked();
    bench.desk.look_back(DAY);
    let started = crate::journal::RunStarted {
        run: RunId::from_millis(1_700_000_000_000),
        engine: "0".into(),
        configuration: String::new(),
        durability: crate::journal::Durability::Process,
        live: false,
    };
    let record = JournalRecord::RunStarted(started);
    let state = JournalState::fold([(bench.now, &record)]);
    let now = bench.now;
    bench.desk.restore(state, now, &mut bench.out);
    bench.desk.private_stream_up(now, &mut bench.out);
    assert_eq!(answer(&mut bench, &[], &[]), 0);
    let gone = earlier(&bench, "gone", 4, VenueStatus::New, "0");
    bench.out.clear();
    bench.desk.report(gone, now, &mut bench.out);
    assert_eq!(bench.did(), ["fault unknown_order of account main"]);
}
