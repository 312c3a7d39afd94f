//! Panics on purpose.

use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use tripline_engine::time::Timestamp;

/// What a panic of the simulation carries.
struct OnPurpose;

/// Lets panics that the simulation wants pass without a word; all others are told as before.
pub fn keep_wanted_quiet() {
    static KEPT: Once = Once::new();
    // A second time would keep them from the engine's own hook as well, which stands before this one.
    KEPT.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<OnPurpose>() {
                told(info);
            }
        }));
    });
}

/// Who panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PanicAt {
    /// A strategy, at market data.
    Market,
    /// A strategy, at the event of an order.
    Order,
    /// A strategy, at a fill.
    Fill,
    /// Whoever reads from a connection to the venue.
    Socket,
    /// A channel that is to send an alert.
    Channel,
}

/// The panics of one start of the engine. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Panics(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    wanted: Option<PanicAt>,
    happened: Vec<Timestamp>,
    /// The process has ended.
    over: bool,
}

impl Panics {
    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock means that a thread panicked while it held plain data: the data is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next to come to this place panics.
    pub(super) fn want(&self, place: Option<PanicAt>) {
        self.state().wanted = place;
    }

    /// Nobody panics any more.
    pub(super) fn end(&self) {
        self.state().over = true;
    }

    /// Panics if that is wanted here.
    pub(super) fn at(&self, place: PanicAt, now: impl FnOnce() -> Timestamp) {
        {
            let mut state = self.state();
            if state.over || state.wanted != Some(place) {
                return;
            }
            state.wanted = None;
            // An alert that a channel does not send stays due: that is no fault of its own.
            if place != PanicAt::Channel {
                state.happened.push(now());
            }
        }
        std::panic::panic_any(OnPurpose);
    }

    /// When somebody panicked.
    pub(super) fn happened(&self) -> Vec<Timestamp> {
        self.state().happened.clone()
    }
}
