//! Random histories: whatever the venue does and in whatever order its mail arrives.

use proptest::prelude::{
    Just, ProptestConfig, Strategy as Generator, prop, prop_assert, prop_assert_eq, prop_oneof,
    proptest,
};
use rust_decimal::Decimal;
use tripline_engine::fault::FaultKind;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::money::Quantity;
use tripline_engine::order::{OrderType, Side, VenueStatus};
use tripline_engine::strategy::{Input, Strategy};

use super::venue::{Fate, Mail};
use super::{Stage, configured, symbol};
use crate::dynamic_quote::DynamicQuote;
use crate::spread_maker::SpreadMaker;

#[derive(Debug, Clone)]
enum Step {
    Book(i64),
    BookLost,
    Pass(u64),
    /// The venue takes a request that is on the wire.
    Take(usize, Fate),
    /// A piece of mail arrives, and perhaps stays to arrive again.
    Deliver(usize, bool),
    /// So many lots of a resting order are executed.
    Fill(usize, i64),
    CancelByHand(usize),
    Liquidity(u32),
    Halt,
    Resume,
}

fn step() -> impl Generator<Value = Step> {
    let fate = prop_oneof![
        8 => Just(Fate::Answered),
        2 => Just(Fate::AnswerLost),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Refused),
    ];
    prop_oneof![
        4 => (9_950i64..10_050).prop_map(Step::Book),
        1 => Just(Step::BookLost),
        6 => (1u64..2_500).prop_map(Step::Pass),
        10 => (0usize..8, fate).prop_map(|(index, fate)| Step::Take(index, fate)),
        14 => (0usize..16, prop::bool::weighted(0.2)).prop_map(|(index, again)| Step::Deliver(index, again)),
        6 => (0usize..4, 1i64..1_200).prop_map(|(index, lots)| Step::Fill(index, lots)),
        1 => (0usize..4).prop_map(Step::CancelByHand),
        1 => (0u32..=100).prop_map(Step::Liquidity),
        1 => Just(Step::Halt),
        2 => Just(Step::Resume),
    ]
}

fn resting<S>(stage: &Stage<S>, index: usize) -> Option<ClientOrderId> {
    let open: Vec<_> = stage
        .venue
        .orders
        .iter()
        .filter(|(_, order)| order.is_open())
        .map(|(id, _)| *id)
        .collect();
    open.get(index % open.len().max(1)).copied()
}

fn act<S: Strategy + 'static>(stage: &mut Stage<S>, step: Step) {
    match step {
        Step::Book(cents) => stage.book(cents),
        Step::BookLost => stage.input(Input::BookLost(symbol("BTCUSDT"))),
        Step::Pass(millis) => stage.pass(millis),
        Step::Take(index, fate) => {
            let due: Vec<_> = (0..stage.wire.len())
                .filter(|at| stage.wire[*at].0 <= stage.now)
                .collect();
            if !due.is_empty() {
                stage.take(due[index % due.len()], fate);
            }
        }
        Step::Deliver(index, again) => {
            if !stage.venue.mail.is_empty() {
                let mail = stage.venue.mail.remove(index % stage.venue.mail.len());
                if again && matches!(mail, Mail::Event(_)) {
                    stage.venue.mail.push(mail.clone());
                }
                stage.deliver(mail);
            }
        }
        Step::Fill(index, lots) => {
            if let Some(id) = resting(stage, index) {
                let order = &stage.venue.orders[&id];
                let left = order.terms.quantity.saturating_sub(order.executed());
                let quantity = Quantity::new(Decimal::new(lots, 3)).unwrap().min(left);
                let price = order.terms.price.unwrap();
                stage.venue.fill(id, quantity, price, stage.now);
            }
        }
        Step::CancelByHand(index) => {
            if let Some(id) = resting(stage, index) {
                stage.venue.end(id, VenueStatus::Canceled, stage.now);
            }
        }
        Step::Liquidity(percent) => stage.venue.liquidity = percent,
        Step::Halt if !stage.is_halted() => stage.halt(),
        Step::Resume if stage.is_halted() => stage.resume(),
        Step::Halt | Step::Resume => {}
    }
}

fn never_contradicts<S>(stage: &Stage<S>) {
    let wrong = stage.raised.iter().find(|fault| {
        matches!(
            fault.kind,
            FaultKind::OrderContradiction | FaultKind::UnknownOrder
        )
    });
    assert!(wrong.is_none(), "{wrong:?}");
}

/// Lets everything that is under way come to its end.
fn calm_down<S: Strategy + 'static>(stage: &mut Stage<S>) {
    stage.venue.liquidity = 100;
    stage.book(10_000);
    stage.settle();
    if stage.is_halted() {
        stage.resume();
    }
    for _ in 0..60 {
        stage.settle();
        stage.pass(2_000);
    }
    stage.settle();
    assert!(stage.wire.is_empty(), "{:?}", stage.wire);
}

fn executed<S>(stage: &Stage<S>, order_type: OrderType) -> Decimal {
    let orders = stage
        .desk
        .orders()
        .filter(|order| order.terms.order_type == order_type);
    orders.map(|order| order.filled().value()).sum()
}

fn check_quote(stage: &Stage<DynamicQuote>) {
    let live = stage.live(OrderType::Limit, None);
    assert!(live.len() <= 1, "two live quotes: {live:?}");
    assert!(stage.live(OrderType::Market, None).len() <= 1);
    let at_venue = stage
        .venue
        .orders
        .values()
        .filter(|order| order.is_open())
        .count();
    assert!(at_venue <= 1, "two quotes at the venue");
    let (filled, owed) = (
        executed(stage, OrderType::Limit),
        stage.strategy.borrow().owed().value(),
    );
    assert_eq!(
        stage.hedged() + owed,
        filled,
        "hedged and carried differ from what was filled"
    );
    assert!(executed(stage, OrderType::Market) <= filled);
}

fn check_maker(stage: &Stage<SpreadMaker>) {
    for side in [Side::Buy, Side::Sell] {
        let live = stage.live(OrderType::LimitMaker, Some(side));
        assert!(live.len() <= 1, "two live orders: {live:?}");
    }
    let mut truth = Decimal::ZERO;
    for order in stage.venue.orders.values() {
        match order.terms.side {
            Side::Buy => truth += order.executed().value(),
            Side::Sell => truth -= order.executed().value(),
        }
    }
    assert!(truth.abs() <= Decimal::TWO, "{truth} is above the limit");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_is_one_quote_at_most_and_every_fill_is_hedged_once(steps in prop::collection::vec(step(), 1..150)) {
        let config = "symbol = 'BTCUSDT'\nquantity = '1'";
        let mut stage = Stage::ready(DynamicQuote::new(configured(config)));
        for step in steps {
            act(&mut stage, step);
            check_quote(&stage);
        }
        calm_down(&mut stage);
        check_quote(&stage);
        never_contradicts(&stage);
        // At rest, all but dust is hedged, and exactly one quote stands where it should.
        let owed = stage.strategy.borrow().owed().value();
        prop_assert!(owed < Decimal::new(5, 2), "{} is not hedged", owed);
        let cents = stage.quote().terms.price.unwrap().value() * Decimal::ONE_HUNDRED;
        prop_assert!((10_006..=10_008).contains(&i64::try_from(cents).unwrap()), "quoted at {} cents", cents);
        let at_venue: Decimal = stage.venue.orders.values()
            .filter(|order| order.terms.order_type == OrderType::Limit)
            .map(|order| order.executed().value())
            .sum();
        prop_assert_eq!(at_venue, executed(&stage, OrderType::Limit));
    }

    #[test]
    fn each_side_has_one_order_at_most_and_the_inventory_stays_within_its_limit(steps in prop::collection::vec(step(), 1..150)) {
        let config = "symbol = 'BTCUSDT'\nquantity = '1'\nmax_inventory = '2'\nspread_ticks = 20\nskew_ticks = 5";
        let mut stage = Stage::ready(SpreadMaker::new(configured(config)));
        for step in steps {
            act(&mut stage, step);
            check_maker(&stage);
        }
        calm_down(&mut stage);
        check_maker(&stage);
        never_contradicts(&stage);
        let mut truth = Decimal::ZERO;
        for order in stage.desk.orders() {
            match order.terms.side {
                Side::Buy => truth += order.filled().value(),
                Side::Sell => truth -= order.filled().value(),
            }
        }
        prop_assert_eq!(stage.strategy.borrow().inventory(), truth);
        prop_assert!(stage.desk.open_orders().next().is_some());
    }
}
