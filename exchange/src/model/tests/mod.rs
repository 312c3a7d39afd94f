//! The behaviour of the exchange, seen from outside.

mod amending;
mod canceling;
mod filtering;
mod funds;
mod matching;
mod prevention;
mod properties;
mod stops;

use rust_decimal::Decimal;
use tripline_engine::ids::{AccountId, Asset, ClientOrderId, Symbol};
use tripline_engine::money::{Price, Quantity};

use super::*;

pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn asset(text: &str) -> Asset {
    Asset::new(text).unwrap()
}

pub fn account(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

pub fn client(text: &str) -> ClientOrderId {
    ClientOrderId::new(text).unwrap()
}

pub fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub fn eth() -> Symbol {
    symbol("ETHUSDT")
}

pub fn grid() -> Grid {
    Grid {
        tick: price("0.01"),
        max_price: price("1000000"),
        step: quantity("0.0001"),
        max_quantity: quantity("9000"),
        max_market_quantity: quantity("3000"),
        min_notional: "5".parse().unwrap(),
        max_notional: "9000000".parse().unwrap(),
    }
}

fn person(name: &str, uid: u64) -> AccountSettings {
    AccountSettings {
        account: account(name),
        uid,
        balances: vec![
            (asset("ETH"), Decimal::from(100)),
            (asset("USDT"), Decimal::from(100_000)),
            (asset("BTC"), Decimal::from(10)),
            (asset("BNB"), Decimal::from(10)),
        ],
        commission: Commission {
            maker: decimal("0.001"),
            taker: decimal("0.002"),
        },
        can_trade: true,
        bnb_discount: None,
    }
}

pub fn settings() -> Settings {
    let instrument = |base, quote, last| {
        let name = symbol(&format!("{base}{quote}"));
        let mut rules = InstrumentSettings::usual(asset(base), asset(quote), name, &grid());
        rules.last_price = Some(price(last));
        rules
    };
    Settings {
        instruments: vec![
            instrument("ETH", "USDT", "1000"),
            instrument("BTC", "USDT", "50000"),
            instrument("BNB", "USDT", "500"),
        ],
        accounts: vec![person("alice", 1), person("bob", 2)],
        exchange_filters: ExchangeFilters::default(),
        seed: 7,
    }
}

/// An exchange, its clock, and short ways to say things to it.
pub struct Bench {
    pub exchange: Exchange,
    pub now: Time,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        let now = Time::from_millis(1_790_000_000_000);
        Self {
            exchange: Exchange::new(settings, now),
            now,
        }
    }

    /// An exchange whose ETHUSDT has these filters.
    pub fn filtered(change: impl FnOnce(&mut Filters)) -> Self {
        let mut settings = settings();
        change(&mut settings.instruments[0].filters);
        Self::with(settings)
    }

    pub fn place(&mut self, who: &str, order: &NewOrder) -> Result<Placed, Refusal> {
        self.now = self.now.plus(1_000);
        self.exchange.place(account(who), order, self.now)
    }

    pub fn limit(&mut self, who: &str, side: Side, at: &str, size: &str) -> Placed {
        self.place(
            who,
            &NewOrder::limit(eth(), side, price(at), quantity(size)),
        )
        .unwrap()
    }

    pub fn market(&mut self, who: &str, side: Side, size: &str) -> Placed {
        self.place(who, &NewOrder::market(eth(), side, quantity(size)))
            .unwrap()
    }

    pub fn cancel(&mut self, who: &str, order: OrderRef) -> Result<Canceled, Refusal> {
        let cancel = CancelOrder {
            order,
            ..CancelOrder::default()
        };
        self.exchange.cancel(account(who), eth(), &cancel, self.now)
    }

    pub fn order(&self, who: &str, id: tripline_engine::ids::VenueOrderId) -> &Order {
        self.exchange
            .order(account(who), eth(), OrderRef::number(id))
            .unwrap()
    }

    pub fn balance(&self, who: &str, name: &str) -> (Decimal, Decimal) {
        let view = self.exchange.account(account(who)).unwrap();
        let found = view
            .balances
            .iter()
            .find(|balance| balance.asset == asset(name))
            .unwrap();
        (found.free, found.locked)
    }

    /// The market's own liquidity on ETHUSDT.
    pub fn market_level(&mut self, side: Side, at: &str, size: &str) {
        let (at, size) = (price(at), quantity(size));
        self.exchange
            .operate(eth(), self.now, |run| run.set_market_level(side, at, size))
            .unwrap();
    }

    /// What happened since the last call, in short: `alice NEW NEW`, `bob TRADE FILLED 0.5@1000`,
    /// `alice position ETH,USDT`, `print 0.5@1000`, `book 3..4`, `ticker`.
    pub fn story(&mut self) -> Vec<String> {
        self.exchange.drain_events().iter().map(tell).collect()
    }

    /// The same without the market's events.
    pub fn user_story(&mut self) -> Vec<String> {
        let public = |line: &String| {
            ["print", "book", "ticker"]
                .iter()
                .any(|word| line.starts_with(word))
        };
        self.story()
            .into_iter()
            .filter(|line| !public(line))
            .collect()
    }
}

fn tell(event: &Event) -> String {
    match event {
        Event::Execution(report) => {
            let (order, kind) = (&report.order, report.execution);
            let mut line = format!("{} {kind} {}", order.account, order.status);
            if let Some(trade) = &report.trade {
                line += &format!(" {}@{}", trade.quantity, trade.price);
            }
            if let Some(prevention) = &report.prevention {
                line += &format!(" -{}", prevention.quantity);
            }
            if let Some(reason) = order.expiry_reason {
                line += &format!(" {reason}");
            }
            line
        }
        Event::AccountPosition(position) => {
            let assets: Vec<String> = position
                .balances
                .iter()
                .map(|balance| balance.asset.to_string())
                .collect();
            format!("{} position {}", position.account, assets.join(","))
        }
        Event::BalanceUpdate(update) => format!("{} balance {}", update.account, update.delta),
        Event::Trade(trade) => format!("print {}@{}", trade.quantity, trade.price),
        Event::BookChanged(book) => {
            format!("book {}..{}", book.first_update_id, book.last_update_id)
        }
        Event::BookTicker(_) => "ticker".to_owned(),
        Event::SymbolStatusChanged { symbol, status, .. } => format!("{symbol} {status}"),
    }
}

/// A LIMIT order with another time in force.
pub fn timed(side: Side, at: &str, size: &str, time_in_force: TimeInForce) -> NewOrder {
    let mut order = NewOrder::limit(eth(), side, price(at), quantity(size));
    order.time_in_force = Some(time_in_force);
    order
}

/// A stop order; `at` is empty for those without a limit.
pub fn stop(kind: OrderType, side: Side, trigger: &str, at: &str, size: &str) -> NewOrder {
    let mut order = NewOrder::new(eth(), side, kind);
    order.stop_price = Some(price(trigger));
    order.quantity = Some(quantity(size));
    if !at.is_empty() {
        order.price = Some(price(at));
        order.time_in_force = Some(TimeInForce::Gtc);
    }
    order
}
