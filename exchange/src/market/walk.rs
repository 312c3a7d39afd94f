//! What assets are worth: random walks in one common unit, so that the prices of crosses fit together.

use std::collections::BTreeMap;

use rand::Rng;
use rand::rngs::StdRng;
use tripline_engine::ids::Asset;

use crate::model::Time;

/// How fast a value drifts back to where it started, per minute: a walk of days stays plausible.
const REVERSION: f64 = 0.000_5;
const MINUTE: f64 = 60_000_000.0;

/// A draw from the standard normal distribution (Box and Muller).
pub(super) fn normal(random: &mut StdRng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// A positive draw with this mean whose logarithm has this standard deviation.
pub(super) fn log_normal(random: &mut StdRng, mean: f64, deviation: f64) -> f64 {
    mean * (deviation * normal(random) - deviation * deviation / 2.0).exp()
}

/// A waiting time in microseconds, at `per_second` on average.
pub(super) fn wait(random: &mut StdRng, per_second: f64) -> i64 {
    let seconds = -(1.0 - random.random::<f64>()).ln() / per_second.max(1e-6);
    (seconds * 1e6).clamp(1.0, 1e12) as i64
}

#[derive(Debug)]
struct Value {
    start: f64,
    now: f64,
}

/// The values of all assets; the common unit itself is worth 1 and stays so.
#[derive(Debug)]
pub(super) struct Values {
    values: BTreeMap<Asset, Value>,
    /// Standard deviation of the logarithm over one minute.
    deviation: f64,
    time: Time,
}

impl Values {
    /// Starts from the prices of symbols as (base, quote, price); the unit is the asset that most
    /// symbols are quoted in. A symbol between two assets that already have a value adds nothing.
    pub fn new(prices: &[(Asset, Asset, f64)], volatility_bps: f64, now: Time) -> Self {
        let mut quoted = BTreeMap::<Asset, usize>::new();
        for (_, quote, _) in prices {
            *quoted.entry(*quote).or_default() += 1;
        }
        let unit = quoted
            .iter()
            .max_by_key(|(_, count)| **count)
            .map(|(asset, _)| *asset);
        let mut values = BTreeMap::<Asset, Value>::new();
        let insert = |values: &mut BTreeMap<Asset, Value>, asset, value| {
            values.insert(
                asset,
                Value {
                    start: value,
                    now: value,
                },
            );
        };
        if let Some(unit) = unit {
            insert(&mut values, unit, 1.0);
        }
        // Each round reaches the symbols that hang on those of the round before.
        for _ in prices {
            for (base, quote, price) in prices {
                match (
                    values.get(base).map(|v| v.now),
                    values.get(quote).map(|v| v.now),
                ) {
                    (None, Some(value)) => insert(&mut values, *base, value * price),
                    (Some(value), None) => insert(&mut values, *quote, value / price),
                    _ => {}
                }
            }
        }
        for (base, quote, price) in prices {
            if !values.contains_key(base) {
                insert(&mut values, *quote, 1.0);
                insert(&mut values, *base, *price);
            }
        }
        if let Some(unit) = unit {
            values.remove(&unit);
        }
        Self {
            values,
            deviation: volatility_bps / 10_000.0,
            time: now,
        }
    }

    pub fn value(&self, asset: Asset) -> f64 {
        self.values.get(&asset).map_or(1.0, |value| value.now)
    }

    /// Lets the values walk on to `now`.
    pub fn walk_to(&mut self, now: Time, random: &mut StdRng) {
        let minutes = ((now.0 - self.time.0) as f64 / MINUTE).max(0.0);
        self.time = self.time.max(now);
        let deviation = self.deviation * minutes.sqrt();
        for value in self.values.values_mut() {
            let back = (value.start / value.now).ln() * (REVERSION * minutes).min(1.0);
            value.now *= (back + deviation * normal(random)).exp();
        }
    }

    pub fn skip_to(&mut self, now: Time) {
        self.time = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn asset(text: &str) -> Asset {
        Asset::new(text).unwrap()
    }

    #[test]
    fn a_cross_is_worth_the_quotient_of_its_assets_at_any_time() {
        let prices = [
            (asset("ETH"), asset("BTC"), 0.05),
            (asset("BTC"), asset("USDT"), 60_000.0),
            (asset("BNB"), asset("USDT"), 600.0),
        ];
        let mut values = Values::new(&prices, 5.0, Time(0));
        assert!((values.value(asset("ETH")) - 3_000.0).abs() < 1e-6);
        let mut random = StdRng::seed_from_u64(3);
        values.walk_to(Time(3_600_000_000), &mut random);
        assert_eq!(values.value(asset("USDT")), 1.0);
        let btc = values.value(asset("BTC"));
        assert!(
            btc != 60_000.0 && (btc / 60_000.0 - 1.0).abs() < 0.05,
            "{btc}"
        );
    }

    #[test]
    fn waiting_times_have_the_wanted_mean() {
        let mut random = StdRng::seed_from_u64(4);
        let sum: i64 = (0..20_000).map(|_| wait(&mut random, 50.0)).sum();
        assert!(
            (sum / 20_000 - 20_000).abs() < 1_000,
            "mean {}",
            sum / 20_000
        );
    }
}
