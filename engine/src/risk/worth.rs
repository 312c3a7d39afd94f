//! What positions are worth in the asset of money limits.

use rust_decimal::Decimal;

use super::account::{InstrumentSums, Worth, revalue};
use super::state::RiskState;
use crate::ids::{Asset, Symbol};
use crate::money::Price;

impl RiskState {
    /// The instrument's last price. Positions keep the last one while its data is stale.
    pub fn mark(&mut self, symbol: Symbol, price: Price) {
        if let Some(sums) = self.instruments.get_mut(&symbol) {
            sums.mark = Some(price);
            self.is_marked_anew = true;
            self.revalue();
        }
    }

    /// Computes anew what everything is worth: rarely enough that no rounding of differences adds up.
    pub(super) fn revalue(&mut self) {
        let value_in = self.value_in();
        let marks = self.instruments.values();
        let marks: Vec<_> = marks
            .filter_map(|sums| Some((sums.pair?, sums.mark?.value())))
            .collect();
        let rate = |quote: Asset| match value_in {
            Some(asset) if asset == quote => Some(Decimal::ONE),
            Some(asset) => {
                let via = marks
                    .iter()
                    .find(|((base, of), _)| *base == quote && *of == asset);
                via.map(|(_, mark)| *mark)
            }
            None => None,
        };
        self.account.worth = Worth::default();
        for sums in self.instruments.values_mut() {
            sums.rate = sums.pair.and_then(|(_, quote)| rate(quote));
            let price = sums.price();
            sums.cell.worth = Worth::default();
            revalue(&mut sums.cell, &mut self.account.worth, price);
        }
        for strategy in self.strategies.values_mut() {
            strategy.worth = Worth::default();
            for (symbol, own) in &mut strategy.own {
                let price = self.instruments.get(symbol).and_then(InstrumentSums::price);
                own.cell.worth = Worth::default();
                revalue(&mut own.cell, &mut strategy.worth, price);
            }
        }
    }

    /// The asset that amounts of money are in: as configured, or what all instruments are quoted in.
    pub(super) fn value_in(&self) -> Option<Asset> {
        if let Some(configured) = self.limits().value_in {
            return Some(configured);
        }
        let mut quotes = self.instruments.values().filter_map(|sums| sums.pair);
        let first = quotes.next().map(|(_, quote)| quote)?;
        quotes.all(|(_, quote)| quote == first).then_some(first)
    }
}
