//! Each rule of the judge finds what breaks it, and nothing in a run that kept them.

use serde_json::json;
use tripline_engine::fault::{Fault, FaultKind, IncidentId};
use tripline_engine::halt::{HaltLevel, Incident, Reaction, Scope, Standing};
use tripline_engine::ids::{ClientOrderId, OrderIds, StrategyId, TradeId, VenueOrderId};
use tripline_engine::journal::{
    Ending, Filled, Flattened, Halted, Intent, Reported, Resolved, Uncertain,
};
use tripline_engine::messages::control::RestingOrders;
use tripline_engine::messages::order::{Fill, OrderReport, ReportSource};
use tripline_engine::order::{NewOrder, Side, VenueStatus};

use super::*;
use crate::simulate::engine::HandedOver;
use crate::simulate::panics::{PanicAt, Panics};

const AT: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn run() -> RunId {
    RunId::from_millis(1_795_000_000_000)
}

fn id() -> ClientOrderId {
    OrderIds::new(StrategyId::new("a").unwrap(), run()).next_id()
}

/// A filled order, recorded so many times.
fn record(orders: usize) -> Record {
    let fill = json!({
        "id": 7, "price": "10", "qty": "1", "time": AT.as_micros(), "commission": "0", "commissionAsset": "BTC",
    });
    let order = json!({
        "clientOrderId": id(), "symbol": "BTCUSDT", "side": "BUY", "status": "FILLED", "origQty": "1",
        "executedQty": "1", "fills": [fill],
    });
    let arrival = json!({"operation": "order.place", "clientOrderId": id()});
    let record = json!({
        "arrivals": vec![arrival; orders],
        "accounts": [{"orders": vec![order; orders]}],
    });
    Record::read(record).unwrap()
}

fn intent() -> Intent {
    Intent {
        id: id(),
        strategy: StrategyId::new("a").unwrap(),
        account: "practice".parse().unwrap(),
        terms: NewOrder::market("BTCUSDT".parse().unwrap(), Side::Buy, "1".parse().unwrap()),
        created: AT,
    }
}

fn filled() -> Filled {
    Filled {
        id: id(),
        account: "practice".parse().unwrap(),
        venue: "binance".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
        side: Side::Buy,
        pair: None,
        fill: Fill {
            trade_id: TradeId(7),
            price: "10".parse().unwrap(),
            quantity: "1".parse().unwrap(),
            fee: 0.into(),
            fee_asset: Some("BTC".parse().unwrap()),
            maker: None,
            at: AT,
            recovered: false,
        },
    }
}

fn halted() -> Halted {
    let fault = Fault {
        kind: FaultKind::Manual,
        scope: Scope::Global,
        actor: "test".into(),
        detail: "made".into(),
        at: AT,
    };
    Halted {
        incident: Incident {
            id: IncidentId(1),
            fault,
            reaction: Reaction::STRICT,
        },
        epoch: 1,
    }
}

fn journal(records: &[JournalRecord]) -> Journaled {
    let records: Vec<_> = records.iter().map(|record| (AT, record.clone())).collect();
    let state = JournalState::fold(records.iter().map(|(at, record)| (*at, record)));
    Journaled { records, state }
}

fn reported() -> Reported {
    Reported {
        account: "practice".parse().unwrap(),
        report: OrderReport {
            id: id(),
            symbol: "BTCUSDT".parse().unwrap(),
            side: Some(Side::Buy),
            venue_id: VenueOrderId(1),
            terms: None,
            status: VenueStatus::Filled,
            quantity: "1".parse().unwrap(),
            executed: "1".parse().unwrap(),
            executed_notional: None,
            reason: None,
            fills: Vec::new(),
            source: ReportSource::Event,
            at: AT,
        },
    }
}

fn kept() -> Vec<JournalRecord> {
    vec![intent().into(), filled().into(), reported().into()]
}

/// A start that was told of the fill so many times, and then crashed a minute later.
fn crashed(times: u32) -> Ended {
    let traces = Traces::default();
    if times > 0 {
        let mut fills = traces.told.fills.borrow_mut();
        fills.entry((id(), TradeId(7))).or_default().times = times;
    }
    Ended {
        traces,
        run: Some(run()),
        at: Timestamp::from_millis(AT.as_millis() + 60_000),
        halted: None,
        is_forgetful: false,
        report: None,
    }
}

fn found(record: &Record, engines: &[Ended], journal: &Journaled) -> usize {
    record.judge(engines, journal).len()
}

#[test]
fn a_run_that_kept_every_rule_passes() {
    let nothing: Vec<String> = Vec::new();
    assert_eq!(record(1).judge(&[crashed(1)], &journal(&kept())), nothing);
}

#[test]
fn an_intent_with_two_orders_is_found() {
    let wrong = record(2).judge(&[crashed(1)], &journal(&kept()));
    assert!(
        wrong.iter().any(|text| text.ends_with("has 2 orders")),
        "{wrong:?}"
    );
    assert!(
        wrong.iter().any(|text| text.ends_with("placed 2 times")),
        "{wrong:?}"
    );
}

#[test]
fn an_order_that_left_after_the_latch_or_without_a_private_stream_is_found() {
    for (level, is_blind, wrong) in [
        (HaltLevel::Active, false, 0),
        (HaltLevel::Halted, false, 1),
        // It opens a position.
        (HaltLevel::ReduceOnly, false, 1),
        (HaltLevel::Active, true, 1),
    ] {
        let engine = crashed(1);
        let left = HandedOver {
            id: id(),
            at: AT,
            level,
            is_blind,
        };
        engine.traces.handed_over.borrow_mut().push(left);
        assert_eq!(found(&record(1), &[engine], &journal(&kept())), wrong);
    }
}

#[test]
fn an_order_and_a_fill_that_are_not_written_down_are_found() {
    let of = |records: &[JournalRecord]| found(&record(1), &[crashed(1)], &journal(records));
    assert_eq!(of(&kept()), 0);
    assert!(of(&[filled().into(), reported().into()]) > 0, "no intent");
    let mut other = filled();
    other.fill.price = "11".parse().unwrap();
    for fills in [None, Some(other)] {
        let mut records = kept();
        records.remove(1);
        records.extend(fills.map(JournalRecord::from));
        assert!(of(&records) > 0, "a fill that is missing or another one");
    }
}

#[test]
fn a_fill_that_was_told_twice_or_to_nobody_is_found() {
    let of = |engines: &[Ended]| found(&record(1), engines, &journal(&kept()));
    assert_eq!(of(&[crashed(2)]), 1);
    assert_eq!(of(&[crashed(1), crashed(1)]), 1, "over two runs");
    assert_eq!(of(&[crashed(0)]), 1);
    let mut at_once = crashed(0);
    at_once.at = AT;
    assert_eq!(of(&[at_once]), 0, "its strategy died when it was booked");
}

#[test]
fn a_halt_that_a_restart_forgot_is_found() {
    let standing = Standing {
        level: HaltLevel::Halted,
        ..Standing::default()
    };
    for (next, wrong) in [(vec![], 1), (vec![(Scope::Global, standing.clone())], 0)] {
        let (mut before, after) = (crashed(1), crashed(0));
        before.halted = Some(vec![(Scope::Global, standing.clone())]);
        *after.traces.halted_from_start.borrow_mut() = Some(next);
        assert_eq!(
            found(&record(1), &[before, after], &journal(&kept())),
            wrong
        );
    }
}

#[test]
fn a_halt_without_an_alert_is_found() {
    let mut records = kept();
    records.push(halted().into());
    assert_eq!(found(&record(1), &[crashed(1)], &journal(&records)), 1);
}

#[test]
fn a_fault_of_a_scope_that_its_kind_does_not_have_is_found() {
    let of = |actor: &str, kind, scope| {
        let mut halted = halted();
        let fault = &mut halted.incident.fault;
        (fault.actor, fault.kind, fault.scope) = (actor.into(), kind, scope);
        let wrong = record(1).judge(&[crashed(1)], &journal(&[halted.into()]));
        let elsewhere = wrong.iter().filter(|text| text.contains("does not have"));
        elsewhere.count()
    };
    let own = Scope::Strategy("a".parse().unwrap());
    assert_eq!(of("gateway", FaultKind::BalanceDrift, Scope::Global), 1);
    assert_eq!(of("gateway", FaultKind::BalanceDrift, own), 1);
    assert_eq!(of("strategy a", FaultKind::BalanceDrift, own), 0);
    assert_eq!(of("gateway", FaultKind::StrategyError, own), 0);
}

#[test]
fn a_flatten_that_has_not_ended_is_found() {
    let of = |records: &[JournalRecord]| {
        let wrong = record(1).judge(&[crashed(1)], &journal(records));
        let unfinished = wrong.iter().filter(|text| text.contains("has not ended"));
        unfinished.count()
    };
    let mut ordered = halted();
    ordered.incident.reaction = Reaction::new(HaltLevel::Halted, RestingOrders::Flatten);
    let mut records = kept();
    records.push(ordered.into());
    assert_eq!(of(&records), 1);
    let ended = Flattened {
        account: "practice".parse().unwrap(),
        scope: Scope::Global,
        incidents: vec![IncidentId(1)],
        exits: 0,
        left: Vec::new(),
    };
    records.push(ended.into());
    assert_eq!(of(&records), 0);
}

#[test]
fn a_panic_that_became_no_fault_is_found() {
    let engine = crashed(1);
    let panics: &Panics = &engine.traces.panics;
    panics.want(Some(PanicAt::Order));
    let panicked = std::panic::catch_unwind(|| panics.at(PanicAt::Order, || AT));
    assert!(panicked.is_err());
    assert_eq!(found(&record(1), &[engine], &journal(&kept())), 1);
}

#[test]
fn an_order_on_an_instrument_with_an_uncertain_one_is_found_until_that_one_is_resolved() {
    let mut ids = OrderIds::new(StrategyId::new("a").unwrap(), run());
    let mut order = |symbol: &str| {
        let mut intent = intent();
        intent.id = ids.next_id();
        intent.terms.symbol = symbol.parse().unwrap();
        intent
    };
    let lost = order("BTCUSDT");
    let uncertain = Uncertain {
        id: lost.id,
        cause: "made".into(),
    };
    let resolved = Resolved {
        id: lost.id,
        ending: Ending::NeverArrived,
    };
    let begun = [lost.into(), uncertain.into()];
    let (meanwhile, elsewhere, after) = (order("BTCUSDT"), order("ETHUSDT"), order("BTCUSDT"));
    let rest = [elsewhere.into(), resolved.into(), after.into()];
    let kept = [&begun[..], &rest[..]].concat();
    assert_eq!(
        orders::placed_while_frozen(&journal(&kept)),
        Vec::<String>::new()
    );
    let broken = [&begun[..], &[meanwhile.into()], &rest[..]].concat();
    let wrong = orders::placed_while_frozen(&journal(&broken));
    assert_eq!(wrong.len(), 1);
    assert!(
        wrong[0].starts_with(&meanwhile.id.to_string()),
        "{}",
        wrong[0]
    );
}
