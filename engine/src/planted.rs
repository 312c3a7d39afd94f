//! Faults that tests plant into the engine one at a time, to show that the simulation sees them. Without the
//! feature `planted` there is no switch, and none is ever on.

#[cfg(feature = "planted")]
use std::cell::Cell;

macro_rules! planted {
    ($($(#[$doc:meta])+ $variant:ident),+ $(,)?) => {
        /// A way in which an engine can break its promise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Planted {
            $($(#[$doc])+ $variant),+
        }

        impl Planted {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

planted! {
    /// An order whose outcome is unknown is sent again.
    SentAgainOnTimeout,
    /// An unknown outcome, such as a 503, is taken for a rejection.
    UnknownIsRejected,
    /// A connection that is lost after the first byte counts as "not sent".
    LostIsNotSent,
    /// A restart forgets the orders that are uncertain.
    UncertainForgotten,
    /// A restart forgets the halts.
    HaltsForgotten,
    /// A restart does not read what was not stored yet when the process ended.
    IntakeForgotten,
    /// A restart takes the run id of the last run.
    RunIdRepeats,
    /// The venue's first "does not exist" is final.
    UnknownOrderIsFinal,
    /// After three looks an uncertain order is given up.
    GivenUpAfterLooks,
    /// An instrument with an uncertain order takes new ones.
    FrozenTrades,
    /// A fill that is told twice counts twice.
    FillsDoubled,
    /// Fills whose events did not come are not asked for.
    MissedFillsIgnored,
    /// An order's end is told before its last fills.
    EndToldEarly,
    /// Fills are not written down.
    FillsUnwritten,
    /// An order is written down when it is answered, not before it is sent.
    IntentAfterAnswer,
    /// The latch is looked at by the strategy alone, before its order is on its way.
    LatchAskedEarly,
    /// Orders go out while the private stream is down.
    PrivateStreamNotNeeded,
    /// Reconciliations ask for nothing, and agree.
    ReconciledUnasked,
    /// Under reduce-only every order passes for one that reduces.
    EntriesReduce,
    /// An exit is twice as large as its position.
    ExitsTooLarge,
    /// A restart forgets the flattens that were under way.
    FlattensForgotten,
    /// A sweep is over when its cancels are sent.
    SweepUnconfirmed,
    /// A caught panic is no fault.
    PanicSwallowed,
    /// A halt alerts nobody.
    HaltUntold,
}

#[cfg(feature = "planted")]
thread_local! {
    static NOW: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a fault into every engine of this thread, or none.
#[cfg(feature = "planted")]
pub fn plant(planted: Option<Planted>) {
    NOW.set(planted);
}

/// Whether this fault is planted into the engines of this thread.
#[must_use]
#[cfg(feature = "planted")]
pub fn is(planted: Planted) -> bool {
    NOW.get() == Some(planted)
}

/// Whether this fault is planted: never, without the feature `planted`.
#[must_use]
#[cfg(not(feature = "planted"))]
pub const fn is(_: Planted) -> bool {
    false
}
