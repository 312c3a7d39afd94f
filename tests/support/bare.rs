//! A bare actor of somebody's own that takes everything and does nothing about it.

use actix::{Actor, ActorContext, Context, Handler};
use tripline_engine::messages::control::{Halt, InitFailed, Ready, Resumed, Stop};
use tripline_engine::messages::order::{OrderEvent, OrderFilled};

pub struct Bare {
    /// It ends as soon as it has begun.
    pub is_short_lived: bool,
}

impl Actor for Bare {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if self.is_short_lived {
            ctx.stop();
        }
    }
}

macro_rules! ignores {
    ($($message:ty),+) => {
        $(impl Handler<$message> for Bare {
            type Result = ();
            fn handle(&mut self, _: $message, _: &mut Context<Self>) {}
        })+
    };
}

ignores!(
    OrderEvent,
    OrderFilled,
    Ready,
    InitFailed,
    Halt,
    Resumed,
    Stop
);
