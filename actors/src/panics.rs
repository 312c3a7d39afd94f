//! Panics become faults. A panic in a handler is caught there, so that the actor and what it knows
//! live on; one that escapes is seen by the guard that every actor carries. What panics anywhere else on an
//! arbiter, such as a task of a library, is seen by the hook, and [`watch`] tells it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;
use tripline_engine::planted::{self, Planted};

use crate::clock::Clock;
use crate::faults::Faults;

thread_local! {
    /// The words of a panic that is not a fault yet.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static WATCH: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Before what panicked begins anew: it may panic again.
const ANEW_AFTER: Duration = Duration::from_secs(1);

/// Awaits a task that has to outlast its panics, and tells whether it has ended by itself. After a panic, of which
/// whoever watches the arbiter tells, it is to be begun anew.
pub async fn endured(task: impl Future<Output = ()>) -> bool {
    let has_ended = AssertUnwindSafe(task).catch_unwind().await.is_ok();
    if !has_ended {
        tokio::time::sleep(ANEW_AFTER).await;
    }
    has_ended
}

/// Installs the process's panic hook: it keeps the words of a panic for the fault that follows. Chains
/// to the hook that was there; a second engine of the process finds it installed.
pub fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.to_string();
            LAST_PANIC.with(|last| *last.borrow_mut() = Some(text.replace('\n', ": ")));
            WATCH.with(|watch| watch.borrow_mut().take().map(Waker::wake));
            previous(info);
        }));
    });
}

/// The words of the panic that was just caught, which is a fault, or a failure, from now on.
pub(crate) fn last_panic() -> String {
    let text = LAST_PANIC.with(|last| last.borrow_mut().take());
    text.unwrap_or_else(|| "panicked".into())
}

/// Raises a fault for each panic on the arbiter of the caller that has become none in the moment in which it
/// was caught: whatever panicked, and whoever caught it, a person learns of it. Never ends.
pub async fn watch(shield: Shield) {
    LAST_PANIC.with(|last| last.borrow_mut().take());
    loop {
        let text = std::future::poll_fn(|cx| {
            WATCH.with(|watch| *watch.borrow_mut() = Some(cx.waker().clone()));
            let text = LAST_PANIC.with(|last| last.borrow_mut().take());
            text.map_or(Poll::Pending, Poll::Ready)
        });
        shield.raise(text.await);
    }
}

/// Who would be halted by a panic of this actor.
#[derive(Debug, Clone)]
pub struct Shield {
    pub actor: &'static str,
    pub scope: Scope,
    pub faults: Faults,
    pub clock: Clock,
}

impl Shield {
    fn raise(&self, detail: String) {
        self.faults.raise(Fault {
            kind: FaultKind::ActorPanic,
            scope: self.scope,
            actor: self.actor.into(),
            detail,
            at: self.clock.now(),
        });
    }

    /// Runs `work`; a panic in it becomes a fault, and `None` comes back.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        // What the panic interrupted may be half done. The latch is set before anything else runs, and
        // a halted scope is reconciled with the venue before it trades again.
        catch_unwind(AssertUnwindSafe(work))
            .map_err(|_| match last_panic() {
                _ if planted::is(Planted::PanicSwallowed) => {}
                text => self.raise(text),
            })
            .ok()
    }

    /// Awaits `work`; a panic in it becomes a fault, and `None` comes back.
    pub async fn run_to_end<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let ended = AssertUnwindSafe(work).catch_unwind().await;
        ended.map_err(|_| self.raise(last_panic())).ok()
    }

    /// Spawns a task of this actor; a panic in it becomes a fault.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let guard = Guard(self.clone());
        actix_rt::spawn(async move {
            let _guard = guard;
            task.await;
        });
    }

    /// A guard to be kept as a field of the actor: dropped by a panic that escaped, it raises the fault.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard(self.clone())
    }
}

/// Raises the fault when it is dropped by a panic.
#[derive(Debug)]
pub struct Guard(Shield);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.raise(last_panic());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tripline_engine::halt::{HaltBoard, HaltPolicy};

    fn shield() -> (Shield, crate::faults::Incidents) {
        let (faults, incidents) =
            Faults::channel(HaltBoard::new(), HaltPolicy::default(), Arc::new(|_| {}));
        let clock = Clock::starting_at(tripline_engine::time::Timestamp::from_millis(0));
        (
            Shield {
                actor: "test",
                scope: Scope::Global,
                faults,
                clock,
            },
            incidents,
        )
    }

    #[actix_rt::test]
    async fn a_panic_of_a_task_that_nobody_guards_is_a_fault_and_a_caught_one_is_no_second() {
        install_hook();
        let (shield, mut incidents) = shield();
        actix_rt::spawn(watch(shield.clone()));
        tokio::task::yield_now().await;
        drop(actix_rt::spawn(async { panic!("in the dark") }));
        let fault = incidents.recv().await.unwrap().fault;
        assert_eq!(fault.kind, FaultKind::ActorPanic);
        assert!(fault.detail.contains("in the dark"), "{fault}");

        shield.run(|| -> u32 { panic!("in a handler") });
        let told = incidents.recv().await.unwrap().fault;
        assert!(told.detail.contains("in a handler"), "{told}");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(incidents.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_to_last_begins_anew_after_each_panic() {
        let mut begun = 0;
        let mut task = || {
            begun += 1;
            assert!(begun > 2, "in a task that has to last");
        };
        while !endured(async { task() }).await {}
        assert_eq!(begun, 3);
    }

    #[actix_rt::test]
    async fn a_panic_in_a_handler_a_task_or_an_actor_is_a_fault() {
        let (shield, mut incidents) = shield();
        assert_eq!(shield.run(|| 5), Some(5));
        assert!(incidents.try_recv().is_err());

        assert_eq!(shield.run(|| -> u32 { panic!("in a handler") }), None);
        assert_eq!(
            incidents.try_recv().unwrap().fault.kind,
            FaultKind::ActorPanic
        );

        shield.spawn(async { panic!("in a task") });
        assert_eq!(
            incidents.recv().await.unwrap().fault.kind,
            FaultKind::ActorPanic
        );

        let guard = shield.guard();
        let escaped = catch_unwind(AssertUnwindSafe(move || {
            let _guard = guard;
            panic!("escaped");
        }));
        assert!(escaped.is_err());
        assert_eq!(
            incidents.try_recv().unwrap().fault.kind,
            FaultKind::ActorPanic
        );
        drop(shield.guard());
        assert!(
            incidents.try_recv().is_err(),
            "a guard that is dropped in peace raises nothing"
        );
    }
}
