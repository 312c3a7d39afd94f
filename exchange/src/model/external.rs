//! The market's own liquidity: levels set and orders sent by nobody's account.

use tripline_engine::money::{Price, Quantity};

use super::book::{Owner, crosses};
use super::operation::Operation;
use super::terms::Side;

impl Operation<'_> {
    /// Makes the market's own quantity at a price `quantity` (zero takes it away). Where the new level
    /// meets the other side, the market's own liquidity there goes away and users' orders there trade
    /// with the new quantity, at their own price.
    pub(crate) fn set_market_level(&mut self, side: Side, price: Price, quantity: Quantity) {
        let mut rest = quantity;
        let opposite = side.opposite();
        while !rest.is_zero() {
            let Some((met, place)) = self.instrument.book.first(opposite) else {
                break;
            };
            if !crosses(side, price, met) {
                break;
            }
            if place.owner == Owner::Market {
                self.instrument
                    .book
                    .set_market(opposite, met, Quantity::ZERO);
                continue;
            }
            if !self.is_trading() {
                return;
            }
            let part = rest.min(place.quantity);
            self.trade(Owner::Market, side, met, part, place);
            rest = rest.saturating_sub(part);
        }
        self.instrument.book.set_market(side, price, rest);
    }

    /// Makes a price the last one, as long as nothing has traded.
    pub(crate) const fn set_first_price(&mut self, price: Price) {
        self.instrument.tape.set_first(price);
    }

    /// Takes away the market's own liquidity at prices better than `price`.
    pub(crate) fn clear_market_before(&mut self, side: Side, price: Price) {
        let better: Vec<Price> = self
            .instrument
            .book
            .market_levels(side)
            .map(|(level, _)| level)
            .take_while(|level| *level != price && crosses(side, *level, price))
            .collect();
        for level in better {
            self.instrument.book.set_market(side, level, Quantity::ZERO);
        }
    }

    /// Takes away all of the market's own liquidity.
    pub(crate) fn clear_market(&mut self) {
        for side in [Side::Buy, Side::Sell] {
            let levels: Vec<Price> = self
                .instrument
                .book
                .market_levels(side)
                .map(|(price, _)| price)
                .collect();
            for price in levels {
                self.instrument.book.set_market(side, price, Quantity::ZERO);
            }
        }
    }

    /// The market's own levels of a side, best first.
    pub(crate) fn market_levels(&self, side: Side) -> impl Iterator<Item = (Price, Quantity)> + '_ {
        self.instrument.book.market_levels(side)
    }

    /// The market's own quantity at a price.
    pub(crate) fn market_at(&self, side: Side, price: Price) -> Quantity {
        self.instrument.book.market_at(side, price)
    }

    /// The best level of a side, users' orders included.
    pub(crate) fn best(&self, side: Side) -> Option<(Price, Quantity)> {
        self.instrument.book.best(side)
    }

    /// An order of the market's that takes up to `quantity` at `limit` or better; returns what it took.
    /// Takes nothing while the symbol does not trade.
    pub(crate) fn market_takes(
        &mut self,
        side: Side,
        limit: Price,
        quantity: Quantity,
    ) -> Quantity {
        let mut left = quantity;
        while !left.is_zero() && self.is_trading() {
            let Some((price, place)) = self.instrument.book.first(side.opposite()) else {
                break;
            };
            if !crosses(side, limit, price) {
                break;
            }
            let part = left.min(place.quantity);
            self.trade(Owner::Market, side, price, part, place);
            left = left.saturating_sub(part);
        }
        quantity.saturating_sub(left)
    }

    /// A trade of a recording. Users' orders at better prices than the trade's, and those at its price
    /// once the quantity before them has traded, take part in it at their own price; the rest of it is
    /// published as it was. The market's own quantity at the price stays until the recording changes
    /// it. Does nothing while the symbol does not trade.
    pub(crate) fn recorded_trade(
        &mut self,
        price: Price,
        quantity: Quantity,
        buyer_is_maker: bool,
    ) {
        let (maker_side, taker_side) = if buyer_is_maker {
            (Side::Buy, Side::Sell)
        } else {
            (Side::Sell, Side::Buy)
        };
        if !self.is_trading() {
            return;
        }
        let mut left = quantity;
        let mut published = quantity;
        while !left.is_zero() {
            let Some((met, place)) = self.instrument.book.first(maker_side) else {
                break;
            };
            if !crosses(taker_side, price, met) {
                break;
            }
            if place.owner != Owner::Market {
                let part = left.min(place.quantity);
                self.trade(Owner::Market, taker_side, met, part, place);
                left = left.saturating_sub(part);
                published = published.saturating_sub(part);
            } else if met == price {
                let passed = self.instrument.book.pass_market(maker_side, met, left);
                left = left.saturating_sub(passed);
            } else {
                self.instrument
                    .book
                    .set_market(maker_side, met, Quantity::ZERO);
            }
        }
        if !published.is_zero() {
            self.print_market_trade(price, published, buyer_is_maker);
        }
    }
}
