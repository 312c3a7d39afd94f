use std::ops::{Add, Mul, Sub};

use proptest::prelude::*;

use super::*;
use crate::ids::StrategyId;

pub(super) fn pair() -> Pair {
    Pair {
        symbol: Symbol::new("BTCUSDT").unwrap(),
        base: asset("BTC"),
        quote: asset("USDT"),
        quote_precision: 8,
    }
}

pub(super) fn asset(text: &str) -> Asset {
    Asset::new(text).unwrap()
}

pub(super) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(super) fn fill(trade: u64, quantity: &str, price: &str) -> Fill {
    Fill {
        trade_id: TradeId(trade),
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: Decimal::ZERO,
        fee_asset: None,
        maker: None,
        at: Timestamp::from_millis(1_795_000_000_000),
        recovered: false,
    }
}

pub(super) fn with_fee(fill: Fill, fee: &str, fee_asset: &str) -> Fill {
    Fill {
        fee: decimal(fee),
        fee_asset: Some(asset(fee_asset)),
        ..fill
    }
}

fn after(fills: &[(Side, Fill)]) -> Position {
    let mut position = Position::new(pair());
    for (side, fill) in fills {
        position.apply(*side, fill).unwrap();
    }
    position
}

/// Net quantity, average price and realised profit, as text.
fn shown(position: &Position) -> [String; 3] {
    let average = position.average_price();
    [
        position.net().to_string(),
        average.map_or("-".into(), |price| price.to_string()),
        position.realised().to_string(),
    ]
}

#[test]
fn adding_averages_reducing_keeps_the_average_and_realises() {
    let mut position = after(&[
        (Side::Buy, fill(1, "1", "100")),
        (Side::Buy, fill(2, "3", "120")),
    ]);
    assert_eq!(shown(&position), ["4", "115", "0"]);
    position.apply(Side::Sell, &fill(3, "1", "125")).unwrap();
    assert_eq!(shown(&position), ["3", "115", "10"]);
    position.apply(Side::Sell, &fill(4, "3", "110")).unwrap();
    assert_eq!(shown(&position), ["0", "-", "-5"]);
    assert_eq!(position.cost(), Decimal::ZERO);
}

#[test]
fn crossing_zero_closes_at_the_old_average_and_opens_at_the_trades_price() {
    let mut position = after(&[(Side::Buy, fill(1, "2", "100"))]);
    position.apply(Side::Sell, &fill(2, "5", "110")).unwrap();
    assert_eq!(shown(&position), ["-3", "110", "20"]);
    position.apply(Side::Sell, &fill(3, "1", "114")).unwrap();
    assert_eq!(shown(&position), ["-4", "111", "20"]);
    position.apply(Side::Buy, &fill(4, "5", "101")).unwrap();
    assert_eq!(shown(&position), ["1", "101", "60"]);
    assert_eq!(
        position.unrealised("99".parse().unwrap()),
        Ok(decimal("-2"))
    );
}

#[test]
fn fees_are_kept_by_asset_and_a_fee_in_the_base_asset_is_not_held() {
    let position = after(&[
        (Side::Buy, with_fee(fill(1, "1", "100"), "0.001", "BTC")),
        (Side::Buy, with_fee(fill(2, "1", "100"), "0.01", "BNB")),
        (Side::Sell, with_fee(fill(3, "0.5", "100"), "0.05", "USDT")),
        (Side::Sell, with_fee(fill(4, "0.1", "100"), "-0.002", "BNB")),
    ]);
    let fees: Vec<_> = position.fees().iter().collect();
    let wanted = [("BNB", "0.008"), ("BTC", "0.001"), ("USDT", "0.05")];
    let wanted = wanted.map(|(name, fee)| (asset(name), decimal(fee)));
    assert_eq!(fees, wanted.each_ref().map(|(asset, fee)| (asset, fee)));
    assert_eq!(position.net(), decimal("1.4"));
    assert_eq!(position.held(), decimal("1.399"));
    assert_eq!(position.realised(), Decimal::ZERO, "profit is before fees");
    assert_eq!(position.traded_quantity(), "2.6".parse().unwrap());
    assert_eq!(position.traded_notional(), "260".parse().unwrap());
    assert_eq!(position.newest().map(|newest| newest.id), Some(TradeId(4)));
}

#[test]
fn the_quote_amount_is_cut_off_as_the_venue_cuts_it() {
    // From Binance's records: 4.708 at 0.003127 moved 0.01472191, 3.558 at 0.000627 moved 0.00223086.
    let position = after(&[(Side::Sell, fill(1, "4.708", "0.003127"))]);
    assert_eq!(position.cash_flow(), decimal("0.01472191"));
    let position = after(&[(Side::Buy, fill(1, "3.558", "0.000627"))]);
    assert_eq!(position.cash_flow(), decimal("-0.00223086"));
}

#[test]
fn a_fee_in_an_unknown_asset_is_an_error() {
    let fill = Fill {
        fee: decimal("0.1"),
        ..fill(1, "1", "100")
    };
    let mut position = Position::new(pair());
    let error = position.apply(Side::Buy, &fill).unwrap_err();
    assert!(matches!(error, PositionError::FeeAssetUnknown { .. }));
    assert_eq!(position, Position::new(pair()));
}

fn strategy(text: &str) -> StrategyId {
    StrategyId::new(text).unwrap()
}

fn book() -> PositionBook {
    let mut book = PositionBook::default();
    book.add(pair());
    book
}

#[test]
fn a_trade_of_two_strategies_with_each_other_is_two_fills() {
    let (mut book, symbol) = (book(), pair().symbol);
    let fill = fill(7, "2", "100");
    for (name, side) in [("a", Side::Buy), ("b", Side::Sell)] {
        let fresh = book.apply(strategy(name), symbol, side, &fill);
        assert_eq!(fresh, Ok(true), "{name}");
        let again = book.apply(strategy(name), symbol, side, &fill);
        assert_eq!(again, Ok(false), "{name}");
    }
    let net = |name| book.position(strategy(name), symbol).map(Position::net);
    assert_eq!(net("a"), Some(decimal("2")));
    assert_eq!(net("b"), Some(decimal("-2")));
    let account = book.account_position(symbol).unwrap();
    assert_eq!((account.net(), account.fills()), (Decimal::ZERO, 2));
}

#[test]
fn a_fill_of_an_instrument_that_is_not_known_is_an_error() {
    let other = Symbol::new("ETHUSDT").unwrap();
    let (mut book, before) = (book(), book());
    let error = book.apply(strategy("a"), other, Side::Buy, &fill(1, "1", "1"));
    assert!(matches!(
        error,
        Err(PositionError::UnknownInstrument { .. })
    ));
    assert_eq!(book, before);
}

#[test]
fn what_does_not_fit_is_an_error_and_changes_nothing() {
    let most = Decimal::MAX.to_string();
    let (mut book, symbol, a) = (book(), pair().symbol, strategy("a"));
    let first = with_fee(fill(1, "1", "100"), &most, "BNB");
    book.apply(a, symbol, Side::Buy, &first).unwrap();
    let before = book.clone();
    let wrong = [
        fill(2, &most, "2"),                                   // the quote amount
        fill(3, "12345678901234.5678", "1234567890.12345678"), // its last digits
        fill(4, &most, "0"),                                   // the net quantity
        fill(5, "1", &most),                                   // the cost
        with_fee(fill(6, "1", "1"), "0.1", "BNB"),             // the fees
    ];
    for fill in wrong {
        let error = book.apply(a, symbol, Side::Buy, &fill);
        assert!(
            matches!(error, Err(PositionError::Money { .. })),
            "{fill:?}"
        );
        assert_eq!(book, before);
    }
}

#[test]
fn a_position_reads_as_one_line() {
    let mut position = after(&[
        (
            Side::Buy,
            with_fee(fill(1, "0.0223", "60012.34"), "0.0001", "BNB"),
        ),
        (Side::Sell, fill(2, "0.01", "60132.34")),
    ]);
    let at = |position: &Position, mark: &str| {
        position
            .valued(Some(mark.parse().unwrap()))
            .unwrap()
            .to_string()
    };
    assert_eq!(
        at(&position, "59983.88471545"),
        "BTCUSDT +0.0123 @ 60012.34 realised +1.20 USDT unrealised -0.35 USDT fees 0.0001 BNB"
    );
    position
        .apply(
            Side::Sell,
            &with_fee(fill(3, "0.0123", "60012.34"), "0.738", "USDT"),
        )
        .unwrap();
    assert_eq!(
        position.to_string(),
        "BTCUSDT 0 realised +1.20 USDT fees 0.0001 BNB, 0.738 USDT"
    );
    let thirds = after(&[
        (Side::Sell, fill(1, "1", "1")),
        (Side::Sell, fill(2, "2", "2")),
    ]);
    assert_eq!(
        thirds.to_string(),
        "BTCUSDT -3 @ 1.66666667 realised +0.00 USDT"
    );
}

#[test]
fn json_carries_every_amount_as_text() {
    let position = after(&[
        (Side::Buy, with_fee(fill(1, "0.5", "100"), "0.001", "BTC")),
        (Side::Sell, fill(2, "0.2", "110")),
    ]);
    let valued = position.valued(Some("101".parse().unwrap())).unwrap();
    let json = serde_json::to_value(&valued).unwrap();
    let wanted = serde_json::json!({
        "symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "quote_precision": 8,
        "net": "0.3", "held": "0.299", "cost": "30", "cash_flow": "-28", "realised": "2",
        "fees": {"BTC": "0.001"}, "traded_quantity": "0.7", "traded_notional": "72", "fills": 2,
        "newest": {"id": 2, "at": json["newest"]["at"]},
        "average_price": "100", "mark": "101", "unrealised": "0.3",
    });
    assert_eq!(json, wanted);
    assert_eq!(serde_json::from_value::<Valued>(json).unwrap(), valued);

    let mut book = book();
    let (symbol, fill) = (pair().symbol, fill(1, "1", "1"));
    book.apply(strategy("a"), symbol, Side::Buy, &fill).unwrap();
    let text = serde_json::to_string(&book).unwrap();
    let mut read: PositionBook = serde_json::from_str(&text).unwrap();
    assert_eq!(read, book);
    assert_eq!(
        read.apply(strategy("a"), symbol, Side::Buy, &fill),
        Ok(false)
    );
}

/// A fraction, for a reference that never rounds.
#[derive(Debug, Clone, Copy)]
struct Fraction(i128, i128);

impl Fraction {
    fn reduced(over: i128, under: i128) -> Self {
        let (mut a, mut b) = (over.abs(), under.abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let sign = under.signum();
        Self(over / a.max(1) * sign, under / a.max(1) * sign)
    }

    fn of(decimal: Decimal) -> Self {
        Self::reduced(decimal.mantissa(), 10i128.pow(decimal.scale()))
    }
}

impl Add for Fraction {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::reduced(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }
}

impl Sub for Fraction {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + Self(-other.0, other.1)
    }
}

impl Mul for Fraction {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self::reduced(self.0 * other.0, self.1 * other.1)
    }
}

/// Average cost as the textbook has it: signed net quantity, average price, realised profit.
#[derive(Debug)]
struct Textbook {
    net: i128,
    average: Fraction,
    realised: Fraction,
}

impl Textbook {
    fn apply(&mut self, quantity: i128, price: i128) {
        let whole = |number: i128| Fraction(number, 1);
        if self.net * quantity >= 0 {
            let net = self.net + quantity;
            if net != 0 {
                let cost = self.average * whole(self.net) + whole(quantity * price);
                self.average = cost * Fraction::reduced(1, net);
            }
            self.net = net;
            return;
        }
        let closed = quantity.abs().min(self.net.abs()) * self.net.signum();
        self.realised = self.realised + (whole(price) - self.average) * whole(closed);
        self.net -= closed;
        let rest = quantity + closed;
        if rest != 0 {
            (self.net, self.average) = (rest, whole(price));
        }
    }
}

/// A fill with the digits of real ones; the trade ids are given by the test.
fn any_fill() -> impl Strategy<Value = (Side, Fill)> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let price = (1i64..10_000_000_000, 4u32..=8);
    let quantity = (0i64..100_000_000, 3u32..=8);
    let fee = (
        -1_000i64..1_000_000,
        prop_oneof![Just("BTC"), Just("USDT"), Just("BNB")],
    );
    (side, price, quantity, fee).prop_map(|(side, price, quantity, (fee, fee_asset))| {
        let fill = Fill {
            price: Price::new(Decimal::new(price.0, price.1)).unwrap(),
            quantity: Quantity::new(Decimal::new(quantity.0, quantity.1)).unwrap(),
            fee: Decimal::new(fee, 8),
            fee_asset: Some(asset(fee_asset)),
            ..fill(0, "0", "0")
        };
        (side, fill)
    })
}

fn any_fills() -> impl Strategy<Value = Vec<(Side, Fill)>> {
    proptest::collection::vec(any_fill(), 0..40).prop_map(|mut fills| {
        for (trade, (_, fill)) in (1..).zip(&mut fills) {
            fill.trade_id = TradeId(trade);
        }
        fills
    })
}

fn any_mark() -> impl Strategy<Value = Price> {
    (0i64..10_000_000, 0u32..=4)
        .prop_map(|(mantissa, scale)| Price::new(Decimal::new(mantissa, scale)).unwrap())
}

/// What does not depend on the order in which fills are applied.
fn without_order(position: &Position, mark: Price) -> impl PartialEq + std::fmt::Debug + use<> {
    let unrealised = position.unrealised(mark).unwrap();
    (
        (position.net(), position.held(), position.cash_flow()),
        position.fees().clone(),
        (position.traded_quantity(), position.traded_notional()),
        (position.fills(), position.newest()),
        exact_sum("profit", position.realised(), unrealised).unwrap(),
    )
}

proptest! {
    #[test]
    fn cash_flow_and_value_are_realised_and_unrealised_profit(fills in any_fills(), mark in any_mark()) {
        let mut position = Position::new(pair());
        for (side, fill) in &fills {
            position.apply(*side, fill).unwrap();
            let value = exact_product("value", position.net(), mark.value()).unwrap();
            let left = exact_sum("left", position.cash_flow(), value).unwrap();
            let unrealised = position.unrealised(mark).unwrap();
            prop_assert_eq!(left, exact_sum("right", position.realised(), unrealised).unwrap());
            prop_assert_eq!(position.net().is_zero(), position.average_price().is_none());
        }
    }

    #[test]
    fn only_the_split_of_the_profit_depends_on_the_order(
        (fills, shuffled) in any_fills().prop_flat_map(|fills| (Just(fills.clone()), Just(fills).prop_shuffle())),
        mark in any_mark(),
    ) {
        let (one, other) = (after(&fills), after(&shuffled));
        prop_assert_eq!(without_order(&one, mark), without_order(&other, mark));
    }

    #[test]
    fn a_position_is_what_the_textbook_says(
        trades in proptest::collection::vec((-6i64..=6, 1i64..12), 1..10),
    ) {
        let mut textbook = Textbook { net: 0, average: Fraction(0, 1), realised: Fraction(0, 1) };
        let mut position = Position::new(pair());
        for (trade, (quantity, price)) in (1..).zip(trades) {
            textbook.apply(quantity.into(), price.into());
            let side = if quantity < 0 { Side::Sell } else { Side::Buy };
            let fill = fill(trade, &quantity.abs().to_string(), &price.to_string());
            position.apply(side, &fill).unwrap();
            prop_assert_eq!(position.net(), Decimal::from(textbook.net));
            // Each division may have rounded by half a unit in the sixteenth decimal.
            let off = Fraction::of(position.realised()) - textbook.realised;
            prop_assert!(off.0.abs() * 10i128.pow(15) < off.1, "{position:?} {textbook:?}");
        }
    }

    #[test]
    fn however_often_and_in_whatever_order_fills_come_each_counts_once(
        fills in any_fills().prop_flat_map(|fills| {
            let twice = fills.iter().chain(&fills).cloned().collect::<Vec<_>>();
            Just(twice).prop_shuffle()
        }),
        mark in any_mark(),
    ) {
        let (mut book, symbol) = (book(), pair().symbol);
        let mut once = Vec::new();
        for (side, fill) in fills {
            let name = if fill.trade_id.0 % 3 == 0 { "a" } else { "b" };
            if book.apply(strategy(name), symbol, side, &fill).unwrap() {
                once.push((name, side, fill));
            }
        }
        let of = |wanted: &[&str]| {
            let fills = once.iter().filter(|(name, ..)| wanted.contains(name));
            after(&fills.map(|(_, side, fill)| (*side, fill.clone())).collect::<Vec<_>>())
        };
        prop_assert_eq!(once.len() as u64, of(&["a", "b"]).fills());
        for (strategy, position) in book.positions() {
            prop_assert_eq!(position, &of(&[strategy.as_str()]));
        }
        let Some(account) = book.account_position(symbol) else { return Ok(()) };
        prop_assert_eq!(account, &of(&["a", "b"]));
        // The account's profit is the sum of the strategies', however each splits its own.
        let profit = |position: &Position| {
            exact_sum("profit", position.realised(), position.unrealised(mark).unwrap()).unwrap()
        };
        let sum = book.positions().map(|(_, position)| profit(position)).sum::<Decimal>();
        prop_assert_eq!(profit(account), sum);
    }
}
