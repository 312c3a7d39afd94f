//! Noticing that this process stood still: it was stopped, or the machine did not run it. What sockets and
//! mailboxes hold then is old, however new it looks, and no message tells so.

use std::rc::Rc;
use std::time::Duration;

use actix::Context;

use super::{OrderGateway, TICK};

/// Told for how long. To make the connections anew and to measure the clock is its part.
pub type OnStandstill = Rc<dyn Fn(Duration)>;

impl OrderGateway {
    /// To be called before whatever places. When this actor, which looks every half second, has not run for
    /// longer than data may be old, nothing that it knows of the venue counts until it has come again.
    pub(super) fn look_up(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let gap = now.saturating_since(std::mem::replace(&mut self.looked_up, now));
        if gap <= self.stale_after.max(TICK * 2) {
            return;
        }
        log::warn!(actor = "gateway"; "this process stood still for {gap:?}: no new orders until everything was looked at again");
        self.awake_since = now;
        self.work(ctx, |desk, _, out| desk.stood_still(out));
        (self.on_standstill)(gap);
    }
}
