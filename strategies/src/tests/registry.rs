use toml::Table;

use crate::registry::{self, RegistryError};

fn faults(kind: &str, config: &str) -> Vec<(String, String)> {
    match registry::build(kind, config.parse::<Table>().unwrap()) {
        Err(RegistryError::Config { faults, .. }) => faults
            .into_iter()
            .map(|fault| (fault.key, fault.problem))
            .collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn every_kinds_example_builds() {
    assert_eq!(registry::kinds(), ["dynamic_quote", "spread_maker"]);
    for kind in registry::kinds() {
        let example = registry::example(kind).unwrap();
        let built = registry::build(kind, example.parse().unwrap());
        assert!(built.is_ok_and(|strategy| !strategy.subscriptions().is_empty()));
    }
}

#[test]
fn an_unknown_kind_is_refused_with_the_kinds_there_are() {
    let error = registry::build("dynamic_qoute", Table::new())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("dynamic_qoute") && error.contains("dynamic_quote, spread_maker"),
        "{error}"
    );
}

#[test]
fn a_short_configuration_gets_the_documented_defaults() {
    assert_eq!(
        faults("dynamic_quote", "symbol = 'BTCUSDT'\nquantity = '0.001'"),
        []
    );
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once_with_its_key() {
    let config = r#"
        symbol = "btcusdt"
        quantitty = "1"
        levels = [8, 6]
        period = 2
        book_levels = 4
        [hedge]
        ratio = "-1"
        enabled = "yes"
    "#;
    let found = faults("dynamic_quote", config);
    let mut keys: Vec<_> = found.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "book_levels",
            "hedge.enabled",
            "hedge.ratio",
            "levels[1]",
            "period",
            "quantitty",
            "quantity",
            "symbol"
        ],
        "{found:#?}"
    );
    let problem = |key: &str| &found.iter().find(|(known, _)| known == key).unwrap().1;
    assert!(problem("period").contains("such as \"2s\""));
    assert!(problem("quantity").contains("is missing"));
    assert!(problem("quantitty").contains("unknown field"));
}

#[test]
fn a_number_is_not_taken_for_money() {
    let found = faults("dynamic_quote", "symbol = 'BTCUSDT'\nquantity = 0.001");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].0 == "quantity" && found[0].1.contains("in quotes"),
        "{found:?}"
    );
}

#[test]
fn a_spread_is_given_once() {
    let base = "symbol = 'BTCUSDT'\nquantity = '0.001'\nmax_inventory = '0.01'\n";
    let with = |more: &str| faults("spread_maker", &format!("{base}{more}"));
    assert_eq!(with("spread_ticks = 3"), []);
    assert_eq!(with("spread_bips = '2.5'"), []);
    assert_eq!(with("")[0].0, "spread_bips");
    assert_eq!(
        with("spread_ticks = 3\nspread_bips = '2.5'")[0].0,
        "spread_ticks"
    );
    assert_eq!(with("spread_ticks = 0")[0].0, "spread_ticks");
    assert_eq!(with("spread_bips = '10000'")[0].0, "spread_bips");
}
