//! The door as an actor, so that it lives on the cold arbiter and ends with the engine.

use actix::{Actor, ActorContext, Context, Handler};

use super::Door;
use crate::ending::End;

/// Keeps the door open.
pub struct Doorkeeper(pub Door);

impl Actor for Doorkeeper {
    type Context = Context<Self>;
}

impl Handler<End> for Doorkeeper {
    type Result = ();

    /// The socket is gone when this is answered: what is left behind is left by an engine that did not stop in order.
    fn handle(&mut self, _: End, ctx: &mut Context<Self>) {
        self.0.close();
        ctx.stop();
    }
}
