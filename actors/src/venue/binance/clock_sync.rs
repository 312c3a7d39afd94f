//! How far the local clock is from the venue's, by halving round trips.
//!
//! The venue's stamp was made somewhere between sending and receiving: in the middle, give or take half
//! of the round trip. The fastest of several round trips says most.

use std::time::Duration;

use thiserror::Error;
use tripline_engine::ports::{MarketPort, VenueError};
use tripline_engine::time::Timestamp;

use super::wire::time::TimeUnit;
use crate::clock::Clock;

/// A measured offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// By how many nanoseconds the venue's clock is ahead of the local one.
    pub nanos: i64,
    /// How far the truth may be from it, to either side.
    pub uncertainty: Duration,
}

impl ClockOffset {
    /// From one round trip: the local times of sending and receiving, and the venue's stamp, which is
    /// cut to its unit, so that on average half of one is missing.
    #[must_use]
    pub fn of_round_trip(
        sent: Timestamp,
        stamp: Timestamp,
        received: Timestamp,
        unit: TimeUnit,
    ) -> Self {
        let half_unit = unit.nanos() / 2;
        let trip = received.saturating_since(sent);
        let half = trip / 2;
        let middle = sent.checked_add(half).unwrap_or(sent);
        let nanos = stamp.as_nanos().saturating_sub(middle.as_nanos());
        Self {
            nanos: nanos.saturating_add(half_unit),
            uncertainty: half + Duration::from_nanos(half_unit.unsigned_abs()),
        }
    }

    /// The largest offset that the measurement leaves possible.
    #[must_use]
    pub fn worst(&self) -> Duration {
        Duration::from_nanos(self.nanos.unsigned_abs()).saturating_add(self.uncertainty)
    }
}

/// Why orders cannot be placed by this clock.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClockSyncError {
    #[error(
        "the clock is off by {} ms, give or take {} ms; {} ms are allowed: set the system's clock (NTP)",
        offset.nanos / 1_000_000, offset.uncertainty.as_millis(), bound.as_millis()
    )]
    OutOfBounds {
        offset: ClockOffset,
        bound: Duration,
    },
    #[error("the venue's time cannot be had: {0}")]
    Venue(#[from] VenueError),
}

impl From<ClockSyncError> for VenueError {
    fn from(error: ClockSyncError) -> Self {
        match error {
            ClockSyncError::Venue(error) => error,
            out @ ClockSyncError::OutOfBounds { .. } => Self::Clock {
                code: 0,
                text: out.to_string(),
            },
        }
    }
}

/// Measures the offset with `samples` requests and sets it, beyond the bound as well: cancels must be
/// signed with the venue's time whatever the system's clock shows.
///
/// # Errors
/// [`ClockSyncError::OutOfBounds`] when the clock may be off by more than `bound`;
/// [`ClockSyncError::Venue`] when no request was answered, and the offset is as it was.
pub async fn synchronize(
    venue: &dyn MarketPort,
    clock: &Clock,
    unit: TimeUnit,
    samples: u64,
    bound: Duration,
) -> Result<ClockOffset, ClockSyncError> {
    let mut best: Option<ClockOffset> = None;
    let mut failure = None;
    for _ in 0..samples.max(1) {
        let sent = clock.now();
        match venue.server_time().await {
            Ok(stamp) => {
                let offset = ClockOffset::of_round_trip(sent, stamp, clock.now(), unit);
                if best.is_none_or(|best| offset.uncertainty < best.uncertainty) {
                    best = Some(offset);
                }
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let Some(offset) = best else {
        let none = || VenueError::Network("no request was made".to_owned());
        return Err(failure.unwrap_or_else(none).into());
    };
    clock.set_venue_offset(offset.nanos);
    if offset.worst() > bound {
        return Err(ClockSyncError::OutOfBounds { offset, bound });
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use tripline_engine::ids::Symbol;
    use tripline_engine::instrument::Instrument;
    use tripline_engine::messages::market::{DepthSnapshot, Kline, KlineInterval};
    use tripline_engine::ports::Answer;

    /// Answers `time` after each delay (there, back), from a clock that is `ahead` of the local one.
    struct Venue {
        clock: Clock,
        ahead: i64,
        delays: RefCell<VecDeque<Option<(u64, u64)>>>,
    }

    impl MarketPort for Venue {
        fn instruments(&self, _: &[Symbol]) -> Answer<Result<Vec<Instrument>, VenueError>> {
            Box::pin(async { unreachable!("not asked for") })
        }
        fn depth(&self, _: Symbol, _: u16) -> Answer<Result<DepthSnapshot, VenueError>> {
            Box::pin(async { unreachable!("not asked for") })
        }
        fn klines(
            &self,
            _: Symbol,
            _: KlineInterval,
            _: u16,
        ) -> Answer<Result<Vec<Kline>, VenueError>> {
            Box::pin(async { unreachable!("not asked for") })
        }
        fn server_time(&self) -> Answer<Result<Timestamp, VenueError>> {
            let (clock, ahead) = (self.clock.clone(), self.ahead);
            let delay = self.delays.borrow_mut().pop_front().flatten();
            Box::pin(async move {
                let Some((there, back)) = delay else {
                    return Err(VenueError::Network("cut".into()));
                };
                tokio::time::sleep(Duration::from_millis(there)).await;
                let stamp = clock.now().as_millis() + ahead;
                tokio::time::sleep(Duration::from_millis(back)).await;
                Ok(Timestamp::from_millis(stamp))
            })
        }
    }

    async fn measure(
        ahead: i64,
        delays: &[Option<(u64, u64)>],
    ) -> (Clock, Result<ClockOffset, ClockSyncError>) {
        let clock = Clock::starting_at(Timestamp::from_millis(1_790_000_000_000));
        let delays = RefCell::new(delays.iter().copied().collect());
        let venue = Venue {
            clock: clock.clone(),
            ahead,
            delays,
        };
        let samples = venue.delays.borrow().len() as u64;
        let (unit, bound) = (TimeUnit::Millisecond, Duration::from_millis(500));
        let measured = synchronize(&venue, &clock, unit, samples, bound).await;
        (clock, measured)
    }

    #[actix_rt::test]
    async fn the_fastest_round_trip_decides_and_the_truth_lies_within_the_uncertainty() {
        tokio::time::pause();
        let (clock, measured) =
            measure(120, &[Some((400, 10)), Some((30, 10)), Some((5, 200))]).await;
        let offset = measured.unwrap();
        // Half of the 40 ms round trip; Tokio's timers wake up to a millisecond late.
        assert!(
            (20..=22).contains(&offset.uncertainty.as_millis()),
            "{offset:?}"
        );
        assert!(
            (offset.nanos - 120_000_000).unsigned_abs()
                <= u64::try_from(offset.uncertainty.as_nanos()).unwrap() + 1_000_000
        );
        assert_eq!(clock.venue_offset(), offset.nanos);
    }

    #[actix_rt::test]
    async fn beyond_the_bound_the_offset_is_set_and_told_as_an_error() {
        tokio::time::pause();
        for (ahead, delay) in [(480, (30, 30)), (-600, (1, 1)), (0, (600, 600))] {
            let (clock, measured) = measure(ahead, &[Some(delay)]).await;
            let Err(ClockSyncError::OutOfBounds { offset, .. }) = measured else {
                panic!("{ahead} {delay:?}: {measured:?}");
            };
            assert_eq!(clock.venue_offset(), offset.nanos);
        }
    }

    #[actix_rt::test]
    async fn a_lost_answer_is_made_up_for_by_an_earlier_one_and_not_by_nothing() {
        tokio::time::pause();
        let (_, measured) = measure(10, &[Some((5, 5)), None]).await;
        assert!(measured.is_ok(), "{measured:?}");
        let (clock, measured) = measure(10, &[None]).await;
        assert!(matches!(
            measured,
            Err(ClockSyncError::Venue(VenueError::Network(_)))
        ));
        assert_eq!(clock.venue_offset(), 0);
    }
}
