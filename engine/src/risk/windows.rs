//! Sliding windows: how often something happened within a length of time, and between which values.

use std::collections::VecDeque;
use std::time::Duration;

use crate::money::Price;
use crate::time::Timestamp;

/// So many times are kept where no limit asks for more, so that a limit which is set later finds them.
const KEPT: usize = 256;

fn is_within(at: Timestamp, span: Duration, now: Timestamp) -> bool {
    now.saturating_since(at) < span
}

/// When something happened, the latest times of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Window(VecDeque<Timestamp>);

impl Window {
    /// Whether it happened so often in the window that ends now. A time that is set back makes windows longer,
    /// never shorter.
    pub(super) fn reaches(&self, limit: u32, span: Duration, now: Timestamp) -> bool {
        let Ok(limit) = usize::try_from(limit) else {
            return false;
        };
        if limit == 0 {
            return true;
        }
        let first = self.0.len().checked_sub(limit);
        first.is_some_and(|first| is_within(self.0[first], span, now))
    }

    /// It happened; `keep` is the largest limit that is looked at.
    pub(super) fn happened(&mut self, now: Timestamp, keep: u32) {
        let now = self.0.back().map_or(now, |last| now.max(*last));
        self.0.push_back(now);
        let keep = usize::try_from(keep).unwrap_or(usize::MAX).max(KEPT);
        if self.0.len() > keep {
            self.0.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The lowest and the highest of the prices in a window, each looked up in no time: whatever is followed by a
/// lower one can never be the lowest again.
#[derive(Debug, Clone, Default)]
pub(super) struct Extremes {
    falling: VecDeque<(Timestamp, Price)>,
    rising: VecDeque<(Timestamp, Price)>,
}

impl Extremes {
    /// The lowest and the highest price in the window that ends now.
    pub(super) fn within(&self, span: Duration, now: Timestamp) -> Option<(Price, Price)> {
        let first = |deque: &VecDeque<(Timestamp, Price)>| {
            let old = deque.partition_point(|(at, _)| !is_within(*at, span, now));
            deque.get(old).map(|(_, price)| *price)
        };
        first(&self.rising).zip(first(&self.falling))
    }

    pub(super) fn add(&mut self, price: Price, span: Duration, now: Timestamp) {
        let newest = self.rising.back().max(self.falling.back());
        let now = newest.map_or(now, |(last, _)| now.max(*last));
        while self.rising.back().is_some_and(|(_, last)| *last >= price) {
            self.rising.pop_back();
        }
        while self.falling.back().is_some_and(|(_, last)| *last <= price) {
            self.falling.pop_back();
        }
        for deque in [&mut self.rising, &mut self.falling] {
            deque.push_back((now, price));
            while deque
                .front()
                .is_some_and(|(at, _)| !is_within(*at, span, now))
            {
                deque.pop_front();
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.rising.clear();
        self.falling.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(i64::try_from(millis).unwrap())
    }

    proptest! {
        #[test]
        fn a_window_counts_what_lies_in_it(
            steps in prop::collection::vec(0u64..50, 1..60), span in 1u64..400, limit in 0u32..12,
        ) {
            let (mut window, mut times, mut now) = (Window::default(), Vec::new(), 0);
            let span = Duration::from_millis(span);
            for step in steps {
                now += step;
                let naive = times.iter().filter(|then| Duration::from_millis(now - **then) < span).count();
                prop_assert_eq!(window.reaches(limit, span, at(now)), naive >= limit as usize);
                window.happened(at(now), limit);
                times.push(now);
            }
        }

        #[test]
        fn the_extremes_of_a_window_are_those_of_the_prices_in_it(
            steps in prop::collection::vec((0u64..50, 1i64..40), 1..80), span in 1u64..400,
        ) {
            let (mut extremes, mut all, mut now) = (Extremes::default(), Vec::new(), 0);
            let span = Duration::from_millis(span);
            for (step, price) in steps {
                now += step;
                let price = Price::new(price.into()).unwrap();
                let inside = all.iter().filter(|(then, _)| Duration::from_millis(now - *then) < span);
                let prices: Vec<Price> = inside.map(|(_, price)| *price).collect();
                let naive = prices.iter().min().copied().zip(prices.iter().max().copied());
                prop_assert_eq!(extremes.within(span, at(now)), naive);
                extremes.add(price, span, at(now));
                all.push((now, price));
            }
        }
    }

    #[test]
    fn a_time_that_is_set_back_does_not_empty_a_window() {
        let mut window = Window::default();
        window.happened(at(10_000), 2);
        window.happened(at(1_000), 2);
        assert!(window.reaches(2, Duration::from_millis(500), at(1_200)));
        assert!(!window.reaches(2, Duration::from_millis(500), at(10_500)));
    }
}
