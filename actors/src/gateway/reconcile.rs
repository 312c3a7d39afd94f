//! Reconciliation on demand: before a halt is lifted, and when a person asks.

use std::rc::Rc;
use std::time::Duration;

use actix::{Context, Handler, Message, ResponseFuture};
use thiserror::Error;
use tokio::sync::oneshot;
use tripline_engine::desk::{Question, RoundId, Shown};
use tripline_engine::journal::{Occasion, Reconciled, Reconciliation};
use tripline_engine::ports::{OrderPort, VenueError};

use super::OrderGateway;
use super::effects::later;

/// Hold everything against the venue. Answered when both agree, or when it is clear that they do not.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Reconciled, NotReconciled>")]
pub enum Reconcile {
    /// A person asks.
    OnDemand,
    /// Before a halt is lifted.
    ToResume {
        /// The person has looked at balances that differ: they are taken over.
        drift_seen: bool,
    },
}

/// Why it is not known that this engine and the venue agree.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotReconciled {
    #[error("the private stream is down")]
    PrivateStreamDown,
    #[error("{0}")]
    Differs(String),
    #[error("the gateway has ended")]
    Ended,
}

pub(super) type Waiting = oneshot::Sender<Result<Reconciled, NotReconciled>>;

impl OrderGateway {
    pub(super) fn ask(
        &mut self,
        round: RoundId,
        question: Question,
        after: Duration,
        ctx: &mut Context<Self>,
    ) {
        let port = self.port.clone();
        let answer = later(after, move || ask(port, question));
        self.then(answer, ctx, move |desk, answer, now, out| {
            desk.told(round, question, answer, now, out)
        });
    }

    /// Tells how it ended.
    pub(super) fn reconciled(&mut self, done: &Reconciled) {
        let answer = match &done.outcome {
            Reconciliation::Agreed => {
                let level = match done.occasion {
                    Occasion::Demand => log::Level::Info,
                    _ => log::Level::Debug,
                };
                log::log!(level, actor = "gateway"; "{:?}: reconciled, {} orders open, balances {}", done.occasion, done.open_orders, done.balances);
                Ok(done.clone())
            }
            Reconciliation::Differed { details } => {
                log::warn!(actor = "gateway"; "{:?}: reconciled after differences: {}; balances {}", done.occasion, details.join("; "), done.balances);
                Ok(done.clone())
            }
            Reconciliation::Failed { reason } => {
                log::warn!(actor = "gateway"; "{:?}: not reconciled: {reason}", done.occasion);
                Err(NotReconciled::Differs(reason.clone()))
            }
        };
        for waiting in self.reconciling.drain(..) {
            if waiting.send(answer.clone()).is_err() {
                log::debug!(actor = "gateway"; "nobody waits for the reconciliation any more");
            }
        }
    }
}

/// Asks the venue what a reconciliation wants to know.
async fn ask(port: Rc<dyn OrderPort>, question: Question) -> Result<Shown, VenueError> {
    match question {
        Question::OpenOrders => port.open_orders(None).await.map(Shown::Orders),
        Question::History(symbol, window) => port.history(symbol, window).await.map(Shown::Orders),
        Question::Trades(symbol, window) => port.trades(symbol, window).await.map(Shown::Trades),
        Question::Balances => port.balances().await.map(Shown::Balances),
    }
}

impl Handler<Reconcile> for OrderGateway {
    type Result = ResponseFuture<Result<Reconciled, NotReconciled>>;
    fn handle(&mut self, wanted: Reconcile, ctx: &mut Context<Self>) -> Self::Result {
        if !self.desk.is_private_stream_up() {
            return Box::pin(std::future::ready(Err(NotReconciled::PrivateStreamDown)));
        }
        let (answer, done) = oneshot::channel();
        self.reconciling.push(answer);
        self.work(ctx, |desk, now, out| match wanted {
            Reconcile::OnDemand => desk.reconcile(Occasion::Demand, now, out),
            Reconcile::ToResume { drift_seen } => desk.reconcile_to_resume(drift_seen, now, out),
        });
        Box::pin(async move { done.await.unwrap_or(Err(NotReconciled::Ended)) })
    }
}
