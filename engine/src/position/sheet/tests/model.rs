//! The sheet against an exact model of an account: trades, deposits, resting orders, events that are lost
//! or late, and readings that race with all of them.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::ids::TradeId;
use crate::money::{Price, Quantity};

const ASSETS: [&str; 3] = ["BTC", "USDT", "BNB"];

/// An amount of each asset, in units of 10^-8.
type Amounts = [i128; 3];

fn plus(left: Amounts, right: Amounts) -> Amounts {
    std::array::from_fn(|at| left[at] + right[at])
}

fn decimal_of(units: i128) -> Decimal {
    Decimal::from_i128_with_scale(units, 8)
}

#[derive(Debug, Clone, Copy)]
struct Trade {
    side: Side,
    /// In units of 10^-5.
    quantity: i64,
    /// In units of 10^-4.
    price: i64,
    fee: i64,
    /// Which of the assets.
    fee_in: usize,
}

impl Trade {
    fn moved(&self) -> Amounts {
        let sign = if self.side == Side::Buy { 1 } else { -1 };
        // The quote amount has nine decimals, of which the last is cut off.
        let quote = i128::from(self.quantity) * i128::from(self.price) / 10;
        let mut moved = [sign * i128::from(self.quantity) * 1_000, -sign * quote, 0];
        moved[self.fee_in] -= i128::from(self.fee);
        moved
    }

    fn fill(&self, trade: u64) -> Fill {
        Fill {
            price: Price::new(Decimal::new(self.price, 4)).unwrap(),
            quantity: Quantity::new(Decimal::new(self.quantity, 5)).unwrap(),
            fee: Decimal::new(self.fee, 8),
            fee_asset: Some(asset(ASSETS[self.fee_in])),
            trade_id: TradeId(trade),
            ..fill(0, "0", "0")
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Whether its event comes at once; if not, it comes with a later `Late` or never.
    Trade(Trade, bool),
    Deposit {
        into: usize,
        amount: i64,
        told: bool,
    },
    /// A resting order locks or frees funds.
    Order,
    /// The oldest event that did not come at once comes after all.
    Late,
    /// A reading is asked for,
    Ask,
    /// it is made at the venue,
    Read,
    /// and its answer arrives. Whether a difference is taken over.
    Answer(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let told = || proptest::bool::weighted(0.85);
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let trade = (
        side,
        0i64..10_000,
        1i64..10_000_000,
        -100i64..1_000,
        0usize..3,
    );
    let trade = trade.prop_map(|(side, quantity, price, fee, fee_in)| Trade {
        side,
        quantity,
        price,
        fee,
        fee_in,
    });
    let deposit = (0usize..3, -10_000i64..10_000, told());
    let deposit = deposit.prop_map(|(into, amount, told)| Step::Deposit { into, amount, told });
    prop_oneof![
        3 => (trade, told()).prop_map(|(trade, told)| Step::Trade(trade, told)),
        1 => deposit,
        1 => Just(Step::Order),
        1 => Just(Step::Late),
        3 => Just(Step::Ask),
        3 => Just(Step::Read),
        3 => any::<bool>().prop_map(Step::Answer),
    ]
}

enum Event {
    Fill(Side, Fill),
    Deposit(usize, i64),
}

impl Event {
    fn tell(&self, sheet: &mut BalanceSheet) {
        match self {
            Self::Fill(side, fill) => assert_eq!(sheet.fill(&pair(), *side, fill), Ok(true)),
            Self::Deposit(into, amount) => {
                let amount = decimal_of((*amount).into());
                sheet.external(asset(ASSETS[*into]), amount).unwrap();
            }
        }
    }
}

/// The venue's side.
#[derive(Default)]
struct Account {
    total: Amounts,
    locked: i128,
    trades: u64,
    /// Events that did not come, with what they move.
    untold: VecDeque<(Event, Amounts)>,
    reading: Option<Reading>,
}

/// A reading that is under way.
struct Reading {
    asked: Asked,
    /// What it shows, and how much of that had not been told by then.
    made: Option<(Amounts, Amounts)>,
}

impl Account {
    fn act(&mut self, step: &Step, sheet: &mut BalanceSheet) {
        match *step {
            Step::Trade(trade, told) => {
                self.trades += 1;
                let event = Event::Fill(trade.side, trade.fill(self.trades));
                self.happen(event, trade.moved(), told, sheet);
            }
            Step::Deposit { into, amount, told } => {
                let mut moved = [0; 3];
                moved[into] = amount.into();
                self.happen(Event::Deposit(into, amount), moved, told, sheet);
            }
            Step::Order => {
                self.locked = (self.locked + 1_000) % 3_000;
                sheet.touched();
            }
            Step::Late => {
                if let Some((event, _)) = self.untold.pop_front() {
                    event.tell(sheet);
                }
            }
            Step::Ask => {
                let asked = sheet.ask();
                self.reading = Some(Reading { asked, made: None });
            }
            Step::Read => {
                let untold = self.untold.iter().map(|(_, moved)| *moved);
                let shown = (self.total, untold.fold([0; 3], plus));
                if let Some(reading) = &mut self.reading {
                    reading.made.get_or_insert(shown);
                }
            }
            Step::Answer(_) => {}
        }
    }

    fn happen(&mut self, event: Event, moved: Amounts, told: bool, sheet: &mut BalanceSheet) {
        self.total = plus(self.total, moved);
        if told {
            event.tell(sheet);
        } else {
            self.untold.push_back((event, moved));
        }
    }

    fn balances(&self, total: Amounts) -> Vec<Balance> {
        let balance = |(name, total): (&str, i128)| Balance {
            asset: asset(name),
            free: decimal_of(total - self.locked),
            locked: decimal_of(self.locked),
        };
        ASSETS.into_iter().zip(total).map(balance).collect()
    }
}

/// The assets of which the amount is not zero, as drift names them.
fn differences(amounts: Amounts) -> Vec<(Asset, Decimal)> {
    let named = ASSETS.into_iter().zip(amounts);
    let named = named.map(|(name, units)| (asset(name), decimal_of(units)));
    let mut differences: Vec<_> = named.filter(|(_, amount)| !amount.is_zero()).collect();
    differences.sort_unstable();
    differences
}

proptest! {
    #[test]
    fn a_reading_is_equal_when_nothing_is_missing_and_else_tells_the_missing_amount(
        steps in proptest::collection::vec(any_step(), 1..150),
    ) {
        let mut account = Account::default();
        let mut sheet = begun(&account.balances(account.total));
        let mut taken_over = [0; 3];
        for step in &steps {
            account.act(step, &mut sheet);
            let Step::Answer(rebase) = *step else { continue };
            let Some(Reading { asked, made: Some((total, missing)) }) = account.reading.take() else {
                continue;
            };
            let judged = sheet.judge(asked, &account.balances(total), 0).unwrap();
            if sheet.ask() != asked {
                prop_assert!(matches!(judged, Judged::Unclear(Unclear::Changed { .. })), "{judged:?}");
                continue;
            }
            let wanted = differences(plus(missing, taken_over.map(|units: i128| -units)));
            match judged {
                Judged::Equal => prop_assert!(wanted.is_empty(), "{wanted:?} was not seen"),
                Judged::Differs(drifts) => {
                    let found = drifts.iter().map(|drift| (drift.asset, drift.difference));
                    prop_assert_eq!(found.collect::<Vec<_>>(), wanted);
                    if rebase {
                        sheet.rebase(&drifts, Timestamp::EPOCH).unwrap();
                        taken_over = missing;
                    }
                }
                Judged::Unclear(reason) => prop_assert!(false, "{reason}"),
            }
            prop_assert_eq!(sheet.drifted().iter().filter(|(_, amount)| !amount.is_zero()).count(),
                differences(taken_over).len());
        }
    }
}
