use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::fault::{Fault, FaultKind, IncidentId};
use crate::halt::{HaltLevel, Incident, Reaction, Scope};
use crate::ids::{
    AccountId, ClientOrderId, OrderOrigin, StrategyId, Symbol, TradeId, VenueId, VenueOrderId,
};
use crate::journal::{
    AlertKey, AlertStep, Alerted, Answered, Durability, Ending, Filled, Halted, Intent,
    PlacementAnswer, Reported, Resolved, Resumed, RunEnded, Sent, Uncertain,
};
use crate::messages::alert::{Alert, Severity};
use crate::messages::control::Resume;
use crate::messages::order::{Fill, OrderReport, PlaceOrder, ReportSource};
use crate::order::{NewOrder, OrderState, Side, VenueStatus};
use crate::position::Pair;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn run(number: u64) -> RunId {
    RunId::from_millis(1_795_000_000_000 + number)
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn account() -> AccountId {
    AccountId::new("main").unwrap()
}

fn id(number: u64) -> ClientOrderId {
    ClientOrderId::of(&OrderOrigin {
        strategy: StrategyId::new("a").unwrap(),
        run: run(0),
        sequence: number,
    })
}

fn started(number: u64) -> JournalRecord {
    JournalRecord::RunStarted(RunStarted {
        run: run(number),
        engine: "1.0.0".into(),
        configuration: "00".into(),
        durability: Durability::Process,
        live: false,
    })
}

fn ended(number: u64) -> JournalRecord {
    JournalRecord::RunEnded(RunEnded {
        run: run(number),
        open_orders: 0,
        halted: false,
    })
}

fn intent(number: u64) -> Intent {
    let quantity = "2".parse().unwrap();
    PlaceOrder {
        id: id(number),
        strategy: StrategyId::new("a").unwrap(),
        account: account(),
        terms: NewOrder::limit(symbol(), Side::Buy, quantity, "10".parse().unwrap()),
        created: at(1),
    }
}

fn fill(number: u64, trade: u64) -> Fill {
    Fill {
        trade_id: TradeId(number * 10 + trade),
        price: "10".parse().unwrap(),
        quantity: "1".parse().unwrap(),
        fee: "0.001".parse().unwrap(),
        fee_asset: Some("BNB".parse().unwrap()),
        maker: Some(true),
        at: at(20),
        recovered: false,
    }
}

fn report(number: u64, status: VenueStatus, fills: Vec<Fill>) -> OrderReport {
    let executed = match status {
        VenueStatus::Filled => "2",
        VenueStatus::PartiallyFilled | VenueStatus::Canceled => "1",
        _ => "0",
    };
    OrderReport {
        id: id(number),
        symbol: symbol(),
        venue_id: VenueOrderId(number),
        side: None,
        terms: None,
        status,
        quantity: "2".parse().unwrap(),
        executed: executed.parse().unwrap(),
        executed_notional: None,
        reason: None,
        fills,
        source: ReportSource::Event,
        at: at(20),
    }
}

fn reported(number: u64, status: VenueStatus, fills: Vec<Fill>) -> JournalRecord {
    let report = report(number, status, fills);
    JournalRecord::Reported(Reported {
        account: account(),
        report,
    })
}

fn filled(number: u64, trade: u64) -> JournalRecord {
    JournalRecord::Filled(Filled {
        id: id(number),
        account: account(),
        venue: VenueId::new("binance").unwrap(),
        symbol: symbol(),
        side: Side::Buy,
        pair: Some(Pair {
            symbol: symbol(),
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            quote_precision: 8,
        }),
        fill: fill(number, trade),
    })
}

#[test]
fn a_fill_counts_once_into_the_position_of_its_strategy() {
    let records = [intent(1).into(), filled(1, 1), filled(1, 2), filled(1, 1)];
    let state = JournalState::fold(records.iter().map(|record| (at(1), record)));
    let book = state.positions.of(account());
    let strategy = id(1).origin().unwrap().strategy;
    let position = book.position(strategy, symbol()).unwrap();
    assert_eq!(
        (position.fills(), state.positions.incomplete().count()),
        (2, 0)
    );
    let once = fill(1, 1).quantity.value();
    assert_eq!(position.net(), once + fill(1, 2).quantity.value());
}

fn uncertain(number: u64) -> JournalRecord {
    JournalRecord::Uncertain(Uncertain {
        id: id(number),
        cause: "no answer".into(),
    })
}

fn resolved(number: u64, ending: Ending) -> JournalRecord {
    JournalRecord::Resolved(Resolved {
        id: id(number),
        ending,
    })
}

fn not_sent() -> Ending {
    Ending::NotSent {
        reason: "halted".into(),
    }
}

fn answered(number: u64, answer: PlacementAnswer) -> JournalRecord {
    JournalRecord::Answered(Answered {
        id: id(number),
        account: account(),
        answer,
    })
}

fn halted(epoch: u64) -> JournalRecord {
    let fault = Fault {
        kind: FaultKind::Network,
        scope: Scope::Global,
        actor: "test".into(),
        detail: "made".into(),
        at: at(1),
    };
    let incident = Incident {
        id: IncidentId(epoch),
        fault,
        reaction: Reaction::STRICT,
    };
    JournalRecord::Halted(Halted { incident, epoch })
}

fn resumed(epoch: u64) -> JournalRecord {
    let resume = Resume {
        scope: Scope::Global,
        incidents: (1..=epoch).map(IncidentId).collect(),
        epoch,
        reason: "looked".into(),
        who: "ann".into(),
    };
    JournalRecord::Resumed(Resumed { resume })
}

fn alerted(number: u64, step: AlertStep) -> JournalRecord {
    JournalRecord::Alerted(Alerted {
        key: AlertKey {
            run: run(0),
            number,
        },
        severity: Severity::Critical,
        title: "halted".into(),
        step,
    })
}

fn queued(number: u64) -> JournalRecord {
    let alert = Alert::new(Severity::Critical, "halted", at(1));
    alerted(number, AlertStep::Queued(alert))
}

fn delivered() -> AlertStep {
    AlertStep::Delivered {
        channel: "log".into(),
    }
}

fn fold(records: &[JournalRecord]) -> JournalState {
    JournalState::fold((1..).map(at).zip(records))
}

fn unsettled(state: &JournalState) -> Vec<(ClientOrderId, OrderState)> {
    let unsettled = state.orders.unsettled();
    unsettled
        .map(|memory| (memory.order.id, memory.order.state))
        .collect()
}

#[test]
fn an_intent_without_an_end_is_unsettled_whether_or_not_its_send_was_written_down() {
    let sent = JournalRecord::Sent(Sent { id: id(2) });
    let state = fold(&[
        started(0),
        intent(1).into(),
        intent(2).into(),
        sent,
        intent(3).into(),
        resolved(3, not_sent()),
    ]);
    let expected = [(id(1), OrderState::Sent), (id(2), OrderState::Sent)];
    assert_eq!(unsettled(&state), expected);
    let recovered: Vec<_> = state
        .orders
        .unsettled()
        .map(|memory| (memory.handed_over, memory.recovered(at(9)).state))
        .collect();
    let expected = [
        (false, OrderState::Uncertain),
        (true, OrderState::Uncertain),
    ];
    assert_eq!(recovered, expected);
}

#[test]
fn the_next_run_takes_what_was_not_answered_as_uncertain() {
    let working = answered(
        2,
        PlacementAnswer::Taken(report(2, VenueStatus::New, vec![])),
    );
    let state = fold(&[
        started(0),
        intent(1).into(),
        intent(2).into(),
        working,
        started(1),
    ]);
    let expected = [(id(1), OrderState::Uncertain), (id(2), OrderState::Working)];
    assert_eq!(unsettled(&state), expected);
    assert!(state.orders.is_used(&run(0)) && state.orders.is_used(&run(1)));
}

#[test]
fn an_order_is_remembered_until_all_its_fills_are_there() {
    let mut records = vec![
        started(0),
        intent(1).into(),
        reported(1, VenueStatus::Filled, vec![fill(1, 1)]),
    ];
    let state = fold(&records);
    assert_eq!(unsettled(&state), [(id(1), OrderState::Filled)]);
    assert_eq!(state.orders.delivered(&id(1)), Some(vec![TradeId(11)]));
    assert_eq!(state.orders.last_event(account(), symbol()), Some(at(20)));
    records.push(filled(1, 2));
    let state = fold(&records);
    assert_eq!(unsettled(&state), []);
    assert_eq!(
        state.orders.delivered(&id(1)),
        Some(vec![TradeId(11), TradeId(12)])
    );
}

#[test]
fn an_order_from_before_the_journal_is_taken_over_when_the_venue_shows_its_terms() {
    let shown = OrderReport {
        side: None,
        terms: Some(intent(1).terms),
        ..report(1, VenueStatus::New, vec![])
    };
    let of = |report| {
        JournalRecord::Reported(Reported {
            account: account(),
            report,
        })
    };
    assert_eq!(
        unsettled(&fold(&[of(shown.clone())])),
        [(id(1), OrderState::Working)]
    );
    let foreign = OrderReport {
        id: ClientOrderId::new("by_hand").unwrap(),
        ..shown
    };
    assert_eq!(unsettled(&fold(&[of(foreign)])), []);
}

#[test]
fn a_halt_stands_until_a_resume_that_has_seen_it() {
    let level = |records: &[JournalRecord]| {
        let state = fold(records);
        let standing = state.halts.standing().next();
        standing.map(|(_, standing)| (standing.level, standing.incidents.len(), standing.epoch))
    };
    assert_eq!(
        level(&[halted(1), halted(2)]),
        Some((HaltLevel::Halted, 2, 2))
    );
    assert_eq!(level(&[halted(1), halted(2), resumed(2)]), None);
    assert_eq!(
        level(&[halted(1), resumed(1), halted(2)]),
        Some((HaltLevel::Halted, 1, 2))
    );
    // Written down in another order than it happened.
    assert_eq!(
        level(&[halted(2), halted(1), resumed(1)]),
        Some((HaltLevel::Halted, 1, 2))
    );
    assert_eq!(level(&[resumed(1), halted(1)]), None);
}

#[test]
fn a_flood_of_incidents_is_bounded_and_still_stands() {
    let mut records: Vec<_> = (1..=1000).map(halted).collect();
    records.push(resumed(999));
    let state = fold(&records);
    let (_, standing) = state.halts.standing().next().unwrap();
    assert_eq!((standing.level, standing.epoch), (HaltLevel::Halted, 1000));
    records.push(resumed(1000));
    assert_eq!(fold(&records).halts.standing().count(), 0);
}

#[test]
fn an_alert_is_due_until_it_is_delivered() {
    let failed = AlertStep::Failed {
        reason: "HTTP 500".into(),
    };
    let records = [
        queued(1),
        queued(2),
        queued(3),
        alerted(1, delivered()),
        alerted(3, failed),
    ];
    let state = fold(&records);
    let due: Vec<_> = state
        .alerts
        .due()
        .map(|(key, due)| (key.number, due.failed.as_deref()))
        .collect();
    assert_eq!(due, [(2, None), (3, Some("HTTP 500"))]);
}

#[test]
fn the_alerts_that_are_owed_are_bounded() {
    let records: Vec<_> = (1..=300).map(queued).collect();
    let state = fold(&records);
    assert_eq!(
        (state.alerts.due().count(), state.alerts.dropped()),
        (256, 44)
    );
}

#[test]
fn a_run_that_was_killed_has_not_ended_in_order() {
    assert!(fold(&[]).ended_in_order());
    assert!(!fold(&[started(0)]).ended_in_order());
    assert!(fold(&[started(0), ended(0)]).ended_in_order());
    assert!(!fold(&[started(0), ended(0), started(1)]).ended_in_order());
}

#[test]
fn every_record_reads_back_as_it_was_written_and_holds_no_floats() {
    for record in [
        started(0),
        intent(1).into(),
        reported(1, VenueStatus::Filled, vec![fill(1, 1)]),
        filled(1, 1),
        uncertain(1),
        resolved(1, not_sent()),
        resolved(1, Ending::NeverArrived),
        halted(1),
        resumed(1),
        queued(1),
        ended(0),
    ] {
        let mut text = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut text);
        record.serialize_payload(&mut serializer).unwrap();
        let mut reader = serde_json::Deserializer::from_slice(&text);
        let read = JournalRecord::deserialize_payload(record.kind(), &mut reader).unwrap();
        assert_eq!(read, record);
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_no_float(&value);
    }
    let mut reader = serde_json::Deserializer::from_str("{}");
    assert!(JournalRecord::deserialize_payload("poem", &mut reader).is_err());
}

fn assert_no_float(value: &serde_json::Value) {
    match value {
        serde_json::Value::Number(number) => assert!(!number.is_f64(), "{number}"),
        serde_json::Value::Array(items) => items.iter().for_each(assert_no_float),
        serde_json::Value::Object(fields) => fields.values().for_each(assert_no_float),
        _ => {}
    }
}

/// What one order can truly go through after its intent, in any order of news.
fn fate(number: u64, kind: u8) -> Vec<JournalRecord> {
    use VenueStatus::{Canceled, Filled, New, PartiallyFilled};
    let taken = |status| {
        answered(
            number,
            PlacementAnswer::Taken(report(number, status, vec![])),
        )
    };
    let partly = reported(number, PartiallyFilled, vec![fill(number, 1)]);
    match kind % 6 {
        0 => vec![resolved(number, not_sent())],
        1 => vec![answered(
            number,
            PlacementAnswer::Refused {
                code: -2010,
                text: "no funds".into(),
            },
        )],
        2 => vec![uncertain(number), resolved(number, Ending::NeverArrived)],
        3 => vec![
            taken(New),
            partly,
            filled(number, 1),
            reported(number, Canceled, vec![]),
        ],
        4 => vec![
            uncertain(number),
            reported(number, Filled, vec![fill(number, 2)]),
            filled(number, 1),
        ],
        _ => vec![taken(New), uncertain(number)],
    }
}

/// Histories as they can happen: runs, orders with their fates, halts, resumes and alerts, interleaved.
fn history() -> impl Strategy<Value = Vec<JournalRecord>> {
    let lanes = (
        prop::collection::vec(any::<u8>(), 0..8),
        0u64..4,
        0u64..6,
        0u64..6,
    );
    (lanes, any::<u64>()).prop_map(|((fates, runs, halts, alerts), seed)| {
        let mut lanes: Vec<Vec<JournalRecord>> = vec![
            (0..=runs).flat_map(|n| [started(n), ended(n)]).collect(),
            (1..=halts)
                .flat_map(|n| {
                    [halted(n), resumed(n)]
                        .into_iter()
                        .take(if n % 2 == 0 { 1 } else { 2 })
                })
                .collect(),
            (1..=alerts)
                .flat_map(|n| [queued(n), alerted(n, delivered())])
                .collect(),
        ];
        // One gateway writes the intents, so they come in their order.
        let mut intents = Vec::new();
        for (number, kind) in (1..).zip(fates) {
            intents.push(JournalRecord::Intent(intent(number)));
            intents.extend(fate(number, kind));
        }
        lanes.push(intents);
        let mut rest = seed;
        let mut records = Vec::new();
        lanes.iter_mut().for_each(|lane| lane.reverse());
        while lanes.iter().any(|lane| !lane.is_empty()) {
            rest = rest
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let lane = usize::try_from(rest >> 33).unwrap() % lanes.len();
            records.extend(lanes[lane].pop());
        }
        records
    })
}

proptest! {
    #[test]
    fn a_fold_that_goes_on_from_a_snapshot_ends_the_same(records in history(), cut in any::<Index>()) {
        let whole = fold(&records);
        let cut = cut.index(records.len() + 1);
        let text = serde_json::to_string(&fold(&records[..cut])).unwrap();
        let mut state: JournalState = serde_json::from_str(&text).unwrap();
        for (millis, record) in (1..).zip(&records).skip(cut) {
            state.apply(at(millis), record);
        }
        prop_assert_eq!(state, whole);
    }

    #[test]
    fn records_that_come_twice_change_nothing(
        records in history(), copies in prop::collection::vec((any::<Index>(), any::<Index>()), 0..8),
    ) {
        let mut with_times: Vec<_> = (1..).map(at).zip(records).collect();
        let once = JournalState::fold(with_times.iter().map(|(at, record)| (*at, record)));
        for (from, to) in copies {
            if with_times.is_empty() {
                break;
            }
            let from = from.index(with_times.len());
            let to = from + 1 + to.index(with_times.len() - from);
            let copy = (at(10_000), with_times[from].1.clone());
            with_times.insert(to, copy);
        }
        let twice = JournalState::fold(with_times.iter().map(|(at, record)| (*at, record)));
        prop_assert_eq!(twice, once);
    }
}

#[test]
fn an_alert_that_waits_to_be_acknowledged_is_open_until_it_is_or_its_halt_is_lifted() {
    let steps = [
        queued(1),
        alerted(1, AlertStep::Escalating),
        alerted(1, delivered()),
    ];
    let state = fold(&steps);
    assert_eq!(
        (state.alerts.due().count(), state.alerts.open().count()),
        (0, 1)
    );
    for end in [
        AlertStep::Acknowledged { by: "ann".into() },
        AlertStep::Closed,
    ] {
        let ended = fold(&[steps.as_slice(), &[alerted(1, end)]].concat());
        assert_eq!(ended.alerts.open().count(), 0);
    }
}

#[test]
fn of_too_many_alerts_those_that_were_delivered_are_forgotten_first() {
    let mut steps = vec![queued(1)];
    for number in 2..300 {
        let escalating = alerted(number, AlertStep::Escalating);
        steps.extend([queued(number), escalating, alerted(number, delivered())]);
    }
    let state = fold(&steps);
    assert_eq!(state.alerts.due().count(), 1, "what reached nobody is kept");
    assert_eq!(state.alerts.open().count(), 256);
}
