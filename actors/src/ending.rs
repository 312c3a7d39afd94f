//! The end of an actor when its engine stops: without it, timers would keep it alive.

use actix::Message;

/// End, in order. Answered when no further message will be handled.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct End;

macro_rules! ends {
    ($($actor:ty),+ $(,)?) => {
        $(
            impl actix::Handler<End> for $actor {
                type Result = ();
                fn handle(&mut self, _: End, ctx: &mut actix::Context<Self>) {
                    actix::ActorContext::stop(ctx);
                }
            }
        )+
    };
}

ends!(
    crate::strategy::StrategyActor,
    crate::market_data::MarketData,
    crate::user_data::UserData,
    crate::gateway::OrderGateway,
);
