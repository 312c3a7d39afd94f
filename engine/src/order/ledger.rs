//! [`Order`]: one order as the engine knows it, fed by reports and fills in any order.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::state::{self, Contradiction, Learnt, OrderState};
use super::terms::NewOrder;
use crate::ids::{Asset, ClientOrderId, StrategyId, TradeId, VenueOrderId};
use crate::messages::order::{Fill, OrderReport};
use crate::money::{MoneyError, Notional, Price, Quantity};
use crate::planted::{self, Planted};
use crate::time::Timestamp;

/// News that cannot be true of the order; the caller raises it as a fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrderFault {
    #[error("order {id}: {source}")]
    Contradiction {
        id: ClientOrderId,
        source: Contradiction,
    },
    #[error("order {id}: executed {executed} of {quantity}")]
    Overfilled {
        id: ClientOrderId,
        executed: Quantity,
        quantity: Quantity,
    },
    #[error("order {id} is {known} at the venue, the news is about {news}")]
    OtherOrder {
        id: ClientOrderId,
        known: VenueOrderId,
        news: VenueOrderId,
    },
    #[error("order {id}: trade {trade} came twice with different contents")]
    TradeChanged { id: ClientOrderId, trade: TradeId },
    #[error("order {id}: {source}")]
    Money {
        id: ClientOrderId,
        source: MoneyError,
    },
}

/// What one piece of news changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The state before, when the news changed it.
    pub left: Option<OrderState>,
    /// Fills that were not known before, oldest trade first.
    pub fills: Vec<Fill>,
    /// Whether the venue's order quantity changed (an amendment).
    pub amended: bool,
}

impl Applied {
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.left.is_none() && self.fills.is_empty() && !self.amended
    }
}

/// One order of a strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: ClientOrderId,
    pub strategy: StrategyId,
    /// The terms; after an amendment `quantity` is the reduced one.
    pub terms: NewOrder,
    pub state: OrderState,
    pub venue_id: Option<VenueOrderId>,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// A cancel was asked for and its outcome is not yet known.
    pub cancel_pending: bool,
    /// The largest executed quantity that the venue has shown; fills may still be on their way.
    shown: Quantity,
    fills: Vec<Fill>,
}

impl Order {
    #[must_use]
    pub fn new(
        id: ClientOrderId,
        strategy: StrategyId,
        terms: NewOrder,
        created: Timestamp,
    ) -> Self {
        Self {
            id,
            strategy,
            terms,
            state: OrderState::Created,
            venue_id: None,
            created,
            updated: created,
            cancel_pending: false,
            shown: Quantity::ZERO,
            fills: Vec::new(),
        }
    }

    /// The fills that are known, in the order in which they were delivered.
    #[must_use]
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// Executed quantity, base asset: what the venue has shown or the fills add up to, whichever is more.
    #[must_use]
    pub fn executed(&self) -> Quantity {
        self.shown.max(self.filled())
    }

    /// The sum of the known fills, base asset.
    #[must_use]
    pub fn filled(&self) -> Quantity {
        self.fills.iter().fold(Quantity::ZERO, |sum, fill| {
            sum.checked_add(fill.quantity).unwrap_or(sum)
        })
    }

    /// What is not executed yet, base asset. Zero once the order has ended.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        if self.state.is_terminal() {
            Quantity::ZERO
        } else {
            self.terms.quantity.saturating_sub(self.executed())
        }
    }

    /// What may still come of it into a position, base asset: all that is not filled as long as it is, or may
    /// be, open; afterwards the fills that are missing.
    #[must_use]
    pub fn outstanding(&self) -> Quantity {
        let whole = match self.state.is_terminal() {
            true => self.shown,
            false => self.terms.quantity.max(self.shown),
        };
        whole.saturating_sub(self.filled())
    }

    /// Whether the venue has shown more executed than the fills that arrived account for.
    #[must_use]
    pub fn misses_fills(&self) -> bool {
        self.shown > self.filled()
    }

    /// Whether nothing more can come: ended, and all fills are there.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.state.is_terminal() && !self.misses_fills()
    }

    /// The quote value of the known fills.
    #[must_use]
    pub fn filled_notional(&self) -> Notional {
        self.fills.iter().fold(Notional::ZERO, |sum, fill| {
            fill.price
                .notional(fill.quantity)
                .and_then(|value| sum.checked_add(value))
                .unwrap_or(sum)
        })
    }

    /// The true average price: the value of all fills over their quantity. `None` before the first.
    #[must_use]
    pub fn average_price(&self) -> Option<Price> {
        self.filled_notional().average_price(self.filled())
    }

    /// Fees paid, by asset, in the order in which the assets first appeared.
    #[must_use]
    pub fn fees(&self) -> Vec<(Asset, Decimal)> {
        let mut fees: Vec<(Asset, Decimal)> = Vec::new();
        for fill in &self.fills {
            let Some(asset) = fill.fee_asset else {
                continue;
            };
            match fees.iter_mut().find(|(known, _)| *known == asset) {
                Some((_, sum)) => *sum += fill.fee,
                None => fees.push((asset, fill.fee)),
            }
        }
        fees
    }

    /// Takes something learnt that is not a report: handed over, lost, refused, never arrived.
    ///
    /// # Errors
    /// [`OrderFault::Contradiction`]; the order stays as it was.
    pub fn learn(&mut self, learnt: Learnt, now: Timestamp) -> Result<Applied, OrderFault> {
        let before = self.state;
        let after = state::next(before, learnt).map_err(|source| OrderFault::Contradiction {
            id: self.id,
            source,
        })?;
        self.state = after;
        if after != before {
            self.updated = now;
        }
        if after.is_terminal() {
            self.cancel_pending = false;
        }
        Ok(Applied {
            left: (after != before).then_some(before),
            ..Applied::default()
        })
    }

    /// Takes what the venue shows of the order: an acknowledgement, an event or the answer of a query,
    /// in any order and any number of times. All of it or nothing: a fill that is kept is also returned,
    /// so none is known here and never delivered.
    ///
    /// # Errors
    /// [`OrderFault`] when the news cannot be true; the order stays as it was.
    pub fn apply(&mut self, report: &OrderReport, now: Timestamp) -> Result<Applied, OrderFault> {
        match self.venue_id {
            Some(known) if known != report.venue_id => {
                return Err(OrderFault::OtherOrder {
                    id: self.id,
                    known,
                    news: report.venue_id,
                });
            }
            _ => {}
        }
        let mut after = self.clone();
        let mut applied = after.learn(Learnt::Shown(report.status), now)?;
        after.venue_id = Some(report.venue_id);
        if report.quantity < after.terms.quantity && !report.quantity.is_zero() {
            after.terms.quantity = report.quantity;
            applied.amended = true;
        }
        after.shown = after.shown.max(report.executed);
        applied.fills = after.add_fills(&report.fills, now)?;
        *self = after;
        Ok(applied)
    }

    /// Takes fills from a trade query. Returns those that were not known.
    ///
    /// # Errors
    /// [`OrderFault`] when they cannot be true; none of them is taken.
    pub fn add_fills(&mut self, fills: &[Fill], now: Timestamp) -> Result<Vec<Fill>, OrderFault> {
        let (mut after, mut fresh) = (self.clone(), Vec::new());
        for fill in fills {
            match after
                .fills
                .iter()
                .find(|known| known.trade_id == fill.trade_id)
            {
                Some(known) if known.price != fill.price || known.quantity != fill.quantity => {
                    return Err(OrderFault::TradeChanged {
                        id: self.id,
                        trade: fill.trade_id,
                    });
                }
                Some(_) if !planted::is(Planted::FillsDoubled) => {}
                _ => {
                    after.fills.push(fill.clone());
                    fresh.push(fill.clone());
                    after.updated = now;
                }
            }
        }
        after.check_quantity()?;
        *self = after;
        Ok(fresh)
    }

    fn check_quantity(&self) -> Result<(), OrderFault> {
        let executed = self.executed();
        if executed > self.terms.quantity {
            return Err(OrderFault::Overfilled {
                id: self.id,
                executed,
                quantity: self.terms.quantity,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Symbol;
    use crate::messages::order::ReportSource;
    use crate::order::{Side, VenueStatus};

    fn order() -> Order {
        let terms = NewOrder::limit(
            Symbol::new("BTCUSDT").unwrap(),
            Side::Buy,
            "2".parse().unwrap(),
            "20".parse().unwrap(),
        );
        let id = ClientOrderId::new("t-a-00000000-1").unwrap();
        let mut order = Order::new(
            id,
            StrategyId::new("a").unwrap(),
            terms,
            Timestamp::from_millis(0),
        );
        order
            .learn(Learnt::HandedOver, Timestamp::from_millis(1))
            .unwrap();
        order
    }

    fn fill(trade: u64, price: &str, quantity: &str) -> Fill {
        Fill {
            trade_id: TradeId(trade),
            price: price.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
            fee: Decimal::new(1, 3),
            fee_asset: Some(Asset::new("BNB").unwrap()),
            maker: Some(true),
            at: Timestamp::from_millis(2),
            recovered: false,
        }
    }

    fn report(order: &Order, status: VenueStatus, executed: &str, fills: Vec<Fill>) -> OrderReport {
        OrderReport {
            id: order.id,
            symbol: order.terms.symbol,
            venue_id: VenueOrderId(7),
            side: None,
            terms: None,
            status,
            quantity: order.terms.quantity,
            executed: executed.parse().unwrap(),
            executed_notional: None,
            reason: None,
            fills,
            source: ReportSource::Event,
            at: Timestamp::from_millis(2),
        }
    }

    #[test]
    fn average_price_and_fees_come_from_all_fills() {
        let mut order = order();
        let news = report(
            &order,
            VenueStatus::Filled,
            "2",
            vec![fill(1, "10", "1"), fill(2, "20", "1")],
        );
        assert_eq!(
            order
                .apply(&news, Timestamp::from_millis(3))
                .unwrap()
                .fills
                .len(),
            2
        );
        assert_eq!(order.average_price(), Some("15".parse().unwrap()));
        assert_eq!(
            order.fees(),
            vec![(Asset::new("BNB").unwrap(), Decimal::new(2, 3))]
        );
        assert!(order.is_settled());
    }

    #[test]
    fn a_fill_that_comes_twice_counts_once() {
        let mut order = order();
        let news = report(
            &order,
            VenueStatus::PartiallyFilled,
            "1",
            vec![fill(1, "10", "1")],
        );
        order.apply(&news, Timestamp::from_millis(3)).unwrap();
        assert!(
            order
                .apply(&news, Timestamp::from_millis(4))
                .unwrap()
                .is_nothing()
        );
        assert_eq!(order.executed(), "1".parse().unwrap());
    }

    #[test]
    fn an_executed_quantity_without_its_fills_is_known_to_miss_them() {
        let mut order = order();
        let news = report(&order, VenueStatus::Filled, "2", vec![fill(1, "10", "1")]);
        order.apply(&news, Timestamp::from_millis(3)).unwrap();
        assert!(order.misses_fills() && !order.is_settled());
        order
            .add_fills(
                &[fill(1, "10", "1"), fill(2, "20", "1")],
                Timestamp::from_millis(4),
            )
            .unwrap();
        assert!(order.is_settled());
    }

    #[test]
    fn a_late_acknowledgement_does_not_bring_an_order_back() {
        let mut order = order();
        let filled = report(&order, VenueStatus::Filled, "2", vec![fill(1, "10", "2")]);
        order.apply(&filled, Timestamp::from_millis(3)).unwrap();
        let late = report(&order, VenueStatus::New, "0", vec![]);
        assert!(
            order
                .apply(&late, Timestamp::from_millis(4))
                .unwrap()
                .is_nothing()
        );
        assert_eq!(
            (order.state, order.executed()),
            (OrderState::Filled, "2".parse().unwrap())
        );
    }

    #[test]
    fn news_that_cannot_be_true_leaves_the_order_as_it_was() {
        let mut order = order();
        let before = order.clone();
        let fills = vec![fill(1, "10", "1"), fill(2, "10", "2")];
        let over = report(&order, VenueStatus::PartiallyFilled, "1", fills);
        assert!(order.apply(&over, Timestamp::from_millis(3)).is_err());
        assert_eq!(
            order, before,
            "a fill that is kept but never delivered is a lost fill"
        );
        assert!(
            order
                .add_fills(&over.fills, Timestamp::from_millis(3))
                .is_err()
        );
        assert_eq!(order, before);
    }

    #[test]
    fn impossible_news_is_a_fault() {
        let mut order = order();
        let news = report(
            &order,
            VenueStatus::PartiallyFilled,
            "1",
            vec![fill(1, "10", "1")],
        );
        order.apply(&news, Timestamp::from_millis(3)).unwrap();
        let changed = report(
            &order,
            VenueStatus::PartiallyFilled,
            "1",
            vec![fill(1, "11", "1")],
        );
        assert!(matches!(
            order.apply(&changed, Timestamp::from_millis(4)),
            Err(OrderFault::TradeChanged { .. })
        ));
        let over = report(
            &order,
            VenueStatus::PartiallyFilled,
            "2",
            vec![fill(2, "10", "2")],
        );
        assert!(matches!(
            order.apply(&over, Timestamp::from_millis(4)),
            Err(OrderFault::Overfilled { .. })
        ));
        let other = OrderReport {
            venue_id: VenueOrderId(8),
            ..report(&order, VenueStatus::New, "0", vec![])
        };
        assert!(matches!(
            order.apply(&other, Timestamp::from_millis(4)),
            Err(OrderFault::OtherOrder { .. })
        ));
    }
}
