//! Limits: each at its boundary and one step beyond, and held against an oracle over random histories.

mod boundaries;
mod changes;
mod history;
mod losses;
mod oracles;
mod watched;

use super::*;
use crate::instrument::PriceFilter;
use crate::order::SelfTradePrevention;
use crate::risk::{Denial, DenialReason, LimitScope, RiskLimits, Rule};

/// Limits as `scope key value`.
fn limits(given: &[&str]) -> RiskLimits {
    let mut limits = RiskLimits::default();
    for line in given {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap();
        let (scope, key, value) = (word(), word(), word());
        let scope: LimitScope = scope.parse().unwrap();
        limits.set(&scope, key, Some(value)).unwrap();
    }
    limits
}

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

/// An instrument with a tick of 0.1 that takes every order type.
fn spot(name: &str, base: &str, quote: &str) -> Instrument {
    let plain = instrument(name);
    Instrument {
        base: base.parse().unwrap(),
        quote: quote.parse().unwrap(),
        order_types: OrderType::ALL.to_vec(),
        self_trade_prevention: SelfTradePrevention::ALL.to_vec(),
        filters: Filters {
            price: Some(PriceFilter {
                min: Price::ZERO,
                max: Price::ZERO,
                tick: price("0.1"),
            }),
            ..plain.filters
        },
        ..plain
    }
}

impl Bench {
    /// Both strategies may trade BTCUSDT and ETHUSDT, both at 10, within these limits.
    fn limited(given: &[&str]) -> Self {
        let mut bench = Self::new();
        for (name, base) in [("BTCUSDT", "BTC"), ("ETHUSDT", "ETH")] {
            bench.desk.add_instrument(spot(name, base, "USDT"));
        }
        bench.desk.set_limits(limits(given));
        bench.out.clear();
        bench
    }

    fn place_terms(&mut self, name: &str, terms: NewOrder) -> Result<ClientOrderId, DenialReason> {
        let command = PlaceOrder {
            terms,
            ..self.command(name, terms.symbol.as_str())
        };
        let before = self.out.len();
        self.send(command);
        let mut news = self.out[before..].iter();
        let denied = news.find_map(|effect| match effect {
            Effect::Happened(OrderEvent {
                kind: OrderEventKind::Denied { reason },
                ..
            }) => Some(reason.clone()),
            _ => None,
        });
        let sent = self.out[before..]
            .iter()
            .filter(|effect| matches!(effect, Effect::Place(_)))
            .count();
        assert_eq!(sent, usize::from(denied.is_none()), "{denied:?}");
        denied.map_or(Ok(command.id), Err)
    }

    /// Places a limit order: its id, or the limit that denied it.
    fn limit(
        &mut self,
        name: &str,
        traded: &str,
        side: Side,
        size: &str,
        at: &str,
    ) -> Result<ClientOrderId, Denial> {
        let terms = NewOrder::limit(symbol(traded), side, quantity(size), price(at));
        self.ask(name, terms)
    }

    fn ask(&mut self, name: &str, terms: NewOrder) -> Result<ClientOrderId, Denial> {
        self.place_terms(name, terms).map_err(|reason| {
            let denial = reason.limit();
            denial
                .unwrap_or_else(|| panic!("not a limit: {reason}"))
                .clone()
        })
    }

    fn buy(&mut self, size: &str, at: &str) -> Result<ClientOrderId, Denial> {
        self.limit("a", "BTCUSDT", Side::Buy, size, at)
    }

    fn sell(&mut self, size: &str, at: &str) -> Result<ClientOrderId, Denial> {
        self.limit("a", "BTCUSDT", Side::Sell, size, at)
    }

    fn raised(&mut self) -> Vec<(FaultKind, Scope)> {
        let raised = self.out.drain(..).filter_map(|effect| match effect {
            Effect::Raise(fault) => Some((fault.kind, fault.scope)),
            _ => None,
        });
        raised.collect()
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.checked_add(Duration::from_millis(millis)).unwrap();
    }
}

fn told(denied: Result<ClientOrderId, Denial>) -> String {
    match denied {
        Ok(_) => "passed".into(),
        Err(denial) => denial.to_string(),
    }
}
