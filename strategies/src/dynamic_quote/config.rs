//! The configuration of [`DynamicQuote`](super::DynamicQuote).

use std::time::Duration;

use rust_decimal::Decimal;
use serde::Deserialize;
use tripline_engine::ids::Symbol;
use tripline_engine::money::Quantity;
use tripline_engine::order::Side;

use crate::config::{ConfigFault, Configuration, Period};

/// The configuration of `dynamic_quote`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The instrument to quote, as the venue spells it. No default.
    pub symbol: Symbol,
    /// `"SELL"` quotes between asks, `"BUY"` between bids. Default `"SELL"`.
    #[serde(default = "sell")]
    pub side: Side,
    /// The quantity of each quote, base asset, a multiple of the lot. No default.
    pub quantity: Quantity,
    /// The two levels of the book, counted from 1 at the touch, nearer one first. Default `[6, 8]`.
    #[serde(default = "levels")]
    pub levels: [u16; 2],
    /// How often it looks, 50 ms to 1 h. Default `"2s"`.
    #[serde(default = "period")]
    pub period: Period,
    /// How many levels of the book it subscribes to, up to 1000, at least the farther of `levels`.
    /// Default 20.
    #[serde(default = "book_levels")]
    pub book_levels: u16,
    /// What becomes of fills.
    #[serde(default)]
    pub hedge: HedgeConfig,
}

/// How `dynamic_quote` hedges.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HedgeConfig {
    /// Whether fills are hedged. Default `true`.
    pub enabled: bool,
    /// The instrument of the hedge. Default: the quoted one.
    pub symbol: Option<Symbol>,
    /// Units to hedge per unit executed, above zero, as text. Default `"1"`.
    pub ratio: Decimal,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            symbol: None,
            ratio: Decimal::ONE,
        }
    }
}

const fn sell() -> Side {
    Side::Sell
}

const fn levels() -> [u16; 2] {
    [6, 8]
}

const fn period() -> Period {
    Period(Duration::from_secs(2))
}

const fn book_levels() -> u16 {
    20
}

impl Configuration for Config {
    const EXAMPLE: &'static str = r#"symbol = "BTCUSDT"
side = "SELL"          # "SELL" quotes between asks, "BUY" between bids
quantity = "0.001"     # of each quote, base asset
levels = [6, 8]        # quote at the mean of these two levels of the book, keep the order between them
period = "2s"          # how often it looks
book_levels = 20       # how deep a book it asks for

[hedge]
enabled = true         # each fill is hedged by a market order on the other side
# symbol = "BTCFDUSD"  # on another instrument than the quoted one
ratio = "1"            # units to hedge per unit executed
"#;

    fn validate(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut wrong = |key: &str, problem: String| faults.push(ConfigFault::new(key, problem));
        if self.quantity.is_zero() {
            wrong("quantity", "0 must be above zero".into());
        }
        let [near, far] = self.levels;
        if near == 0 {
            wrong(
                "levels[0]",
                "0 is no level: they count from 1 at the touch".into(),
            );
        }
        if far < near {
            wrong(
                "levels[1]",
                format!("{far} must not be nearer to the touch than {near}"),
            );
        }
        let deepest = near.max(far);
        if !(deepest.max(1)..=1000).contains(&self.book_levels) {
            let given = self.book_levels;
            wrong(
                "book_levels",
                format!("{given} must be from {deepest} (the farther level) to 1000"),
            );
        }
        if self.hedge.ratio <= Decimal::ZERO || self.hedge.ratio > Decimal::from(1000) {
            let given = self.hedge.ratio;
            wrong(
                "hedge.ratio",
                format!("{given} must be above 0 and at most 1000"),
            );
        }
        faults.extend(self.period.check(
            "period",
            Duration::from_millis(50),
            Duration::from_secs(3600),
        ));
        faults
    }
}
