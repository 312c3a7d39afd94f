//! What reaches strategies of the venue's streams, over real sockets: each kind of data in its own
//! callback, depth at the speed that was asked for, and the same instants in both time units.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use support::{Exchange, engine_with, settings, stop, symbol, until};
use tripline::running::Running;
use tripline_actors::venue::binance::BinanceSettings;
use tripline_actors::venue::binance::settings::DepthSpeed;
use tripline_actors::venue::binance::wire::time::TimeUnit;
use tripline_engine::messages::market::{AggTrade, BestBidAsk, Kline, PartialDepth, Trade};
use tripline_engine::messages::view::BookView;
use tripline_engine::order::{NewOrder, Side};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};
use tripline_engine::time::Timestamp;

/// What a watcher saw.
#[derive(Default)]
struct Seen {
    bests: Vec<BestBidAsk>,
    books: Vec<BookView>,
    depths: Vec<PartialDepth>,
    trades: Vec<Trade>,
    aggregates: Vec<AggTrade>,
    klines: Vec<Kline>,
}

/// Notes what it gets, and rests one bid when it is asked to.
struct Watcher {
    wanted: Vec<Subscription>,
    bid: Option<&'static str>,
    seen: Rc<RefCell<Seen>>,
}

impl Strategy for Watcher {
    fn subscriptions(&self) -> Vec<Subscription> {
        self.wanted.clone()
    }
    fn on_ready(&mut self, ctx: &mut Context<'_>) -> StrategyResult {
        if let Some(price) = self.bid.take() {
            let (quantity, price) = ("0.1".parse()?, price.parse()?);
            ctx.place(NewOrder::limit(
                symbol("BTCUSDT"),
                Side::Buy,
                quantity,
                price,
            ))?;
        }
        Ok(())
    }
    fn on_best(&mut self, _: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        self.seen.borrow_mut().bests.push(*best);
        Ok(())
    }
    fn on_book(&mut self, _: &mut Context<'_>, book: &BookView) -> StrategyResult {
        self.seen.borrow_mut().books.push(book.clone());
        Ok(())
    }
    fn on_depth(&mut self, _: &mut Context<'_>, depth: &PartialDepth) -> StrategyResult {
        self.seen.borrow_mut().depths.push(depth.clone());
        Ok(())
    }
    fn on_trade(&mut self, _: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.seen.borrow_mut().trades.push(*trade);
        Ok(())
    }
    fn on_agg_trade(&mut self, _: &mut Context<'_>, trade: &AggTrade) -> StrategyResult {
        self.seen.borrow_mut().aggregates.push(*trade);
        Ok(())
    }
    fn on_kline(&mut self, _: &mut Context<'_>, kline: &Kline) -> StrategyResult {
        self.seen.borrow_mut().klines.push(*kline);
        Ok(())
    }
}

async fn watch(
    exchange: &Exchange,
    wanted: &[Subscription],
    bid: Option<&'static str>,
    change: impl FnOnce(&mut BinanceSettings),
) -> (Running, Rc<RefCell<Seen>>) {
    let seen = Rc::<RefCell<Seen>>::default();
    let watcher = Watcher {
        wanted: wanted.to_vec(),
        bid,
        seen: seen.clone(),
    };
    let builder = engine_with(exchange, settings(), change);
    let running = builder
        .strategy("watch", watcher)
        .unwrap()
        .start()
        .await
        .unwrap();
    (running, seen)
}

/// Lets the market move until something of it was seen.
async fn moving(exchange: &Exchange, what: &str, seen: impl Fn() -> bool) {
    let moves = std::cell::Cell::new(0u32);
    until(what, || async {
        moves.set(moves.get() + 1);
        let bids = json!([["60000.00", format!("{}", 5 + moves.get() % 3)]]);
        exchange
            .market(json!({"symbol": "BTCUSDT", "bids": bids}))
            .await;
        seen()
    })
    .await;
}

#[actix_rt::test]
async fn a_trade_and_an_aggregate_of_trades_reach_a_callback_each() {
    let exchange = Exchange::start().await;
    let btc = symbol("BTCUSDT");
    let wanted = [
        Subscription::Best(btc),
        Subscription::Trades(btc),
        Subscription::AggTrades(btc),
    ];
    let (running, seen) = watch(&exchange, &wanted, Some("60000.00"), |_| {}).await;
    moving(&exchange, "data", || !seen.borrow().bests.is_empty()).await;
    until("the bid rests", || async {
        exchange.open_orders().await.len() == 1
    })
    .await;
    // One taker meets two makers at one price: the market's 5 and the strategy's 0.1.
    let bids = json!([["60000.00", "5"]]);
    exchange
        .market(json!({"symbol": "BTCUSDT", "bids": bids}))
        .await;
    exchange.trade("BTCUSDT", "SELL", "60000.00", "5.1").await;
    until("trades and aggregate", || async {
        let seen = seen.borrow();
        seen.trades.len() == 2 && seen.aggregates.len() == 1
    })
    .await;
    {
        let seen = seen.borrow();
        let (aggregate, trades) = (seen.aggregates[0], &seen.trades);
        assert_eq!(
            (aggregate.first_trade, aggregate.last_trade),
            (trades[0].id, trades[1].id)
        );
        assert_eq!(aggregate.quantity, "5.1".parse().unwrap());
        assert!(aggregate.buyer_is_maker && trades[0].buyer_is_maker);
        assert_eq!(aggregate.venue_time, trades[0].venue_time);
    }
    stop(running, &exchange).await;
}

#[actix_rt::test]
async fn depth_of_every_size_and_the_book_come_at_the_speed_that_was_chosen() {
    let exchange = Exchange::start().await;
    let levels = (1..=30).map(|n| json!([format!("{}.00", 59_000 - n), "1"]));
    let deep = json!({"symbol": "BTCUSDT", "bids": levels.collect::<Vec<_>>()});
    exchange.market(deep).await;
    let btc = symbol("BTCUSDT");
    let wanted = [
        Subscription::Book {
            symbol: btc,
            levels: 3,
        },
        Subscription::Depth {
            symbol: btc,
            levels: 7,
        },
    ];
    for (speed, most) in [(DepthSpeed::TenASecond, 30), (DepthSpeed::EverySecond, 4)] {
        let (running, seen) =
            watch(&exchange, &wanted, None, |venue| venue.depth_speed = speed).await;
        let both = || !seen.borrow().books.is_empty() && !seen.borrow().depths.is_empty();
        moving(&exchange, "book and depth", both).await;
        seen.replace(Seen::default());
        let begun = tokio::time::Instant::now();
        moving(&exchange, "two seconds", || {
            begun.elapsed() > Duration::from_secs(2)
        })
        .await;
        {
            let seen = seen.borrow();
            let depth = &seen.depths[0];
            assert_eq!((depth.stream_levels, depth.bids.len()), (Some(10), 10));
            assert_eq!(seen.books[0].bids.len(), 3);
            for messages in [seen.depths.len(), seen.books.len()] {
                assert!(
                    (1..=most).contains(&messages),
                    "{messages} in two seconds at {speed:?}"
                );
                // What is not slow is fast.
                assert!(speed == DepthSpeed::EverySecond || messages > 10);
            }
        }
        stop(running, &exchange).await;
    }
}

#[actix_rt::test]
async fn both_time_units_tell_the_same_instants() {
    let exchange = Exchange::start().await;
    let btc = symbol("BTCUSDT");
    let wanted = [
        Subscription::Best(btc),
        Subscription::Trades(btc),
        Subscription::AggTrades(btc),
        Subscription::Klines {
            symbol: btc,
            interval: "1s".parse().unwrap(),
        },
    ];
    let in_unit =
        async |unit| watch(&exchange, &wanted, None, |venue| venue.time_unit = unit).await;
    let (in_millis, millis) = in_unit(TimeUnit::Millisecond).await;
    let (in_micros, micros) = in_unit(TimeUnit::Microsecond).await;
    let ready = || !millis.borrow().bests.is_empty() && !micros.borrow().bests.is_empty();
    moving(&exchange, "both follow", ready).await;
    for _ in 0..5 {
        exchange.trade("BTCUSDT", "BUY", "60000.02", "0.1").await;
    }
    until("all trades and a kline", || async {
        [&millis, &micros].iter().all(|seen| {
            let seen = seen.borrow();
            seen.trades.len() == 5 && seen.aggregates.len() == 5 && !seen.klines.is_empty()
        })
    })
    .await;
    {
        let (millis, micros) = (millis.borrow(), micros.borrow());
        let cut = |time: Timestamp| Timestamp::from_millis(time.as_millis());
        for (one, other) in millis.trades.iter().zip(&micros.trades) {
            assert_eq!(one.venue_time, cut(other.venue_time), "{one:?} {other:?}");
        }
        for (one, other) in millis.aggregates.iter().zip(&micros.aggregates) {
            assert_eq!(one.venue_time, cut(other.venue_time), "{one:?} {other:?}");
        }
        let finer = |trade: &Trade| trade.venue_time != cut(trade.venue_time);
        assert!(
            micros.trades.iter().any(finer),
            "microseconds tell more: {:?}",
            micros.trades
        );
        assert!(millis.klines.iter().any(|one| {
            let mut others = micros.klines.iter();
            others.any(|other| {
                one.open_time == other.open_time && one.close_time == cut(other.close_time)
            })
        }));
    }
    for running in [in_millis, in_micros] {
        assert_eq!(running.board().restricted(), []);
        stop(running, &exchange).await;
    }
}
