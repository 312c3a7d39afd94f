//! Which halted scopes the safety actor clears away itself, and what it has to do next for them. Pure: time and
//! the venue's lists come in, cancels and endings come out.
//!
//! A sweep is the gateway's business. One that the gateway does not confirm in time is done here as well, over a
//! connection of its own: an order that both cancel is cancelled once, and the venue refuses the second.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tripline_engine::fault::IncidentId;
use tripline_engine::halt::{HaltLevel, Incident, Scope};
use tripline_engine::ids::{Symbol, VenueOrderId};
use tripline_engine::messages::order::OrderReport;
use tripline_engine::ports::{OrderRef, VenueError};
use tripline_engine::time::Timestamp;

/// The gateway confirms a sweep within this time, or the safety actor sweeps too.
pub(super) const CONFIRMED_WITHIN: Duration = Duration::from_secs(1);

/// Orders that are still there after this long are told to a person, once.
const ALARM_AFTER: Duration = Duration::from_secs(30);

/// After cancels were sent, the venue is asked again so soon; and after a failure, doubling each time.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// After a list that shows none, while orders may be on their way, doubling each time.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// The longest pause: a list of all open orders costs 80 of the 6,000 that Binance allows in a minute.
const LONGEST: Duration = Duration::from_secs(8);

/// One scope that is to be cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clearing {
    /// The newest incident that asks for it.
    pub(super) incident: IncidentId,
    pub(super) why: &'static str,
    /// Orders that were cancelled from here.
    pub(super) cancelled: BTreeSet<(Symbol, VenueOrderId)>,
    level: HaltLevel,
    /// The venue's time of the latch.
    latched: Timestamp,
    due: Timestamp,
    began: Option<Timestamp>,
    /// Lists without such an order, or failures, in a row.
    looks: u32,
    alarmed: bool,
}

impl Clearing {
    /// Whether the list shows an order that has to go. Under a halt that is every order of the scope; where orders
    /// that reduce a position are still allowed, it is what was there before.
    fn is_to_go(&self, order: &OrderReport) -> bool {
        self.level == HaltLevel::Halted || order.at <= self.latched
    }
}

/// What is to be done after a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) cancel: Vec<OrderRef>,
    /// The venue shows none, and none can be on its way.
    pub(super) cleared: Vec<(Scope, Clearing)>,
}

/// The scopes that are to be cleared. Every time is the venue's.
#[derive(Debug)]
pub(super) struct Emergency {
    scopes: BTreeMap<Scope, Clearing>,
    settle_time: Duration,
    /// The gateway does not run: nothing waits for it.
    is_gateway_dead: bool,
}

impl Emergency {
    /// `settle_time` is [`tripline_engine::ports::CancelPort::settle_time`].
    pub(super) fn new(settle_time: Duration) -> Self {
        Self {
            scopes: BTreeMap::new(),
            settle_time,
            is_gateway_dead: false,
        }
    }

    /// The gateway was told to sweep the scope of this incident. A scope keeps the time of its first one: a flood
    /// postpones nothing.
    pub(super) fn wanted(&mut self, incident: &Incident, now: Timestamp) {
        let level = incident.reaction.level;
        let wait = match self.is_gateway_dead {
            true => Duration::ZERO,
            false => CONFIRMED_WITHIN,
        };
        let scope = self.scopes.entry(incident.fault.scope);
        let clearing = scope.or_insert_with(|| Clearing {
            incident: incident.id,
            why: "the order gateway has not confirmed the sweep",
            cancelled: BTreeSet::new(),
            level,
            latched: now,
            due: later(now, wait),
            began: None,
            looks: 0,
            alarmed: false,
        });
        clearing.incident = clearing.incident.max(incident.id);
        if level > clearing.level {
            (clearing.level, clearing.latched) = (level, now);
        }
    }

    /// The gateway cannot do it: nothing waits any longer.
    pub(super) fn gateway_is_dead(&mut self, why: &'static str, now: Timestamp) {
        self.is_gateway_dead = true;
        for clearing in self.scopes.values_mut() {
            if clearing.began.is_none() {
                (clearing.why, clearing.due) = (why, now);
            }
        }
    }

    pub(super) fn is_gateway_dead(&self) -> bool {
        self.is_gateway_dead
    }

    /// The gateway has confirmed the sweeps of the scope, up to that of this incident. What was done here is given
    /// back, if anything was begun.
    pub(super) fn confirmed(&mut self, scope: Scope, through: IncidentId) -> Option<Clearing> {
        self.is_gateway_dead = false;
        let newest = self.scopes.get(&scope)?.incident;
        let ended = (newest <= through).then(|| self.scopes.remove(&scope))?;
        ended.filter(|clearing| clearing.began.is_some())
    }

    /// A person has lifted the halt.
    pub(super) fn lifted(&mut self, scope: Scope) {
        self.scopes.remove(&scope);
    }

    /// When something is due next.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.scopes.values().map(|clearing| clearing.due).min()
    }

    /// When somebody has to look next: for what is due, or for an alarm, which waits for no venue that asks for silence.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let (after, moment) = (self.alarm_after(), Duration::from_millis(1));
        let waits = self.scopes.values().filter(|one| !one.alarmed);
        let alarms = waits.filter_map(|one| Some(later(one.began?, after + moment)));
        self.due().into_iter().chain(alarms).min()
    }

    /// Begins with the scopes that are due, and gives those that are new with why.
    pub(super) fn begin(&mut self, now: Timestamp) -> Vec<(Scope, Clearing)> {
        let due = self.scopes.iter_mut();
        let due = due.filter(|(_, one)| one.due <= now && one.began.is_none());
        due.map(|(scope, clearing)| {
            clearing.began = Some(now);
            (*scope, clearing.clone())
        })
        .collect()
    }

    /// Takes the venue's list of all open orders, asked for at `asked`. `is_in` tells whether an order is one of
    /// the scope, and the engine's to cancel.
    pub(super) fn listed(
        &mut self,
        open: &[OrderReport],
        asked: Timestamp,
        now: Timestamp,
        is_in: impl Fn(&Scope, &OrderReport) -> bool,
    ) -> Next {
        let (mut next, mut taken) = (Next::default(), BTreeSet::new());
        let mut cleared = Vec::new();
        for (scope, clearing) in &mut self.scopes {
            if clearing.began.is_none() {
                continue;
            }
            let shown = open.iter();
            let shown = shown.filter(|order| is_in(scope, order) && clearing.is_to_go(order));
            let shown: Vec<&OrderReport> = shown.collect();
            let settled = later(clearing.latched, self.settle_time);
            if !shown.is_empty() {
                clearing.looks = 0;
                clearing.due = later(now, AGAIN_AFTER);
            } else if asked >= settled {
                cleared.push(*scope);
            } else {
                // What was handed over before the latch may still come.
                let pause = doubled(LOOK_AFTER, clearing.looks);
                clearing.looks += 1;
                clearing.due = later(now, pause).min(settled.max(later(now, AGAIN_AFTER)));
            }
            for order in shown {
                clearing.cancelled.insert((order.symbol, order.venue_id));
                if taken.insert((order.symbol, order.venue_id)) {
                    next.cancel.push(OrderRef {
                        symbol: order.symbol,
                        id: order.id,
                        venue_id: Some(order.venue_id),
                    });
                }
            }
        }
        let ended = cleared.into_iter();
        next.cleared = ended
            .filter_map(|scope| Some((scope, self.scopes.remove(&scope)?)))
            .collect();
        next
    }

    /// The venue could not be asked. A failed question is never read as "none".
    pub(super) fn failed(&mut self, error: &VenueError, now: Timestamp) {
        let told = match error {
            VenueError::RateLimited { retry_after, .. }
            | VenueError::Banned { retry_after, .. } => *retry_after,
            _ => None,
        };
        for clearing in self.scopes.values_mut().filter(|one| one.began.is_some()) {
            let pause = doubled(AGAIN_AFTER, clearing.looks);
            clearing.looks += 1;
            clearing.due = later(now, told.unwrap_or(pause));
        }
    }

    /// While nothing is shown, what is waited for is only what may be on its way.
    fn alarm_after(&self) -> Duration {
        ALARM_AFTER.max(self.settle_time)
    }

    /// The scopes that are not cleared for too long; each once.
    pub(super) fn alarms(&mut self, now: Timestamp) -> Vec<(Scope, Clearing)> {
        let after = self.alarm_after();
        let late = self.scopes.iter_mut().filter(|(_, one)| {
            let began = one.began.unwrap_or(now);
            !one.alarmed && now.saturating_since(began) > after
        });
        late.map(|(scope, clearing)| {
            clearing.alarmed = true;
            (*scope, clearing.clone())
        })
        .collect()
    }
}

fn later(from: Timestamp, wait: Duration) -> Timestamp {
    from.checked_add(wait).unwrap_or(from)
}

fn doubled(first: Duration, times: u32) -> Duration {
    let factor = 2u32.saturating_pow(times.min(16));
    first.saturating_mul(factor).min(LONGEST)
}

#[cfg(test)]
mod tests;
