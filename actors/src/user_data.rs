//! The user data actor: the private stream of one account. While it is down, nothing is placed.

use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, SpawnHandle};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::ids::AccountId;
use tripline_engine::messages::account::{BalanceMoved, BalancesChanged, PrivateStreamChanged};
use tripline_engine::messages::order::OrderReport;

use crate::delivery::{MAILBOX, Outlet, Sender};
use crate::feed::PrivateEvent;
use crate::panics::{Guard, Shield};

/// Where the news of the account goes, and when a person is told that there is none.
pub struct UserDataSettings {
    pub account: AccountId,
    pub sender: Sender,
    pub reports: Outlet<OrderReport>,
    pub balances: Outlet<BalancesChanged>,
    pub moved: Outlet<BalanceMoved>,
    pub stream: Outlet<PrivateStreamChanged>,
    /// How long the stream may be down before that is a fault. Orders are refused at once.
    pub grace: Duration,
}

/// Follows one account.
pub struct UserData {
    settings: UserDataSettings,
    shield: Shield,
    /// The running grace period, while the stream is down.
    grace: Option<SpawnHandle>,
    _guard: Guard,
}

impl UserData {
    #[must_use]
    pub fn new(settings: UserDataSettings) -> Self {
        let Sender { faults, clock, .. } = settings.sender.clone();
        let scope = Scope::Account(settings.account);
        let shield = Shield {
            actor: "user_data",
            scope,
            faults,
            clock,
        };
        Self {
            settings,
            _guard: shield.guard(),
            shield,
            grace: None,
        }
    }

    fn raise(&self, kind: FaultKind, detail: String) {
        let Sender { faults, clock, .. } = &self.settings.sender;
        let scope = Scope::Account(self.settings.account);
        faults.raise(Fault {
            kind,
            scope,
            actor: "user_data".into(),
            detail,
            at: clock.now(),
        });
    }

    fn up(&mut self, ctx: &mut Context<Self>) {
        if let Some(grace) = self.grace.take() {
            ctx.cancel_future(grace);
        }
        self.tell(true, "up");
    }

    fn down(&mut self, reason: String, ctx: &mut Context<Self>) {
        log::warn!(actor = "user_data"; "private stream down: {reason}");
        self.tell(false, &reason);
        if self.grace.is_none() {
            let grace = self.settings.grace;
            self.grace = Some(ctx.run_later(grace, move |actor, _| {
                let detail = format!("the private stream is down for {grace:?}: {reason}");
                actor.raise(FaultKind::PrivateStreamDown, detail);
            }));
        }
    }

    fn tell(&self, live: bool, reason: &str) {
        let account = self.settings.account;
        self.settings.stream.send(PrivateStreamChanged {
            account,
            live,
            reason: reason.into(),
        });
    }

    fn take(&mut self, event: PrivateEvent, ctx: &mut Context<Self>) {
        match event {
            PrivateEvent::Up => self.up(ctx),
            PrivateEvent::Report(report) => self.settings.reports.send(report),
            PrivateEvent::Balances { balances, at } => {
                let account = self.settings.account;
                self.settings.balances.send(BalancesChanged {
                    account,
                    balances,
                    complete: false,
                    at,
                });
            }
            PrivateEvent::Moved { asset, change, at } => {
                log::info!(actor = "user_data"; "{asset} moved from outside: {change}");
                let account = self.settings.account;
                self.settings.moved.send(BalanceMoved {
                    account,
                    asset,
                    change,
                    at,
                });
            }
            PrivateEvent::Malformed(error) => {
                // What could not be read may have been a fill: ask for everything again.
                self.raise(error.fault_kind(), format!("private stream: {error}"));
                self.tell(false, "an event could not be read");
                self.tell(true, "asking again");
            }
            PrivateEvent::Down { reason } => self.down(reason, ctx),
            PrivateEvent::Closed => {
                log::info!(actor = "user_data"; "private stream closed by this side");
                self.tell(false, "closed by this side");
            }
            PrivateEvent::Refused(error) => {
                self.raise(
                    error.fault_kind(),
                    format!("private stream refused: {error}"),
                );
                self.down(error.to_string(), ctx);
            }
        }
    }
}

impl Actor for UserData {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<PrivateEvent> for UserData {
    type Result = ();
    fn handle(&mut self, event: PrivateEvent, ctx: &mut Context<Self>) {
        let shield = self.shield.clone();
        if shield.run(|| self.take(event, ctx)).is_none() {
            self.tell(false, "an event was not taken to its end");
            self.tell(true, "asking again");
        }
    }
}
