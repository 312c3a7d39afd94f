use rust_decimal::Decimal;
use tripline_engine::messages::order::OrderReport;
use tripline_engine::order::{NewOrder, OrderType, Side, VenueStatus};
use tripline_engine::ports::{PlaceOutcome, VenueError};
use tripline_engine::strategy::Input;

use super::venue::{Fate, Mail};
use super::{Stage, configured, decimal, symbol};
use crate::spread_maker::SpreadMaker;

fn making(more: &str) -> SpreadMaker {
    let base = "symbol = 'BTCUSDT'\nquantity = '1'\nmax_inventory = '2'\nspread_ticks = 20";
    SpreadMaker::new(configured(&format!("{base}\n{more}")))
}

fn stage(more: &str) -> Stage<SpreadMaker> {
    let mut stage = Stage::ready(making(more));
    stage.settle();
    stage
}

/// Prices of the live bid and ask.
fn quotes(stage: &Stage<SpreadMaker>) -> [Option<String>; 2] {
    [Side::Buy, Side::Sell].map(|side| {
        let live = stage.live(OrderType::LimitMaker, Some(side));
        assert!(live.len() <= 1, "{live:?}");
        live.first()
            .map(|order| order.terms.price.unwrap().value().normalize().to_string())
    })
}

fn at(bid: &str, ask: &str) -> [Option<String>; 2] {
    [bid, ask].map(|text| (!text.is_empty()).then(|| text.to_owned()))
}

fn fill(stage: &mut Stage<SpreadMaker>, side: Side, quantity: &str) {
    let id = stage.live(OrderType::LimitMaker, Some(side))[0].id;
    stage.fill(id, quantity);
    stage.settle();
}

#[test]
fn it_quotes_both_sides_around_the_middle_as_a_maker() {
    // The middle of 100.00 and 100.01 is 100.005; bids go down to the tick and asks up.
    assert_eq!(quotes(&stage("")), at("99.9", "100.11"));
}

#[test]
fn a_spread_in_bips_is_of_the_middle() {
    let config = "symbol = 'BTCUSDT'\nquantity = '1'\nmax_inventory = '2'\nspread_bips = '40'";
    let mut stage = Stage::ready(SpreadMaker::new(configured(config)));
    stage.settle();
    assert_eq!(quotes(&stage), at("99.8", "100.21"));
}

#[test]
fn prices_stay_a_tick_short_of_the_other_side() {
    let mut stage = stage("skew_ticks = 40");
    fill(&mut stage, Side::Buy, "1");
    stage.pass(500);
    stage.settle();
    // Half of the inventory is held: both prices go down by 20 ticks, the ask stops above the bid.
    assert_eq!(quotes(&stage), at("99.7", "100.01"));
}

#[test]
fn an_order_is_replaced_only_beyond_the_threshold_and_after_a_certain_cancel() {
    let mut stage = stage("requote_ticks = 3");
    stage.book(10_003);
    assert!(stage.wire.is_empty());
    stage.pass(1_000);
    stage.book(10_004);
    assert_eq!(stage.wire.len(), 2, "two cancels");
    stage.book(10_005);
    stage.pass(1_000);
    assert_eq!(
        stage.wire.len(),
        2,
        "nothing is placed before they are certain"
    );
    stage.settle();
    assert_eq!(quotes(&stage), at("99.95", "100.16"));
}

#[test]
fn one_side_is_never_placed_twice_within_the_pause() {
    let mut stage = stage("");
    stage.book(10_050);
    stage.settle();
    assert_eq!(
        quotes(&stage),
        at("", ""),
        "cancelled, and within the pause"
    );
    stage.pass(499);
    assert!(stage.wire.is_empty());
    stage.pass(1);
    stage.settle();
    assert_eq!(quotes(&stage), at("100.4", "100.61"));
}

#[test]
fn a_side_that_would_break_the_inventory_limit_is_not_quoted() {
    let mut stage = stage("");
    for _ in 0..2 {
        fill(&mut stage, Side::Buy, "1");
        stage.pass(500);
        stage.settle();
    }
    assert_eq!(stage.strategy.borrow().inventory(), decimal("2"));
    assert_eq!(quotes(&stage), at("", "100.11"));
    fill(&mut stage, Side::Sell, "1");
    stage.pass(500);
    stage.settle();
    assert_eq!(quotes(&stage), at("99.9", "100.11"));
}

#[test]
fn a_partly_filled_order_stays_although_a_whole_one_would_not_fit() {
    let mut stage = stage("");
    fill(&mut stage, Side::Buy, "1");
    stage.pass(500);
    stage.settle();
    fill(&mut stage, Side::Buy, "0.5");
    stage.pass(500);
    stage.settle();
    assert_eq!(stage.strategy.borrow().inventory(), decimal("1.5"));
    assert_eq!(quotes(&stage), at("99.9", "100.11"));
}

#[test]
fn a_quote_that_would_have_taken_is_tried_again_without_a_fault() {
    let mut stage = Stage::ready(making(""));
    let places: Vec<_> = stage.desk.open_orders().map(|order| order.id).collect();
    stage.wire.clear();
    for id in places {
        let error = VenueError::Rejected {
            code: -2010,
            text: "Order would immediately match and take.".into(),
        };
        stage.deliver(Mail::Placed(id, PlaceOutcome::Answered(Err(error))));
    }
    assert!(stage.faults.is_empty() && quotes(&stage) == at("", ""));
    stage.pass(500);
    stage.settle();
    assert_eq!(quotes(&stage), at("99.9", "100.11"));
}

#[test]
fn any_other_rejection_is_a_fault() {
    let mut stage = Stage::ready(making(""));
    stage.take(0, Fate::Refused);
    stage.deliver_all();
    assert_eq!(stage.faults.len(), 1);
}

#[test]
fn fills_that_are_missing_keep_the_side_closed_until_they_are_there() {
    let mut stage = stage("");
    let order = stage.live(OrderType::LimitMaker, Some(Side::Buy))[0].clone();
    stage.fill(order.id, "1");
    let Some(Mail::Event(event)) = stage.venue.mail.pop() else {
        panic!("no event")
    };
    let bare = OrderReport {
        fills: Vec::new(),
        ..event
    };
    stage.deliver(Mail::Event(bare));
    stage.pass(900);
    assert_eq!(quotes(&stage)[0], None);
    assert!(
        !stage
            .wire
            .iter()
            .any(|(_, effect)| matches!(effect, tripline_engine::desk::Effect::Place(_))),
        "{:?}",
        stage.wire
    );
    for _ in 0..3 {
        stage.pass(500);
        stage.settle();
    }
    assert_eq!(stage.strategy.borrow().inventory(), Decimal::ONE);
    assert_eq!(quotes(&stage), at("99.9", "100.11"));
}

#[test]
fn fills_that_are_found_together_all_count_before_the_side_is_quoted_again() {
    let mut stage = stage("");
    fill(&mut stage, Side::Buy, "1");
    stage.pass(500);
    stage.settle();
    let order = stage.live(OrderType::LimitMaker, Some(Side::Buy))[0].clone();
    for size in ["0.4", "0.6"] {
        stage.fill(order.id, size);
    }
    let Some(Mail::Event(event)) = stage.venue.mail.pop() else {
        panic!("no event")
    };
    stage.venue.mail.clear();
    let fills = Vec::new();
    stage.deliver(Mail::Event(OrderReport { fills, ..event }));
    for _ in 0..3 {
        stage.pass(500);
        stage.settle();
    }
    assert_eq!(stage.strategy.borrow().inventory(), Decimal::TWO);
    assert_eq!(quotes(&stage), at("", "100.11"), "no room for one more bid");
}

#[test]
fn without_a_book_both_quotes_go() {
    let mut stage = stage("");
    stage.input(Input::BookLost(symbol("BTCUSDT")));
    stage.pass(500);
    stage.settle();
    assert_eq!(quotes(&stage), at("", ""));
    assert_eq!(stage.alerts.len(), 1);
}

#[test]
fn a_halt_and_a_resume_leave_one_quote_on_each_side() {
    let mut stage = stage("");
    stage.halt();
    stage.settle();
    stage.pass(5_000);
    assert_eq!(quotes(&stage), at("", ""));
    stage.resume();
    stage.settle();
    assert_eq!(quotes(&stage), at("99.9", "100.11"));
    assert!(stage.alerts.is_empty() && stage.faults.is_empty());
}

#[test]
fn an_order_of_an_earlier_run_is_cancelled_before_anything_is_quoted() {
    let mut stage = Stage::new(making(""));
    stage.book(10_000);
    let terms = NewOrder::limit_maker(
        symbol("BTCUSDT"),
        Side::Buy,
        "1".parse().unwrap(),
        "99".parse().unwrap(),
    );
    let earlier = stage.earlier_order(terms);
    stage.input(Input::Ready);
    stage.book(10_000);
    assert_eq!(stage.wire.len(), 1);
    stage.settle();
    assert_eq!(stage.venue.orders[&earlier].status, VenueStatus::Canceled);
    assert_eq!(quotes(&stage), at("99.9", "100.11"));
}
