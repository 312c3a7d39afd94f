//! Subscribing and unsubscribing while the engine runs.

use actix::fut::WrapFuture;
use actix::{ActorFutureExt, Context, Handler, Message, ResponseActFuture};
use thiserror::Error;
use tripline_engine::ids::StrategyId;
use tripline_engine::ports::{Answer, VenueError};
use tripline_engine::strategy::Subscription;

use super::MarketData;
use super::reader::{Reader, To};
use super::symbol::SymbolData;
use crate::addresses::StrategyAddress;

/// Why a strategy gets nothing of what it wants in addition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SubscribeError {
    #[error("strategy {strategy} does not take the messages of {subscription:?}")]
    NotTaken {
        strategy: StrategyId,
        subscription: Subscription,
    },
    #[error("the venue did not agree, and nothing is followed in addition: {0}")]
    Venue(#[from] VenueError),
}

/// Follow more for a strategy: all of it, or nothing. Answered when the venue has agreed. What the
/// strategy has already it is not given twice.
#[derive(Message)]
#[rtype(result = "Result<(), SubscribeError>")]
pub struct Subscribe {
    pub strategy: StrategyId,
    pub subscriptions: Vec<Subscription>,
    pub address: StrategyAddress,
}

/// Follow less for a strategy; it gets nothing more of it from here on. An instrument that nobody
/// follows any more has no fresh data, so nothing is placed on it.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Unsubscribe {
    pub strategy: StrategyId,
    pub subscriptions: Vec<Subscription>,
}

impl MarketData {
    /// Adds readers for what the strategy does not have yet, and tells which those are.
    ///
    /// # Errors
    /// [`SubscribeError::NotTaken`], and nothing is added.
    fn add(&mut self, wanted: &Subscribe) -> Result<Vec<Subscription>, SubscribeError> {
        let strategy = wanted.strategy;
        let mut readers: Vec<Reader> = Vec::new();
        for subscription in &wanted.subscriptions {
            let known = self.symbols.get(&subscription.symbol());
            let has = known.is_some_and(|data| data.has(strategy, subscription));
            if has || readers.iter().any(|new| new.subscription == *subscription) {
                continue;
            }
            let (address, sender) = (&wanted.address, &self.settings.sender);
            let reader = Reader::new(strategy, *subscription, address, sender);
            if matches!(reader.to, To::Nobody) {
                return Err(SubscribeError::NotTaken {
                    strategy,
                    subscription: *subscription,
                });
            }
            readers.push(reader);
        }
        let added = readers.iter().map(|reader| reader.subscription).collect();
        for reader in readers {
            let symbol = reader.subscription.symbol();
            let data = self.symbols.entry(symbol);
            data.or_insert_with(|| SymbolData::new(symbol))
                .subscribe(reader);
        }
        Ok(added)
    }

    fn remove(&mut self, strategy: StrategyId, subscriptions: &[Subscription]) {
        for subscription in subscriptions {
            let symbol = subscription.symbol();
            let Some(data) = self.symbols.get_mut(&symbol) else {
                continue;
            };
            data.unsubscribe(strategy, subscription);
            if !data.is_wanted() {
                data.set_stale(&self.settings.gateway);
                self.symbols.remove(&symbol);
            }
        }
    }

    /// Tells the connection what is wanted now.
    fn follow(&self) -> Answer<Result<(), VenueError>> {
        let wanted: Vec<_> = self.symbols.values().flat_map(SymbolData::wanted).collect();
        self.feed.follow(&wanted)
    }

    /// The venue has agreed: freshness counts from here, and books are built.
    fn begin(&mut self, added: &[Subscription], ctx: &mut Context<Self>) {
        let now = self.settings.sender.clock.now();
        for subscription in added {
            let symbol = subscription.symbol();
            if let Some(data) = self.symbols.get_mut(&symbol)
                && data.begin(now)
            {
                self.rebuild(symbol, "subscribed", ctx);
            }
        }
    }

    /// What is not wanted any more is taken off the connection. If that fails it is taken off with the
    /// next one, and what still arrives is passed over.
    fn leave(&self, answer: Answer<Result<(), VenueError>>) -> ResponseActFuture<Self, ()> {
        let left = answer.into_actor(self).map(|answer, _, _| {
            if let Err(error) = answer {
                log::warn!(actor = "market_data"; "unsubscribing: {error}");
            }
        });
        Box::pin(left)
    }
}

impl Handler<Subscribe> for MarketData {
    type Result = ResponseActFuture<Self, Result<(), SubscribeError>>;

    fn handle(&mut self, wanted: Subscribe, _: &mut Context<Self>) -> Self::Result {
        let added = match self.add(&wanted) {
            Ok(added) => added,
            Err(error) => return Box::pin(actix::fut::ready(Err(error))),
        };
        let agreed = self.follow().into_actor(self);
        Box::pin(agreed.then(move |agreed, actor: &mut Self, ctx| {
            let error = match agreed {
                Ok(()) => {
                    actor.begin(&added, ctx);
                    None
                }
                Err(error) => {
                    actor.remove(wanted.strategy, &added);
                    Some(error)
                }
            };
            let left = match &error {
                Some(_) => actor.leave(actor.follow()),
                None => Box::pin(actix::fut::ready(())),
            };
            left.map(move |(), _, _| match error {
                Some(error) => Err(error.into()),
                None => Ok(()),
            })
        }))
    }
}

impl Handler<Unsubscribe> for MarketData {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, unwanted: Unsubscribe, _: &mut Context<Self>) -> Self::Result {
        self.remove(unwanted.strategy, &unwanted.subscriptions);
        self.leave(self.follow())
    }
}
