use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::ids::Symbol;
use crate::messages::market::{BookChange, DepthSnapshot};
use crate::money::Quantity;
use crate::time::Timestamp;

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn level(price: u32, quantity: u32) -> Level {
    Level {
        price: Price::new(Decimal::new(price.into(), 2)).unwrap(),
        quantity: Quantity::new(Decimal::new(quantity.into(), 3)).unwrap(),
    }
}

/// One change of the true book: side, price in cents, absolute quantity in thousandths.
#[derive(Debug, Clone, Copy)]
struct Step {
    bid: bool,
    price: u32,
    quantity: u32,
}

/// The venue's history. Step `n` (from 1) has an update id; on futures ids are not consecutive.
#[derive(Debug, Clone)]
struct Venue {
    rule: ChainRule,
    steps: Vec<Step>,
}

type Side = BTreeMap<u32, u32>;

impl Venue {
    fn id(&self, step: usize) -> u64 {
        match self.rule {
            ChainRule::UpdateIds => 1_000 + step as u64,
            ChainRule::PreviousId => 1_000 + 3 * step as u64,
        }
    }

    /// The naive model: both sides after so many steps.
    fn truth(&self, steps: usize) -> (Side, Side) {
        let (mut bids, mut asks) = (Side::new(), Side::new());
        for step in &self.steps[..steps] {
            let side = if step.bid { &mut bids } else { &mut asks };
            if step.quantity == 0 {
                side.remove(&step.price);
            } else {
                side.insert(step.price, step.quantity);
            }
        }
        (bids, asks)
    }

    /// The diff that holds the steps after `from` up to and including `to`.
    fn diff(&self, from: usize, to: usize) -> BookChange {
        let mut last = BTreeMap::new();
        for step in &self.steps[from..to] {
            last.insert((step.bid, step.price), step.quantity);
        }
        let side = |bid| {
            last.iter()
                .filter(|(at, _)| at.0 == bid)
                .map(|(at, q)| level(at.1, *q))
                .collect()
        };
        BookChange {
            symbol: symbol(),
            first_update_id: self.id(from + 1),
            last_update_id: self.id(to),
            previous_update_id: (self.rule == ChainRule::PreviousId).then(|| self.id(from)),
            bids: side(true),
            asks: side(false),
            venue_time: Timestamp::from_millis(to as i64),
            received: Timestamp::EPOCH,
        }
    }

    fn snapshot(&self, steps: usize) -> DepthSnapshot {
        let (bids, asks) = self.truth(steps);
        DepthSnapshot {
            symbol: symbol(),
            last_update_id: self.id(steps),
            bids: bids.iter().rev().map(|(p, q)| level(*p, *q)).collect(),
            asks: asks.iter().map(|(p, q)| level(*p, *q)).collect(),
            venue_time: None,
            received: Timestamp::EPOCH,
        }
    }

    fn book(&self) -> Book {
        Book::new(symbol(), self.rule)
    }

    fn assert_true(&self, book: &Book, steps: usize) {
        let depth = book.live().expect("the book is live");
        let (bids, asks) = self.truth(steps);
        assert_eq!(book.last_update_id(), Some(self.id(steps)));
        assert!(
            depth
                .bids()
                .levels()
                .eq(bids.iter().rev().map(|(p, q)| level(*p, *q)))
        );
        assert!(
            depth
                .asks()
                .levels()
                .eq(asks.iter().map(|(p, q)| level(*p, *q)))
        );
    }
}

fn venue() -> impl Strategy<Value = Venue> {
    // Bids are below 5.00 and asks above, so that the true book never crosses.
    let step = (any::<bool>(), 0u32..40, 0u32..6).prop_map(|(bid, at, quantity)| Step {
        bid,
        price: if bid { 499 - at } else { 501 + at },
        quantity,
    });
    let rule = prop_oneof![Just(ChainRule::UpdateIds), Just(ChainRule::PreviousId)];
    (rule, proptest::collection::vec(step, 20..150)).prop_map(|(rule, steps)| Venue { rule, steps })
}

/// Where diffs end that cut the whole history into pieces.
fn pieces(venue: &Venue, sizes: &[usize]) -> Vec<(usize, usize)> {
    let mut cuts = vec![];
    let mut at = 0;
    for size in sizes.iter().cycle() {
        let to = (at + size).min(venue.steps.len());
        cuts.push((at, to));
        at = to;
        if at == venue.steps.len() {
            return cuts;
        }
    }
    cuts
}

proptest! {
    #[test]
    fn chopped_repeated_and_overlapping_diffs_give_the_true_book(
        venue in venue(),
        sizes in proptest::collection::vec(1usize..9, 1..12),
        back in proptest::collection::vec((0usize..12, 0usize..3), 1..12),
        snapshot_after in any::<prop::sample::Index>(),
        snapshot_of in any::<prop::sample::Index>(),
    ) {
        let cuts = pieces(&venue, &sizes);
        let snapshot_after = snapshot_after.index(cuts.len() + 1);
        let snapshot_of = snapshot_of.index(venue.steps.len() + 1);
        let mut book = venue.book();
        for (n, (from, to)) in cuts.iter().enumerate() {
            if n == snapshot_after {
                book.snapshot(&venue.snapshot(snapshot_of)).unwrap();
            }
            let (overlap, repeats) = back[n % back.len()];
            book.change(&venue.diff(from.saturating_sub(overlap), *to)).unwrap();
            for repeat in 0..repeats {
                let (from, to) = cuts[n.saturating_sub(repeat)];
                prop_assert_eq!(book.change(&venue.diff(from, to)), Ok(ChangeOutcome::Stale));
            }
        }
        if snapshot_after == cuts.len() {
            book.snapshot(&venue.snapshot(snapshot_of)).unwrap();
        }
        venue.assert_true(&book, venue.steps.len());
        prop_assert_eq!(book.counters().crossed, 0);
    }

    #[test]
    fn a_dropped_diff_always_ends_in_broken_and_a_new_snapshot_heals_it(
        venue in venue(),
        sizes in proptest::collection::vec(1usize..9, 1..12),
        dropped in any::<prop::sample::Index>(),
        heal_after in any::<prop::sample::Index>(),
    ) {
        let cuts = pieces(&venue, &sizes);
        let dropped = dropped.index(cuts.len() - 1);
        let heal_after = dropped + 1 + heal_after.index(cuts.len() - dropped - 1);
        let mut book = venue.book();
        book.snapshot(&venue.snapshot(0)).unwrap();
        for (n, (from, to)) in cuts.iter().enumerate() {
            if n == dropped {
                continue;
            }
            let outcome = book.change(&venue.diff(*from, *to));
            if n == dropped + 1 {
                prop_assert!(matches!(outcome, Err(BreakReason::Gap { .. })), "{:?}", outcome);
            }
            prop_assert_eq!(book.live().is_some(), n < dropped || n > heal_after);
            if n == heal_after {
                book.snapshot(&venue.snapshot(*to)).unwrap();
            }
        }
        venue.assert_true(&book, venue.steps.len());
    }

    #[test]
    fn a_snapshot_older_than_the_first_buffered_diff_is_not_used(
        venue in venue(),
        missed in 2usize..10,
        snapshot_of in 0usize..10,
    ) {
        let mut book = venue.book();
        book.change(&venue.diff(missed, venue.steps.len())).unwrap();
        let outcome = book.snapshot(&venue.snapshot(snapshot_of)).unwrap();
        if snapshot_of < missed {
            let too_old = matches!(outcome, SnapshotOutcome::TooOld { .. });
            prop_assert!(too_old, "{:?}", outcome);
            prop_assert_eq!(book.state(), BookState::Syncing);
        } else {
            venue.assert_true(&book, venue.steps.len());
        }
    }
}

fn small(rule: ChainRule) -> Venue {
    let steps = (0..10).map(|n| Step {
        bid: n % 2 == 0,
        price: if n % 2 == 0 { 499 - n } else { 501 + n },
        quantity: 1,
    });
    Venue {
        rule,
        steps: steps.collect(),
    }
}

#[test]
fn a_gap_among_buffered_diffs_breaks_a_book_that_was_never_live() {
    let venue = small(ChainRule::UpdateIds);
    let mut book = venue.book();
    book.change(&venue.diff(0, 2)).unwrap();
    let gap = BreakReason::Gap {
        at: 1_002,
        next: 1_004,
    };
    assert_eq!(book.change(&venue.diff(4, 6)), Err(gap));
    assert_eq!(book.state(), BookState::Broken(gap));
    assert!(matches!(
        book.snapshot(&venue.snapshot(3)),
        Ok(SnapshotOutcome::TooOld { .. })
    ));
    assert_eq!(
        book.snapshot(&venue.snapshot(5)),
        Ok(SnapshotOutcome::Live {
            stale: 0,
            applied: 1
        })
    );
    venue.assert_true(&book, 6);
}

#[test]
fn a_broken_book_shows_no_levels() {
    let venue = small(ChainRule::PreviousId);
    let mut book = venue.book();
    book.snapshot(&venue.snapshot(2)).unwrap();
    assert_eq!(book.live().and_then(Depth::best_bid), Some(level(499, 1)));
    book.interrupt();
    assert!(book.live().is_none());
    assert_eq!(book.state().to_string(), "broken: the feed was interrupted");
}

#[test]
fn ids_that_go_back_break_the_book_instead_of_freezing_it() {
    let venue = small(ChainRule::UpdateIds);
    for live in [true, false] {
        let mut book = venue.book();
        book.change(&venue.diff(4, 8)).unwrap();
        if live {
            book.snapshot(&venue.snapshot(5)).unwrap();
        }
        let mut old = venue.diff(0, 2);
        old.venue_time = Timestamp::from_millis(4_000);
        assert_eq!(book.change(&old), Ok(ChangeOutcome::Stale));
        old.venue_time = Timestamp::from_millis(6_000);
        assert_eq!(
            book.change(&old),
            Err(BreakReason::IdsWentBack {
                at: 1_008,
                found: 1_002
            })
        );
        book.snapshot(&venue.snapshot(1)).unwrap();
        venue.assert_true(&book, 2);
    }
}

#[test]
fn a_futures_diff_without_pu_and_inverted_ids_break_the_book() {
    let venue = small(ChainRule::PreviousId);
    let mut book = venue.book();
    let mut change = venue.diff(0, 2);
    change.previous_update_id = None;
    assert!(matches!(
        book.change(&change),
        Err(BreakReason::NoPreviousId { .. })
    ));
    let mut change = venue.diff(0, 2);
    change.first_update_id = change.last_update_id + 1;
    assert!(matches!(
        book.change(&change),
        Err(BreakReason::Inverted { .. })
    ));
    assert!(book.first_buffered().is_none());
}

#[test]
fn data_of_another_symbol_breaks_the_book() {
    let venue = small(ChainRule::UpdateIds);
    let mut book = venue.book();
    book.snapshot(&venue.snapshot(1)).unwrap();
    let mut change = venue.diff(1, 2);
    change.symbol = Symbol::new("ETHUSDT").unwrap();
    assert!(matches!(
        book.change(&change),
        Err(BreakReason::OtherSymbol { .. })
    ));
    assert!(book.live().is_none());
}

#[test]
fn a_crossed_book_is_reported() {
    let mut venue = small(ChainRule::UpdateIds);
    venue.steps.push(Step {
        bid: true,
        price: 502,
        quantity: 1,
    });
    let mut book = venue.book();
    book.snapshot(&venue.snapshot(10)).unwrap();
    let outcome = book.change(&venue.diff(10, 11)).unwrap();
    let ChangeOutcome::Applied {
        crossed: Some(crossed),
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        crossed.to_string(),
        "crossed book: best bid 5.02 is not below best ask 5.02"
    );
    assert_eq!(book.counters().crossed, 1);
}

#[test]
fn a_full_buffer_loses_its_oldest_diffs_and_counts_them() {
    let step = Step {
        bid: true,
        price: 100,
        quantity: 1,
    };
    let venue = Venue {
        rule: ChainRule::UpdateIds,
        steps: vec![step; 1_010],
    };
    let mut book = venue.book();
    for n in 0..1_010 {
        book.change(&venue.diff(n, n + 1)).unwrap();
    }
    assert_eq!(book.counters().overflowed, 10);
    assert!(matches!(
        book.snapshot(&venue.snapshot(9)),
        Ok(SnapshotOutcome::TooOld { .. })
    ));
    assert_eq!(
        book.snapshot(&venue.snapshot(10)),
        Ok(SnapshotOutcome::Live {
            stale: 0,
            applied: 1_000
        })
    );
}

#[test]
fn a_live_book_does_not_take_another_snapshot() {
    let venue = small(ChainRule::UpdateIds);
    let mut book = venue.book();
    book.snapshot(&venue.snapshot(8)).unwrap();
    assert_eq!(
        book.snapshot(&venue.snapshot(2)),
        Ok(SnapshotOutcome::NotNeeded)
    );
    venue.assert_true(&book, 8);
}
