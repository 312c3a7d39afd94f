//! The one way to send a message to an actor. A failed send is an outcome that is seen: a closed
//! mailbox is a fault, a full one a fault and a queue in the sender, in order.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use actix::dev::{MessageResponse, SendError, ToEnvelope};
use actix::{Actor, Addr, Handler, Message, Recipient};
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;

use crate::clock::Clock;
use crate::faults::Faults;

/// Mailboxes are made this deep: a burst of market data fits, a flood does not go unseen.
pub const MAILBOX: usize = 8192;

/// How often a full mailbox is tried again.
const RETRY: Duration = Duration::from_millis(1);

/// Whom a failed delivery concerns, and who sends.
#[derive(Clone)]
pub struct Sender {
    pub actor: &'static str,
    pub scope: Scope,
    pub faults: Faults,
    pub clock: Clock,
}

impl Sender {
    fn raise(&self, kind: FaultKind, receiver: &str, what: &str) {
        self.faults.raise(Fault {
            kind,
            scope: self.scope,
            actor: self.actor.into(),
            detail: format!("{what} for {receiver}"),
            at: self.clock.now(),
        });
    }

    /// An outlet for messages to one receiver.
    pub fn outlet<M>(&self, receiver: impl Into<String>, to: Recipient<M>) -> Outlet<M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let state = State {
            to,
            queue: VecDeque::new(),
            closed: false,
        };
        Outlet {
            sender: self.clone(),
            receiver: receiver.into(),
            state: Rc::new(RefCell::new(state)),
        }
    }

    /// An outlet to an actor of a known type.
    pub fn outlet_to<A, M>(&self, receiver: impl Into<String>, to: &Addr<A>) -> Outlet<M>
    where
        A: Actor + Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send + MessageResponse<A, M>,
    {
        self.outlet(receiver, to.clone().recipient())
    }
}

struct State<M: Message + Send + 'static>
where
    M::Result: Send,
{
    to: Recipient<M>,
    /// What the mailbox did not take, oldest first.
    queue: VecDeque<M>,
    closed: bool,
}

/// Sends messages of one type to one receiver, in order. Cloning shares the queue.
pub struct Outlet<M: Message + Send + 'static>
where
    M::Result: Send,
{
    sender: Sender,
    receiver: String,
    state: Rc<RefCell<State<M>>>,
}

impl<M: Message + Send + 'static> Clone for Outlet<M>
where
    M::Result: Send,
{
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            receiver: self.receiver.clone(),
            state: self.state.clone(),
        }
    }
}

impl<M: Message + Send + 'static> Outlet<M>
where
    M::Result: Send,
{
    /// Delivers, or queues and raises a fault. Nothing is dropped unless the receiver is gone, which is a
    /// fault too.
    pub fn send(&self, message: M) {
        let mut state = self.state.borrow_mut();
        if state.closed {
            return; // Raised when it was found closed.
        }
        if !state.queue.is_empty() {
            state.queue.push_back(message);
            return;
        }
        match offer(&state.to, message) {
            Ok(()) => {}
            Err(SendError::Full(message)) => {
                state.queue.push_back(message);
                drop(state);
                self.sender.raise(
                    FaultKind::MailboxFull,
                    &self.receiver,
                    "the mailbox is full",
                );
                self.drain();
            }
            Err(SendError::Closed(_)) => {
                state.closed = true;
                drop(state);
                self.sender.raise(
                    FaultKind::MailboxClosed,
                    &self.receiver,
                    "the mailbox is closed",
                );
            }
        }
    }

    /// Whether the receiver was found to be gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.borrow().closed
    }

    /// For data of which only the latest matters: delivers, or tells that the mailbox is full so that
    /// the caller keeps the latest. A closed mailbox is a fault.
    pub fn offer(&self, message: M) -> Result<(), M> {
        let state = self.state.borrow();
        if state.closed {
            return Ok(());
        }
        match offer(&state.to, message) {
            Ok(()) => Ok(()),
            Err(SendError::Full(message)) => Err(message),
            Err(SendError::Closed(_)) => {
                drop(state);
                self.state.borrow_mut().closed = true;
                self.sender.raise(
                    FaultKind::MailboxClosed,
                    &self.receiver,
                    "the mailbox is closed",
                );
                Ok(())
            }
        }
    }

    /// Brings the queue over, oldest first, as the mailbox takes it. Until it is empty, what is sent
    /// meanwhile stands in line.
    fn drain(&self) {
        let this = self.clone();
        actix_rt::spawn(async move {
            while this.drain_some() {
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    /// `false` when nothing is left to wait for.
    fn drain_some(&self) -> bool {
        let mut state = self.state.borrow_mut();
        while let Some(message) = state.queue.pop_front() {
            match offer(&state.to, message) {
                Ok(()) => {}
                Err(SendError::Full(message)) => {
                    state.queue.push_front(message);
                    return true;
                }
                Err(SendError::Closed(_)) => {
                    state.closed = true;
                    drop(state);
                    self.sender.raise(
                        FaultKind::MailboxClosed,
                        &self.receiver,
                        "the mailbox is closed",
                    );
                    return false;
                }
            }
        }
        false
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the helper through which everything is delivered"
)]
fn offer<M: Message + Send + 'static>(to: &Recipient<M>, message: M) -> Result<(), SendError<M>>
where
    M::Result: Send,
{
    to.try_send(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::Context;
    use std::sync::Arc;
    use tripline_engine::halt::{HaltBoard, HaltPolicy};

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Number(u32);

    struct Receiver {
        seen: Rc<RefCell<Vec<u32>>>,
    }

    impl Actor for Receiver {
        type Context = Context<Self>;
    }

    impl Handler<Number> for Receiver {
        type Result = ();
        fn handle(&mut self, Number(number): Number, _: &mut Context<Self>) {
            assert_ne!(number, u32::MAX, "told to panic");
            self.seen.borrow_mut().push(number);
        }
    }

    fn sender() -> (Sender, crate::faults::Incidents) {
        let (faults, incidents) =
            Faults::channel(HaltBoard::new(), HaltPolicy::default(), Arc::new(|_| {}));
        let clock = Clock::starting_at(tripline_engine::time::Timestamp::from_millis(0));
        (
            Sender {
                actor: "test",
                scope: Scope::Global,
                faults,
                clock,
            },
            incidents,
        )
    }

    #[actix_rt::test]
    async fn what_a_full_mailbox_refuses_arrives_later_in_order_and_is_a_fault() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let receiver = Receiver { seen: seen.clone() }.start();
        let (sender, mut incidents) = sender();
        let outlet = sender.outlet_to("receiver", &receiver);
        for number in 0..1000 {
            outlet.send(Number(number));
        }
        while seen.borrow().len() < 1000 {
            tokio::time::sleep(RETRY).await;
        }
        assert_eq!(*seen.borrow(), (0..1000).collect::<Vec<_>>());
        assert_eq!(
            incidents.try_recv().unwrap().fault.kind,
            FaultKind::MailboxFull
        );
        assert!(incidents.try_recv().is_err(), "one flood is one fault");
    }

    #[actix_rt::test]
    async fn a_message_to_an_actor_that_panicked_is_a_fault() {
        let receiver = Receiver {
            seen: Rc::default(),
        }
        .start();
        let (sender, mut incidents) = sender();
        let outlet = sender.outlet_to("receiver", &receiver);
        outlet.send(Number(u32::MAX));
        while receiver.connected() {
            tokio::time::sleep(RETRY).await;
        }
        outlet.send(Number(1));
        outlet.send(Number(2));
        assert_eq!(
            incidents.try_recv().unwrap().fault.kind,
            FaultKind::MailboxClosed
        );
        assert!(
            incidents.try_recv().is_err(),
            "a dead receiver is one fault"
        );
    }
}
