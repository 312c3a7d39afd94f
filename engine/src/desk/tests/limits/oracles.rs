//! For each rule what it means, computed anew from the whole history.

use super::history::{History, Known, Wish, held_against};
use super::*;

fn signed(side: Side, amount: Decimal) -> Decimal {
    match side {
        Side::Buy => amount,
        Side::Sell => -amount,
    }
}

/// Whose orders are summed up.
type Of<'a> = &'a dyn Fn(&Known) -> bool;

impl History {
    fn of<'a>(&'a self, of: Of<'a>) -> impl Iterator<Item = &'a Known> {
        self.orders.iter().filter(move |known| of(known))
    }

    /// The position, and what buys may add and sells take away.
    fn cell(&self, of: Of<'_>) -> (Decimal, Decimal, Decimal) {
        let mut cell = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for known in self.of(of) {
            cell.0 += signed(known.wish.side, known.filled());
            match known.wish.side {
                Side::Buy => cell.1 += known.pending(),
                Side::Sell => cell.2 += known.pending(),
            }
        }
        cell
    }

    fn open(&self, of: Of<'_>) -> usize {
        self.of(of).filter(|known| known.is_open).count()
    }

    fn sent_within(&self, of: Of<'_>, span: u64) -> usize {
        let span = Duration::from_millis(span);
        let within = |known: &&Known| self.now.saturating_since(known.sent) < span;
        self.of(of).filter(within).count()
    }

    /// Orders on the side of the instrument since the strategy was last halted there.
    fn since_halt<'a>(&'a self, wish: &'a Wish) -> impl Iterator<Item = &'a Known> {
        let key = |wish: &Wish| (wish.name, wish.traded, wish.side);
        let halted = self
            .halts
            .iter()
            .rev()
            .find(|halt| key(&halt.0) == key(wish));
        let first = halted.map_or(0, |halt| halt.1);
        let since = self.orders.iter().skip(first);
        since.filter(move |known| key(&known.wish) == key(wish))
    }
}

fn same_pair(wish: &Wish) -> impl Fn(&Known) -> bool {
    let (name, traded) = (wish.name, wish.traded);
    move |known| known.wish.name == name && known.wish.traded == traded
}

fn same_instrument(wish: &Wish) -> impl Fn(&Known) -> bool {
    let traded = wish.traded;
    move |known| known.wish.traded == traded
}

fn same_strategy(wish: &Wish) -> impl Fn(&Known) -> bool {
    let name = wish.name;
    move |known| known.wish.name == name
}

fn all(_: &Known) -> bool {
    true
}

fn price_of(wish: &Wish) -> Decimal {
    Decimal::new(wish.at, 1)
}

#[test]
fn no_sequence_passes_the_collar() {
    held_against(&["global collar_percent 5"], |history, wish| {
        let reference = history.prices[wish.traded];
        let beyond = signed(wish.side, price_of(wish) - reference);
        let most = reference * Decimal::new(5, 2);
        (!wish.is_market && beyond > most).then_some(Rule::CollarPercent)
    });
}

#[test]
fn no_sequence_passes_the_collar_in_ticks() {
    held_against(&["account collar_ticks 3"], |history, wish| {
        let beyond = signed(wish.side, price_of(wish) - history.prices[wish.traded]);
        (!wish.is_market && beyond > Decimal::new(3, 1)).then_some(Rule::CollarTicks)
    });
}

#[test]
fn no_sequence_passes_the_price_drift() {
    let given = [
        "strategy:a price_drift_percent 8",
        "strategy:a price_drift_within 900ms",
    ];
    held_against(&given, |history, wish| {
        let within =
            |known: &&Known| history.now.saturating_since(known.sent) < Duration::from_millis(900);
        let before = history.since_halt(wish).filter(within);
        let before = before.filter(|known| !known.wish.is_market);
        let mut prices: Vec<Decimal> = before.map(|known| price_of(&known.wish)).collect();
        if prices.is_empty() || wish.is_market || wish.name != 0 {
            return None;
        }
        prices.push(price_of(wish));
        prices.sort();
        let (low, high) = (prices[0], prices[prices.len() - 1]);
        (high - low > low * Decimal::new(8, 2)).then_some(Rule::PriceDrift)
    });
}

#[test]
fn no_sequence_passes_the_sizes() {
    held_against(&["strategy:a max_quantity 3"], |_, wish| {
        (wish.name == 0 && wish.size > 3).then_some(Rule::MaxQuantity)
    });
    held_against(&["instrument:ETHUSDT min_quantity 2"], |_, wish| {
        (wish.traded == 1 && wish.size < 2).then_some(Rule::MinQuantity)
    });
}

fn notional(history: &History, wish: &Wish) -> Decimal {
    let price = match wish.is_market {
        true => history.prices[wish.traded],
        false => price_of(wish),
    };
    price * Decimal::from(wish.size)
}

/// What it may be worth at most: a sell trades at the market where that is better.
fn most(history: &History, wish: &Wish) -> Decimal {
    let at_market = history.prices[wish.traded] * Decimal::from(wish.size);
    match wish.side {
        Side::Buy => notional(history, wish),
        Side::Sell => notional(history, wish).max(at_market),
    }
}

#[test]
fn no_sequence_passes_the_notionals() {
    held_against(&["global max_notional 30"], |history, wish| {
        (most(history, wish) > Decimal::from(30)).then_some(Rule::MaxNotional)
    });
    held_against(&["global min_notional 20"], |history, wish| {
        (notional(history, wish) < Decimal::from(20)).then_some(Rule::MinNotional)
    });
}

#[test]
fn no_sequence_passes_the_message_rates() {
    held_against(&["account new_per_second 3"], |history, _| {
        (history.sent_within(&all, 1_000) >= 3).then_some(Rule::NewPerSecond)
    });
    held_against(&["strategy:b new_per_minute 5"], |history, wish| {
        let sent = history.sent_within(&same_strategy(wish), 60_000);
        (wish.name == 1 && sent >= 5).then_some(Rule::NewPerMinute)
    });
    held_against(&["instrument:BTCUSDT new_per_second 2"], |history, wish| {
        let sent = history.sent_within(&same_instrument(wish), 1_000);
        (wish.traded == 0 && sent >= 2).then_some(Rule::NewPerSecond)
    });
}

#[test]
fn no_sequence_passes_the_repetitions() {
    let given = ["global repeated_orders 3", "strategy:a repeated_within 3s"];
    held_against(&given, |history, wish| {
        let span = Duration::from_secs(if wish.name == 0 { 3 } else { 10 });
        let within = |known: &&Known| history.now.saturating_since(known.sent) < span;
        let before = history.since_halt(wish).filter(within).count();
        (before >= 3).then_some(Rule::RepeatedOrders)
    });
}

fn beyond_position(
    history: &History,
    wish: &Wish,
    of: Of<'_>,
    [long, short]: [i64; 2],
) -> Option<Rule> {
    let (net, buys, sells) = history.cell(of);
    let size = Decimal::from(wish.size);
    match wish.side {
        Side::Buy => (net + buys + size > Decimal::from(long)).then_some(Rule::MaxLong),
        Side::Sell => (sells + size - net > Decimal::from(short)).then_some(Rule::MaxShort),
    }
}

#[test]
fn no_sequence_passes_the_position_of_a_strategy() {
    held_against(
        &["strategy:a max_long 6", "strategy:a max_short 4"],
        |history, wish| {
            let beyond = beyond_position(history, wish, &same_pair(wish), [6, 4]);
            beyond.filter(|_| wish.name == 0)
        },
    );
}

#[test]
fn no_sequence_passes_the_position_of_the_account() {
    held_against(
        &["global max_long 7", "account max_short 5"],
        |history, wish| beyond_position(history, wish, &same_instrument(wish), [7, 5]),
    );
    held_against(&["instrument:ETHUSDT max_long 5"], |history, wish| {
        let beyond = beyond_position(history, wish, &same_instrument(wish), [5, 1_000]);
        beyond.filter(|_| wish.traded == 1)
    });
}

/// Up, down and gross with one more order, and by how much gross grows.
fn worth(history: &History, wish: &Wish, of: Of<'_>) -> (Decimal, Decimal, Decimal, Decimal) {
    let (mut up, mut down, mut gross, mut grows) = Default::default();
    for (traded, price) in history.prices.iter().enumerate() {
        let of_both = |known: &Known| of(known) && known.wish.traded == traded;
        let (net, buys, sells) = history.cell(&of_both);
        let value = |buys: Decimal, sells: Decimal| ((net + buys) * price, (net - sells) * price);
        let (before_up, before_down) = value(buys, sells);
        let more = |side| match wish.traded == traded && wish.side == side {
            true => Decimal::from(wish.size),
            false => Decimal::ZERO,
        };
        let (one, other) = value(buys + more(Side::Buy), sells + more(Side::Sell));
        up += one;
        down += other;
        gross += one.abs().max(other.abs());
        grows += one.abs().max(other.abs()) - before_up.abs().max(before_down.abs());
    }
    (up, down, gross, grows)
}

#[test]
fn no_sequence_passes_the_gross_exposure() {
    held_against(&["account max_gross_exposure 120"], |history, wish| {
        let (_, _, gross, grows) = worth(history, wish, &all);
        (grows > Decimal::ZERO && gross > Decimal::from(120)).then_some(Rule::GrossExposure)
    });
    held_against(&["strategy:b max_gross_exposure 60"], |history, wish| {
        let (_, _, gross, grows) = worth(history, wish, &same_strategy(wish));
        let beyond = wish.name == 1 && grows > Decimal::ZERO && gross > Decimal::from(60);
        beyond.then_some(Rule::GrossExposure)
    });
}

#[test]
fn no_sequence_passes_the_net_exposure() {
    held_against(&["global max_net_exposure 80"], |history, wish| {
        let (up, down, _, _) = worth(history, wish, &all);
        let reached = if wish.side == Side::Buy { up } else { -down };
        (reached > Decimal::from(80)).then_some(Rule::NetExposure)
    });
}

#[test]
fn no_sequence_passes_a_duplicate() {
    held_against(&["global duplicate_within 2s"], |history, wish| {
        let same = |known: &Known| known.wish.terms() == wish.terms();
        (history.sent_within(&same, 2_000) > 0).then_some(Rule::Duplicate)
    });
}

#[test]
fn no_sequence_passes_a_self_trade() {
    held_against(&["global refuse_self_trade true"], |history, wish| {
        let meets = |known: &&Known| {
            let other = &known.wish;
            let crosses = || signed(wish.side, price_of(wish) - price_of(other)) >= Decimal::ZERO;
            let is_opposite = other.traded == wish.traded && other.side != wish.side;
            known.is_open && is_opposite && (wish.is_market || other.is_market || crosses())
        };
        let met = history.orders.iter().find(meets);
        met.map(|_| Rule::SelfTrade)
    });
}

#[test]
fn no_sequence_passes_the_open_orders() {
    held_against(&["account max_open_orders 5"], |history, _| {
        (history.open(&all) >= 5).then_some(Rule::OpenOrders)
    });
    held_against(&["strategy:a max_open_orders 2"], |history, wish| {
        let open = history.open(&same_strategy(wish));
        (wish.name == 0 && open >= 2).then_some(Rule::OpenOrders)
    });
    held_against(
        &["instrument:BTCUSDT max_open_orders 2"],
        |history, wish| {
            let open = history.open(&same_instrument(wish));
            (wish.traded == 0 && open >= 2).then_some(Rule::OpenOrders)
        },
    );
}

#[test]
fn no_sequence_passes_the_uncertain_orders() {
    held_against(&["account max_uncertain 0"], |history, _| {
        let uncertain = history.orders.iter().filter(|known| known.is_uncertain);
        (uncertain.count() > 0).then_some(Rule::Uncertain)
    });
}

#[test]
fn no_sequence_passes_what_is_not_allowed() {
    held_against(&["strategy:a sides BUY"], |_, wish| {
        (wish.name == 0 && wish.side == Side::Sell).then_some(Rule::Side)
    });
    held_against(&["account order_types LIMIT"], |_, wish| {
        wish.is_market.then_some(Rule::OrderType)
    });
    held_against(&["strategy:b instruments ETHUSDT"], |_, wish| {
        (wish.name == 1 && wish.traded == 0).then_some(Rule::Instrument)
    });
}
