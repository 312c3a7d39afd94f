//! [`Slot`]: the place of one order. While it is taken no second one can be placed, and it is free
//! again only when the engine knows that the order has ended and that all its fills were delivered.

use tripline_engine::ids::ClientOrderId;
use tripline_engine::money::Price;
use tripline_engine::order::{NewOrder, Order, OrderState};
use tripline_engine::risk::DenialReason;
use tripline_engine::strategy::Context;

#[derive(Debug, Clone, Copy)]
struct Live {
    id: ClientOrderId,
    price: Price,
    /// A cancel was asked for, by us or by a sweep, and was not refused.
    canceling: bool,
}

/// The place of one limit order.
#[derive(Debug, Default)]
pub(crate) struct Slot(Option<Live>);

impl Slot {
    pub(crate) fn id(&self) -> Option<ClientOrderId> {
        self.0.map(|live| live.id)
    }

    pub(crate) fn is(&self, id: ClientOrderId) -> bool {
        self.id() == Some(id)
    }

    pub(crate) fn is_free(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn is_canceling(&self) -> bool {
        self.0.is_some_and(|live| live.canceling)
    }

    /// The price of the live order, unless it is being cancelled.
    pub(crate) fn standing_price(&self) -> Option<Price> {
        self.0.filter(|live| !live.canceling).map(|live| live.price)
    }

    /// Places a limit order if the place is free.
    ///
    /// # Errors
    /// The [`DenialReason`] of [`Context::place`]; the place stays free.
    pub(crate) fn place(
        &mut self,
        ctx: &mut Context<'_>,
        terms: NewOrder,
    ) -> Result<(), DenialReason> {
        if let (None, Some(price)) = (self.0, terms.price) {
            let id = ctx.place(terms)?;
            self.0 = Some(Live {
                id,
                price,
                canceling: false,
            });
        }
        Ok(())
    }

    /// Asks for the cancel of the live order, once. An uncertain order is left alone: the engine finds
    /// out what it is first.
    pub(crate) fn cancel(&mut self, ctx: &mut Context<'_>) {
        if let Some(live) = self.0.as_mut().filter(|live| !live.canceling) {
            let uncertain = ctx
                .order(&live.id)
                .is_some_and(|order| order.state == OrderState::Uncertain);
            if !uncertain {
                live.canceling = true;
                ctx.cancel(live.id);
            }
        }
    }

    pub(crate) fn cancel_requested(&mut self) {
        if let Some(live) = &mut self.0 {
            live.canceling = true;
        }
    }

    /// The cancel was refused: should the order be open still, it may be asked for again.
    pub(crate) fn cancel_rejected(&mut self) {
        if let Some(live) = &mut self.0 {
            live.canceling = false;
        }
    }

    /// Takes an event's order. Frees the place when this is its order and nothing more can come of it;
    /// `true` when it was freed.
    pub(crate) fn release(&mut self, order: &Order) -> bool {
        let done = self.is(order.id) && order.is_settled();
        if done {
            self.0 = None;
        }
        done
    }

    /// After a halt: believes what the engine says of the order, whatever was missed.
    pub(crate) fn reconcile(&mut self, ctx: &Context<'_>) {
        let Some(live) = &mut self.0 else {
            return;
        };
        match ctx.order(&live.id) {
            Some(order) if !order.is_settled() => live.canceling = order.cancel_pending,
            _ => self.0 = None,
        }
    }
}
