//! Clearing the account over the watch's own connection and key.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tripline_actors::clock::Clock;
use tripline_actors::venue::binance::Canceller;
use tripline_actors::venue::binance::clock_sync::synchronize;
use tripline_actors::venue::binance::{ApiCredentials, BinanceSettings};
use tripline_engine::ids::{RunId, Symbol, VenueOrderId};
use tripline_engine::messages::order::OrderReport;
use tripline_engine::ports::{CancelPort, OrderRef, VenueError};

/// A request that takes longer is given up and made again.
const PATIENCE: Duration = Duration::from_secs(4);

/// Between a cancel and the list that shows what came of it, doubling each time.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Lists of one pass before it counts as failed.
const LISTS: u32 = 6;

/// After an ordered stop it is asked so often whether orders were left.
const LEFT_ASKED: u32 = 10;

/// The clock is measured again after so long.
const CLOCK_EVERY: Duration = Duration::from_secs(60);

/// The account and a connection to it that is shared with nobody.
pub(super) struct Sweeper {
    canceller: Canceller,
    settings: BinanceSettings,
    clock: Clock,
}

impl Sweeper {
    pub(super) fn new(
        settings: BinanceSettings,
        credentials: &ApiCredentials,
        clock: Clock,
    ) -> Result<Self, String> {
        let canceller = Canceller::new(&settings, credentials, clock.clone());
        let canceller = canceller.map_err(|error| error.to_string())?;
        Ok(Self {
            canceller,
            settings,
            clock,
        })
    }

    /// Measures the venue's clock again and again: a request that is signed with a wrong time is refused.
    pub(super) async fn keep_clock(&self) {
        loop {
            self.measure_clock().await;
            tokio::time::sleep(CLOCK_EVERY).await;
        }
    }

    async fn measure_clock(&self) {
        let bounds = &self.settings.bounds;
        let (unit, samples) = (self.settings.time_unit, bounds.clock_samples);
        let rest = self.canceller.rest();
        // A watch cancels with whatever clock there is.
        let bound = Duration::MAX;
        let measured = synchronize(rest, &self.clock, unit, samples, bound).await;
        if let Err(error) = measured {
            log::warn!(actor = "watch"; "the venue's clock cannot be measured: {error}");
        }
    }

    /// Cancels every open order of the account, whoever placed it, until the venue lists none; gives how many there
    /// were. Ends when `goes_on` is no longer set, without an error.
    ///
    /// # Errors
    /// What the venue said last, while some were still there or could not be listed.
    pub(super) async fn clear(&self, goes_on: &Rc<Cell<bool>>) -> Result<usize, VenueError> {
        let mut seen: BTreeSet<(Symbol, VenueOrderId)> = BTreeSet::new();
        let mut last = None;
        for times in 0..LISTS {
            let open = match self.list().await {
                Ok(open) => open,
                Err(error) => {
                    last = Some(error);
                    self.pause(last.as_ref(), times).await;
                    continue;
                }
            };
            if open.is_empty() || !goes_on.get() {
                return Ok(seen.len());
            }
            seen.extend(open.iter().map(|order| (order.symbol, order.venue_id)));
            let symbols: BTreeSet<Symbol> = open.iter().map(|order| order.symbol).collect();
            let cancels = symbols.into_iter();
            let cancels = cancels.map(|symbol| within(self.canceller.cancel_all(symbol)));
            for answer in futures_util::future::join_all(cancels).await {
                last = answer.err().or(last);
            }
            self.pause(last.as_ref(), times).await;
        }
        Err(last.unwrap_or_else(|| VenueError::UnknownOutcome("orders go on being listed".into())))
    }

    /// Whether the account can be looked at.
    ///
    /// # Errors
    /// What the venue said.
    pub(super) async fn look(&self) -> Result<(), VenueError> {
        self.list().await.map(drop)
    }

    /// The open orders of one run of an engine.
    ///
    /// # Errors
    /// What the venue said.
    async fn left_by(&self, run: RunId) -> Result<Vec<OrderReport>, VenueError> {
        let mut open = self.list().await?;
        open.retain(|order| order.id.origin().is_some_and(|origin| origin.run == run));
        Ok(open)
    }

    /// How many orders the run has left. Unless they are kept on purpose, they are cancelled, and counted when none is
    /// listed any more. Only its own: the next run may have begun.
    pub(super) async fn left(&self, run: RunId, keeps: bool) -> Result<usize, VenueError> {
        let (mut most, mut last) = (0, None);
        for times in 0..LEFT_ASKED {
            match self.left_by(run).await {
                Ok(orders) if orders.is_empty() || keeps => return Ok(most.max(orders.len())),
                Ok(orders) => {
                    most = most.max(orders.len());
                    self.cancel(&orders).await;
                }
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(500) * (times + 1)).await;
        }
        Err(last.unwrap_or_else(|| VenueError::UnknownOutcome("they go on being listed".into())))
    }

    /// Cancels exactly these. What the venue refuses has ended.
    async fn cancel(&self, orders: &[OrderReport]) {
        for order in orders {
            let order = OrderRef {
                symbol: order.symbol,
                id: order.id,
                venue_id: Some(order.venue_id),
            };
            if let Err(error) = within(self.canceller.cancel(order)).await {
                log::warn!(actor = "watch"; "cancelling {}: {error}", order.id);
            }
        }
    }

    async fn list(&self) -> Result<Vec<OrderReport>, VenueError> {
        within(self.canceller.open_orders()).await
    }

    /// Waits before it is asked again: as long as the venue says, where it says so.
    async fn pause(&self, error: Option<&VenueError>, times: u32) {
        let wait = match error {
            Some(VenueError::Clock { .. }) => {
                self.measure_clock().await;
                None
            }
            Some(
                VenueError::RateLimited { retry_after, .. }
                | VenueError::Banned { retry_after, .. },
            ) => *retry_after,
            _ => None,
        };
        // Within one pass; the next one comes anyway.
        let longest = Duration::from_secs(10);
        let wait = wait.unwrap_or(AGAIN_AFTER * 2u32.pow(times));
        tokio::time::sleep(wait.min(longest)).await;
    }
}

async fn within<T>(asking: impl Future<Output = Result<T, VenueError>>) -> Result<T, VenueError> {
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    answer.unwrap_or(Err(VenueError::Timeout(PATIENCE)))
}
