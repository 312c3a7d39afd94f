//! What is looked at again when this process has stood still: both streams, and the clock.

use std::cell::OnceCell;
use std::rc::Rc;

use tokio::sync::Notify;
use tripline_actors::gateway::OnStandstill;
use tripline_actors::venue::Connection;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::Scope;

use super::ground::Ground;

#[derive(Default)]
pub(super) struct Standstill {
    connections: Rc<OnceCell<Vec<Rc<dyn Connection>>>>,
    /// Wakes whoever measures the clock.
    pub(super) clock: Rc<Notify>,
}

impl Standstill {
    /// What the gateway tells. As long as data may be missing before that is a fault, so long may the
    /// process have stood still.
    pub(super) fn listener(&self, ground: &Ground) -> OnStandstill {
        let (connections, measure) = (self.connections.clone(), self.clock.clone());
        let (faults, clock) = (ground.faults.clone(), ground.clock.clone());
        let (fault_after, account) = (ground.settings.fault_after, ground.settings.account);
        Rc::new(move |gap| {
            let detail = format!("this process stood still for {} ms", gap.as_millis());
            for connection in connections.get().into_iter().flatten() {
                connection.reconnect(&detail);
            }
            measure.notify_one();
            if gap > fault_after {
                faults.raise(Fault {
                    kind: FaultKind::StaleData,
                    scope: Scope::Account(account),
                    actor: "gateway".into(),
                    detail,
                    at: clock.now(),
                });
            }
        })
    }

    /// The connections that are made anew.
    pub(super) fn renews(&self, connections: Vec<Rc<dyn Connection>>) {
        let set = self.connections.set(connections);
        assert!(set.is_ok(), "set here and nowhere else");
    }
}
