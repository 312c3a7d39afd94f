//! Market data as events of one symbol. `received` is the local time at which the frame was read;
//! `venue_time` is the venue's own stamp, where it gives one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{Symbol, TradeId};
use crate::money::{Notional, Price, Quantity};
use crate::time::Timestamp;

use super::message;

/// One price level of a book. As a change, a zero quantity removes the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    pub price: Price,
    /// Everything that rests at the price, base asset (contracts on COIN-M futures).
    pub quantity: Quantity,
}

message! {
    /// The touch: the best bid and the best ask (Binance `bookTicker`).
    #[derive(Copy, PartialEq, Eq)]
    pub struct BestBidAsk {
        pub symbol: Symbol,
        pub bid: Level,
        pub ask: Level,
        /// Rises with every change of the book; events of the same book compare by it.
        pub update_id: u64,
        /// Binance Spot gives none, futures the transaction time.
        pub venue_time: Option<Timestamp>,
        pub received: Timestamp,
    }
}

message! {
    /// The whole known book at one update id, asked for (Binance REST `depth`).
    #[derive(PartialEq, Eq)]
    pub struct DepthSnapshot {
        pub symbol: Symbol,
        pub last_update_id: u64,
        /// Best (highest) first.
        pub bids: Vec<Level>,
        /// Best (lowest) first.
        pub asks: Vec<Level>,
        pub venue_time: Option<Timestamp>,
        pub received: Timestamp,
    }
}

message! {
    /// The best 5, 10 or 20 levels, complete in each event (Binance `depth5`, `depth10`, `depth20`).
    /// Never to be applied to a book as a change.
    #[derive(PartialEq, Eq)]
    pub struct PartialDepth {
        pub symbol: Symbol,
        /// How many levels its stream has at most, where the message came with its stream's name: a
        /// thin book shows fewer.
        pub stream_levels: Option<u16>,
        pub last_update_id: u64,
        /// Best (highest) first.
        pub bids: Vec<Level>,
        /// Best (lowest) first.
        pub asks: Vec<Level>,
        pub venue_time: Option<Timestamp>,
        pub received: Timestamp,
    }
}

message! {
    /// What changed in the book (Binance `depthUpdate`): absolute quantities by price.
    #[derive(PartialEq, Eq)]
    pub struct BookChange {
        pub symbol: Symbol,
        /// Binance `U`.
        pub first_update_id: u64,
        /// Binance `u`.
        pub last_update_id: u64,
        /// Binance `pu`, the last update id of the event before; futures only.
        pub previous_update_id: Option<u64>,
        pub bids: Vec<Level>,
        pub asks: Vec<Level>,
        /// When the venue sent it (Binance `E`).
        pub venue_time: Timestamp,
        pub received: Timestamp,
    }
}

message! {
    /// One trade between a maker and a taker.
    #[derive(Copy, PartialEq, Eq)]
    pub struct Trade {
        pub symbol: Symbol,
        pub id: TradeId,
        pub price: Price,
        pub quantity: Quantity,
        /// When it was traded (Binance `T`), the time that klines go by.
        pub venue_time: Timestamp,
        /// The buyer was resting, so the taker sold.
        pub buyer_is_maker: bool,
        /// How it came about, as Binance futures tell it (`X`: `MARKET`, `INSURANCE_FUND`, `ADL`,
        /// `NA`); Spot tells nothing. Nothing is decided by it.
        pub kind: Option<ArrayString<16>>,
        pub received: Timestamp,
    }
}

message! {
    /// An aggregate trade: the trades of one taker order at one price, added up (Binance `aggTrade`).
    #[derive(Copy, PartialEq, Eq)]
    pub struct AggTrade {
        pub symbol: Symbol,
        /// Counts aggregate trades, not trades.
        pub id: u64,
        /// Together with `last_trade`: the ids of the trades in it, all of them.
        pub first_trade: TradeId,
        pub last_trade: TradeId,
        pub price: Price,
        pub quantity: Quantity,
        pub venue_time: Timestamp,
        /// The buyer was resting, so the taker sold.
        pub buyer_is_maker: bool,
        pub received: Timestamp,
    }
}

message! {
    /// Open, high, low, close and volume of one interval.
    #[derive(Copy, PartialEq, Eq)]
    pub struct Kline {
        pub symbol: Symbol,
        pub interval: KlineInterval,
        /// The first instant of the interval.
        pub open_time: Timestamp,
        /// The last instant of the interval at the venue's precision (Binance: one millisecond, or one
        /// microsecond where these are asked for, before the next interval opens).
        pub close_time: Timestamp,
        pub open: Price,
        pub high: Price,
        pub low: Price,
        pub close: Price,
        /// Base asset.
        pub volume: Quantity,
        /// Quote asset.
        pub quote_volume: Notional,
        pub trades: u64,
        /// Base asset bought by takers.
        pub taker_buy_volume: Quantity,
        /// Whether the interval is over; until then all but the times may change.
        pub closed: bool,
        pub received: Timestamp,
    }
}

/// Everything the market data of one symbol can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "actix", derive(actix::Message), rtype(result = "()"))]
#[serde(rename_all = "snake_case")]
pub enum MarketEvent {
    BestBidAsk(BestBidAsk),
    DepthSnapshot(DepthSnapshot),
    PartialDepth(PartialDepth),
    BookChange(BookChange),
    Trade(Trade),
    AggTrade(AggTrade),
    Kline(Kline),
}

impl MarketEvent {
    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        match self {
            Self::BestBidAsk(event) => event.symbol,
            Self::DepthSnapshot(event) => event.symbol,
            Self::PartialDepth(event) => event.symbol,
            Self::BookChange(event) => event.symbol,
            Self::Trade(event) => event.symbol,
            Self::AggTrade(event) => event.symbol,
            Self::Kline(event) => event.symbol,
        }
    }

    #[must_use]
    pub const fn received(&self) -> Timestamp {
        match self {
            Self::BestBidAsk(event) => event.received,
            Self::DepthSnapshot(event) => event.received,
            Self::PartialDepth(event) => event.received,
            Self::BookChange(event) => event.received,
            Self::Trade(event) => event.received,
            Self::AggTrade(event) => event.received,
            Self::Kline(event) => event.received,
        }
    }
}

/// The text is none of the kline intervals.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{text}' is not a kline interval: 1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M")]
pub struct IntervalError {
    pub text: String,
}

macro_rules! intervals {
    ($($name:ident = $text:literal, $seconds:expr;)*) => {
        /// How long one kline lasts; the texts are Binance's (`1m` is a minute, `1M` a month).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum KlineInterval {
            $(#[serde(rename = $text)] $name,)*
        }

        impl KlineInterval {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// `None` for a month, whose length varies.
            #[must_use]
            pub const fn duration(self) -> Option<Duration> {
                let seconds: u64 = match self { $(Self::$name => $seconds,)* };
                if seconds == 0 { None } else { Some(Duration::from_secs(seconds)) }
            }
        }

        impl FromStr for KlineInterval {
            type Err = IntervalError;

            fn from_str(text: &str) -> Result<Self, IntervalError> {
                match text {
                    $($text => Ok(Self::$name),)*
                    _ => Err(IntervalError { text: text.chars().take(16).collect() }),
                }
            }
        }
    };
}

intervals! {
    OneSecond = "1s", 1;
    OneMinute = "1m", 60;
    ThreeMinutes = "3m", 180;
    FiveMinutes = "5m", 300;
    FifteenMinutes = "15m", 900;
    ThirtyMinutes = "30m", 1_800;
    OneHour = "1h", 3_600;
    TwoHours = "2h", 7_200;
    FourHours = "4h", 14_400;
    SixHours = "6h", 21_600;
    EightHours = "8h", 28_800;
    TwelveHours = "12h", 43_200;
    OneDay = "1d", 86_400;
    ThreeDays = "3d", 259_200;
    OneWeek = "1w", 604_800;
    OneMonth = "1M", 0;
}

impl fmt::Display for KlineInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_and_a_month_are_told_apart_and_every_interval_reads_back() {
        assert_eq!("1m".parse(), Ok(KlineInterval::OneMinute));
        assert_eq!("1M".parse(), Ok(KlineInterval::OneMonth));
        for interval in KlineInterval::ALL {
            assert_eq!(interval.as_str().parse(), Ok(*interval));
            let json = serde_json::to_string(interval).unwrap();
            assert_eq!(json, format!("\"{interval}\""));
        }
        assert!(
            "2m".parse::<KlineInterval>()
                .unwrap_err()
                .to_string()
                .contains("'2m'")
        );
    }

    #[test]
    fn an_event_survives_json() {
        let level = |price: &str, quantity: &str| Level {
            price: price.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
        };
        let event = MarketEvent::BestBidAsk(BestBidAsk {
            symbol: Symbol::new("BTCUSDT").unwrap(),
            bid: level("61837.63000000", "3.78826000"),
            ask: level("61837.64000000", "1.54698000"),
            update_id: 50_093_239_212,
            venue_time: None,
            received: Timestamp::from_millis(1_723_161_254_087),
        });
        let json = serde_json::to_string(&event).unwrap();
        assert!(json.contains("\"61837.63000000\""), "{json}");
        assert_eq!(serde_json::from_str::<MarketEvent>(&json).unwrap(), event);
    }
}
