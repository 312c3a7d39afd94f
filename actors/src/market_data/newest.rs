//! What a hand-over delivers twice. While a connection takes another's place both are read, so that
//! nothing is missed: what the one has told, the other tells again, and perhaps later.

use std::collections::BTreeMap;
use std::time::Duration;

use tripline_engine::ids::TradeId;
use tripline_engine::messages::market::{Kline, KlineInterval, MarketEvent};
use tripline_engine::time::Timestamp;

/// Longer than two connections are read at the same time. What goes back after so long goes back for
/// another reason, such as the reset of a test network, and is news.
const OVERLAP: Duration = Duration::from_secs(10);

/// The newest of one kind.
#[derive(Debug)]
struct Newest<K>(Option<(K, Timestamp)>);

impl<K> Default for Newest<K> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Ord> Newest<K> {
    /// `again`: whether the newest may come once more.
    fn is_news(&mut self, key: K, again: bool, received: Timestamp) -> bool {
        if let Some((newest, at)) = &self.0 {
            let passes = key > *newest || (again && key == *newest);
            if !passes && received.saturating_since(*at) < OVERLAP {
                return false;
            }
        }
        self.0 = Some((key, received));
        true
    }
}

/// How far a bar has come: it closes once, and its trades only add up.
fn stage(kline: &Kline) -> (Timestamp, bool, u64) {
    (kline.open_time, kline.closed, kline.trades)
}

/// The newest of every kind of one symbol.
#[derive(Debug, Default)]
pub(super) struct News {
    best: Newest<u64>,
    depth: BTreeMap<Option<u16>, Newest<u64>>,
    trade: Newest<TradeId>,
    aggregate: Newest<u64>,
    klines: BTreeMap<KlineInterval, Newest<(Timestamp, bool, u64)>>,
}

impl News {
    /// Whether the event tells something that was not told before. Of the book's diffs the book decides.
    pub(super) fn is_news(&mut self, event: &MarketEvent) -> bool {
        let received = event.received();
        match event {
            MarketEvent::BestBidAsk(best) => self.best.is_news(best.update_id, false, received),
            MarketEvent::PartialDepth(depth) => {
                let newest = self.depth.entry(depth.stream_levels).or_default();
                newest.is_news(depth.last_update_id, true, received)
            }
            MarketEvent::Trade(trade) => self.trade.is_news(trade.id, false, received),
            MarketEvent::AggTrade(trade) => self.aggregate.is_news(trade.id, false, received),
            MarketEvent::Kline(kline) => {
                let newest = self.klines.entry(kline.interval).or_default();
                newest.is_news(stage(kline), !kline.closed, received)
            }
            MarketEvent::BookChange(_) | MarketEvent::DepthSnapshot(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tripline_engine::ids::Symbol;
    use tripline_engine::messages::market::{BestBidAsk, Level, Trade};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
    }

    fn symbol() -> Symbol {
        Symbol::new("BTCUSDT").unwrap()
    }

    fn trade(id: u64, seconds: i64) -> MarketEvent {
        MarketEvent::Trade(Trade {
            symbol: symbol(),
            id: TradeId(id),
            price: "1".parse().unwrap(),
            quantity: "1".parse().unwrap(),
            venue_time: at(0),
            buyer_is_maker: true,
            kind: None,
            received: at(seconds),
        })
    }

    fn best(update_id: u64) -> MarketEvent {
        let level = Level {
            price: "1".parse().unwrap(),
            quantity: "1".parse().unwrap(),
        };
        MarketEvent::BestBidAsk(BestBidAsk {
            symbol: symbol(),
            bid: level,
            ask: level,
            update_id,
            venue_time: None,
            received: at(0),
        })
    }

    fn kline(open: i64, closed: bool, trades: u64) -> MarketEvent {
        let price = "1".parse().unwrap();
        MarketEvent::Kline(Kline {
            symbol: symbol(),
            interval: KlineInterval::OneMinute,
            open_time: at(open),
            close_time: at(open + 59),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: "1".parse().unwrap(),
            quote_volume: "1".parse().unwrap(),
            trades,
            taker_buy_volume: "1".parse().unwrap(),
            closed,
            received: at(open + 60),
        })
    }

    fn passed(events: Vec<MarketEvent>) -> Vec<bool> {
        let mut news = News::default();
        events.iter().map(|event| news.is_news(event)).collect()
    }

    #[test]
    fn what_the_other_connection_has_told_is_no_news() {
        assert_eq!(
            passed(vec![
                trade(5, 0),
                trade(6, 0),
                trade(5, 1),
                trade(6, 1),
                trade(7, 1)
            ]),
            [true, true, false, false, true]
        );
        assert_eq!(
            passed(vec![best(5), best(5), best(4), best(6)]),
            [true, false, false, true]
        );
    }

    #[test]
    fn a_bar_closes_once_and_is_open_no_more_afterwards() {
        let bars = vec![
            kline(0, false, 1),
            kline(0, false, 1),
            kline(0, false, 3),
            kline(0, false, 2),
            kline(0, true, 3),
            kline(0, true, 3),
            kline(0, false, 3),
            kline(60, false, 0),
            kline(0, true, 3),
        ];
        assert_eq!(
            passed(bars),
            [true, true, true, false, true, false, false, true, false]
        );
    }

    #[test]
    fn ids_that_go_back_for_good_are_news_after_a_while() {
        assert_eq!(
            passed(vec![trade(500, 0), trade(1, 9), trade(2, 10), trade(3, 10)]),
            [true, false, true, true]
        );
    }
}
