//! The market's part of the exchange's configuration.

use std::path::PathBuf;

use serde::Deserialize;
use tripline_engine::ids::Symbol;

/// Where liquidity comes from: `[market.synthetic]` for all symbols that no `[[market.replay]]` names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketConfig {
    pub synthetic: SyntheticConfig,
    pub replay: Vec<ReplayConfig>,
}

/// What the synthetic market looks like. Rates are per symbol and on average; bursts come on top.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyntheticConfig {
    pub enabled: bool,
    /// Changes of quotes per second; each changes a few levels.
    pub updates_per_second: f64,
    /// Orders per second that take liquidity.
    pub trades_per_second: f64,
    /// Standard deviation of an asset's value over one minute, in basis points.
    pub volatility_bps: f64,
    /// Between the best bid and the best ask, in ticks.
    pub spread_ticks: u32,
    /// Levels on each side, at least.
    pub levels: u32,
    /// What a level is worth on average, in the asset that most symbols are quoted in.
    pub level_value: f64,
    /// What an order that takes liquidity is worth on average, in the same.
    pub trade_value: f64,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            updates_per_second: 20.0,
            trades_per_second: 4.0,
            volatility_bps: 5.0,
            spread_ticks: 2,
            levels: 60,
            level_value: 20_000.0,
            trade_value: 1_000.0,
        }
    }
}

impl SyntheticConfig {
    /// The fields that make no market, each with what would be right.
    pub(crate) fn wrong(&self) -> Vec<(&'static str, String)> {
        let counts = |value: u32, most: u32| (f64::from(value), 1.0, f64::from(most));
        let rates = |value: f64| (value, 0.0, 10_000.0);
        let values = |value: f64| (value, 1e-8, 1e10);
        let fields = [
            ("updates_per_second", rates(self.updates_per_second)),
            ("trades_per_second", rates(self.trades_per_second)),
            ("volatility_bps", (self.volatility_bps, 0.0, 1_000.0)),
            ("spread_ticks", counts(self.spread_ticks, 100_000)),
            ("levels", counts(self.levels, 5_000)),
            ("level_value", values(self.level_value)),
            ("trade_value", values(self.trade_value)),
        ];
        let wrong = fields
            .into_iter()
            .filter(|(_, (value, least, most))| !(least..=most).contains(&value));
        let problem = |(field, (value, least, most)): (&'static str, (f64, f64, f64))| {
            let text = format!("{value} is not possible: give {least} to {most}");
            (field, text)
        };
        wrong.map(problem).collect()
    }
}

/// A recording that drives one symbol.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayConfig {
    pub symbol: Symbol,
    /// One after the other: plain, `.gz` or `.zst`; a line is `<local time in ns> <combined-stream frame>`.
    pub files: Vec<PathBuf>,
    /// The symbol in the recording, when it is another than `symbol`.
    #[serde(default)]
    pub recorded: Option<Symbol>,
    /// 1.0 is the recording's own pace, 10.0 ten times as fast.
    #[serde(default = "own_pace")]
    pub speed: f64,
    /// Whether it starts again at its end; else the book stays as it was last.
    #[serde(default)]
    pub repeat: bool,
}

const fn own_pace() -> f64 {
    1.0
}
