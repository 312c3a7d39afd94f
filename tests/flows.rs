//! The main job over real sockets: a strategy receives market data, places an order at the practice
//! exchange, follows it through the private stream, and what is open is cancelled at the stop.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::json;
use support::{Exchange, engine, settings, stop, symbol, until};
use tripline_engine::messages::market::BestBidAsk;
use tripline_engine::messages::order::{Fill, OrderEvent, OrderEventKind};
use tripline_engine::order::{NewOrder, Order, OrderState, Side};
use tripline_engine::strategy::{Context, Strategy, StrategyResult, Subscription};

/// What a strategy saw.
#[derive(Default)]
pub struct Log {
    ready: bool,
    bests: u32,
    events: Vec<(String, OrderState)>,
    fills: Vec<Fill>,
}

/// Joins the bid once.
struct OneBid {
    log: Rc<RefCell<Log>>,
    placed: bool,
}

impl Strategy for OneBid {
    fn subscriptions(&self) -> Vec<Subscription> {
        vec![
            Subscription::Best(symbol("BTCUSDT")),
            Subscription::Book {
                symbol: symbol("BTCUSDT"),
                levels: 5,
            },
        ]
    }

    fn on_ready(&mut self, _: &mut Context<'_>) -> StrategyResult {
        self.log.borrow_mut().ready = true;
        Ok(())
    }

    fn on_best(&mut self, ctx: &mut Context<'_>, best: &BestBidAsk) -> StrategyResult {
        self.log.borrow_mut().bests += 1;
        if !self.placed && self.log.borrow().ready {
            self.placed = true;
            ctx.place(NewOrder::limit(
                best.symbol,
                Side::Buy,
                "0.5".parse()?,
                best.bid.price,
            ))?;
        }
        Ok(())
    }

    fn on_order(&mut self, _: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let kind = match &event.kind {
            OrderEventKind::Denied { reason } => format!("Denied {reason}"),
            other => format!("{other:?}")
                .split([' ', '{'])
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        self.log.borrow_mut().events.push((kind, event.order.state));
        Ok(())
    }

    fn on_fill(&mut self, _: &mut Context<'_>, _: &Order, fill: &Fill) -> StrategyResult {
        self.log.borrow_mut().fills.push(fill.clone());
        Ok(())
    }
}

#[actix_rt::test]
async fn an_order_is_placed_partly_filled_and_cancelled_at_the_stop() {
    let exchange = Exchange::start().await;
    let log = Rc::new(RefCell::new(Log::default()));
    let strategy = OneBid {
        log: log.clone(),
        placed: false,
    };
    let running = engine(&exchange, settings())
        .strategy("one", strategy)
        .unwrap()
        .start()
        .await
        .unwrap();

    let ticks = std::cell::Cell::new(0u32);
    until("the order is at the exchange", || async {
        ticks.set(ticks.get() + 1);
        let bid = json!([["60000.00", format!("{}", 5 + ticks.get() % 3)]]);
        exchange
            .market(json!({"symbol": "BTCUSDT", "bids": bid}))
            .await;
        exchange.open_orders().await.len() == 1
    })
    .await;
    exchange
        .market(json!({"symbol": "BTCUSDT", "clear": true}))
        .await;
    exchange.trade("BTCUSDT", "SELL", "60000.00", "0.2").await;
    until("the fill has arrived", || async {
        log.borrow().fills.len() == 1
    })
    .await;

    let report = stop(running, &exchange).await;
    assert_eq!(report.exit_code(), 0);
    let desk = report.snapshot.unwrap().desk;
    let positions: Vec<_> = desk
        .positions
        .iter()
        .map(|held| held.position.to_string())
        .collect();
    // A tenth of a percent of the 0.2 BTC is the fee.
    let line = "BTCUSDT +0.2 @ 60000 realised +0.00 USDT fees 0.0002 BTC";
    assert_eq!(positions, [line]);
    assert_eq!(desk.positions[0].position.held(), "0.1998".parse().unwrap());
    assert_eq!(desk.account_positions, [desk.positions[0].position.clone()]);
    let orders = exchange.orders().await;
    assert_eq!(
        (orders.len(), &orders[0]["status"]),
        (1, &json!("CANCELED"))
    );
    assert_eq!(orders[0]["executedQty"], "0.20000000");
    let log = log.borrow();
    let kinds: Vec<_> = log.events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "Submitted",
            "Accepted",
            "PartiallyFilled",
            "CancelRequested",
            "Canceled"
        ]
    );
    assert_eq!(log.fills[0].quantity, "0.2".parse().unwrap());
    assert_eq!(log.fills[0].maker, Some(true));
}
