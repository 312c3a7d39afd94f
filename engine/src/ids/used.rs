//! Which client order ids were used.

use serde::{Deserialize, Serialize};

use super::OrderOrigin;

impl OrderOrigin {
    /// From here on sequences are those of exits: orders of the engine's own that take a strategy out of its
    /// position. A strategy counts from 1 and does not come here in any run, and exits count from here.
    pub const FIRST_EXIT: u64 = 35 * 36u64.pow(11);

    /// Whether it names an exit.
    #[must_use]
    pub const fn is_exit(&self) -> bool {
        self.sequence >= Self::FIRST_EXIT
    }
}

/// The client order ids of one strategy in one run that were used. Sequences only grow, those of exits beside
/// those of the strategy's own orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsedIds {
    /// The highest sequence of the strategy's own orders.
    orders: u64,
    /// The highest sequence of its exits; 0 before the first.
    exits: u64,
}

impl UsedIds {
    /// Whether the id was used.
    #[must_use]
    pub const fn has(&self, origin: &OrderOrigin) -> bool {
        origin.sequence <= self.last(origin)
    }

    const fn last(&self, origin: &OrderOrigin) -> u64 {
        match origin.is_exit() {
            true => self.exits,
            false => self.orders,
        }
    }

    /// Takes an id out of circulation; `false` when it was used before.
    pub fn take(&mut self, origin: &OrderOrigin) -> bool {
        let is_new = !self.has(origin);
        let last = match origin.is_exit() {
            true => &mut self.exits,
            false => &mut self.orders,
        };
        *last = origin.sequence.max(*last);
        is_new
    }

    /// The sequence of the next exit.
    #[must_use]
    pub fn next_exit(&self) -> u64 {
        OrderOrigin::FIRST_EXIT.max(self.exits.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientOrderId, RunId, StrategyId};
    use super::*;

    #[test]
    fn exits_and_orders_of_a_strategy_are_counted_beside_each_other() {
        let origin = |sequence| OrderOrigin {
            strategy: StrategyId::new("dynamic_quot").unwrap(),
            run: RunId::from_millis(1_795_000_000_000),
            sequence,
        };
        let mut used = UsedIds::default();
        let first = origin(used.next_exit());
        assert!(first.is_exit() && !origin(36u64.pow(10)).is_exit());
        assert!(used.take(&first) && !used.take(&first));
        assert!(used.take(&origin(1)) && used.take(&origin(3)) && !used.take(&origin(2)));
        let second = origin(used.next_exit());
        assert!(second.sequence > first.sequence && !used.has(&second));
        let id = ClientOrderId::of(&second);
        assert_eq!(id.origin(), Some(second));
        assert_ne!(id, ClientOrderId::of(&first));
    }
}
