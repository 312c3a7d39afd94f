//! The door as an actor, so that it lives on the cold arbiter and ends with the engine.

use actix::{Actor, Context};

use super::Door;

/// Keeps the door open.
pub struct Doorkeeper(pub Door);

impl Actor for Doorkeeper {
    type Context = Context<Self>;
}
