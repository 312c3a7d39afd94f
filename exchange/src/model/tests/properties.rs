//! What must hold whatever happens.

use proptest::prelude::*;
use tripline_engine::money::Notional;

use super::*;

/// One random thing that somebody does.
#[derive(Debug, Clone)]
enum Act {
    Place {
        who: bool,
        order: Box<NewOrder>,
    },
    Cancel {
        who: bool,
        id: u64,
    },
    CancelAll {
        who: bool,
    },
    Amend {
        who: bool,
        id: u64,
        to: u32,
    },
    Level {
        side: Side,
        at: u32,
        size: u32,
    },
    Take {
        side: Side,
        size: u32,
    },
    Recorded {
        at: u32,
        size: u32,
        maker_buys: bool,
    },
}

fn ticks(count: u32) -> Price {
    Price::new(Decimal::new(99_000 + i64::from(count), 2)).unwrap()
}

fn lots(count: u32) -> Quantity {
    Quantity::new(Decimal::new(i64::from(count) * 37, 4)).unwrap()
}

fn any_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn any_order() -> impl Strategy<Value = NewOrder> {
    let modes = any_of(&SelfTradePrevention::ALL[1..]);
    let kinds = (
        any_of(OrderType::ALL),
        any_of(Side::ALL),
        any_of(TimeInForce::ALL),
        modes,
    );
    (kinds, 0u32..2_000, 0u32..2_000, 2u32..2_000, any::<bool>()).prop_map(
        |((kind, side, time_in_force, mode), at, trigger, size, by_quote)| {
            let mut order = NewOrder::new(eth(), side, kind);
            order.self_trade_prevention = Some(mode);
            order.price = kind.has_price().then(|| ticks(at));
            order.stop_price = kind.is_stop().then(|| ticks(trigger));
            order.time_in_force = kind.needs_time_in_force().then_some(time_in_force);
            if kind == OrderType::Market && by_quote {
                let quote = lots(size).value() * Decimal::ONE_THOUSAND;
                order.quote_order_qty = Some(Notional::new(quote).unwrap());
            } else {
                order.quantity = Some(lots(size));
            }
            order
        },
    )
}

fn any_act() -> impl Strategy<Value = Act> {
    let side = || any_of(Side::ALL);
    prop_oneof![
        8 => (any::<bool>(), any_order()).prop_map(|(who, order)| Act::Place { who, order: Box::new(order) }),
        2 => (any::<bool>(), 0u64..40).prop_map(|(who, id)| Act::Cancel { who, id }),
        1 => any::<bool>().prop_map(|who| Act::CancelAll { who }),
        2 => (any::<bool>(), 0u64..40, 1u32..2_000).prop_map(|(who, id, to)| Act::Amend { who, id, to }),
        4 => (side(), 0u32..2_000, 0u32..900).prop_map(|(side, at, size)| Act::Level { side, at, size }),
        2 => (side(), 1u32..900).prop_map(|(side, size)| Act::Take { side, size }),
        2 => (0u32..2_000, 1u32..900, any::<bool>())
            .prop_map(|(at, size, maker_buys)| Act::Recorded { at, size, maker_buys }),
    ]
}

fn name(who: bool) -> AccountId {
    account(if who { "alice" } else { "bob" })
}

fn perform(bench: &mut Bench, act: &Act) {
    use tripline_engine::ids::VenueOrderId;
    bench.now = bench.now.plus(10_000_000);
    let now = bench.now;
    let exchange = &mut bench.exchange;
    // Refusals are outcomes here: whatever the exchange answers, the invariants must hold.
    let _answered = match act {
        Act::Place { who, order } => exchange.place(name(*who), order, now).is_ok(),
        Act::Cancel { who, id } => {
            let order = OrderRef::number(VenueOrderId(*id));
            let cancel = CancelOrder {
                order,
                ..CancelOrder::default()
            };
            exchange.cancel(name(*who), eth(), &cancel, now).is_ok()
        }
        Act::CancelAll { who } => exchange.cancel_all(name(*who), eth(), now).is_ok(),
        Act::Amend { who, id, to } => {
            let order = OrderRef::number(VenueOrderId(*id));
            exchange
                .amend_keep_priority(name(*who), eth(), order, None, lots(*to), now)
                .is_ok()
        }
        Act::Level { side, at, size } => exchange
            .operate(eth(), now, |run| {
                run.set_market_level(*side, ticks(*at), lots(*size))
            })
            .is_ok(),
        Act::Take { side, size } => {
            let limit = if *side == Side::Buy {
                ticks(2_000)
            } else {
                ticks(0)
            };
            exchange
                .operate(eth(), now, |run| {
                    run.market_takes(*side, limit, lots(*size))
                })
                .is_ok()
        }
        Act::Recorded {
            at,
            size,
            maker_buys,
        } => exchange
            .operate(eth(), now, |run| {
                run.recorded_trade(ticks(*at), lots(*size), *maker_buys)
            })
            .is_ok(),
    };
}

fn check_orders(bench: &Bench) -> Result<(), TestCaseError> {
    for who in [true, false] {
        let mut locked = std::collections::BTreeMap::new();
        for order in bench.exchange.open_orders(name(who), None).unwrap() {
            let paid = if order.side == Side::Buy {
                "USDT"
            } else {
                "ETH"
            };
            *locked.entry(paid).or_insert(Decimal::ZERO) += order.locked;
            prop_assert!(
                !order.remaining().is_zero(),
                "open without a rest: {order:?}"
            );
        }
        for order in bench
            .exchange
            .all_orders(name(who), eth(), Window::newest(1_000))
            .unwrap()
        {
            let used = order.executed_qty.checked_add(order.prevented_qty).unwrap();
            prop_assert!(used <= order.quantity, "{order:?}");
            prop_assert!(
                order.status.is_open() || order.locked.is_zero(),
                "{order:?}"
            );
        }
        for balance in bench.exchange.account(name(who)).unwrap().balances {
            prop_assert!(balance.free >= Decimal::ZERO, "{balance:?}");
            let expected = locked
                .get(balance.asset.as_str())
                .copied()
                .unwrap_or_default();
            prop_assert_eq!(balance.locked, expected, "{}", balance.asset);
        }
    }
    Ok(())
}

fn check_book(bench: &Bench) -> Result<(), TestCaseError> {
    let depth = bench.exchange.depth(eth(), 5_000).unwrap();
    if let (Some(bid), Some(ask)) = (depth.bids.first(), depth.asks.first()) {
        prop_assert!(bid.0 < ask.0, "crossed: {bid:?} {ask:?}");
    }
    for level in depth.bids.iter().chain(&depth.asks) {
        prop_assert!(!level.1.is_zero());
    }
    let users: Decimal = [true, false]
        .iter()
        .flat_map(|who| bench.exchange.open_orders(name(*who), None).unwrap())
        .filter(|order| order.is_working())
        .map(|order| order.remaining().value())
        .sum();
    let shown: Decimal = depth
        .bids
        .iter()
        .chain(&depth.asks)
        .map(|level| level.1.value())
        .sum();
    prop_assert!(
        users <= shown,
        "the book shows {shown} of the users' {users}"
    );
    Ok(())
}

fn totals(bench: &Bench) -> [Decimal; 2] {
    ["ETH", "USDT"].map(|name| bench.exchange.total(asset(name)).sum())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300,
        failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_creates_or_destroys_money_and_locks_fit_the_open_orders(
        acts in prop::collection::vec(any_act(), 1..60),
        coarse in any::<bool>(),
    ) {
        let mut settings = settings();
        if coarse {
            // Then a tick times a lot is finer than the quote asset, and every trade is rounded.
            settings.instruments[0].quote_precision = 2;
        }
        let mut bench = Bench::with(settings);
        let before = totals(&bench);
        for act in &acts {
            perform(&mut bench, act);
            prop_assert_eq!(totals(&bench), before, "after {:?}", act);
            check_orders(&bench)?;
            check_book(&bench)?;
        }
    }

    #[test]
    fn the_same_acts_and_seed_give_the_same_events(
        acts in prop::collection::vec(any_act(), 1..40)
    ) {
        let run = || {
            let mut bench = Bench::new();
            acts.iter().for_each(|act| perform(&mut bench, act));
            bench.exchange.drain_events()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn the_events_alone_tell_balances_and_orders(
        acts in prop::collection::vec(any_act(), 1..60)
    ) {
        let mut bench = Bench::new();
        acts.iter().for_each(|act| perform(&mut bench, act));
        let mut balances = std::collections::BTreeMap::new();
        let mut last_report = std::collections::BTreeMap::new();
        let mut last_execution = 0;
        for event in bench.exchange.drain_events() {
            match event {
                Event::AccountPosition(position) => {
                    for balance in position.balances {
                        balances.insert((position.account, balance.asset), balance);
                    }
                }
                Event::Execution(report) => {
                    prop_assert!(report.execution_id > last_execution);
                    last_execution = report.execution_id;
                    if report.execution != ExecutionType::Rejected {
                        last_report.insert((report.order.account, report.order.order_id), report.order);
                    }
                }
                _ => {}
            }
        }
        for ((who, asset), told) in balances {
            let view = bench.exchange.account(who).unwrap();
            let found = view.balances.into_iter().find(|balance| balance.asset == asset);
            prop_assert_eq!(found, Some(told));
        }
        for ((who, id), told) in last_report {
            let found = bench.exchange.order(who, eth(), OrderRef::number(id)).unwrap();
            prop_assert_eq!(found, &told);
        }
    }
}
