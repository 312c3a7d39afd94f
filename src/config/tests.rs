use super::*;
use proptest::prelude::*;
use tripline_actors::venue::binance::settings::DepthSpeed;
use tripline_actors::venue::binance::wire::time::TimeUnit;

const MINIMAL: &str = "
[venue]
environment = 'testnet'
[account]
id = 'main'
api_key = { env = 'BINANCE_API_KEY' }
secret = { env = 'BINANCE_SECRET' }
";

fn minimal() -> String {
    let start = EXAMPLE.find("[[strategy]]").unwrap();
    let end = EXAMPLE.find("# How you are told").unwrap();
    format!("{MINIMAL}{}", &EXAMPLE[start..end])
}

fn faults(text: &str) -> Vec<ConfigFault> {
    parse(text)
        .map(|_| Vec::new())
        .unwrap_or_else(|faults| faults.all().to_vec())
}

fn shown(text: &str) -> String {
    faults(text)
        .iter()
        .map(|fault| format!("{fault}\n"))
        .collect()
}

/// Asserts that there is exactly one fault, at this key, and gives it.
fn only(text: &str, key: &str) -> ConfigFault {
    let found = faults(text);
    assert!(
        found.len() == 1 && found[0].key == key,
        "expected one fault at {key}:\n{}",
        shown(text)
    );
    found[0].clone()
}

#[test]
fn the_example_is_valid_and_so_is_every_line_of_it_that_is_commented_out() {
    assert_eq!(shown(EXAMPLE), "");
    let config = parse(EXAMPLE).unwrap();
    assert_eq!((config.engine.live, &config.keys), (false, &Keys::Practice));
    let is_setting = |line: &&str| {
        let rest = line.trim_start_matches("# ");
        let is_key = rest
            .split_once(" = ")
            .is_some_and(|(key, _)| !key.contains(' '));
        line.starts_with("# ") && (is_key || rest.starts_with('['))
    };
    let settings = EXAMPLE.lines().map(|line| {
        if is_setting(&line) {
            line.trim_start_matches("# ")
        } else {
            line
        }
    });
    let text: Vec<&str> = settings.collect();
    let found = shown(&text.join("\n"));
    // Only the switch for real money does not fit a practice exchange.
    assert!(
        found.lines().count() == 1 && found.contains("live = true, but"),
        "{found}"
    );
}

#[test]
fn depth_speed_and_time_unit_are_chosen_by_name_and_a_wrong_name_is_told_the_right_ones() {
    let with = |lines: &str| minimal().replace("[venue]\n", &format!("[venue]\n{lines}\n"));
    let config = parse(&with(
        "depth_speed = \"1000ms\"\ntime_unit = \"microsecond\"",
    ));
    let venue = config.unwrap_or_else(|faults| panic!("{faults}")).venue;
    assert_eq!(
        (venue.depth_speed, venue.time_unit),
        (DepthSpeed::EverySecond, TimeUnit::Microsecond)
    );
    let faults = shown(&with("depth_speed = \"250ms\"\ntime_unit = \"us\""));
    for told in [
        "venue.depth_speed",
        "known are 100ms, 1000ms",
        "venue.time_unit",
        "known are millisecond, microsecond",
    ] {
        assert!(faults.contains(told), "{told}: {faults}");
    }
}

#[test]
fn a_small_configuration_is_enough() {
    let config = parse(&minimal()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.strategies.len(), 1);
    assert!(!config.engine.live);
}

#[test]
fn every_fault_is_reported_at_once_with_its_path_and_line() {
    let text = "\
liv = true
[venue]
environment = 'prod'
[venue.bounds]
recv_window_ms = 'x'
[account]
id = 'Main Account'
api_key = { env = 'A' }
[halt.stale_dta]
level = 'active'
[halt.network]
level = 'paused'
[timeouts]
stale_after = 5
fault_aftr = '1s'
[stop]
resting_orders = 'sell'
[[strategy]]
id = 'one'
[[strategy]]
id = 'TWO'
kind = 'no_such_kind'
[[alert]]
kind = 'dingtalk'
token = { evn = 'X' }
[[alert]]
kind = 'pigeon'
[log]
level = 'loud'
";
    let found = faults(text);
    let keys: Vec<(Option<usize>, &str)> = found
        .iter()
        .map(|fault| (fault.line, fault.key.as_str()))
        .collect();
    let expected = [
        (1, "liv"),
        (3, "venue.environment"),
        (5, "venue.bounds.recv_window_ms"),
        (6, "account.secret"),
        (7, "account.id"),
        (9, "halt.stale_dta"),
        (12, "halt.network.level"),
        (14, "timeouts.stale_after"),
        (15, "timeouts.fault_aftr"),
        (17, "stop.resting_orders"),
        (18, "strategy[0].kind"),
        (21, "strategy[1].id"),
        (22, "strategy[1].kind"),
        (25, "alert[0].token.evn"),
        (27, "alert[1].kind"),
        (29, "log.level"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(line, key)| (Some(*line), *key))
        .collect();
    assert_eq!(keys, expected, "\n{}", shown(text));
    for part in [
        "did you mean live?",
        "did you mean fault_after?",
        "such as \"2s\"",
        "testnet",
        "did you mean stale_data?",
        "1 to 24 characters",
    ] {
        assert!(shown(text).contains(part), "{part} in\n{}", shown(text));
    }
}

#[test]
fn an_empty_file_lacks_all_that_is_needed() {
    let found = faults("");
    let keys: Vec<&str> = found.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "venue",
            "account.api_key",
            "account.secret",
            "account.id",
            "strategy"
        ]
    );
    assert!(found.iter().all(|fault| fault.advice.is_some()));
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line_and_not_blamed_for_what_it_hides() {
    let text = format!("{}\nwrong wrong\n", minimal());
    let found = faults(&text);
    assert!(
        found.len() == 1 && found[0].problem.contains("no TOML"),
        "{}",
        shown(&text)
    );
    assert_eq!(found[0].line, Some(text.lines().count()));
}

#[test]
fn a_secret_in_the_text_is_refused_and_never_repeated() {
    let secret = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
    let places = [
        (
            "api_key = { env = 'BINANCE_API_KEY' }",
            format!("api_key = '{secret}'"),
            "account.api_key",
        ),
        (
            "secret = { env = 'BINANCE_SECRET' }",
            format!("secret = {{ env = '{secret}' }}"),
            "account.secret.env",
        ),
        (
            "secret = { env = 'BINANCE_SECRET' }",
            "secret = 'hunter2'".into(),
            "account.secret",
        ),
    ];
    for (from, to, key) in places {
        let text = minimal().replace(from, &to);
        let found = faults(&text);
        assert_eq!(
            found.iter().filter(|fault| fault.key == key).count(),
            1,
            "{}",
            shown(&text)
        );
        assert!(
            found[0]
                .advice
                .as_deref()
                .is_some_and(|advice| advice.contains("0600")),
            "{}",
            shown(&text)
        );
        assert!(
            !shown(&text).contains(secret) && !shown(&text).contains("hunter2"),
            "{}",
            shown(&text)
        );
    }
    let text = format!(
        "{}[[alert]]\nkind = 'webhook'\nurl = 'https://x.example/T0/B0/s3cr3t'\nkey = 'k3y'\n",
        minimal()
    );
    assert!(
        !shown(&text).contains("s3cr3t") && !shown(&text).contains("k3y"),
        "{}",
        shown(&text)
    );
    assert!(shown(&text).contains("alert[0].url"), "{}", shown(&text));
}

#[test]
fn real_money_needs_its_switch_and_the_switch_needs_real_money() {
    let production = minimal().replace("testnet", "production");
    assert!(only(&production, "live").problem.contains("real money"));
    let limited = format!("live = true\n{production}{LIMITS}");
    assert!(parse(&limited).unwrap().engine.live);
    assert!(
        only(&format!("live = true\n{}", minimal()), "live")
            .problem
            .contains("does not trade")
    );
}

/// What real money is not traded without.
const LIMITS: &str =
    "\n[risk]\nmax_notional = '100'\nmax_gross_exposure = '1000'\nday_loss_halt = '50'\n";

#[test]
fn real_money_is_refused_without_limits_and_told_which() {
    let production = minimal().replace("testnet", "production");
    let live = format!("live = true\n{production}");
    let fault = only(&live, "risk").to_string();
    for told in [
        "has no limit for the notional of an order (max_notional)",
        "max_gross_exposure",
        "day_loss_halt or drawdown_halt",
    ] {
        assert!(fault.contains(told), "{told}: {fault}");
    }
    for missing in ["max_notional", "max_gross_exposure", "day_loss_halt"] {
        let others = LIMITS.lines().filter(|line| !line.starts_with(missing));
        let others: Vec<_> = others.collect();
        let fault = only(&format!("{live}{}", others.join("\n")), "risk").to_string();
        assert!(fault.contains(missing), "{missing}: {fault}");
    }
    let of_strategy = LIMITS.replace("[risk]", "[risk.strategy.quote]");
    assert_eq!(shown(&format!("{live}{of_strategy}")), "");
}

#[test]
fn limits_are_read_for_every_scope_with_the_defaults_of_practice() {
    let text = format!(
        "{}\n[risk]\nmax_quantity = '5'\nsides = ['BUY']\ntrading_hours = ['mon-fri 08:00-16:30']\n\
         [risk.account]\nmax_uncertain = 2\n[risk.instrument.BTCUSDT]\nmax_long = '1.5'\n",
        minimal()
    );
    let config = parse(&text).unwrap_or_else(|faults| panic!("{faults}"));
    let risk = config.engine.risk;
    let get = |scope: &str, key: &str| {
        let scope = scope.parse().unwrap();
        risk.of(&scope).and_then(|limits| limits.get(key))
    };
    assert_eq!(get("global", "max_quantity").as_deref(), Some("5"));
    assert_eq!(get("global", "sides").as_deref(), Some("BUY"));
    assert_eq!(get("global", "refuse_self_trade").as_deref(), Some("true"));
    assert_eq!(get("account", "max_uncertain").as_deref(), Some("2"));
    assert_eq!(
        get("instrument:BTCUSDT", "max_long").as_deref(),
        Some("1.5")
    );
    let none = parse(&format!("{}\n[risk]\ndefaults = false\n", minimal())).unwrap();
    assert_eq!(
        none.engine.risk,
        tripline_engine::risk::RiskLimits::default()
    );
}

#[test]
fn limits_that_cannot_be_used_are_all_reported() {
    let text = format!(
        "{}\n[risk]\nmax_quantty = '5'\nmax_long = '-1'\nnew_per_second = 'x'\nduplicate_within = '5'\n\
         trading_hours = ['always']\n[risk.strategy.nobody]\nmax_quantity = '1'\n\
         [risk.instrument.BTCUSDT]\nmax_uncertain = 1\nday_loss_halt = '5'\n",
        minimal()
    );
    let found = shown(&text);
    for told in [
        "risk.max_quantty: there is no such key; did you mean max_quantity?",
        "risk.max_long: ",
        "risk.new_per_second: ",
        "risk.duplicate_within: '5' is no length of time",
        "risk.trading_hours: 'always' is no trading window",
        "risk.strategy.nobody: there is no strategy of this id",
        "cannot be set for instrument:BTCUSDT",
    ] {
        assert!(found.contains(told), "{told}: {found}");
    }
}

#[test]
fn the_example_key_is_for_a_practice_exchange_on_this_machine_only() {
    let remote = EXAMPLE.replace("http://127.0.0.1:18080", "https://demo-api.binance.com");
    let found = shown(&remote);
    assert!(
        found.contains("account.api_key") && found.contains("account.secret"),
        "{found}"
    );
}

#[test]
fn a_float_is_refused_with_its_exact_spelling_as_text() {
    let text = minimal().replace("[[strategy]]", "[[strategy]]\nwrong = 0.10");
    let fault = only(&text, "strategy[0].wrong");
    assert_eq!(
        fault.advice.as_deref(),
        Some("write it in quotes: \"0.10\"")
    );
}

#[test]
fn a_policy_applies_to_the_kinds_that_it_names_and_the_rest_stays_strict() {
    use tripline_engine::fault::FaultKind;
    use tripline_engine::halt::{HaltLevel, Reaction};
    let text = format!(
        "{}[halt]\nstale_data = {{ level = 'reduce_only', resting_orders = 'keep' }}\n",
        minimal()
    );
    let policy = parse(&text).unwrap().engine.policy;
    assert_eq!(
        policy.reaction(FaultKind::StaleData).level,
        HaltLevel::ReduceOnly
    );
    assert_eq!(policy.reaction(FaultKind::Network), Reaction::STRICT);
}

#[test]
fn a_policy_may_widen_flatten_and_let_a_market_halt_end_by_itself() {
    use std::time::Duration;
    use tripline_engine::fault::FaultKind;
    use tripline_engine::halt::{HaltLevel, Reaction, Scope};
    use tripline_engine::messages::control::RestingOrders;
    let text = format!(
        "{}[halt]\nstrategy_error = {{ scope = 'account', resting_orders = 'flatten' }}\n\
         stale_data = {{ resume = 'auto', after = '10s' }}\nnetwork = {{ resume = 'auto' }}\n\
         [flatten]\ncollar_percent = '0.5'\nattempts = 3\nwithin = '20s'\n",
        minimal()
    );
    let engine = parse(&text).unwrap().engine;
    let reaction = engine.policy.reaction(FaultKind::StrategyError);
    assert!(reaction.flattens());
    assert_eq!(reaction.scope, Some(Scope::Account(engine.account)));
    let stale = engine.policy.reaction(FaultKind::StaleData);
    assert_eq!(stale.resumes_after, Some(Duration::from_secs(10)));
    assert_eq!(
        Reaction {
            resumes_after: None,
            ..stale
        },
        Reaction::new(HaltLevel::Halted, RestingOrders::Cancel)
    );
    let network = engine.policy.reaction(FaultKind::Network);
    assert_eq!(network.resumes_after, Some(Duration::from_secs(30)));
    assert_eq!(engine.flatten.attempts, 3);
    assert_eq!(engine.flatten.collar_percent.to_string(), "0.5");
}

#[test]
fn what_a_policy_must_not_say_is_refused_by_its_key() {
    let with = |section: &str| format!("{}{section}", minimal());
    let cases = [
        (
            "[halt.strategy_error]\nresume = 'auto'",
            "halt.strategy_error.resume",
        ),
        (
            "[halt.journal_failed]\nresume = 'auto'\nafter = '5s'",
            "halt.journal_failed.resume",
        ),
        ("[halt.stale_data]\nafter = '5s'", "halt.stale_data.after"),
        (
            "[halt.stale_data]\nresume = 'auto'\nafter = '10ms'",
            "halt.stale_data.after",
        ),
        (
            "[halt.stale_data]\nresume = 'auto'\nlevel = 'active'",
            "halt.stale_data.resume",
        ),
        (
            "[halt.stale_data]\nresume = 'auto'\nresting_orders = 'flatten'",
            "halt.stale_data.resume",
        ),
        (
            "[halt.network]\nlevel = 'reduce_only'\nresting_orders = 'flatten'",
            "halt.network.resting_orders",
        ),
        ("[halt.network]\nscope = 'strategy'", "halt.network.scope"),
        ("[flatten]\ncollar_percent = '0'", "flatten.collar_percent"),
        ("[flatten]\ncollar_percent = '21'", "flatten.collar_percent"),
        ("[flatten]\nattempts = 0", "flatten.attempts"),
        ("[flatten]\nwithin = '2h'", "flatten.within"),
        ("[stop]\nresting_orders = 'flatten'", "stop.resting_orders"),
        ("[restart]\nopen_orders = 'flatten'", "restart.open_orders"),
    ];
    for (section, key) in cases {
        only(&with(section), key);
    }
}

#[test]
fn only_a_halt_of_the_market_may_be_told_to_end_by_itself() {
    use tripline_engine::fault::FaultKind;
    for kind in FaultKind::ALL {
        let halted = "level = 'halted', resting_orders = 'cancel', resume = 'auto'";
        let text = format!("{}[halt]\n{kind} = {{ {halted} }}\n", minimal());
        match kind.is_of_market() {
            true => drop(parse(&text).unwrap()),
            false => drop(only(&text, &format!("halt.{kind}.resume"))),
        }
    }
}

#[test]
fn numbers_out_of_bounds_and_contradictions_name_their_key() {
    let with = |section: &str| format!("{}{section}", minimal());
    only(
        &with("[venue.bounds]\nrecv_window_ms = 70000"),
        "venue.bounds.recv_window_ms",
    );
    only(
        &with("[timeouts]\nstale_after = '20s'"),
        "timeouts.fault_after",
    );
    only(
        &with("[timeouts]\nstop_within = '1ms'"),
        "timeouts.stop_within",
    );
    only(
        &with("[market_data]\nsnapshot_levels = 6000"),
        "market_data.snapshot_levels",
    );
    only(
        &minimal().replace("'testnet'", "'testnet'\nkey_kind = 'hmac'"),
        "venue.key_kind",
    );
    only(
        &minimal().replace("'testnet'", "'testnet'\nrest_url = 'https://a'"),
        "venue.rest_url",
    );
    only(
        &with("[[alert]]\nkind = 'log'\n[[alert]]\nkind = 'log'"),
        "alert[1].name",
    );
    let levels = only(
        &minimal().replace("levels = [6, 8]", "levels = [0, 8]"),
        "strategy[0].config.levels[0]",
    );
    assert!(levels.line.is_some());
    let strategy = minimal();
    let start = strategy.find("[[strategy]]").unwrap();
    only(
        &format!("{strategy}{}", &strategy[start..]),
        "strategy[1].id",
    );
}

#[test]
fn how_one_is_told_and_answers_is_checked_key_by_key() {
    let with = |section: &str| format!("{}{section}", minimal());
    only(&with("[alerting]\ndaily = 'noon'"), "alerting.daily");
    only(&with("[alerting]\nlanguage = 'fr'"), "alerting.language");
    only(&with("[alerting.ping]\nevery = '1m'"), "alerting.ping.url");
    only(
        &with("[alerting.ping]\nurl = { env = 'U' }\nevery = '1ms'"),
        "alerting.ping.every",
    );
    only(&with("[control]\naddress = '127.0.0.1:1'"), "control.token");
    only(&with("[control]\ntoken = { env = 'T' }"), "control.token");
    only(
        &with("[control]\naddress = '0.0.0.0:1'\ntoken = { env = 'T' }"),
        "control.address",
    );
    only(
        &with("[[alert]]\nkind = 'log'\nafterr = '2m'"),
        "alert[0].afterr",
    );
    only(
        &with("[[alert]]\nkind = 'log'\nafter = 'soon'"),
        "alert[0].after",
    );
    only(&with("[[alert]]\nkind = 'slack'"), "alert[0].url");
    let config = parse(&with("[alerting]\ndaily = 'off'\nlanguage = 'zh'")).unwrap();
    assert_eq!(config.alerting.daily, None);
    assert_eq!(config.control.socket, Some("tripline.journal.sock".into()));
}

#[test]
fn what_is_not_set_or_open_to_others_is_found_outside_the_text() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("tripline-config-{}", std::process::id()));
    std::fs::write(&path, "k").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = minimal()
        .replace("env = 'BINANCE_API_KEY'", "env = 'TRIPLINE_NO_SUCH_KEY'")
        .replace(
            "env = 'BINANCE_SECRET'",
            &format!("file = '{}'", path.display()),
        );
    let outside = parse(&text).unwrap().outside();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(outside.unset[0].key, "account.api_key");
    assert!(
        outside.faults[0].problem.contains("0644"),
        "{:?}",
        outside.faults
    );
}

/// Pieces that make texts which are nearly right.
fn piece() -> impl Strategy<Value = String> {
    let lines: Vec<String> = EXAMPLE
        .lines()
        .map(|line| line.trim_start_matches("# ").to_owned())
        .collect();
    let odd = [
        "a.b.c = 1",
        "[[alert]]",
        "[venue",
        "x = [[[{}]]]",
        "strategy = [1, {id=2}]",
        "halt = 0.5",
        "\u{0}",
        "alert = 'x'",
    ];
    let all: Vec<String> = lines.into_iter().chain(odd.map(str::to_owned)).collect();
    prop_oneof![4 => proptest::sample::select(all), 1 => any::<String>(), 1 => "[a-z\\[\\].='\"{}0-9 \n]{0,30}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_a_refusal_names_a_fault(pieces in proptest::collection::vec(piece(), 0..40)) {
        if let Err(faults) = parse(&pieces.join("\n")) {
            prop_assert!(!faults.all().is_empty());
        }
    }
}

#[test]
fn deep_nesting_is_refused_and_overflows_no_stack() {
    for (open, close) in [("[", "]"), ("{ a = ", "}")] {
        let text = format!("x = {}1{}", open.repeat(50_000), close.repeat(50_000));
        assert!(parse(&text).is_err());
    }
    assert!(parse(&format!("[{}a]", "a.".repeat(50_000))).is_err());
    assert!(parse(&format!("{}a = 1", "a.".repeat(50_000))).is_err());
}
