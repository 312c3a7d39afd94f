//! The order state machine: one table.
//!
//! An acknowledgement, a private event and the answer of a query say the same things in any order
//! and any number of times, so the table is written over what was *learnt*, not over how.
//! Binance documents no order between the answer of a request and its event (both races occur), and
//! its queries may be stale by some seconds.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::terms::venue_words;

venue_words!(
    /// Order status at the venue (Binance Spot, "Order status").
    VenueStatus {
        PendingNew = "PENDING_NEW",
        New = "NEW",
        PartiallyFilled = "PARTIALLY_FILLED",
        Filled = "FILLED",
        Canceled = "CANCELED",
        Rejected = "REJECTED",
        Expired = "EXPIRED",
        ExpiredInMatch = "EXPIRED_IN_MATCH",
    }
);

impl VenueStatus {
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::PendingNew | Self::New | Self::PartiallyFilled)
    }
}

/// What the engine knows of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderState {
    /// Has its id; nothing was sent.
    Created,
    /// Given to the venue's adapter, which hands it to the socket; the venue has not answered.
    Sent,
    /// The venue may or may not have it. Its instrument is frozen until the venue has answered.
    Uncertain,
    /// At the venue, nothing filled.
    Working,
    /// At the venue, partly filled.
    PartiallyFilled,
    Filled,
    Canceled,
    /// Ended by the venue's rules: IOC remainder, FOK, self-trade prevention, no liquidity.
    Expired,
    /// The venue refused it, or has proved not to know it.
    Rejected,
    /// This engine refused it; nothing was sent.
    Denied,
}

impl OrderState {
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Sent,
        Self::Uncertain,
        Self::Working,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Canceled,
        Self::Expired,
        Self::Rejected,
        Self::Denied,
    ];

    /// Whether the order has ended. Only an ended order can be forgotten.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Canceled | Self::Expired | Self::Rejected | Self::Denied
        )
    }

    /// Whether the order is, or may be, open at the venue.
    #[must_use]
    pub const fn may_be_open(self) -> bool {
        matches!(
            self,
            Self::Sent | Self::Uncertain | Self::Working | Self::PartiallyFilled
        )
    }
}

/// What was learnt about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Learnt {
    /// The gateway gave it to the venue's adapter.
    HandedOver,
    /// This engine refused it, or the adapter proved that no byte of it left.
    Denied,
    /// The venue refused the request with a definite answer.
    Refused,
    /// The outcome of the request is not known.
    Lost,
    /// The venue showed this status: in an acknowledgement, an event or a query.
    Shown(VenueStatus),
    /// The venue proved, after every delay that could hide the order, not to know it.
    NeverArrived,
}

/// Two things that cannot both be true of one order: the engine's picture is wrong, which is a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("an order that is {state:?} cannot be {learnt:?}")]
pub struct Contradiction {
    pub state: OrderState,
    pub learnt: Learnt,
}

/// The state after something was learnt. Duplicates and late news leave the state as it is; terminal
/// states absorb.
///
/// # Errors
/// [`Contradiction`]; the state stays.
pub fn next(state: OrderState, learnt: Learnt) -> Result<OrderState, Contradiction> {
    use Learnt::{Denied, HandedOver, Lost, NeverArrived, Refused, Shown};
    use OrderState as S;
    use VenueStatus as V;
    let after = match (state, learnt) {
        (S::Created, HandedOver) => S::Sent,
        (S::Created | S::Sent, Denied) => S::Denied,

        (S::Sent | S::Uncertain, Lost) => S::Uncertain,
        (S::Sent | S::Uncertain, Refused | Shown(V::Rejected)) => S::Rejected,
        (S::Uncertain, NeverArrived) => S::Rejected,
        (S::Sent | S::Uncertain | S::Working, Shown(V::PendingNew | V::New)) => S::Working,
        (S::Sent | S::Uncertain | S::Working | S::PartiallyFilled, Shown(V::PartiallyFilled)) => {
            S::PartiallyFilled
        }
        (S::Sent | S::Uncertain | S::Working | S::PartiallyFilled, Shown(V::Filled)) => S::Filled,
        (S::Sent | S::Uncertain | S::Working | S::PartiallyFilled, Shown(V::Canceled)) => {
            S::Canceled
        }
        (
            S::Sent | S::Uncertain | S::Working | S::PartiallyFilled,
            Shown(V::Expired | V::ExpiredInMatch),
        ) => S::Expired,

        // Late news of a state that has been left: an answer that comes after the event, a stale query.
        (S::PartiallyFilled, Shown(V::PendingNew | V::New)) => state,
        (S::Working | S::PartiallyFilled | S::Filled | S::Canceled | S::Expired, Lost) => state,
        (
            S::Filled | S::Canceled | S::Expired,
            Shown(V::PendingNew | V::New | V::PartiallyFilled),
        ) => state,

        // Duplicates.
        (S::Filled, Shown(V::Filled))
        | (S::Canceled, Shown(V::Canceled))
        | (S::Expired, Shown(V::Expired | V::ExpiredInMatch))
        | (S::Rejected, Refused | Shown(V::Rejected) | NeverArrived | Lost)
        | (S::Denied, Denied) => state,

        _ => return Err(Contradiction { state, learnt }),
    };
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn every_learnt() -> Vec<Learnt> {
        let mut all = vec![
            Learnt::HandedOver,
            Learnt::Denied,
            Learnt::Refused,
            Learnt::Lost,
            Learnt::NeverArrived,
        ];
        all.extend(VenueStatus::ALL.iter().copied().map(Learnt::Shown));
        all
    }

    #[test]
    fn terminal_states_absorb_whatever_is_learnt() {
        for state in OrderState::ALL
            .into_iter()
            .filter(|state| state.is_terminal())
        {
            for learnt in every_learnt() {
                if let Ok(after) = next(state, learnt) {
                    assert_eq!(after, state, "{state:?} left by {learnt:?}");
                }
            }
        }
    }

    #[test]
    fn an_order_that_was_refused_but_lives_is_a_contradiction() {
        for status in [
            VenueStatus::New,
            VenueStatus::PartiallyFilled,
            VenueStatus::Filled,
            VenueStatus::Canceled,
        ] {
            assert!(
                next(OrderState::Rejected, Learnt::Shown(status)).is_err(),
                "{status}"
            );
            assert!(
                next(OrderState::Denied, Learnt::Shown(status)).is_err(),
                "{status}"
            );
        }
        assert!(next(OrderState::Filled, Learnt::Shown(VenueStatus::Canceled)).is_err());
        assert!(next(OrderState::Working, Learnt::Refused).is_err());
    }

    #[test]
    fn only_the_venue_ends_uncertainty() {
        assert_eq!(
            next(OrderState::Uncertain, Learnt::Lost),
            Ok(OrderState::Uncertain)
        );
        assert_eq!(
            next(OrderState::Uncertain, Learnt::NeverArrived),
            Ok(OrderState::Rejected)
        );
        assert!(next(OrderState::Sent, Learnt::NeverArrived).is_err());
    }

    proptest! {
        /// The statuses that one order can truly have, shown in any order and any number of times, end
        /// in the same state.
        #[test]
        fn the_order_in_which_news_arrives_does_not_matter(
            end in prop::sample::select(vec![VenueStatus::Filled, VenueStatus::Canceled, VenueStatus::Expired]),
            news in prop::collection::vec(0usize..4, 0..12), lost in any::<bool>(),
        ) {
            let mut state = next(OrderState::Created, Learnt::HandedOver).unwrap();
            if lost {
                state = next(state, Learnt::Lost).unwrap();
            }
            let truth = [VenueStatus::New, VenueStatus::PartiallyFilled, end, end];
            for index in news.into_iter().chain([2]) {
                state = next(state, Learnt::Shown(truth[index])).unwrap();
            }
            let expected = next(OrderState::Sent, Learnt::Shown(end)).unwrap();
            prop_assert_eq!(state, expected);
        }
    }
}
