//! Changed levels, gathered until the next tick of a depth stream.

use std::collections::{BTreeMap, HashMap};

use tripline_engine::ids::Symbol;
use tripline_engine::money::{Price, Quantity};

use super::names::{Kind, StreamId};
use crate::model::{BookChanged, Side};

/// What one depth update will say.
#[derive(Debug, Default)]
pub struct Pending {
    pub first_update_id: u64,
    pub last_update_id: u64,
    /// The newest quantity of each changed level.
    pub levels: BTreeMap<(Side, Price), Quantity>,
}

/// One buffer for each symbol and speed that somebody watches. Consecutive updates of a buffer have
/// consecutive ids.
#[derive(Debug, Default)]
pub struct DepthBuffers {
    buffers: HashMap<(Symbol, bool), Pending>,
}

impl DepthBuffers {
    /// Gathers changes from now on.
    pub fn watch(&mut self, symbol: Symbol, fast: bool) {
        self.buffers.entry((symbol, fast)).or_default();
    }

    pub fn forget(&mut self, id: &StreamId) {
        if let (Some(symbol), Kind::Diff { fast }) = (id.symbol, id.kind) {
            self.buffers.remove(&(symbol, fast));
        }
    }

    pub fn add(&mut self, change: &BookChanged) {
        for fast in [true, false] {
            let Some(pending) = self.buffers.get_mut(&(change.symbol, fast)) else {
                continue;
            };
            if pending.levels.is_empty() {
                pending.first_update_id = change.first_update_id;
            }
            pending.last_update_id = change.last_update_id;
            for level in &change.levels {
                pending
                    .levels
                    .insert((level.side, level.price), level.quantity);
            }
        }
    }

    /// Takes what gathered for one speed; empty buffers are left out.
    pub fn take(&mut self, fast: bool) -> Vec<(Symbol, Pending)> {
        let due = self
            .buffers
            .iter_mut()
            .filter(|((_, speed), pending)| *speed == fast && !pending.levels.is_empty());
        let mut taken: Vec<_> = due
            .map(|((symbol, _), pending)| (*symbol, std::mem::take(pending)))
            .collect();
        taken.sort_by_key(|(symbol, _)| *symbol);
        taken
    }
}
