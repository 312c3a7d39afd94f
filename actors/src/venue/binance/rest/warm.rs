//! Keeps a connection open while orders go by REST: without requests awc drops it, and so does whatever
//! stands before the venue, and then an order would wait until a new one is made.

use std::time::Duration;

use actix_rt::task::JoinHandle;
use tripline_engine::ports::VenueError;

use super::RestClient;
use crate::panics;

/// After a ping that failed the next one follows so soon.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Pings until it is dropped.
pub struct Warmth(JoinHandle<()>);

impl Drop for Warmth {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RestClient {
    /// Pings (weight 1) three times in the span for which an idle connection is kept. While none is
    /// answered, orders cannot be handed over, and [`OrderPort::ready`] says so.
    ///
    /// [`OrderPort::ready`]: tripline_engine::ports::OrderPort::ready
    #[must_use]
    pub fn keep_warm(&self) -> Warmth {
        let this = self.clone();
        Warmth(actix_rt::spawn(async move {
            // Without a ping that is answered no order could be handed over any more.
            while !panics::endured(this.keep_pinging()).await {}
        }))
    }

    async fn keep_pinging(&self) {
        let every = Duration::from_millis(self.0.bounds.keep_alive_ms) / 3;
        loop {
            let cold = match self.ping().await {
                // Held back on this side; it says nothing about the connection.
                Ok(()) | Err(VenueError::RateLimited { .. } | VenueError::Banned { .. }) => None,
                Err(error) => Some(error),
            };
            if let Some(error) = &cold {
                log::debug!(actor = "binance"; "keeping REST warm: {error}");
            }
            let pause = match cold {
                Some(_) => every.min(AGAIN_AFTER),
                None => every,
            };
            self.0.cold.replace(cold);
            tokio::time::sleep(pause).await;
        }
    }

    /// # Errors
    /// [`VenueError::Network`] when the last ping was not answered.
    pub(super) fn is_warm(&self) -> Result<(), VenueError> {
        match &*self.0.cold.borrow() {
            None => Ok(()),
            Some(error) => Err(VenueError::Network(format!(
                "REST does not answer: {error}"
            ))),
        }
    }
}
