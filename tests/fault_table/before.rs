//! How things stand when the fault comes, and how they are brought to stand so.

use super::*;

/// How things stand when the fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// The strategy has no order.
    NoOrder,
    /// Its order is on the way to the venue, and its answer is not here.
    InFlight,
    Working,
    PartiallyFilled,
    /// Nobody knows whether the venue has the order.
    Uncertain,
    /// A cancel is on its way.
    CancelPending,
    /// The scope is reduce-only, and the order rests on.
    ReduceOnly,
    /// The scope is halted, and the order rests on.
    Halted,
    /// The scope is being flattened, and nobody knows what became of the exit.
    Flattening,
}

impl Before {
    pub const ALL: [Self; 9] = [
        Self::NoOrder,
        Self::InFlight,
        Self::Working,
        Self::PartiallyFilled,
        Self::Uncertain,
        Self::CancelPending,
        Self::ReduceOnly,
        Self::Halted,
        Self::Flattening,
    ];

    /// For people, with what becomes of the order when the reaction cancels, and when it keeps.
    pub const fn row(self) -> [&'static str; 3] {
        match self {
            Self::NoOrder => [
                "no order",
                "nothing is to be cancelled, and the venue is asked",
                "–",
            ],
            Self::InFlight => [
                "an order in flight",
                "cancelled as soon as the venue shows it",
                "rests",
            ],
            Self::Working => ["a resting order", "cancelled", "rests"],
            Self::PartiallyFilled => [
                "an order filled in part",
                "the rest cancelled, the fill stays",
                "the rest rests",
            ],
            Self::Uncertain => [
                "an uncertain order",
                "asked for, and cancelled as soon as the venue shows it",
                "asked for; rests when the venue has it",
            ],
            Self::CancelPending => ["an order being cancelled", "cancelled once", "cancelled"],
            Self::ReduceOnly => [
                "a resting order of a reduce-only scope",
                "cancelled",
                "rests",
            ],
            Self::Halted => ["a resting order of a halted scope", "cancelled", "rests"],
            Self::Flattening => [
                "a flatten under way, its exit uncertain",
                "the flatten goes on: the exit is asked for, not sent again, and what is left of the position told",
                "the same",
            ],
        }
    }

    /// What the scope was before.
    pub const fn level(self) -> HaltLevel {
        match self {
            Self::ReduceOnly => HaltLevel::ReduceOnly,
            Self::Halted | Self::Flattening => HaltLevel::Halted,
            _ => HaltLevel::Active,
        }
    }
}

impl Table {
    /// Brings the order of the strategy into this state.
    pub async fn prepare(
        &self,
        before: Before,
        kind: FaultKind,
        scope: Scope,
    ) -> Option<ClientOrderId> {
        let hand = &self.hand;
        match before {
            Before::NoOrder | Before::Flattening => return None,
            Before::Working => return Some(self.resting(hand).await),
            Before::InFlight => {
                self.slowly("order.place").await;
                let id = self.place(hand).await;
                assert_eq!(hand.kinds(id), ["Submitted"]);
                return Some(id);
            }
            Before::PartiallyFilled => {
                let id = self.place(hand).await;
                hand.reaches(id, OrderState::Working).await;
                let price = format!("{}.00", 59_000 + *self.prices.borrow());
                self.exchange
                    .market(json!({"symbol": "BTCUSDT", "clear": true}))
                    .await;
                self.exchange
                    .trade("BTCUSDT", "SELL", &price, "0.004")
                    .await;
                hand.reaches(id, OrderState::PartiallyFilled).await;
                let thaw = json!({"symbol": "BTCUSDT", "mid": "60000.01", "spread": "0.02", "quantity": "5"});
                self.exchange.market(thaw).await;
                return Some(id);
            }
            Before::Uncertain => {
                let lost = json!({ "kind": "timeout", "operation": "order.place", "ms": 10, "live": true });
                self.exchange
                    .fault(json!({ "kind": "stale_reads", "ms": 400 }))
                    .await;
                self.exchange.fault(lost).await;
                let unseen = json!({ "kind": "drop_event", "event": "executionReport" });
                self.exchange.fault(unseen).await;
                let id = self.place(hand).await;
                hand.reaches(id, OrderState::Uncertain).await;
                return Some(id);
            }
            Before::CancelPending => {
                let id = self.resting(hand).await;
                self.slowly("order.cancel").await;
                hand.act(&self.exchange, move |ctx| ctx.cancel(id)).await;
                assert_eq!(hand.kinds(id).last(), Some(&"CancelRequested"));
                return Some(id);
            }
            Before::ReduceOnly | Before::Halted => {}
        }
        let id = self.resting(hand).await;
        let mut reaction = Reaction::STRICT;
        reaction.level = before.level();
        reaction.resting_orders = RestingOrders::Keep;
        self.faults.raise_as(fault(earlier(kind), scope), reaction);
        Some(id)
    }
}

/// Another trouble: of the same one a person is told again after a minute.
pub const fn earlier(kind: FaultKind) -> FaultKind {
    match kind {
        FaultKind::Manual => FaultKind::Network,
        _ => FaultKind::Manual,
    }
}
