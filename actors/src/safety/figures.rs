//! The numbers that an alert tells: what is open, what is uncertain, and what is held.

use tripline_engine::ids::StrategyId;
use tripline_engine::messages::alert::{Figure, Figured};
use tripline_engine::order::OrderState;

use crate::gateway::DeskSnapshot;

pub(crate) type Figures = Vec<Figure>;

/// So many positions are listed.
const POSITIONS: usize = 8;

/// How orders and positions of these strategies stand.
pub(crate) fn figures(desk: &DeskSnapshot, strategies: &[StrategyId]) -> Figures {
    let orders = desk.orders.iter();
    let orders = orders.filter(|order| strategies.contains(&order.strategy));
    let (mut open, mut uncertain) = (0u64, 0u64);
    for order in orders {
        open += u64::from(order.state.may_be_open());
        uncertain += u64::from(order.state == OrderState::Uncertain);
    }
    let figure = |name, value: String| Figure { name, value };
    let mut figures = vec![
        figure(Figured::OpenOrders, open.to_string()),
        figure(Figured::UncertainOrders, uncertain.to_string()),
    ];
    let held = desk.positions.iter();
    let held = held.filter(|held| strategies.contains(&held.strategy));
    let held = held.filter(|held| !held.position.net().is_zero());
    figures.extend(held.take(POSITIONS).map(|held| {
        let (strategy, position) = (held.strategy, &held.position);
        let value = format!("{} {} ({strategy})", position.net(), position.pair().symbol);
        figure(Figured::Position, value)
    }));
    figures
}
