//! The streams that speak at fixed times: depth, tickers, average price, klines.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::MissedTickBehavior;
use tripline_engine::ids::Symbol;

use super::names::{Kind, StreamId};
use super::{StreamHub, payloads};
use crate::api::statistics;
use crate::core::Core;
use crate::model::{Interval, Time, Window};

const DAY_US: i64 = 86_400_000_000;

/// What was said last, so that nothing is said twice.
#[derive(Debug, Default)]
pub struct TickState {
    partial: HashMap<StreamId, u64>,
    klines: HashMap<StreamId, i64>,
}

impl TickState {
    pub fn forget(&mut self, id: &StreamId) {
        self.partial.remove(id);
        self.klines.remove(id);
    }
}

impl StreamHub {
    /// Ticks every 100 ms for ever, as long as anybody listens to a stream that has its own times.
    pub async fn tick_for_ever(core: Rc<Core>) {
        let mut interval = tokio::time::interval(Duration::from_millis(100));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0_u64;
        loop {
            if !core.streams.needs_ticks() {
                core.streams.wanted.notified().await;
            }
            interval.tick().await;
            core.streams.tick(&core, count);
            count += 1;
        }
    }

    fn needs_ticks(&self) -> bool {
        let channels = self.channels.borrow();
        channels
            .keys()
            .any(|id| !matches!(id.kind, Kind::Trade | Kind::AggTrade | Kind::BookTicker))
    }

    /// The `count`-th tenth of a second.
    fn tick(&self, core: &Core, count: u64) {
        let whole_second = count.is_multiple_of(10);
        let speeds: &[bool] = if whole_second {
            &[true, false]
        } else {
            &[true]
        };
        let now_us = core.now_us();
        for fast in speeds {
            let due = self.depth.borrow_mut().take(*fast);
            for (symbol, pending) in due {
                let id = StreamId::of(symbol, Kind::Diff { fast: *fast });
                self.publish(core, id, |unit| {
                    payloads::depth_update(symbol, &pending, unit, now_us)
                });
            }
        }
        let mut ids: Vec<StreamId> = self.channels.borrow().keys().copied().collect();
        // In the same order in every process.
        ids.sort_unstable();
        for id in ids {
            match (id.symbol, id.kind) {
                (Some(symbol), Kind::Partial { levels, fast }) if fast || whole_second => {
                    self.partial_depth(core, id, symbol, levels);
                }
                (Some(symbol), Kind::Kline(interval)) => {
                    let every = if interval == Interval::S1 { 10 } else { 20 };
                    if count.is_multiple_of(every) {
                        self.kline(core, id, symbol, interval);
                    }
                }
                (symbol, kind) if whole_second => self.each_second(core, id, symbol, kind),
                _ => {}
            }
        }
    }

    fn partial_depth(&self, core: &Core, id: StreamId, symbol: Symbol, levels: usize) {
        let depth = core.model.borrow().depth(symbol, levels);
        let Ok(depth) = depth else { return };
        let before = self
            .ticks
            .borrow_mut()
            .partial
            .insert(id, depth.last_update_id);
        if before != Some(depth.last_update_id) {
            self.publish(core, id, |_| payloads::partial_depth(&depth));
        }
    }

    fn kline(&self, core: &Core, id: StreamId, symbol: Symbol, interval: Interval) {
        let now_us = core.now_us();
        let candles = core
            .model
            .borrow()
            .klines(symbol, interval, Window::newest(3), Time(now_us));
        let candles = candles.unwrap_or_default();
        let said = self.ticks.borrow().klines.get(&id).copied();
        for candle in &candles {
            let open_us = candle.open_time.0;
            let closed = candle.close_time.0 < now_us;
            if !closed || said.is_some_and(|said| open_us >= said) {
                self.publish(core, id, |unit| {
                    payloads::kline(symbol, interval, candle, closed, unit, now_us)
                });
            }
            if !closed {
                self.ticks.borrow_mut().klines.insert(id, open_us);
            }
        }
    }

    fn each_second(&self, core: &Core, id: StreamId, symbol: Option<Symbol>, kind: Kind) {
        let now_us = core.now_us();
        let found = |symbol| statistics(&core.model.borrow(), symbol, DAY_US, now_us).ok();
        match (symbol, kind) {
            (Some(symbol), Kind::MiniTicker) => {
                let Some(found) = found(symbol) else { return };
                self.publish(core, id, |unit| {
                    payloads::mini_ticker(symbol, &found, unit, now_us).to_string()
                });
            }
            (None, Kind::MiniTicker) => {
                let symbols: Vec<Symbol> = core.model.borrow().symbols().collect();
                let all: Vec<_> = symbols
                    .into_iter()
                    .filter_map(|one| Some((one, found(one)?)))
                    .collect();
                self.publish(core, id, |unit| {
                    let rows = all
                        .iter()
                        .map(|(one, found)| payloads::mini_ticker(*one, found, unit, now_us));
                    rows.collect::<Value>().to_string()
                });
            }
            (Some(symbol), Kind::Ticker) => {
                let Some(found) = found(symbol) else { return };
                self.publish(core, id, |unit| {
                    payloads::ticker(symbol, &found, unit, now_us)
                });
            }
            (Some(symbol), Kind::AvgPrice) => {
                let now = Time(now_us);
                let model = core.model.borrow();
                let Ok(Some(price)) = model.average_price(symbol, now) else {
                    return;
                };
                let traded = model.last_trade_time(symbol).ok().flatten().unwrap_or(now);
                self.publish(core, id, |unit| {
                    let times = [now, traded].map(|time| unit.of(time.0));
                    payloads::average_price(symbol, price.value(), times)
                });
            }
            _ => {}
        }
    }
}
