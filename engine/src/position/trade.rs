//! What one trade moves on its account.

use std::collections::BTreeSet;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{Asset, Symbol, TradeId};
use crate::instrument::Instrument;
use crate::messages::order::Fill;
use crate::money::{self, MoneyError};
use crate::order::Side;

/// Trades of one symbol and side that are remembered, so that none is counted twice.
const REMEMBERED: usize = 16_384;

/// Why a fill could not be counted; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PositionError {
    #[error("trade {trade} of {symbol}: {source}")]
    Money {
        symbol: Symbol,
        trade: TradeId,
        source: MoneyError,
    },
    #[error("trade {trade} of {symbol}: a fee of {fee} in an asset that is not told")]
    FeeAssetUnknown {
        symbol: Symbol,
        trade: TradeId,
        fee: Decimal,
    },
    #[error("trade {trade} of {symbol}: the instrument is not known")]
    UnknownInstrument { symbol: Symbol, trade: TradeId },
    /// So many later trades were counted since that it is not known whether this one was.
    #[error(
        "trade {trade} of {symbol} is older than all that are remembered, the oldest is {oldest}"
    )]
    TooOld {
        symbol: Symbol,
        trade: TradeId,
        oldest: TradeId,
    },
}

/// What is traded for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub symbol: Symbol,
    pub base: Asset,
    pub quote: Asset,
    /// Decimals of an amount of the quote asset.
    pub quote_precision: u32,
}

impl Pair {
    #[must_use]
    pub fn of(instrument: &Instrument) -> Self {
        Self {
            symbol: instrument.symbol,
            base: instrument.base,
            quote: instrument.quote,
            quote_precision: instrument.quote_precision,
        }
    }

    /// What the fill moves. The quote amount is price times quantity, cut off after the quote precision:
    /// so Binance moves it (4.708 at 0.003127 is recorded as 0.01472191, and not as 0.014721916).
    pub(super) fn moves(&self, side: Side, fill: &Fill) -> Result<Moves, PositionError> {
        let (symbol, trade) = (self.symbol, fill.trade_id);
        let fee = fill.fee.normalize();
        if fill.fee_asset.is_none() && !fee.is_zero() {
            return Err(PositionError::FeeAssetUnknown { symbol, trade, fee });
        }
        let (price, quantity) = (fill.price.value(), fill.quantity.value().normalize());
        let quote = money::exact_product("notional", price, quantity).map_err(|source| {
            PositionError::Money {
                symbol,
                trade,
                source,
            }
        })?;
        let quote = quote
            .round_dp_with_strategy(self.quote_precision, RoundingStrategy::ToZero)
            .normalize();
        let (base, quote) = match side {
            Side::Buy => (quantity, -quote),
            Side::Sell => (-quantity, quote),
        };
        Ok(Moves {
            base,
            quote,
            fee: fill.fee_asset.map(|asset| (asset, fee)),
        })
    }
}

/// What one trade moves, in units of each asset; received is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) base: Decimal,
    pub(super) quote: Decimal,
    /// Paid, so below zero for a rebate.
    pub(super) fee: Option<(Asset, Decimal)>,
}

/// The trades of one symbol that were counted. Kept by side too, because a trade of the account with
/// itself bears one number and is two fills.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    bought: Remembered,
    sold: Remembered,
}

impl Counted {
    fn side(&self, side: Side) -> &Remembered {
        match side {
            Side::Buy => &self.bought,
            Side::Sell => &self.sold,
        }
    }

    /// Whether the trade was not counted yet.
    pub(super) fn is_fresh(
        &self,
        symbol: Symbol,
        side: Side,
        trade: TradeId,
    ) -> Result<bool, PositionError> {
        let known = self.side(side);
        match known.forgotten {
            _ if known.trades.contains(&trade) => Ok(false),
            Some(forgotten) if trade <= forgotten => Err(PositionError::TooOld {
                symbol,
                trade,
                oldest: known.trades.first().copied().unwrap_or(forgotten),
            }),
            _ => Ok(true),
        }
    }

    pub(super) fn count(&mut self, side: Side, trade: TradeId) {
        let known = match side {
            Side::Buy => &mut self.bought,
            Side::Sell => &mut self.sold,
        };
        known.trades.insert(trade);
        if known.trades.len() > REMEMBERED {
            known.forgotten = known.trades.pop_first().max(known.forgotten);
        }
    }
}

/// The newest trades, and the newest of those that are forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    trades: BTreeSet<TradeId>,
    forgotten: Option<TradeId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_is_fresh_once_and_one_that_may_be_forgotten_is_an_error() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut counted = Counted::default();
        let last = REMEMBERED as u64 + 9;
        for trade in 10..=last {
            assert_eq!(
                counted.is_fresh(symbol, Side::Buy, TradeId(trade)),
                Ok(true)
            );
            counted.count(Side::Buy, TradeId(trade));
        }
        let fresh = |counted: &Counted, trade| counted.is_fresh(symbol, Side::Buy, TradeId(trade));
        assert_eq!(fresh(&counted, 10), Ok(false));
        assert_eq!(fresh(&counted, 5), Ok(true), "nothing is forgotten yet");
        counted.count(Side::Buy, TradeId(last + 1));
        assert!(matches!(
            fresh(&counted, 10),
            Err(PositionError::TooOld { .. })
        ));
        assert!(matches!(
            fresh(&counted, 5),
            Err(PositionError::TooOld { .. })
        ));
        assert_eq!(fresh(&counted, 11), Ok(false));
        assert_eq!(fresh(&counted, last + 2), Ok(true));
        assert_eq!(counted.is_fresh(symbol, Side::Sell, TradeId(10)), Ok(true));
    }
}
