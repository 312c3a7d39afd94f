//! Carrying out what the desk decides.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use actix::fut::WrapFuture;
use actix::{ActorFutureExt, AsyncContext, Context};
use tokio::sync::oneshot;
use tripline_engine::desk::{Effect, OrderDesk};
use tripline_engine::fault::FaultKind;
use tripline_engine::halt::{Gate, Scope};
use tripline_engine::ids::Symbol;
use tripline_engine::journal::{JournalError, JournalRecord, Sent};
use tripline_engine::messages::account::BalancesChanged;
use tripline_engine::messages::order::PlaceOrder;
use tripline_engine::planted::{self, Planted};
use tripline_engine::ports::{Answer, OrderPort, PlaceOutcome, VenueError};
use tripline_engine::risk::Approved;
use tripline_engine::time::Timestamp;

use super::OrderGateway;
use super::handlers::StopReport;
use crate::clock::Clock;
use crate::panics::Shield;

impl OrderGateway {
    /// Lets the desk work and carries out what it decides. A panic in it is a fault; the desk lives on, and `false`
    /// comes back.
    pub(super) fn work(
        &mut self,
        ctx: &mut Context<Self>,
        work: impl FnOnce(&mut OrderDesk, Timestamp, &mut Vec<Effect>),
    ) -> bool {
        let now = self.clock.venue_now();
        let mut effects = std::mem::take(&mut self.effects);
        let (desk, shield) = (&mut self.desk, &self.shield);
        let is_done = shield.run(|| work(desk, now, &mut effects)).is_some();
        self.write_down(&effects, now);
        for effect in effects.drain(..) {
            self.carry_out(effect, ctx);
        }
        self.effects = effects;
        self.answer_keeping();
        if !self.sweeping.is_empty() {
            self.confirm_sweeps();
        }
        is_done
    }

    /// Tells of every scope in which no sweep is left.
    pub(super) fn confirm_sweeps(&mut self) {
        let sweeps = self.desk.sweeps();
        let is_left = |scope: &Scope| sweeps.iter().any(|sweep| sweep.scope == *scope);
        let confirmed = &self.on_confirmed;
        self.sweeping.retain(|scope, through| {
            let is_left = is_left(scope);
            if !is_left {
                confirmed(*scope, *through);
            }
            is_left
        });
    }

    /// Appends what the effects have to say, in one write, before any of them is carried out.
    fn write_down(&mut self, effects: &[Effect], now: Timestamp) {
        let records = effects.iter().filter_map(|effect| match effect {
            Effect::Record(record) => Some(record.clone()),
            Effect::Reconciled(done) => Some(done.clone().into()),
            _ => None,
        });
        let records: Vec<JournalRecord> = records.collect();
        if let Err(error) = self.journal.append(&records, now) {
            self.journal_failed(&error);
        }
    }

    /// What is not written down is not sent: everything is halted, and a person told, once.
    pub(super) fn journal_failed(&mut self, error: &JournalError) {
        if !std::mem::replace(&mut self.journal_told, true) {
            self.desk.journal_failed(error.to_string());
            self.raise(FaultKind::JournalFailed, Scope::Global, error.to_string());
        }
    }

    fn carry_out(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Place(order) => self.place(order, ctx),
            Effect::Cancel(order) => {
                let answer = self.port.cancel(order);
                self.then(answer, ctx, move |desk, answer, now, out| {
                    desk.cancel_answered(order.id, answer, now, out)
                });
            }
            Effect::Amend(order, quantity) => {
                let answer = self.port.amend(order, quantity);
                self.then(answer, ctx, move |desk, answer, now, out| {
                    desk.amend_answered(order.id, answer, now, out)
                });
            }
            Effect::Query { order, after } => {
                let port = self.port.clone();
                let answer = later(after, move || port.query(order));
                self.then(answer, ctx, move |desk, answer, now, out| {
                    desk.query_answered(order.id, answer, now, out)
                });
            }
            Effect::FetchFills {
                order,
                venue_id,
                after,
            } => {
                let port = self.port.clone();
                let answer = later(after, move || port.fills(order.symbol, venue_id));
                self.then(answer, ctx, move |desk, answer, now, out| {
                    desk.fills_answered(order.id, answer, now, out)
                });
            }
            Effect::ListOpen { after } => self.list_open(after, ctx),
            Effect::Ask {
                round,
                question,
                after,
            } => self.ask(round, question, after, ctx),
            Effect::Learn { symbol, after } => self.learn(symbol, after, ctx),
            Effect::Balances(changed) => self.tell_balances(&changed),
            Effect::Reconciled(done) => self.reconciled(&done),
            Effect::Record(_) => {} // Written down already.
            Effect::Happened(event) => {
                if let Some(seat) = self.seats.get(&event.order.strategy) {
                    seat.order.send(event);
                }
            }
            Effect::Filled(filled) => {
                if let Some(seat) = self.seats.get(&filled.order.strategy) {
                    seat.fill.send(filled);
                }
            }
            Effect::Raise(fault) => {
                self.faults.raise(fault);
            }
            Effect::Swept(sweep) => {
                (self.on_swept)(&sweep);
                if sweep.incident.is_none() {
                    self.answer_stop();
                }
            }
            Effect::Flattened(report) => self.tell_flattened(&report),
            Effect::Found { title, text } => {
                log::warn!(actor = "gateway"; "{title}: {text}");
                self.tell_person(title, text);
            }
            Effect::Foreign { what, policy } => self.tell_foreign(&what, policy),
        }
    }

    fn place(&mut self, order: Approved<PlaceOrder>, ctx: &mut Context<Self>) {
        let PlaceOrder { id, strategy, .. } = *order.get();
        let Some(gate) = self.desk.gate(strategy) else {
            return self.raise(
                FaultKind::OrderContradiction,
                Scope::Strategy(strategy),
                format!("{id} has no gate"),
            );
        };
        let now = self.clock.venue_now();
        let intent = JournalRecord::Intent(*order.get());
        let before = match planted::is(Planted::IntentAfterAnswer) {
            true => &[],
            false => std::slice::from_ref(&intent),
        };
        let answer = match self.journal.append(before, now) {
            Err(error) => {
                let outcome = PlaceOutcome::NotJournaled(error.to_string());
                self.journal_failed(&error);
                Box::pin(std::future::ready(outcome)) as Answer<PlaceOutcome>
            }
            Ok(through) => {
                let handover = Handover {
                    shield: self.shield.clone(),
                    port: self.port.clone(),
                    gate: gate.to(order.purpose()),
                    clock: self.clock.clone(),
                    decided: self.looked_up,
                    within: self.stale_after,
                };
                match self.journal.durable(through) {
                    None if planted::is(Planted::SentAgainOnTimeout) => handover.place_again(order),
                    None => handover.place(&order),
                    // The latch is looked at when the order's first byte is written, which is later.
                    Some(durable) => Box::pin(async move {
                        match durable.await {
                            Ok(()) => handover.place(&order).await,
                            Err(error) => PlaceOutcome::NotJournaled(error.to_string()),
                        }
                    }),
                }
            }
        };
        let answer = match planted::is(Planted::IntentAfterAnswer) {
            true => self.written_after(answer, intent),
            false => answer,
        };
        self.then(answer, ctx, move |desk, outcome, now, out| {
            desk.placed(id, outcome, now, out)
        });
        if let Err(error) = self.journal.append(&[Sent { id }.into()], now) {
            self.journal_failed(&error);
        }
    }

    /// Breaks the promise that an order is written down before it is sent, for
    /// [`Planted::IntentAfterAnswer`].
    fn written_after(
        &self,
        answer: Answer<PlaceOutcome>,
        intent: JournalRecord,
    ) -> Answer<PlaceOutcome> {
        let (journal, clock) = (self.journal.clone(), self.clock.clone());
        Box::pin(async move {
            let outcome = answer.await;
            // What this one misses is what the fault is about.
            drop(journal.append(&[intent], clock.venue_now()));
            outcome
        })
    }

    /// Brings an answer back to the desk.
    pub(super) fn then<T: 'static>(
        &mut self,
        answer: impl Future<Output = T> + 'static,
        ctx: &mut Context<Self>,
        take: impl FnOnce(&mut OrderDesk, T, Timestamp, &mut Vec<Effect>) + 'static,
    ) {
        let returned = answer.into_actor(self).map(move |answer, gateway, ctx| {
            gateway.work(ctx, move |desk, now, out| take(desk, answer, now, out));
            gateway.check_ready();
        });
        ctx.spawn(returned);
    }

    fn list_open(&mut self, after: Duration, ctx: &mut Context<Self>) {
        let port = self.port.clone();
        let answer = later(after, move || port.open_orders(None));
        let returned = answer.into_actor(self).map(|answer, gateway, ctx| {
            match &answer {
                Ok(_) => gateway.open_listed = true,
                Err(error) => {
                    log::warn!(actor = "gateway"; "open orders cannot be listed: {error}");
                }
            }
            gateway.work(ctx, move |desk, now, out| {
                desk.open_listed(answer, now, out)
            });
            gateway.check_ready();
        });
        ctx.spawn(returned);
    }

    fn learn(&mut self, symbol: Symbol, after: Duration, ctx: &mut Context<Self>) {
        let market = self.market.clone();
        let answer = later(after, move || market.instruments(&[symbol]));
        self.then(answer, ctx, move |desk, answer, now, out| {
            desk.learnt(symbol, answer, now, out)
        });
    }

    fn tell_balances(&mut self, changed: &BalancesChanged) {
        self.balances_known |= changed.complete;
        let outlets = self
            .seats
            .values()
            .filter_map(|seat| seat.balances.as_ref());
        for outlet in outlets {
            outlet.send(changed.clone());
        }
    }

    fn answer_stop(&mut self) {
        let waiting = std::mem::take(&mut self.stopping);
        self.answer(waiting);
    }

    /// A stop that keeps resting orders leaves none of which it does not know how it stands.
    pub(super) fn answer_keeping(&mut self) {
        if !self.keeping.is_empty() && !self.desk.is_in_doubt() {
            let waiting = std::mem::take(&mut self.keeping);
            self.answer(waiting);
        }
    }

    fn answer(&self, waiting: Vec<oneshot::Sender<StopReport>>) {
        let report = StopReport {
            swept: true,
            open: self.desk.open_orders().count(),
        };
        for waiting in waiting {
            if waiting.send(report).is_err() {
                log::debug!(actor = "gateway"; "nobody waits for the stop any more");
            }
        }
    }
}

/// How an order comes to the venue's adapter.
struct Handover {
    shield: Shield,
    port: Rc<dyn OrderPort>,
    gate: Gate,
    clock: Clock,
    decided: Timestamp,
    within: Duration,
}

impl Handover {
    /// Gives an order to the adapter, which writes it to the socket before this returns where the socket takes
    /// it. Not one that was decided too long ago: the process stood still, or the disk was slow.
    fn place(&self, order: &Approved<PlaceOrder>) -> Answer<PlaceOutcome> {
        let waited = self.clock.now().saturating_since(self.decided);
        if waited > self.within {
            let text = format!("it was decided {} ms ago", waited.as_millis());
            let outcome = PlaceOutcome::NotSent(VenueError::Network(text));
            return Box::pin(std::future::ready(outcome));
        }
        let placed = self.shield.run(|| self.port.place(order, &self.gate));
        placed.unwrap_or_else(|| {
            // It is not known how far the adapter got.
            let unknown = VenueError::UnknownOutcome("the adapter panicked".into());
            Box::pin(std::future::ready(PlaceOutcome::Answered(Err(unknown))))
        })
    }

    /// Breaks the promise that an order is sent once, for [`Planted::SentAgainOnTimeout`].
    fn place_again(self, order: Approved<PlaceOrder>) -> Answer<PlaceOutcome> {
        Box::pin(async move {
            let first = self.place(&order).await;
            let unknown = |error: &VenueError| {
                matches!(
                    error,
                    VenueError::UnknownOutcome(_) | VenueError::Timeout(_)
                )
            };
            match first {
                PlaceOutcome::Answered(Err(error)) if unknown(&error) => self.place(&order).await,
                answered => answered,
            }
        })
    }
}

/// Starts a request after a delay.
pub(super) async fn later<F: Future>(after: Duration, request: impl FnOnce() -> F) -> F::Output {
    if !after.is_zero() {
        tokio::time::sleep(after).await;
    }
    request().await
}
