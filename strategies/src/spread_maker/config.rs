//! The configuration of [`SpreadMaker`](super::SpreadMaker).

use std::time::Duration;

use rust_decimal::Decimal;
use serde::Deserialize;
use tripline_engine::ids::Symbol;
use tripline_engine::money::Quantity;

use crate::config::{ConfigFault, Configuration, Period};

/// The configuration of `spread_maker`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The instrument to quote, as the venue spells it. No default.
    pub symbol: Symbol,
    /// The quantity of each quote, base asset, a multiple of the lot. No default.
    pub quantity: Quantity,
    /// From the bid to the ask, in ticks. This or `spread_bips`. No default.
    pub spread_ticks: Option<u32>,
    /// From the bid to the ask, in 1/10000 of the middle, as text. This or `spread_ticks`. No default.
    pub spread_bips: Option<Decimal>,
    /// The most that this run may hold, bought or sold, base asset; at least `quantity`. It counts from
    /// zero at the start of the run, so the account must hold as much to sell. No default.
    pub max_inventory: Quantity,
    /// By how many ticks both prices go down when `max_inventory` is held, and up when it is sold; in
    /// proportion between. Default 0.
    #[serde(default)]
    pub skew_ticks: u32,
    /// By how many ticks the wanted price must differ from the order's for it to be replaced. Default 1.
    #[serde(default = "requote_ticks")]
    pub requote_ticks: u32,
    /// The shortest time between two orders on one side, 10 ms to 1 h. Default `"500ms"`.
    #[serde(default = "pause")]
    pub pause: Period,
}

const fn requote_ticks() -> u32 {
    1
}

const fn pause() -> Period {
    Period(Duration::from_millis(500))
}

impl Configuration for Config {
    const EXAMPLE: &'static str = r#"symbol = "BTCUSDT"
quantity = "0.001"        # of each quote, base asset
spread_bips = "10"        # from bid to ask in 1/10000 of the middle; or spread_ticks = 200
max_inventory = "0.01"    # the most that this run may hold, bought or sold, base asset
skew_ticks = 100          # how far both prices shift against a full inventory
requote_ticks = 20        # replace an order when the wanted price is farther away than this
pause = "500ms"           # the shortest time between two orders on one side
"#;

    fn validate(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut wrong = |key: &str, problem: &str| faults.push(ConfigFault::new(key, problem));
        if self.quantity.is_zero() {
            wrong("quantity", "0 must be above zero");
        }
        if self.max_inventory < self.quantity {
            let text = format!(
                "{} is less than one quote ({})",
                self.max_inventory, self.quantity
            );
            wrong("max_inventory", &text);
        }
        match (self.spread_ticks, self.spread_bips) {
            (None, None) => wrong(
                "spread_bips",
                "is missing; give spread_bips = \"10\" or spread_ticks = 200",
            ),
            (Some(_), Some(_)) => {
                wrong("spread_ticks", "give spread_ticks or spread_bips, not both");
            }
            (Some(0), None) => wrong("spread_ticks", "0 must be 1 or more"),
            (Some(_), None) => {}
            (None, Some(bips)) => {
                if bips <= Decimal::ZERO || bips >= Decimal::from(10_000) {
                    wrong(
                        "spread_bips",
                        &format!("{bips} must be above 0 and below 10000"),
                    );
                }
            }
        }
        let (least, most) = (Duration::from_millis(10), Duration::from_secs(3600));
        faults.extend(self.pause.check("pause", least, most));
        faults
    }
}
