//! The payloads of market data, as Binance writes them (Spot "WebSocket Streams", USDⓈ-M and COIN-M
//! market streams, REST `depth`), and what they mean to the engine.
//!
//! Fields that decide about money are mandatory and keep their types; unknown fields pass.

use arrayvec::ArrayString;
use serde::Deserialize;
use tripline_engine::ids::{Symbol, TradeId};
use tripline_engine::messages::market::{
    AggTrade, BestBidAsk, BookChange, DepthSnapshot, Kline, KlineInterval, Level, PartialDepth,
    Trade,
};
use tripline_engine::money::{Notional, Price, Quantity};
use tripline_engine::time::Timestamp;

use super::decode::{DecodeError, DecodeReason, from_json};
use super::frame::{Place, stream_levels, stream_symbol};
use super::levels::levels;
use super::time::{Stamp, TimeUnit};

/// The event type `e`, no longer than any that exists.
pub(super) type EventType = ArrayString<32>;

/// A payload that can become an engine event.
pub(super) trait Payload: serde::de::DeserializeOwned {
    /// How errors call it.
    const WHAT: &'static str;
    /// Its event type, which some payloads leave out.
    const EVENT: &'static str;
    type Event;

    /// The event type that the payload names itself.
    fn event_type(&self) -> Option<&EventType>;

    /// # Errors
    /// A [`DecodeReason`] other than [`DecodeReason::Json`].
    fn into_event(self, place: &Place<'_>) -> Result<Self::Event, DecodeReason>;
}

/// Stream `bookTicker`. Spot leaves out `e`, `E` and `T`.
#[derive(Debug, Deserialize)]
pub(super) struct BookTicker {
    e: Option<EventType>,
    #[serde(rename = "T")]
    transaction_time: Option<Stamp>,
    s: Symbol,
    u: u64,
    #[serde(rename = "b")]
    bid: Price,
    #[serde(rename = "B")]
    bid_quantity: Quantity,
    #[serde(rename = "a")]
    ask: Price,
    #[serde(rename = "A")]
    ask_quantity: Quantity,
}

impl Payload for BookTicker {
    const WHAT: &'static str = "best bid and ask";
    const EVENT: &'static str = "bookTicker";
    type Event = BestBidAsk;

    fn event_type(&self) -> Option<&EventType> {
        self.e.as_ref()
    }

    fn into_event(self, place: &Place<'_>) -> Result<BestBidAsk, DecodeReason> {
        Ok(BestBidAsk {
            symbol: self.s,
            bid: Level {
                price: self.bid,
                quantity: self.bid_quantity,
            },
            ask: Level {
                price: self.ask,
                quantity: self.ask_quantity,
            },
            update_id: self.u,
            venue_time: place.at_some("T", self.transaction_time)?,
            received: place.received,
        })
    }
}

/// Streams `depth` and, on futures only, `depth5`, `depth10`, `depth20`.
#[derive(Debug, Deserialize)]
pub(super) struct DepthUpdate {
    e: EventType,
    #[serde(rename = "E")]
    event_time: Stamp,
    s: Symbol,
    #[serde(rename = "U")]
    first: u64,
    #[serde(rename = "u")]
    last: u64,
    /// Futures only; -1 in partial depth of markets where nothing happened yet.
    pu: Option<i64>,
    #[serde(rename = "b", deserialize_with = "levels")]
    bids: Vec<Level>,
    #[serde(rename = "a", deserialize_with = "levels")]
    asks: Vec<Level>,
}

impl Payload for DepthUpdate {
    const WHAT: &'static str = "depth diff";
    const EVENT: &'static str = "depthUpdate";
    type Event = BookChange;

    fn event_type(&self) -> Option<&EventType> {
        Some(&self.e)
    }

    fn into_event(self, place: &Place<'_>) -> Result<BookChange, DecodeReason> {
        let previous = self.pu.map(u64::try_from).transpose();
        let negative = |_| DecodeReason::OutOfRange {
            field: "pu",
            value: self.pu.unwrap_or_default(),
        };
        Ok(BookChange {
            symbol: self.s,
            first_update_id: self.first,
            last_update_id: self.last,
            previous_update_id: previous.map_err(negative)?,
            bids: self.bids,
            asks: self.asks,
            venue_time: place.at("E", self.event_time)?,
            received: place.received,
        })
    }
}

/// The body of REST `depth`, and Spot's streams `depth5`, `depth10`, `depth20`. Futures add `E` and
/// `T`, COIN-M also `symbol`.
#[derive(Debug, Deserialize)]
pub(super) struct DepthBody {
    #[serde(rename = "lastUpdateId")]
    last_update_id: u64,
    #[serde(rename = "T")]
    transaction_time: Option<Stamp>,
    symbol: Option<Symbol>,
    #[serde(deserialize_with = "levels")]
    bids: Vec<Level>,
    #[serde(deserialize_with = "levels")]
    asks: Vec<Level>,
}

/// What the streams `depth5`, `depth10` and `depth20` carry: on Spot the body of REST `depth`, on
/// futures a `depthUpdate`. One struct with both spellings, because an untagged enum would first build
/// a tree of the message.
#[derive(Debug, Deserialize)]
pub(super) struct Partial {
    e: Option<EventType>,
    s: Option<Symbol>,
    #[serde(rename = "T")]
    transaction_time: Option<Stamp>,
    #[serde(rename = "lastUpdateId", alias = "u")]
    last_update_id: u64,
    #[serde(alias = "b", deserialize_with = "levels")]
    bids: Vec<Level>,
    #[serde(alias = "a", deserialize_with = "levels")]
    asks: Vec<Level>,
}

impl Payload for Partial {
    const WHAT: &'static str = "partial depth";
    const EVENT: &'static str = "depthUpdate";
    type Event = PartialDepth;

    fn event_type(&self) -> Option<&EventType> {
        self.e.as_ref()
    }

    fn into_event(self, place: &Place<'_>) -> Result<PartialDepth, DecodeReason> {
        let stream = place.stream;
        Ok(PartialDepth {
            symbol: self
                .s
                .or_else(|| stream.and_then(stream_symbol))
                .ok_or(DecodeReason::NoSymbol)?,
            stream_levels: stream.and_then(stream_levels),
            last_update_id: self.last_update_id,
            bids: self.bids,
            asks: self.asks,
            venue_time: place.at_some("T", self.transaction_time)?,
            received: place.received,
        })
    }
}

/// Stream `trade`; futures add `X`.
#[derive(Debug, Deserialize)]
pub(super) struct TradeEvent {
    e: EventType,
    s: Symbol,
    t: TradeId,
    p: Price,
    q: Quantity,
    #[serde(rename = "T")]
    trade_time: Stamp,
    m: bool,
    #[serde(rename = "X")]
    kind: Option<ArrayString<16>>,
}

impl Payload for TradeEvent {
    const WHAT: &'static str = "trade";
    const EVENT: &'static str = "trade";
    type Event = Trade;

    fn event_type(&self) -> Option<&EventType> {
        Some(&self.e)
    }

    fn into_event(self, place: &Place<'_>) -> Result<Trade, DecodeReason> {
        Ok(Trade {
            symbol: self.s,
            id: self.t,
            price: self.p,
            quantity: self.q,
            venue_time: place.at("T", self.trade_time)?,
            buyer_is_maker: self.m,
            kind: self.kind,
            received: place.received,
        })
    }
}

/// Stream `aggTrade`.
#[derive(Debug, Deserialize)]
pub(super) struct AggTradeEvent {
    e: EventType,
    s: Symbol,
    a: u64,
    p: Price,
    q: Quantity,
    f: TradeId,
    l: TradeId,
    #[serde(rename = "T")]
    trade_time: Stamp,
    m: bool,
}

impl Payload for AggTradeEvent {
    const WHAT: &'static str = "aggregated trade";
    const EVENT: &'static str = "aggTrade";
    type Event = AggTrade;

    fn event_type(&self) -> Option<&EventType> {
        Some(&self.e)
    }

    fn into_event(self, place: &Place<'_>) -> Result<AggTrade, DecodeReason> {
        Ok(AggTrade {
            symbol: self.s,
            id: self.a,
            first_trade: self.f,
            last_trade: self.l,
            price: self.p,
            quantity: self.q,
            venue_time: place.at("T", self.trade_time)?,
            buyer_is_maker: self.m,
            received: place.received,
        })
    }
}

/// Stream `kline_<interval>`.
#[derive(Debug, Deserialize)]
pub(super) struct KlineEvent {
    e: EventType,
    s: Symbol,
    k: KlineBody,
}

#[derive(Debug, Deserialize)]
struct KlineBody {
    #[serde(rename = "t")]
    open_time: Stamp,
    #[serde(rename = "T")]
    close_time: Stamp,
    i: KlineInterval,
    o: Price,
    h: Price,
    l: Price,
    c: Price,
    v: Quantity,
    q: Notional,
    n: u64,
    #[serde(rename = "V")]
    taker_buy: Quantity,
    x: bool,
}

impl Payload for KlineEvent {
    const WHAT: &'static str = "kline";
    const EVENT: &'static str = "kline";
    type Event = Kline;

    fn event_type(&self) -> Option<&EventType> {
        Some(&self.e)
    }

    fn into_event(self, place: &Place<'_>) -> Result<Kline, DecodeReason> {
        let body = self.k;
        Ok(Kline {
            symbol: self.s,
            interval: body.i,
            open_time: place.at("t", body.open_time)?,
            close_time: place.at("T", body.close_time)?,
            open: body.o,
            high: body.h,
            low: body.l,
            close: body.c,
            volume: body.v,
            quote_volume: body.q,
            trades: body.n,
            taker_buy_volume: body.taker_buy,
            closed: body.x,
            received: place.received,
        })
    }
}

/// Reads the body of REST `depth`, which on Spot and USDⓈ-M does not say its symbol.
///
/// # Errors
/// [`DecodeError`]; also when the body names another symbol.
pub fn decode_depth_snapshot(
    symbol: Symbol,
    body: &str,
    received: Timestamp,
) -> Result<DepthSnapshot, DecodeError> {
    const WHAT: &str = "depth snapshot";
    let depth: DepthBody = from_json(WHAT, body)?;
    if let Some(found) = depth.symbol
        && found != symbol
    {
        let reason = DecodeReason::OtherSymbol {
            expected: symbol,
            found,
        };
        return Err(DecodeError::new(WHAT, reason, body));
    }
    // Only futures tell a time, and they know milliseconds only.
    let time = depth
        .transaction_time
        .map(|stamp| stamp.at("T", TimeUnit::Millisecond))
        .transpose()
        .map_err(|reason| DecodeError::new(WHAT, reason, body))?;
    Ok(DepthSnapshot {
        symbol,
        last_update_id: depth.last_update_id,
        bids: depth.bids,
        asks: depth.asks,
        venue_time: time,
        received,
    })
}
