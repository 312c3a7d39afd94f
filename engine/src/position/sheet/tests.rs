mod model;

use super::*;
use crate::position::tests::{asset, decimal, fill, pair, with_fee};

fn balance(name: &str, free: &str, locked: &str) -> Balance {
    Balance {
        asset: asset(name),
        free: decimal(free),
        locked: decimal(locked),
    }
}

fn begun(found: &[Balance]) -> BalanceSheet {
    let mut sheet = BalanceSheet::default();
    assert_eq!(
        sheet.begin(sheet.ask(), found, 0, Timestamp::EPOCH),
        Ok(Judged::Equal)
    );
    sheet
}

fn judged(sheet: &BalanceSheet, found: &[Balance]) -> Judged {
    sheet.judge(sheet.ask(), found, 0).unwrap()
}

#[test]
fn fees_in_any_asset_and_rebates_are_exact() {
    let mut sheet = begun(&[balance("BTC", "1", "0"), balance("USDT", "1000", "500")]);
    let fills = [
        (
            Side::Buy,
            with_fee(fill(1, "0.01", "60000.01"), "0.00001", "BTC"),
        ),
        (
            Side::Sell,
            with_fee(fill(2, "0.02", "60000.03"), "1.2000006", "USDT"),
        ),
        (
            Side::Buy,
            with_fee(fill(3, "0.001", "60000"), "0.0000075", "BNB"),
        ),
        (
            Side::Sell,
            with_fee(fill(4, "0.001", "60000"), "-0.003", "USDT"),
        ),
    ];
    for (side, fill) in &fills {
        assert_eq!(sheet.fill(&pair(), *side, fill), Ok(true));
        assert_eq!(sheet.fill(&pair(), *side, fill), Ok(false));
    }
    let found = [
        balance("BNB", "-0.0000075", "0"),
        balance("BTC", "0.5", "0.48999"),
        // 1500 - 600.0001 + 1200.0006 - 1.2000006 - 60 + 60 + 0.003
        balance("USDT", "2098.8034994", "0"),
    ];
    assert_eq!(judged(&sheet, &found), Judged::Equal);
    let short = [found[0], found[1], balance("USDT", "2098.8034993", "0")];
    let drift = Drift {
        asset: asset("USDT"),
        expected: decimal("2098.8034994"),
        found: decimal("2098.8034993"),
        difference: decimal("-0.0000001"),
    };
    assert_eq!(judged(&sheet, &short), Judged::Differs(vec![drift]));
}

#[test]
fn a_reading_is_unclear_when_anything_came_between_or_is_missing() {
    let found = [balance("USDT", "10", "0")];
    let mut sheet = BalanceSheet::default();
    let unclear = |reason| Ok(Judged::Unclear(reason));
    assert_eq!(
        sheet.judge(sheet.ask(), &found, 0),
        unclear(Unclear::NotBegun)
    );
    let asked = sheet.ask();
    sheet.touched();
    assert_eq!(
        sheet.begin(asked, &found, 0, Timestamp::EPOCH),
        unclear(Unclear::Changed { changes: 1 })
    );
    assert_eq!(
        sheet.begin(sheet.ask(), &found, 2, Timestamp::EPOCH),
        unclear(Unclear::Missing { orders: 2 })
    );
    assert_eq!(sheet.expected(), None);

    let mut sheet = begun(&found);
    let asked = sheet.ask();
    sheet.touched();
    sheet.external(asset("USDT"), decimal("-3")).unwrap();
    assert_eq!(
        sheet.judge(asked, &found, 0),
        unclear(Unclear::Changed { changes: 2 })
    );
    let asked = sheet.ask();
    sheet.fill(&pair(), Side::Buy, &fill(1, "1", "1")).unwrap();
    assert_eq!(
        sheet.judge(asked, &found, 0),
        unclear(Unclear::Changed { changes: 1 })
    );
    assert_eq!(
        sheet.judge(sheet.ask(), &found, 1),
        unclear(Unclear::Missing { orders: 1 })
    );
}

#[test]
fn what_was_told_before_the_beginning_is_in_its_reading() {
    let mut sheet = BalanceSheet::default();
    let early = fill(1, "1", "10");
    sheet.fill(&pair(), Side::Buy, &early).unwrap();
    sheet.external(asset("USDT"), decimal("5")).unwrap();
    let found = [balance("BTC", "1", "0"), balance("USDT", "95", "0")];
    assert_eq!(
        sheet.begin(sheet.ask(), &found, 0, Timestamp::EPOCH),
        Ok(Judged::Equal)
    );
    assert_eq!(sheet.fill(&pair(), Side::Buy, &early), Ok(false));
    assert_eq!(judged(&sheet, &found), Judged::Equal);
}

#[test]
fn an_asset_that_only_one_side_knows_counts_as_zero_on_the_other() {
    let sheet = begun(&[balance("BTC", "1", "0"), balance("ETH", "0", "0")]);
    assert_eq!(judged(&sheet, &[balance("BTC", "1", "0")]), Judged::Equal);
    let Judged::Differs(drifts) = judged(&sheet, &[balance("BNB", "0", "2")]) else {
        panic!("neither was seen")
    };
    let drifts: Vec<_> = drifts
        .iter()
        .map(|drift| (drift.asset, drift.difference))
        .collect();
    assert_eq!(
        drifts,
        [(asset("BNB"), decimal("2")), (asset("BTC"), decimal("-1"))]
    );
}

#[test]
fn a_drift_that_is_taken_over_is_kept_and_what_came_since_stays() {
    let mut sheet = begun(&[balance("USDT", "100", "0")]);
    let Judged::Differs(drifts) = judged(&sheet, &[balance("USDT", "90", "0")]) else {
        panic!("a missing amount was not seen")
    };
    sheet.external(asset("USDT"), decimal("7")).unwrap();
    let asked = sheet.ask();
    sheet.rebase(&drifts, Timestamp::EPOCH).unwrap();
    let found = [balance("USDT", "97", "0")];
    assert_eq!(judged(&sheet, &found), Judged::Equal);
    assert!(matches!(
        sheet.judge(asked, &found, 0),
        Ok(Judged::Unclear(_))
    ));
    let Judged::Differs(drifts) = judged(&sheet, &[balance("USDT", "98", "0")]) else {
        panic!("an amount too much was not seen")
    };
    sheet.rebase(&drifts, Timestamp::EPOCH).unwrap();
    assert_eq!(sheet.drifted().get(&asset("USDT")), Some(&decimal("-9")));
    assert_eq!(sheet.rebases(), 2);
    let text = serde_json::to_string(&sheet).unwrap();
    assert!(text.contains(r#""USDT":"-9""#), "{text}");
    assert_eq!(serde_json::from_str::<BalanceSheet>(&text).unwrap(), sheet);
}

#[test]
fn what_does_not_fit_is_an_error_and_changes_nothing() {
    let most = Decimal::MAX.to_string();
    let mut sheet = begun(&[balance("USDT", &most, "0"), balance("BTC", "1", "0")]);
    let before = sheet.clone();
    assert!(sheet.external(asset("USDT"), Decimal::ONE).is_err());
    // The base asset alone would fit.
    let sold = fill(1, "1", "1");
    assert!(sheet.fill(&pair(), Side::Sell, &sold).is_err());
    assert!(
        sheet
            .judge(sheet.ask(), &[balance("BTC", &most, "1")], 0)
            .is_err()
    );
    assert_eq!(sheet, before);
}
