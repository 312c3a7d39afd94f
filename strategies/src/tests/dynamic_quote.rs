use rust_decimal::Decimal;
use tripline_engine::messages::alert::Severity;
use tripline_engine::order::{NewOrder, OrderState, OrderType, Side, VenueStatus};
use tripline_engine::strategy::{Input, Strategy, Subscription};

use super::venue::{Fate, Mail};
use super::{Stage, configured, decimal, symbol};
use crate::dynamic_quote::DynamicQuote;

fn quoting(more: &str) -> DynamicQuote {
    DynamicQuote::new(configured(&format!(
        "symbol = 'BTCUSDT'\nquantity = '1'\n{more}"
    )))
}

/// Ready and quoting, with the quote acknowledged.
fn stage(more: &str) -> Stage<DynamicQuote> {
    let mut stage = Stage::ready(quoting(more));
    stage.settle();
    stage
}

fn owed(stage: &Stage<DynamicQuote>) -> Decimal {
    stage.strategy.borrow().owed().value()
}

fn calm(stage: &Stage<DynamicQuote>) {
    assert!(stage.faults.is_empty(), "{:?}", stage.faults);
    assert!(stage.raised.is_empty(), "{:?}", stage.raised);
    assert!(stage.alerts.is_empty(), "{:?}", stage.alerts);
}

#[test]
fn it_sells_at_the_mean_of_the_sixth_and_eighth_ask() {
    let quote = stage("").quote();
    assert_eq!(quote.terms.side, Side::Sell);
    assert_eq!(quote.terms.price, Some("100.07".parse().unwrap()));
    assert_eq!(quote.terms.quantity, "1".parse().unwrap());
}

#[test]
fn it_buys_between_bids_when_told_so() {
    let quote = stage("side = 'BUY'\nlevels = [2, 5]").quote();
    assert_eq!(quote.terms.side, Side::Buy);
    // Bids 99.99 and 99.96: the mean 99.975 goes down to the tick, away from the touch.
    assert_eq!(quote.terms.price, Some("99.97".parse().unwrap()));
}

#[test]
fn nothing_is_quoted_before_it_is_ready() {
    let mut stage = Stage::new(quoting(""));
    stage.book(10_000);
    stage.pass(10_000);
    assert!(stage.wire.is_empty());
    calm(&stage);
}

#[test]
fn the_order_stays_while_its_price_lies_between_the_levels() {
    let mut stage = stage("");
    let id = stage.quote().id;
    for cents in [10_001, 9_999] {
        stage.book(cents);
        stage.pass(2_000);
        assert!(stage.wire.is_empty(), "moved at {cents}");
    }
    assert_eq!(stage.quote().id, id);
    calm(&stage);
}

#[test]
fn it_looks_only_once_in_a_period() {
    let mut stage = stage("period = '5s'");
    stage.book(10_050);
    stage.pass(4_999);
    assert!(stage.wire.is_empty());
    stage.pass(1);
    assert_eq!(stage.wire.len(), 1);
}

#[test]
fn a_new_quote_waits_for_the_certain_cancel_of_the_old_one() {
    let mut stage = stage("");
    let old = stage.quote().id;
    stage.book(10_050);
    stage.pass(2_000);
    assert_eq!(stage.wire.len(), 1, "only the cancel");
    for _ in 0..3 {
        stage.pass(2_000);
        assert_eq!(
            stage.wire.len(),
            1,
            "and nothing more while it is under way"
        );
    }
    stage.settle();
    let new = stage.quote();
    assert_ne!(new.id, old);
    assert_eq!(new.terms.price, Some("100.57".parse().unwrap()));
    calm(&stage);
}

#[test]
fn a_full_fill_is_hedged_fully_and_then_it_quotes_again() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.fill(id, "1");
    stage.settle();
    assert_eq!(stage.hedged(), decimal("1"));
    let hedges: Vec<_> = stage
        .desk
        .orders()
        .filter(|order| order.terms.order_type == OrderType::Market)
        .collect();
    assert_eq!(hedges.len(), 1);
    assert_eq!(hedges[0].terms.side, Side::Buy);
    stage.pass(2_000);
    stage.settle();
    assert_ne!(stage.quote().id, id);
    calm(&stage);
}

#[test]
fn a_partial_fill_is_hedged_partly_and_the_order_stays() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.fill(id, "0.3");
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.3"));
    stage.fill(id, "0.2");
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.5"));
    assert_eq!(stage.quote().id, id);
    calm(&stage);
}

#[test]
fn dust_is_carried_to_the_next_fill() {
    let mut stage = stage("");
    let id = stage.quote().id;
    // 0.04 at 100 is worth 4, below the smallest notional of 5.
    stage.fill(id, "0.04");
    stage.settle();
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (decimal("0"), decimal("0.04"))
    );
    stage.fill(id, "0.01");
    stage.settle();
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (decimal("0.05"), decimal("0"))
    );
    calm(&stage);
}

#[test]
fn a_ratio_is_rounded_down_to_the_lot_and_the_rest_is_carried() {
    let mut stage = stage("[hedge]\nratio = '0.3333'");
    let id = stage.quote().id;
    stage.fill(id, "0.5");
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.166"));
    assert_eq!(owed(&stage), decimal("0.00065"));
    stage.fill(id, "0.5");
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.333"));
    assert_eq!(owed(&stage), decimal("0.0003"));
}

#[test]
fn the_hedge_can_go_to_another_instrument_or_be_switched_off() {
    let mut elsewhere = stage("[hedge]\nsymbol = 'BTCFDUSD'");
    let subscriptions = elsewhere.strategy.borrow().subscriptions();
    assert!(subscriptions.contains(&Subscription::Best(symbol("BTCFDUSD"))));
    elsewhere.best("BTCFDUSD", 10_000);
    let id = elsewhere.quote().id;
    elsewhere.fill(id, "1");
    elsewhere.settle();
    let hedge = elsewhere
        .desk
        .orders()
        .find(|order| order.terms.symbol == symbol("BTCFDUSD"));
    assert_eq!(hedge.map(|order| order.state), Some(OrderState::Filled));

    let mut off = stage("[hedge]\nenabled = false");
    let id = off.quote().id;
    off.fill(id, "1");
    off.settle();
    assert_eq!((off.hedged(), off.venue.orders.len()), (Decimal::ZERO, 1));
}

#[test]
fn a_partial_fill_before_the_cancel_is_hedged_and_then_it_quotes_again() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.book(10_050);
    stage.pass(2_000);
    stage.fill(id, "0.4");
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.4"));
    assert_ne!(stage.quote().id, id);
    calm(&stage);
}

#[test]
fn a_cancel_that_comes_too_late_because_of_a_fill_leaves_no_second_quote() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.book(10_050);
    stage.pass(2_000);
    // The venue fills it and refuses the cancel, and the refusal is faster than the event of the fill.
    stage.fill(id, "1");
    stage.take(0, Fate::Answered);
    let refusal = stage.venue.mail.pop().unwrap();
    assert!(matches!(refusal, Mail::CancelAnswered(_, Err(_))));
    stage.deliver(refusal);
    stage.pass(2_000);
    assert_eq!(stage.live(OrderType::Limit, None).len(), 1);
    stage.settle();
    assert_eq!(stage.hedged(), decimal("1"));
    stage.pass(2_000);
    stage.settle();
    assert_ne!(stage.quote().id, id);
    assert!(stage.faults.is_empty() && stage.alerts.is_empty());
}

#[test]
fn a_fill_that_arrives_before_the_acknowledgement_is_hedged_once() {
    let mut stage = Stage::ready(quoting(""));
    stage.take(0, Fate::Answered);
    let id = stage.quote().id;
    stage.fill(id, "1");
    let fill = stage.venue.mail.pop().unwrap();
    stage.deliver(fill.clone());
    stage.deliver_all();
    stage.deliver(fill);
    stage.settle();
    assert_eq!(stage.hedged(), decimal("1"));
    calm(&stage);
}

#[test]
fn an_uncertain_quote_is_left_alone_until_the_engine_knows() {
    let mut stage = Stage::ready(quoting(""));
    stage.take(0, Fate::Lost);
    stage.deliver_all();
    assert_eq!(stage.quote().state, OrderState::Uncertain);
    stage.book(10_050);
    for _ in 0..3 {
        stage.pass(1_000);
        assert!(
            stage
                .wire
                .iter()
                .all(|(_, effect)| matches!(effect, tripline_engine::desk::Effect::Query { .. })),
            "{:?}",
            stage.wire
        );
    }
    for _ in 0..20 {
        stage.pass(2_000);
        stage.settle();
    }
    // It never arrived: that is told, and then it quotes again.
    assert_eq!(stage.faults.len(), 1, "{:?}", stage.faults);
    assert_eq!(stage.quote().terms.price, Some("100.57".parse().unwrap()));
}

#[test]
fn an_uncertain_quote_that_is_found_between_the_levels_is_kept() {
    let mut stage = Stage::ready(quoting(""));
    let id = stage.quote().id;
    stage.take(0, Fate::AnswerLost);
    let answer = stage.venue.mail.pop().unwrap();
    stage.venue.mail.clear();
    stage.deliver(answer);
    assert_eq!(stage.quote().state, OrderState::Uncertain);
    stage.book(10_050);
    stage.pass(2_000);
    stage.book(10_000);
    stage.settle();
    assert_eq!(
        (stage.quote().id, stage.quote().state),
        (id, OrderState::Working)
    );
    assert!(!stage.quote().cancel_pending);
}

#[test]
fn a_rejected_or_expired_quote_is_a_fault() {
    let mut rejected = Stage::ready(quoting(""));
    rejected.take(0, Fate::Refused);
    rejected.deliver_all();
    assert_eq!(rejected.faults.len(), 1);
    assert!(
        rejected.faults[0].contains("-2010"),
        "{:?}",
        rejected.faults
    );

    let mut expired = stage("");
    let id = expired.quote().id;
    expired.venue.end(id, VenueStatus::Expired, expired.now);
    expired.settle();
    assert!(
        expired.faults[0].contains("expired"),
        "{:?}",
        expired.faults
    );
}

#[test]
fn a_quote_that_its_own_hedge_met_is_no_fault_and_is_replaced() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.venue.end(id, VenueStatus::ExpiredInMatch, stage.now);
    stage.settle();
    assert!(stage.faults.is_empty(), "{:?}", stage.faults);
    stage.pass(2_000);
    stage.settle();
    assert_ne!(stage.quote().id, id);
}

#[test]
fn an_expired_quote_that_was_partly_filled_is_both_hedged_and_a_fault() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.fill(id, "0.5");
    stage.venue.end(id, VenueStatus::Expired, stage.now);
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.5"));
    assert_eq!(stage.faults.len(), 1);
}

#[test]
fn a_quote_whose_terms_are_denied_is_a_fault() {
    let stage = Stage::ready(DynamicQuote::new(configured(
        "symbol = 'BTCUSDT'\nquantity = '0.0005'",
    )));
    assert!(stage.wire.is_empty());
    assert!(stage.faults[0].contains("LOT_SIZE"), "{:?}", stage.faults);
}

#[test]
fn a_denial_that_passes_is_told_once_and_tried_again() {
    let mut stage = Stage::new(quoting(""));
    stage.desk.set_clock_good(false);
    stage.book(10_000);
    stage.input(Input::Ready);
    stage.pass(2_000);
    stage.pass(2_000);
    assert_eq!((stage.alerts.len(), stage.faults.len()), (1, 0));
    stage.desk.set_clock_good(true);
    stage.pass(2_000);
    stage.settle();
    stage.quote();
}

#[test]
fn an_expired_hedge_is_a_fault_and_its_rest_is_owed_again() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.venue.liquidity = 40;
    stage.fill(id, "1");
    stage.settle();
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (decimal("0.4"), decimal("0.6"))
    );
    assert_eq!(stage.faults.len(), 1);
    stage.venue.liquidity = 100;
    stage.pass(2_000);
    stage.settle();
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (decimal("1"), Decimal::ZERO)
    );
}

#[test]
fn a_rejected_hedge_is_a_fault_and_is_owed_again() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.fill(id, "1");
    stage.deliver_all();
    stage.take(0, Fate::Refused);
    stage.deliver_all();
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (Decimal::ZERO, decimal("1"))
    );
    assert!(stage.faults[0].contains("hedge"), "{:?}", stage.faults);
}

#[test]
fn there_is_one_hedge_at_a_time_and_the_next_takes_what_came_due_meanwhile() {
    let mut stage = stage("");
    let id = stage.quote().id;
    for _ in 0..3 {
        stage.fill(id, "0.1");
    }
    stage.deliver_all();
    assert_eq!(stage.live(OrderType::Market, None).len(), 1);
    stage.settle();
    let hedges: Vec<_> = stage
        .desk
        .orders()
        .filter(|order| order.terms.order_type == OrderType::Market)
        .collect();
    assert_eq!(hedges.len(), 2);
    assert_eq!(stage.hedged(), decimal("0.3"));
}

#[test]
fn without_a_book_the_quote_is_cancelled_and_comes_back_with_it() {
    let mut stage = stage("");
    stage.input(Input::BookLost(symbol("BTCUSDT")));
    stage.pass(2_000);
    stage.settle();
    stage.pass(2_000);
    stage.settle();
    assert!(stage.live(OrderType::Limit, None).is_empty());
    assert_eq!(stage.alerts.len(), 1, "{:?}", stage.alerts);
    stage.deep_book(10_000, 7);
    stage.pass(2_000);
    assert!(stage.wire.is_empty(), "the eighth level is missing");
    stage.book(10_000);
    stage.pass(2_000);
    stage.settle();
    stage.quote();
}

#[test]
fn a_halted_strategy_places_nothing_and_hedges_after_the_resume() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.halt();
    stage.fill(id, "0.5");
    stage.settle();
    assert!(stage.desk.open_orders().next().is_none());
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (Decimal::ZERO, decimal("0.5"))
    );
    assert_eq!(stage.alerts.len(), 1);
    assert_eq!(stage.alerts[0].0, Severity::Critical);
    stage.pass(10_000);
    assert!(stage.wire.is_empty());
    stage.resume();
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.5"));
    assert_ne!(stage.quote().id, id);
}

#[test]
fn after_a_resume_an_order_that_still_stands_is_kept_as_its_own() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.halt();
    // The cancel of the sweep is on the wire and not carried out when a person resumes.
    stage.resume();
    assert_eq!(stage.quote().id, id);
    stage.settle();
    assert_ne!(stage.quote().id, id);
}

#[test]
fn after_a_resume_it_believes_the_engine_whatever_news_it_missed() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.fill(id, "0.5");
    stage.deliver_all();
    assert_eq!(stage.live(OrderType::Market, None).len(), 1);
    stage.deaf.set(true);
    stage.halt();
    stage.venue.liquidity = 40;
    stage.settle();
    stage.deaf.set(false);
    assert!(stage.desk.open_orders().next().is_none());
    stage.venue.liquidity = 100;
    stage.resume();
    stage.settle();
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (decimal("0.5"), Decimal::ZERO)
    );
    assert_ne!(stage.quote().id, id);
}

#[test]
fn an_order_of_an_earlier_run_is_cancelled_before_anything_is_quoted() {
    let mut stage = Stage::new(quoting(""));
    stage.book(10_000);
    let terms = NewOrder::limit(
        symbol("BTCUSDT"),
        Side::Sell,
        "1".parse().unwrap(),
        "100.07".parse().unwrap(),
    );
    let earlier = stage.earlier_order(terms);
    stage.input(Input::Ready);
    stage.pass(4_000);
    assert_eq!(stage.wire.len(), 1, "only its cancel: {:?}", stage.wire);
    stage.settle();
    assert_eq!(stage.venue.orders[&earlier].status, VenueStatus::Canceled);
    assert_ne!(stage.quote().id, earlier);
    calm(&stage);
}

#[test]
fn a_fill_of_an_earlier_order_is_hedged_when_it_happened_in_this_run() {
    let mut stage = Stage::new(quoting(""));
    stage.book(10_000);
    let terms = NewOrder::limit(
        symbol("BTCUSDT"),
        Side::Sell,
        "1".parse().unwrap(),
        "100.07".parse().unwrap(),
    );
    let earlier = stage.earlier_order(terms);
    stage.input(Input::Ready);
    stage.fill(earlier, "0.5");
    stage.settle();
    assert_eq!(stage.hedged(), decimal("0.5"));
}

#[test]
fn a_fill_of_an_earlier_order_that_happened_before_this_run_is_told_and_not_hedged() {
    let mut stage = Stage::new(quoting(""));
    let before = stage.now;
    stage.now = before
        .checked_sub(std::time::Duration::from_secs(60))
        .unwrap();
    let terms = NewOrder::limit(
        symbol("BTCUSDT"),
        Side::Sell,
        "1".parse().unwrap(),
        "100.07".parse().unwrap(),
    );
    let id = "t-s-00000000-1".parse().unwrap();
    stage.venue.insert(id, terms);
    stage.fill(id, "0.5");
    stage.venue.mail.clear();
    stage.now = before;
    stage.list_open();
    stage.book(10_000);
    stage.input(Input::Ready);
    stage.settle();
    assert_eq!(
        (stage.hedged(), owed(&stage)),
        (Decimal::ZERO, Decimal::ZERO)
    );
    assert!(
        stage.alerts[0].1.contains("0.5 of t-s-00000000-1"),
        "{:?}",
        stage.alerts
    );
}

#[test]
fn a_cancel_by_another_hand_is_told_and_it_quotes_again() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.venue.end(id, VenueStatus::Canceled, stage.now);
    stage.settle();
    assert_eq!(stage.alerts.len(), 1);
    stage.pass(2_000);
    stage.settle();
    stage.quote();
}

#[test]
fn what_is_not_hedged_at_the_stop_is_told() {
    let mut stage = stage("");
    let id = stage.quote().id;
    stage.fill(id, "0.04");
    stage.settle();
    stage.input(Input::Stop);
    assert!(stage.alerts[0].1.contains("0.04"), "{:?}", stage.alerts);
}
