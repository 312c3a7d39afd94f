use super::*;
use crate::journal::{JournalRecord, JournalState, Occasion, Reconciliation};
use crate::messages::order::Execution;
use crate::ports::Window;

fn execution(order: VenueOrderId, fill: Fill) -> Execution {
    let side = Side::Buy;
    Execution { order, side, fill }
}

fn reconcile(bench: &mut Bench, occasion: Occasion) {
    bench.desk.reconcile(occasion, bench.now, &mut bench.out);
}

/// How every reconciliation since ended.
fn outcomes(bench: &mut Bench) -> Vec<Reconciliation> {
    let mut outcomes = Vec::new();
    bench.out.retain(|effect| match effect {
        Effect::Reconciled(done) => {
            outcomes.push(done.outcome.clone());
            false
        }
        _ => true,
    });
    outcomes
}

fn differed(outcome: &Reconciliation) -> &[String] {
    match outcome {
        Reconciliation::Differed { details } => details,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_agrees_is_reconciled_in_one_round() {
    let mut bench = Bench::new();
    let id = bench.working();
    outcomes(&mut bench);
    reconcile(&mut bench, Occasion::Resume);
    let questions = bench.agree();
    assert_eq!(questions, 3, "open orders, and the trades of two symbols");
    assert_eq!(
        outcomes(&mut bench),
        [],
        "the order itself was not told yet"
    );
    bench.found(id, VenueStatus::New, "0");
    assert_eq!(bench.agree(), 1, "the balances come last");
    assert_eq!(outcomes(&mut bench), [Reconciliation::Agreed]);
    assert!(!bench.desk.is_reconciling());
}

#[test]
fn an_open_order_that_the_venue_does_not_list_is_asked_for_until_both_agree() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.pass(Duration::from_secs(1));
    outcomes(&mut bench);
    reconcile(&mut bench, Occasion::Resume);
    for (round, question) in bench.asked() {
        let shown = match question {
            Question::Trades(..) => Shown::Trades(Vec::new()),
            _ => Shown::Orders(Vec::new()),
        };
        bench.tell(round, question, Ok(shown));
    }
    bench.found(id, VenueStatus::New, "0");
    assert_eq!(
        outcomes(&mut bench),
        [],
        "the listing and the query contradict each other"
    );
    bench.pass(Duration::from_secs(1));
    bench.found(id, VenueStatus::Canceled, "0");
    bench.agree();
    let outcomes = outcomes(&mut bench);
    assert!(
        differed(&outcomes[0])[0].contains("not among the venue's open orders"),
        "{outcomes:?}"
    );
    assert_eq!(bench.state(id), OrderState::Canceled);
}

#[test]
fn an_order_that_the_venue_shows_open_and_that_has_ended_here_is_told_when_it_stays_so() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.event(id, VenueStatus::Canceled, "0", &[]);
    bench.pass(Duration::from_secs(1));
    bench.out.clear();
    reconcile(&mut bench, Occasion::Periodic);
    let mut faults = 0;
    for _ in 0..40 {
        for (round, question) in bench.asked() {
            let open = bench.shown(id, VenueStatus::New, "0");
            let shown = match question {
                Question::Trades(..) => Shown::Trades(Vec::new()),
                _ => Shown::Orders(vec![open]),
            };
            bench.tell(round, question, Ok(shown));
        }
        bench.found(id, VenueStatus::New, "0");
        bench.pass(Duration::from_secs(1));
        faults += bench
            .out
            .iter()
            .filter(|effect| matches!(effect, Effect::Raise(_)))
            .count();
        bench
            .out
            .retain(|effect| !matches!(effect, Effect::Raise(_)));
    }
    assert_eq!(
        faults, 2,
        "one that it does not agree, and one that it lasts"
    );
    assert!(matches!(
        outcomes(&mut bench)[..],
        [Reconciliation::Failed { .. }]
    ));
    assert!(bench.desk.is_reconciling(), "the venue is asked on");
}

#[test]
fn a_failed_question_is_asked_again_and_never_read_as_none() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.out.clear();
    reconcile(&mut bench, Occasion::Resume);
    bench.found(id, VenueStatus::New, "0");
    for _ in 0..5 {
        for (round, question) in bench.asked() {
            bench.tell(round, question, Err(unknown_outcome()));
        }
        assert!(bench.desk.is_reconciling());
        assert_eq!(bench.state(id), OrderState::Working);
    }
    bench.agree();
    assert_eq!(outcomes(&mut bench), [Reconciliation::Agreed]);
}

#[test]
fn a_fill_that_only_the_list_of_trades_shows_is_delivered_once_and_marked() {
    let mut bench = Bench::new();
    let id = bench.working();
    bench.out.clear();
    reconcile(&mut bench, Occasion::Periodic);
    for (round, question) in bench.asked() {
        let shown = match question {
            Question::OpenOrders => Shown::Orders(bench.believed_open()),
            Question::Trades(of, _) if of == symbol("BTCUSDT") => Shown::Trades(vec![
                execution(VenueOrderId(7), fill(1, "0.5")),
                execution(VenueOrderId(99), fill(2, "9")),
            ]),
            _ => Shown::Trades(Vec::new()),
        };
        bench.tell(round, question, Ok(shown));
    }
    let filled: Vec<_> = bench
        .out
        .iter()
        .filter_map(|effect| match effect {
            Effect::Filled(filled) => Some(filled.fill.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        filled.len(),
        1,
        "the other one is of an order that is not ours"
    );
    assert!(filled[0].recovered);
    bench.found(id, VenueStatus::PartiallyFilled, "0.5");
    bench.agree();
    bench.event(id, VenueStatus::PartiallyFilled, "0.5", &[fill(1, "0.5")]);
    let again = bench
        .out
        .iter()
        .filter(|effect| matches!(effect, Effect::Filled(_)))
        .count();
    assert_eq!(again, 1);
}

#[test]
fn the_answer_to_an_earlier_round_ends_no_later_one() {
    let mut bench = Bench::new();
    bench.out.clear();
    reconcile(&mut bench, Occasion::Resume);
    let earlier = bench.asked();
    reconcile(&mut bench, Occasion::Resume);
    for (round, question) in earlier {
        let shown = match question {
            Question::Trades(..) => Shown::Trades(Vec::new()),
            _ => Shown::Orders(Vec::new()),
        };
        bench.tell(round, question, Ok(shown));
    }
    assert!(bench.desk.is_reconciling());
    bench.agree();
    assert!(!bench.desk.is_reconciling());
}

#[test]
fn nothing_is_placed_after_a_reconnect_before_the_lists_were_seen() {
    let mut bench = Bench::new();
    bench.stream_down();
    bench.desk.private_stream_up(bench.now, &mut bench.out);
    let id = bench.place();
    assert!(bench.desk.order(&id).is_none(), "denied");
    bench.agree();
    let id = bench.place();
    assert_eq!(bench.state(id), OrderState::Sent);
}

#[test]
fn a_stream_that_goes_down_fails_the_reconciliation_that_is_under_way() {
    let mut bench = Bench::new();
    bench.out.clear();
    reconcile(&mut bench, Occasion::Resume);
    bench.stream_down();
    assert!(matches!(
        outcomes(&mut bench)[..],
        [Reconciliation::Failed { .. }]
    ));
}

#[test]
fn it_is_done_again_when_the_last_one_is_old_enough() {
    let mut bench = Bench::new();
    bench.desk.reconcile_every(Duration::from_secs(60));
    bench.out.clear();
    bench.pass(Duration::from_secs(59));
    assert!(!bench.desk.is_reconciling());
    bench.pass(Duration::from_secs(1));
    assert!(bench.desk.is_reconciling());
}

/// What a journal remembers of an order of an earlier run that was sent and never answered, and one
/// that has ended.
fn memory(sent: ClientOrderId, ended: ClientOrderId) -> JournalState {
    let intent = |id| {
        JournalRecord::Intent(PlaceOrder {
            id,
            strategy: strategy("a"),
            account: AccountId::new("main").unwrap(),
            terms: NewOrder::limit(
                symbol("BTCUSDT"),
                Side::Buy,
                quantity("2"),
                "10".parse().unwrap(),
            ),
            created: Timestamp::from_millis(1),
        })
    };
    let not_sent = JournalRecord::Resolved(crate::journal::Resolved {
        id: ended,
        ending: crate::journal::Ending::NotSent {
            reason: "held".into(),
        },
    });
    let records = [intent(ended), not_sent, intent(sent)];
    JournalState::fold(
        records
            .iter()
            .map(|record| (Timestamp::from_millis(2), record)),
    )
}

#[test]
fn an_order_that_an_earlier_run_sent_is_uncertain_until_the_venue_has_told() {
    let mut bench = Bench::new();
    let (sent, ended) = (of_run(1, "a", 2), of_run(1, "a", 1));
    bench.stream_down();
    bench.out.clear();
    bench
        .desk
        .restore(memory(sent, ended), bench.now, &mut bench.out);
    assert_eq!(bench.did(), ["uncertain"]);
    assert!(bench.desk.has_earlier() && bench.desk.order(&ended).is_none());
    bench.stream_up();
    bench.did();
    bench.place();
    assert_eq!(bench.did(), ["denied: the private stream is down"]);
    bench.found(sent, VenueStatus::New, "0");
    assert_eq!(bench.did(), ["accepted"]);
    bench.desk.cancel_earlier(bench.now, &mut bench.out);
    assert_eq!(bench.did(), ["cancel", "cancel requested"]);
    bench.event(sent, VenueStatus::Canceled, "0", &[]);
    assert!(!bench.desk.has_earlier());
}

#[test]
fn a_halt_that_stands_since_an_earlier_run_goes_on_with_its_sweep() {
    let mut bench = Bench::new();
    let (sent, ended) = (of_run(1, "a", 2), of_run(1, "a", 1));
    // The journal brought the halt back, and nothing of this run has seen its incident.
    let scope = Scope::Strategy(strategy("a"));
    let manual = fault(FaultKind::Manual, scope, "test".into(), bench.now);
    bench.board.trip(manual, &HaltPolicy::default());
    bench
        .desk
        .restore(memory(sent, ended), bench.now, &mut bench.out);
    assert_eq!(bench.desk.sweeps().len(), 1);
    bench.out.clear();
    bench.found(sent, VenueStatus::New, "0");
    assert_eq!(bench.did(), ["accepted", "cancel", "cancel requested"]);
    bench.event(sent, VenueStatus::Canceled, "0", &[]);
    assert_eq!(bench.did(), ["canceled", "list 0ns"]);
    bench.listed(Ok(Vec::new()));
    assert_eq!(bench.did(), ["swept 1"]);
}

#[test]
fn an_order_that_an_earlier_run_has_told_to_its_end_is_not_told_again() {
    let mut bench = Bench::new();
    let (sent, ended) = (of_run(1, "a", 2), of_run(1, "a", 1));
    bench
        .desk
        .restore(memory(sent, ended), bench.now, &mut bench.out);
    bench.out.clear();
    bench.event(ended, VenueStatus::Filled, "2", &[fill(1, "2")]);
    assert_eq!(bench.did(), [""; 0]);
}

#[test]
fn what_happened_while_no_engine_ran_is_asked_for_in_windows_of_a_day() {
    let mut bench = Bench::new();
    bench.stream_down();
    let three_days = Duration::from_hours(72);
    let since = bench.now.checked_sub(three_days).unwrap();
    bench.desk.known_until.insert(symbol("BTCUSDT"), since);
    bench.out.clear();
    reconcile(&mut bench, Occasion::Start);
    let windows: Vec<Window> = bench
        .asked()
        .into_iter()
        .filter_map(|(_, question)| match question {
            Question::History(of, window) if of == symbol("BTCUSDT") => Some(window),
            _ => None,
        })
        .collect();
    assert_eq!(windows.len(), 4);
    assert!(windows[0].from < since && windows[3].until == bench.now);
    assert!(windows.windows(2).all(|pair| pair[0].until == pair[1].from));
    assert!(
        windows
            .iter()
            .all(|window| window.until.saturating_since(window.from) <= Window::LONGEST)
    );
}

#[test]
fn a_stream_that_changed_its_connection_without_a_gap_is_checked_and_goes_on_being_live() {
    let mut bench = Bench::new();
    outcomes(&mut bench);
    bench.desk.private_stream_up(bench.now, &mut bench.out);
    assert!(bench.desk.is_private_stream_live());
    assert!(bench.desk.is_reconciling());
    bench.agree();
    assert_eq!(outcomes(&mut bench), [Reconciliation::Agreed]);
    // After a gap nothing is placed before both agree.
    bench.stream_down();
    outcomes(&mut bench);
    bench.desk.private_stream_up(bench.now, &mut bench.out);
    assert!(!bench.desk.is_private_stream_live());
    bench.desk.private_stream_up(bench.now, &mut bench.out);
    assert!(
        !bench.desk.is_private_stream_live(),
        "nor after a second one"
    );
    bench.agree();
    assert!(bench.desk.is_private_stream_live());
}
