//! Frames of the market-data WebSocket: which message it is, combined (`{"stream":…,"data":…}`) or raw,
//! and control replies between them. No state: every function can be called with any text.

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::MarketEvent;
use tripline_engine::time::Timestamp;

use super::decode::{DecodeError, DecodeReason, from_json, shortened, text_of};
use super::market::{
    AggTradeEvent, BookTicker, DepthUpdate, KlineEvent, Partial, Payload, TradeEvent,
};
use super::time::{Stamp, TimeUnit};

/// What one frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Event(MarketEvent),
    /// The answer to a control request.
    Reply(ControlReply),
    /// A control request that the venue refuses.
    Refused(ControlError),
    /// The venue is about to close the connection: connect again elsewhere.
    ServerShutdown,
}

/// `{"result":…,"id":…}`. SUBSCRIBE to an unknown symbol is answered like any other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ControlReply {
    pub result: ControlResult,
    pub id: Option<RequestId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ControlResult {
    /// SUBSCRIBE, UNSUBSCRIBE, SET_PROPERTY: `null`.
    Done,
    /// GET_PROPERTY.
    Property(bool),
    /// LIST_SUBSCRIPTIONS.
    Streams(Vec<String>),
}

/// The id of a control request as the client chose it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    Number(i64),
    Text(String),
}

/// `{"code":…,"msg":…}` with the request's id where the venue could read it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ControlError {
    pub code: i64,
    pub msg: String,
    pub id: Option<RequestId>,
}

#[derive(Deserialize)]
struct Combined<T> {
    data: T,
}

/// `{"error":{"code":…,"msg":…},"id":…}`, the other form in which futures refuse.
#[derive(Deserialize)]
struct Wrapped {
    error: ControlError,
    id: Option<RequestId>,
}

/// What tells one message from another, for frames that do not start as they usually do.
#[derive(Deserialize)]
struct Signs {
    stream: Option<String>,
    e: Option<String>,
    u: Option<IgnoredAny>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<IgnoredAny>,
    /// Present even when it is `null`.
    #[serde(default, deserialize_with = "present")]
    result: bool,
    code: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The kinds of payload that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    BookTicker,
    Depth,
    PartialDepth,
    Trade,
    AggTrade,
    Kline,
    ServerShutdown,
}

impl Kind {
    /// By the name of a stream: `btcusdt@depth@100ms`, `!bookTicker`.
    fn of_stream(stream: &str) -> Option<Self> {
        let name = stream
            .strip_prefix('!')
            .or_else(|| stream.split_once('@').map(|(_, name)| name))?;
        let name = name.split('@').next().unwrap_or(name);
        match name {
            "bookTicker" => Some(Self::BookTicker),
            "depth" => Some(Self::Depth),
            "depth5" | "depth10" | "depth20" => Some(Self::PartialDepth),
            "trade" => Some(Self::Trade),
            "aggTrade" => Some(Self::AggTrade),
            "serverShutdown" => Some(Self::ServerShutdown),
            _ => name.starts_with("kline_").then_some(Self::Kline),
        }
    }

    /// By the event type `e`. A `depthUpdate` is a diff unless the stream is one of partial depth.
    fn of_event(event: &str, stream: Option<&str>) -> Option<Self> {
        match event {
            "bookTicker" => Some(Self::BookTicker),
            "depthUpdate" if stream.and_then(Self::of_stream) == Some(Self::PartialDepth) => {
                Some(Self::PartialDepth)
            }
            "depthUpdate" => Some(Self::Depth),
            "trade" => Some(Self::Trade),
            "aggTrade" => Some(Self::AggTrade),
            "kline" => Some(Self::Kline),
            "serverShutdown" => Some(Self::ServerShutdown),
            _ => None,
        }
    }
}

/// The symbol in a stream's name, `btcusdt` in `btcusdt@depth5`; streams of all symbols have none.
#[must_use]
pub fn stream_symbol(stream: &str) -> Option<Symbol> {
    let (symbol, _) = stream.split_once('@')?;
    Symbol::new(&symbol.to_uppercase()).ok()
}

/// How many levels a stream of partial depth has, 5 in `btcusdt@depth5@100ms`.
#[must_use]
pub fn stream_levels(stream: &str) -> Option<u16> {
    let (_, name) = stream.split_once("@depth")?;
    name.split('@').next()?.parse().ok()
}

/// The stream's name in a combined frame, when it is written as Binance writes it.
#[must_use]
pub fn stream_name(frame: &str) -> Option<&str> {
    let (stream, rest) = frame.strip_prefix("{\"stream\":\"")?.split_once('"')?;
    (rest.starts_with(",\"data\":") && !stream.contains('\\')).then_some(stream)
}

/// Reads one text frame of a combined or raw connection whose time stamps have this unit. `received` is
/// when it arrived.
///
/// # Errors
/// [`DecodeError`]. Raw partial depth of Spot has no symbol and needs [`decode_raw`], and raw partial
/// depth of futures looks like a diff.
pub fn decode(frame: &str, unit: TimeUnit, received: Timestamp) -> Result<Frame, DecodeError> {
    match stream_name(frame) {
        Some(stream) => payload_of_stream(Place::combined(stream, frame, unit, received)),
        None => raw(Place::raw(None, frame, unit, received)),
    }
}

/// Reads one frame of a recording, which does not tell the unit of its time stamps.
///
/// # Errors
/// As [`decode`].
pub fn decode_recorded(frame: &str, received: Timestamp) -> Result<Frame, DecodeError> {
    let read = decode(frame, TimeUnit::Millisecond, received);
    match &read {
        Err(error) if matches!(error.reason, DecodeReason::NoTime { .. }) => {
            decode(frame, TimeUnit::Microsecond, received).or(read)
        }
        _ => read,
    }
}

/// Reads one frame of a raw connection (`/ws/<stream>`) that carries only this stream.
///
/// # Errors
/// [`DecodeError`].
pub fn decode_raw(
    stream: &str,
    frame: &str,
    unit: TimeUnit,
    received: Timestamp,
) -> Result<Frame, DecodeError> {
    raw(Place::raw(Some(stream), frame, unit, received))
}

/// [`decode`] for bytes that nobody has looked at.
///
/// # Errors
/// [`DecodeError`], also for bytes that are not UTF-8.
pub fn decode_bytes(
    frame: &[u8],
    unit: TimeUnit,
    received: Timestamp,
) -> Result<Frame, DecodeError> {
    decode(text_of("frame", frame)?, unit, received)
}

fn payload_of_stream(place: Place<'_>) -> Result<Frame, DecodeError> {
    let stream = place.stream.unwrap_or_default();
    let kind = Kind::of_stream(stream).ok_or_else(|| unsupported(stream, place.frame))?;
    payload(kind, place)
}

fn unsupported(kind: &str, frame: &str) -> DecodeError {
    DecodeError::new(
        "frame",
        DecodeReason::Unsupported {
            kind: shortened(kind, 48),
        },
        frame,
    )
}

fn raw(place: Place<'_>) -> Result<Frame, DecodeError> {
    // Spot's bookTicker has no event type; everything else usually starts with it.
    if place.frame.starts_with("{\"u\":") {
        return payload(Kind::BookTicker, place);
    }
    let event = place
        .frame
        .strip_prefix("{\"e\":\"")
        .and_then(|rest| rest.split_once('"'));
    match event {
        Some((event, _)) => payload_of_event(event, place),
        None => by_signs(place),
    }
}

fn payload_of_event(event: &str, place: Place<'_>) -> Result<Frame, DecodeError> {
    let kind =
        Kind::of_event(event, place.stream).ok_or_else(|| unsupported(event, place.frame))?;
    payload(kind, place)
}

fn by_signs(place: Place<'_>) -> Result<Frame, DecodeError> {
    let frame = place.frame;
    if !frame.trim_start().starts_with('{') {
        let reason = DecodeReason::Json("expected a JSON object".into());
        return Err(DecodeError::new("frame", reason, frame));
    }
    let signs: Signs = from_json("frame", frame)?;
    if let Some(stream) = signs.stream {
        return payload_of_stream(Place {
            stream: Some(&stream),
            combined: true,
            ..place
        });
    }
    if let Some(event) = signs.e {
        return payload_of_event(&event, place);
    }
    if signs.result {
        return from_json("control reply", frame).map(Frame::Reply);
    }
    if signs.code.is_some() {
        return from_json("control error", frame).map(Frame::Refused);
    }
    if signs.error.is_some() {
        let Wrapped { error, id } = from_json("control error", frame)?;
        return Ok(Frame::Refused(ControlError {
            id: error.id.or(id),
            ..error
        }));
    }
    if signs.last_update_id.is_some() {
        return payload(Kind::PartialDepth, place);
    }
    if signs.u.is_some() {
        return payload(Kind::BookTicker, place);
    }
    Err(unsupported("without event type", frame))
}

fn payload(kind: Kind, place: Place<'_>) -> Result<Frame, DecodeError> {
    let event = match kind {
        Kind::BookTicker => MarketEvent::BestBidAsk(place.read::<BookTicker>()?),
        Kind::Depth => MarketEvent::BookChange(place.read::<DepthUpdate>()?),
        Kind::PartialDepth => MarketEvent::PartialDepth(place.read::<Partial>()?),
        Kind::Trade => MarketEvent::Trade(place.read::<TradeEvent>()?),
        Kind::AggTrade => MarketEvent::AggTrade(place.read::<AggTradeEvent>()?),
        Kind::Kline => MarketEvent::Kline(place.read::<KlineEvent>()?),
        Kind::ServerShutdown => return Ok(Frame::ServerShutdown),
    };
    Ok(Frame::Event(event))
}

/// Where a payload is found.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The name of the stream that carried it, where it is known.
    pub(super) stream: Option<&'a str>,
    combined: bool,
    frame: &'a str,
    unit: TimeUnit,
    pub(super) received: Timestamp,
}

impl<'a> Place<'a> {
    fn combined(stream: &'a str, frame: &'a str, unit: TimeUnit, received: Timestamp) -> Self {
        Self {
            combined: true,
            ..Self::raw(Some(stream), frame, unit, received)
        }
    }

    fn raw(stream: Option<&'a str>, frame: &'a str, unit: TimeUnit, received: Timestamp) -> Self {
        Self {
            stream,
            combined: false,
            frame,
            unit,
            received,
        }
    }

    /// # Errors
    /// [`DecodeReason::NoTime`].
    pub(super) fn at(&self, field: &'static str, stamp: Stamp) -> Result<Timestamp, DecodeReason> {
        stamp.at(field, self.unit)
    }

    /// # Errors
    /// [`DecodeReason::NoTime`].
    pub(super) fn at_some(
        &self,
        field: &'static str,
        stamp: Option<Stamp>,
    ) -> Result<Option<Timestamp>, DecodeReason> {
        stamp.map(|stamp| self.at(field, stamp)).transpose()
    }

    fn read<T: Payload>(&self) -> Result<T::Event, DecodeError> {
        let payload: T = if self.combined {
            from_json::<Combined<T>>(T::WHAT, self.frame)?.data
        } else {
            from_json(T::WHAT, self.frame)?
        };
        let refuse = |reason| DecodeError::new(T::WHAT, reason, self.frame);
        match payload.event_type() {
            Some(found) if found.as_str() != T::EVENT => Err(refuse(DecodeReason::OtherEvent {
                expected: T::EVENT,
                found: found.as_str().into(),
            })),
            _ => payload.into_event(self).map_err(refuse),
        }
    }
}

#[cfg(test)]
mod tests;
