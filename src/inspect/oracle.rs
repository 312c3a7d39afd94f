//! Holds the rebuilt book's touch against the venue's own: where a best bid and ask has the update id
//! of a diff's end, both must show the same prices and quantities.

use std::collections::BTreeMap;

use tripline_engine::messages::market::Level;

use super::report::BboOracle;

/// How many touches wait for their counterpart; the two streams are never that far apart.
const WINDOW: usize = 10_000;

type Touch = (Option<Level>, Option<Level>);

#[derive(Debug, Default)]
pub(super) struct Oracle {
    from_book: BTreeMap<u64, Touch>,
    from_venue: BTreeMap<u64, Touch>,
    score: BboOracle,
}

fn keep(waiting: &mut BTreeMap<u64, Touch>, update_id: u64, touch: Touch) {
    waiting.insert(update_id, touch);
    if waiting.len() > WINDOW {
        waiting.pop_first();
    }
}

impl Oracle {
    pub fn book(&mut self, update_id: u64, touch: Touch) {
        match self.from_venue.remove(&update_id) {
            Some(venue) => self.compare(touch, venue),
            None => keep(&mut self.from_book, update_id, touch),
        }
    }

    pub fn venue(&mut self, update_id: u64, bid: Level, ask: Level) {
        let touch = (Some(bid), Some(ask));
        match self.from_book.remove(&update_id) {
            Some(book) => self.compare(book, touch),
            None => keep(&mut self.from_venue, update_id, touch),
        }
    }

    fn compare(&mut self, book: Touch, venue: Touch) {
        self.score.checked += 1;
        self.score.matched += u64::from(book == venue);
    }

    pub const fn score(&self) -> BboOracle {
        self.score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price: &str, quantity: &str) -> Level {
        Level {
            price: price.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
        }
    }

    #[test]
    fn touches_of_the_same_update_id_are_compared_whichever_comes_first() {
        let (bid, ask, other) = (level("1", "2"), level("2", "2"), level("1", "3"));
        let mut oracle = Oracle::default();
        oracle.book(1, (Some(bid), Some(ask)));
        oracle.venue(1, bid, ask);
        oracle.venue(2, other, ask);
        oracle.book(2, (Some(bid), Some(ask)));
        oracle.venue(3, bid, ask);
        assert_eq!((oracle.score().checked, oracle.score().matched), (2, 1));
    }
}
