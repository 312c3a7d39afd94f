//! More and less market data while the engine runs.

use std::collections::BTreeSet;

use thiserror::Error;
use tripline_actors::gateway::AddInstrument;
use tripline_actors::market_data::{self, Subscribe, Unsubscribe};
use tripline_engine::ids::{StrategyId, Symbol};
use tripline_engine::ports::VenueError;
use tripline_engine::strategy::Subscription;

use crate::running::Running;
use crate::wiring::Seat;

/// Why nothing is followed in addition.
#[derive(Debug, Error)]
pub enum SubscribeError {
    #[error("there is no strategy {0}")]
    NoStrategy(StrategyId),
    #[error("reading instruments: {0}")]
    Instruments(VenueError),
    #[error(transparent)]
    NotFollowed(#[from] market_data::SubscribeError),
    #[error("the engine is stopping, or one of its actors is gone")]
    Gone(#[from] actix::MailboxError),
}

impl Running {
    /// Follows more market data for a strategy: all of it, or nothing. Returns when the venue has agreed;
    /// from then on the data is delivered, and the strategy may trade the instruments as soon as it is fresh.
    /// A halt of an added instrument concerns the strategy, whether or not it goes on following it.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub async fn subscribe(
        &self,
        strategy: StrategyId,
        subscriptions: &[Subscription],
    ) -> Result<(), SubscribeError> {
        let seat = self.seat(strategy)?;
        let known = &seat.membership.instruments;
        let wanted: BTreeSet<Symbol> = subscriptions.iter().map(Subscription::symbol).collect();
        let fresh: Vec<Symbol> = wanted
            .into_iter()
            .filter(|symbol| !known.contains(symbol))
            .collect();
        let instruments = self.port.instruments(&fresh).await;
        for instrument in instruments.map_err(SubscribeError::Instruments)? {
            known.add(instrument.symbol);
            if let Some(hosted) = &seat.hosted {
                hosted.send(AddInstrument(instrument.clone())).await?;
            }
            self.gateway.send(AddInstrument(instrument)).await?;
        }
        let more = Subscribe {
            strategy,
            subscriptions: subscriptions.to_vec(),
            address: seat.address.clone(),
        };
        Ok(self.market.send(more).await??)
    }

    /// Follows less market data for a strategy.
    ///
    /// # Errors
    /// [`SubscribeError::NoStrategy`] and [`SubscribeError::Gone`].
    pub async fn unsubscribe(
        &self,
        strategy: StrategyId,
        subscriptions: &[Subscription],
    ) -> Result<(), SubscribeError> {
        self.seat(strategy)?;
        let subscriptions = subscriptions.to_vec();
        let less = Unsubscribe {
            strategy,
            subscriptions,
        };
        Ok(self.market.send(less).await?)
    }

    fn seat(&self, strategy: StrategyId) -> Result<&Seat, SubscribeError> {
        let mut seats = self.seats.iter();
        seats
            .find(|seat| seat.membership.strategy == strategy)
            .ok_or(SubscribeError::NoStrategy(strategy))
    }
}
