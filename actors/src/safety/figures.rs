//! The numbers that an alert tells: what is open and what it is worth, what is uncertain, what is held and
//! what it has won or lost.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tripline_engine::ids::{Asset, StrategyId};
use tripline_engine::messages::alert::{Figure, Figured};
use tripline_engine::money::{exact_product, exact_sum};
use tripline_engine::order::{Order, OrderState};
use tripline_engine::position::StrategyPosition;

use crate::gateway::DeskSnapshot;

pub(crate) type Figures = Vec<Figure>;

/// So many positions are listed.
const POSITIONS: usize = 8;

/// How orders and positions of these strategies stand.
pub(crate) fn figures(desk: &DeskSnapshot, strategies: &[StrategyId]) -> Figures {
    let orders = desk.orders.iter();
    let orders = orders.filter(|order| strategies.contains(&order.strategy));
    let open: Vec<&Order> = orders.filter(|order| order.state.may_be_open()).collect();
    let uncertain = open.iter();
    let uncertain = uncertain.filter(|order| order.state == OrderState::Uncertain);
    let figure = |name, value: String| Figure { name, value };
    let mut figures = vec![
        figure(Figured::OpenOrders, open.len().to_string()),
        figure(Figured::UncertainOrders, uncertain.count().to_string()),
    ];
    let worth = open_notional(desk, &open);
    figures.extend((!worth.is_empty()).then(|| figure(Figured::OpenNotional, worth.join(", "))));
    let held = desk.positions.iter();
    let held = held.filter(|held| strategies.contains(&held.strategy));
    let held = held.filter(|held| {
        let position = &held.position;
        !position.net().is_zero() || !position.realised().is_zero()
    });
    let held = held.take(POSITIONS);
    figures.extend(held.map(|held| figure(Figured::Position, position(desk, held))));
    figures
}

/// What is left of open orders, at their limits or else at the last price, in each quote asset. What cannot be
/// valued is said to be missing.
fn open_notional(desk: &DeskSnapshot, open: &[&Order]) -> Vec<String> {
    let mut sums: BTreeMap<Asset, Decimal> = BTreeMap::new();
    let mut unvalued = 0u64;
    for order in open {
        let mark = desk.marks.get(&order.terms.symbol);
        let value = mark.and_then(|mark| {
            let price = order.terms.price.or(mark.price)?;
            let left = order.remaining();
            let value = exact_product("open notional", price.value(), left.value()).ok()?;
            let sum = sums.get(&mark.quote).copied().unwrap_or_default();
            Some((mark.quote, exact_sum("open notional", sum, value).ok()?))
        });
        match value {
            Some((quote, sum)) => drop(sums.insert(quote, sum)),
            None => unvalued += 1,
        }
    }
    let sums = sums.into_iter();
    let mut told: Vec<String> = sums.map(|(quote, sum)| format!("{sum} {quote}")).collect();
    if unvalued > 0 {
        told.push(format!("{unvalued} × ?"));
    }
    told
}

fn position(desk: &DeskSnapshot, held: &StrategyPosition) -> String {
    let StrategyPosition { strategy, position } = held;
    let mark = desk.marks.get(&position.pair().symbol);
    match position.valued(mark.and_then(|mark| mark.price)) {
        Ok(valued) => format!("{valued} ({strategy})"),
        Err(_) => format!("{position} ({strategy})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Mark;
    use crate::testing::btcusdt;
    use tripline_engine::ids::{OrderIds, RunId, TradeId};
    use tripline_engine::messages::order::Fill;
    use tripline_engine::order::state::Learnt;
    use tripline_engine::order::{NewOrder, Side};
    use tripline_engine::position::{Pair, Position};
    use tripline_engine::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    /// A strategy's orders, each with what was learnt of it.
    fn orders<const N: usize>(strategy: &str, orders: [(&str, &[Learnt]); N]) -> [Order; N] {
        let strategy = strategy.parse().unwrap();
        let mut ids = OrderIds::new(strategy, RunId::from_millis(1));
        orders.map(|(price, learnt)| {
            let (quantity, price) = ("0.5".parse().unwrap(), price.parse().unwrap());
            let terms = NewOrder::limit(btcusdt().symbol, Side::Buy, quantity, price);
            let mut order = Order::new(ids.next_id(), strategy, terms, NOW);
            for learnt in learnt {
                order.learn(*learnt, NOW).unwrap();
            }
            order
        })
    }

    #[test]
    fn a_strategys_notional_position_and_loss_are_told_and_no_other_strategys() {
        const SENT: &[Learnt] = &[Learnt::HandedOver];
        const LOST: &[Learnt] = &[Learnt::HandedOver, Learnt::Lost];
        const DENIED: &[Learnt] = &[Learnt::Denied];
        let one = "one".parse().unwrap();
        let ours = orders("one", [("59000", SENT), ("58000", LOST), ("57000", DENIED)]);
        let others = orders("two", [("1", SENT)]);
        let mut position = Position::new(Pair::of(&btcusdt()));
        let bought = Fill {
            trade_id: TradeId(1),
            price: "60000".parse().unwrap(),
            quantity: "0.2".parse().unwrap(),
            fee: Decimal::ZERO,
            fee_asset: None,
            maker: None,
            at: NOW,
            recovered: false,
        };
        position.apply(Side::Buy, &bought).unwrap();
        let mark = |price: Option<&str>| Mark {
            quote: "USDT".parse().unwrap(),
            price: price.map(|price| price.parse().unwrap()),
        };
        let mut desk = DeskSnapshot {
            orders: ours.into_iter().chain(others).collect(),
            positions: vec![
                StrategyPosition {
                    strategy: one,
                    position: position.clone(),
                },
                StrategyPosition {
                    strategy: "two".parse().unwrap(),
                    position,
                },
            ],
            marks: [(btcusdt().symbol, mark(Some("59900")))].into(),
            ..DeskSnapshot::default()
        };
        let told = |desk: &DeskSnapshot| {
            let figures = figures(desk, &[one]).into_iter();
            figures.map(|figure| figure.value).collect::<Vec<_>>()
        };
        let position = "BTCUSDT +0.2 @ 60000 realised +0.00 USDT";
        let expected = [
            "2",
            "1",
            "58500 USDT",
            &format!("{position} unrealised -20.00 USDT (one)"),
        ];
        assert_eq!(told(&desk), expected);
        // Without a fresh price there is no unrealised profit to tell.
        desk.marks.insert(btcusdt().symbol, mark(None));
        assert_eq!(told(&desk)[3], format!("{position} (one)"));
        // An order on what nothing is known of is said to be missing from the sum.
        desk.marks.clear();
        assert_eq!(told(&desk)[2], "2 × ?");
    }
}
