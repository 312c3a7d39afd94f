//! Klines made from trades, as the venue makes them.

use std::time::Duration;

use thiserror::Error;

use crate::ids::Symbol;
use crate::messages::market::{Kline, KlineInterval, Trade};
use crate::money::{MoneyError, Notional, Quantity};
use crate::time::Timestamp;

/// Why a trade cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KlineError {
    #[error("trade {id} at {time} is older than the open kline of {open}")]
    Late {
        id: u64,
        time: Timestamp,
        open: Timestamp,
    },
    #[error("trade of {found} reached the klines of {expected}")]
    OtherSymbol { expected: Symbol, found: Symbol },
    #[error("klines of {interval} cannot be made from trades: the interval varies in length")]
    VaryingInterval { interval: KlineInterval },
    #[error("trade time {time} is out of range")]
    TimeRange { time: Timestamp },
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Makes klines of one interval from the trades of one symbol. An interval without a trade has no kline.
#[derive(Debug, Clone)]
pub struct KlineBuilder {
    symbol: Symbol,
    interval: KlineInterval,
    length: Duration,
    open: Option<Kline>,
}

impl KlineBuilder {
    /// # Errors
    /// [`KlineError::VaryingInterval`] for months. Weeks start on Monday, everything else at a multiple
    /// of its length since the epoch, UTC (Binance klines without `timeZone`).
    pub fn new(symbol: Symbol, interval: KlineInterval) -> Result<Self, KlineError> {
        let length = interval
            .duration()
            .ok_or(KlineError::VaryingInterval { interval })?;
        Ok(Self {
            symbol,
            interval,
            length,
            open: None,
        })
    }

    /// One-minute klines.
    #[must_use]
    pub const fn one_minute(symbol: Symbol) -> Self {
        let (interval, length) = (KlineInterval::OneMinute, Duration::from_secs(60));
        Self {
            symbol,
            interval,
            length,
            open: None,
        }
    }

    /// The kline to which the newest trade belongs.
    #[must_use]
    pub const fn open(&self) -> Option<&Kline> {
        self.open.as_ref()
    }

    /// Adds a trade; returns the kline that it closed, if it is the first of a later interval.
    ///
    /// # Errors
    /// [`KlineError`]; the trade is then in no kline, and the open one is as it was.
    pub fn add(&mut self, trade: &Trade) -> Result<Option<Kline>, KlineError> {
        if trade.symbol != self.symbol {
            return Err(KlineError::OtherSymbol {
                expected: self.symbol,
                found: trade.symbol,
            });
        }
        let single = self.single(trade)?;
        match self.open {
            None => {
                self.open = Some(single);
                Ok(None)
            }
            Some(open) if single.open_time > open.open_time => {
                self.open = Some(single);
                Ok(Some(Kline {
                    closed: true,
                    received: trade.received,
                    ..open
                }))
            }
            Some(open) if single.open_time == open.open_time => {
                self.open = Some(join(open, single)?);
                Ok(None)
            }
            Some(open) => {
                let (id, time) = (trade.id.0, trade.venue_time);
                Err(KlineError::Late {
                    id,
                    time,
                    open: open.open_time,
                })
            }
        }
    }

    /// Closes the open kline when `now` (the venue's time) is past its end.
    pub fn close(&mut self, now: Timestamp) -> Option<Kline> {
        let over = self.open.is_some_and(|open| now > open.close_time);
        if !over {
            return None;
        }
        self.open.take().map(|open| Kline {
            closed: true,
            received: now,
            ..open
        })
    }

    /// The kline that this trade alone would make.
    fn single(&self, trade: &Trade) -> Result<Kline, KlineError> {
        let time = trade.venue_time;
        let range = || KlineError::TimeRange { time };
        let length = i64::try_from(self.length.as_nanos()).map_err(|_| range())?;
        // The epoch was a Thursday; weeks start on Monday, three days before.
        let shift = if self.interval == KlineInterval::OneWeek {
            3 * 86_400_000_000_000
        } else {
            0
        };
        let into = time
            .as_nanos()
            .checked_add(shift)
            .ok_or_else(range)?
            .rem_euclid(length);
        let open = time.as_nanos().checked_sub(into).ok_or_else(range)?;
        let close = open.checked_add(length - 1_000_000).ok_or_else(range)?;
        Ok(Kline {
            symbol: self.symbol,
            interval: self.interval,
            open_time: Timestamp::from_nanos(open),
            close_time: Timestamp::from_nanos(close),
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.quantity,
            quote_volume: trade.price.notional(trade.quantity)?,
            trades: 1,
            taker_buy_volume: if trade.buyer_is_maker {
                Quantity::ZERO
            } else {
                trade.quantity
            },
            closed: false,
            received: trade.received,
        })
    }
}

/// The kline of both, where `later` comes after `earlier` within the same interval.
fn join(earlier: Kline, later: Kline) -> Result<Kline, MoneyError> {
    let quote_volume: Notional = earlier.quote_volume.checked_add(later.quote_volume)?;
    Ok(Kline {
        high: earlier.high.max(later.high),
        low: earlier.low.min(later.low),
        close: later.close,
        volume: earlier.volume.checked_add(later.volume)?,
        quote_volume,
        trades: earlier.trades.saturating_add(later.trades),
        taker_buy_volume: earlier
            .taker_buy_volume
            .checked_add(later.taker_buy_volume)?,
        received: later.received,
        ..earlier
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TradeId;

    fn symbol() -> Symbol {
        Symbol::new("BTCUSDT").unwrap()
    }

    fn trade(id: u64, millis: i64, price: &str, quantity: &str, buyer_is_maker: bool) -> Trade {
        Trade {
            symbol: symbol(),
            id: TradeId(id),
            price: price.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
            venue_time: Timestamp::from_millis(millis),
            buyer_is_maker,
            kind: None,
            received: Timestamp::from_millis(millis + 1),
        }
    }

    #[test]
    fn a_trade_of_the_next_minute_closes_the_kline_before() {
        let mut klines = KlineBuilder::one_minute(symbol());
        assert_eq!(
            klines.add(&trade(1, 60_000, "10.0", "1.5", false)),
            Ok(None)
        );
        assert_eq!(klines.add(&trade(2, 61_000, "12.0", "0.5", true)), Ok(None));
        assert_eq!(
            klines.add(&trade(3, 119_999, "9.5", "2.0", false)),
            Ok(None)
        );
        let closed = klines
            .add(&trade(4, 120_000, "9.6", "1.0", true))
            .unwrap()
            .unwrap();
        assert_eq!(closed.open_time, Timestamp::from_millis(60_000));
        assert_eq!(closed.close_time, Timestamp::from_millis(119_999));
        let texts =
            [closed.open, closed.high, closed.low, closed.close].map(|price| price.to_string());
        assert_eq!(texts, ["10.0", "12.0", "9.5", "9.5"]);
        assert_eq!(closed.volume.to_string(), "4.0");
        assert_eq!(closed.quote_volume.to_string(), "40.00");
        assert_eq!(closed.taker_buy_volume.to_string(), "3.5");
        assert_eq!((closed.trades, closed.closed), (3, true));
        assert_eq!(
            klines.open().map(|open| (open.trades, open.closed)),
            Some((1, false))
        );
    }

    #[test]
    fn a_trade_of_a_minute_that_is_over_is_refused_and_changes_nothing() {
        let mut klines = KlineBuilder::one_minute(symbol());
        klines.add(&trade(2, 120_000, "10", "1", false)).unwrap();
        let before = klines.open().copied();
        assert!(matches!(
            klines.add(&trade(1, 119_999, "99", "1", false)),
            Err(KlineError::Late { id: 1, .. })
        ));
        assert_eq!(klines.open().copied(), before);
    }

    #[test]
    fn a_kline_closes_by_the_clock_when_no_trade_comes() {
        let mut klines = KlineBuilder::one_minute(symbol());
        klines.add(&trade(1, 60_000, "10", "1", false)).unwrap();
        assert_eq!(klines.close(Timestamp::from_millis(119_999)), None);
        assert!(
            klines
                .close(Timestamp::from_millis(120_000))
                .is_some_and(|kline| kline.closed)
        );
        assert_eq!(klines.open(), None);
    }

    #[test]
    fn weeks_open_on_monday_and_months_are_refused() {
        let mut weeks = KlineBuilder::new(symbol(), KlineInterval::OneWeek).unwrap();
        weeks
            .add(&trade(1, 1_723_161_600_000, "10", "1", false))
            .unwrap();
        let open = weeks.open().map(|kline| kline.open_time.to_string());
        assert_eq!(open.as_deref(), Some("2024-08-05T00:00:00Z"));
        assert!(KlineBuilder::new(symbol(), KlineInterval::OneMonth).is_err());
    }

    #[test]
    fn times_and_sums_at_the_edge_of_the_range_are_errors_and_not_panics() {
        let mut klines = KlineBuilder::one_minute(symbol());
        let mut edge = trade(1, 0, "10", "1", false);
        for nanos in [i64::MAX, i64::MIN] {
            edge.venue_time = Timestamp::from_nanos(nanos);
            assert!(matches!(
                klines.add(&edge),
                Err(KlineError::TimeRange { .. })
            ));
        }
        klines
            .add(&trade(1, 0, "1", "79228162514264337593543950335", false))
            .unwrap();
        assert!(matches!(
            klines.add(&trade(2, 1, "1", "1", false)),
            Err(KlineError::Money(_))
        ));
    }
}
