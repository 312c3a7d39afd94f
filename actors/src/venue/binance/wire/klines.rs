//! Klines as REST and the WebSocket API answer them: an array of arrays.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tripline_engine::ids::Symbol;
use tripline_engine::messages::market::{Kline, KlineInterval};
use tripline_engine::money::{Notional, Price, Quantity};
use tripline_engine::time::Timestamp;

use super::decode::{DecodeError, from_json};
use super::time::{Stamp, TimeUnit};

/// Open time, open, high, low, close, volume, close time, quote volume, trades, taker base, taker quote,
/// and a field without meaning.
#[derive(Debug, Deserialize)]
struct Row(
    Stamp,
    Price,
    Price,
    Price,
    Price,
    Quantity,
    Stamp,
    Notional,
    u64,
    Quantity,
    IgnoredAny,
    IgnoredAny,
);

/// Reads the answer to `klines`, oldest first, its times in this unit. A kline is closed when the venue's clock, `venue_now`,
/// is past its close time.
///
/// # Errors
/// [`DecodeError`] for another structure.
pub fn klines(
    text: &str,
    symbol: Symbol,
    interval: KlineInterval,
    venue_now: Timestamp,
    received: Timestamp,
    unit: TimeUnit,
) -> Result<Vec<Kline>, DecodeError> {
    const WHAT: &str = "list of klines";
    let rows: Vec<Row> = from_json(WHAT, text)?;
    let no_time = |reason| DecodeError::new(WHAT, reason, text);
    let klines = rows.into_iter().map(|row| {
        let Row(
            open_time,
            open,
            high,
            low,
            close,
            volume,
            close_time,
            quote_volume,
            trades,
            taker,
            _,
            _,
        ) = row;
        let open_time = open_time.at("open time", unit).map_err(no_time)?;
        let close_time = close_time.at("close time", unit).map_err(no_time)?;
        Ok(Kline {
            symbol,
            interval,
            open_time,
            close_time,
            open,
            high,
            low,
            close,
            volume,
            quote_volume,
            trades,
            taker_buy_volume: taker,
            closed: venue_now > close_time,
            received,
        })
    });
    klines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_kline_that_is_closed_once_its_time_is_over() {
        let text = r#"[[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499644799999,"2434.19055334",308,"1756.87402397","28.46694368","0"]]"#;
        let symbol = Symbol::new("BNBBTC").unwrap();
        let at = |millis| {
            let now = Timestamp::from_millis(millis);
            klines(
                text,
                symbol,
                KlineInterval::OneWeek,
                now,
                now,
                TimeUnit::Millisecond,
            )
            .unwrap()
            .remove(0)
        };
        let kline = at(1_499_644_799_999);
        assert!(!kline.closed && at(1_499_644_800_000).closed);
        assert_eq!(
            (kline.high.to_string().as_str(), kline.trades),
            ("0.80000000", 308)
        );
        assert_eq!(kline.taker_buy_volume.to_string(), "1756.87402397");
        let now = Timestamp::EPOCH;
        let changed = text.replace("\"0.80000000\"", "0.8");
        let read = |text: &str, unit| klines(text, symbol, KlineInterval::OneWeek, now, now, unit);
        assert!(read(&changed, TimeUnit::Millisecond).is_err());
        assert!(read(text, TimeUnit::Microsecond).is_err());
    }
}
