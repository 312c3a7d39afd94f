//! What a market data connection is made with, and what its streams are called.

use std::collections::BTreeSet;

use tripline_engine::strategy::Subscription;

use super::super::limits::Limits;
use super::super::settings::{Bounds, DepthSpeed};
use super::super::wire::time::TimeUnit;
use crate::clock::Clock;

/// The stream of a subscription (Binance Spot, "WebSocket Streams").
#[must_use]
pub fn stream_of(subscription: &Subscription, depth_speed: DepthSpeed) -> String {
    let symbol = subscription.symbol().as_str().to_lowercase();
    let speed = depth_speed.suffix();
    match subscription {
        Subscription::Best(_) => format!("{symbol}@bookTicker"),
        Subscription::Book { .. } => format!("{symbol}@depth{speed}"),
        Subscription::Depth { levels, .. } => {
            let levels = Subscription::levels_offered(*levels);
            format!("{symbol}@depth{levels}{speed}")
        }
        Subscription::Trades(_) => format!("{symbol}@trade"),
        Subscription::AggTrades(_) => format!("{symbol}@aggTrade"),
        Subscription::Klines { interval, .. } => format!("{symbol}@kline_{interval}"),
    }
}

/// What a market data connection is made with.
pub struct FeedSettings {
    /// The streams' base URL.
    pub base: String,
    pub depth_speed: DepthSpeed,
    /// Of the venue's time stamps.
    pub time_unit: TimeUnit,
    pub bounds: Bounds,
    pub limits: Limits,
    pub clock: Clock,
    pub client: awc::Client,
    /// Draws the jitter of reconnects.
    pub seed: u64,
}

impl FeedSettings {
    pub(super) fn streams_of(&self, subscriptions: &[Subscription]) -> BTreeSet<String> {
        let names = subscriptions.iter();
        names.map(|one| stream_of(one, self.depth_speed)).collect()
    }

    pub(super) fn url(&self) -> String {
        let base = &self.base;
        match self.time_unit {
            TimeUnit::Millisecond => format!("{base}/stream?streams="),
            TimeUnit::Microsecond => format!("{base}/stream?streams=&timeUnit=MICROSECOND"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_engine::ids::Symbol;

    #[test]
    fn each_subscription_has_its_stream() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let cases = [
            (Subscription::Best(symbol), "btcusdt@bookTicker"),
            (
                Subscription::Book { symbol, levels: 20 },
                "btcusdt@depth@100ms",
            ),
            (
                Subscription::Depth { symbol, levels: 7 },
                "btcusdt@depth10@100ms",
            ),
            (
                Subscription::Depth { symbol, levels: 50 },
                "btcusdt@depth20@100ms",
            ),
            (Subscription::Trades(symbol), "btcusdt@trade"),
            (Subscription::AggTrades(symbol), "btcusdt@aggTrade"),
            (
                Subscription::Klines {
                    symbol,
                    interval: "1M".parse().unwrap(),
                },
                "btcusdt@kline_1M",
            ),
        ];
        for (subscription, stream) in cases {
            assert_eq!(stream_of(&subscription, DepthSpeed::TenASecond), stream);
            let slow = stream_of(&subscription, DepthSpeed::EverySecond);
            assert_eq!(slow, stream.trim_end_matches("@100ms"));
        }
    }
}
