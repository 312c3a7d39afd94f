//! What an operation is, and the shapes that most of them share.

use std::rc::Rc;

use super::Call;
use super::auth::Security::{self, None as Public, Trade, UserData};
use crate::core::Core;
use crate::user::Session;
use crate::wire::{ApiError, Params};

pub type SessionHandler = fn(&Rc<Core>, &Rc<Session>, &Params, i64) -> Result<String, ApiError>;
pub type Handler = fn(&Core, &Call<'_>) -> Result<String, ApiError>;

/// How an operation runs.
#[derive(Clone, Copy)]
pub enum Run {
    Plain(Handler),
    /// Takes `orders` of the account's order limit first.
    Counted(Handler),
    /// Belongs to a WebSocket API connection.
    Session(SessionHandler),
}

/// One row of the table.
pub struct Operation {
    /// Over the WebSocket API; "" where it has none.
    pub name: &'static str,
    /// Over REST; "" where it has none.
    pub verb: &'static str,
    pub path: &'static str,
    pub security: Security,
    pub weight: fn(&Params) -> u32,
    /// Whether a success costs no weight.
    pub free: bool,
    /// How many new orders it counts as.
    pub orders: u32,
    /// Separated by blanks.
    pub params: &'static str,
    pub run: Run,
}

impl Operation {
    /// Whether it may change something.
    pub fn changes(&self) -> bool {
        self.security == Trade
    }
}

/// A GET that anyone may send.
pub(super) const fn public(
    name: &'static str,
    path: &'static str,
    weight: fn(&Params) -> u32,
    params: &'static str,
    run: Handler,
) -> Operation {
    let run = Run::Plain(run);
    Operation {
        name,
        verb: "GET",
        path,
        security: Public,
        weight,
        free: false,
        orders: 0,
        params,
        run,
    }
}

/// A signed GET.
pub(super) const fn read(
    name: &'static str,
    path: &'static str,
    weight: fn(&Params) -> u32,
    params: &'static str,
    run: Handler,
) -> Operation {
    let run = Run::Plain(run);
    Operation {
        name,
        verb: "GET",
        path,
        security: UserData,
        weight,
        free: false,
        orders: 0,
        params,
        run,
    }
}

/// A signed request that changes orders; free when it succeeds.
pub(super) const fn trade(
    name: &'static str,
    verb: &'static str,
    path: &'static str,
    params: &'static str,
    orders: u32,
    run: Run,
) -> Operation {
    Operation {
        name,
        verb,
        path,
        security: Trade,
        weight: |_| 1,
        free: true,
        orders,
        params,
        run,
    }
}

/// A method of the WebSocket API connection itself.
pub(super) const fn own(
    name: &'static str,
    params: &'static str,
    run: SessionHandler,
) -> Operation {
    let run = Run::Session(run);
    Operation {
        name,
        verb: "",
        path: "",
        security: Public,
        weight: |_| 2,
        free: false,
        orders: 0,
        params,
        run,
    }
}
