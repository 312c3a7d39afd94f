//! From the file as written to what an engine is started with; every rule that concerns more than the
//! type of one key is here.

use std::collections::BTreeMap;
use std::time::Duration;

use awc::http::Uri;
use tripline_actors::venue::binance::settings::{BinanceSettings, Environment, SettingsError};
use tripline_engine::desk::LONGEST_BACK;
use tripline_engine::ids::{AccountId, StrategyId};
use tripline_strategies::config::Period;

use super::document::Document;
use super::fault::ConfigFault;
use super::raw::{Raw, RawAccount, RawStrategy, RawTimeouts};
use super::{Config, Keys, StrategyConfig, halts, limits, secrets, telling};
use crate::settings::EngineSettings;

/// Collects what is wrong.
pub(super) struct Check<'d> {
    document: &'d Document<'d>,
    faults: Vec<ConfigFault>,
}

impl Check<'_> {
    pub(super) fn fault(
        &mut self,
        key: impl Into<String>,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let key = key.into();
        let line = self.document.line(&key);
        self.faults
            .push(ConfigFault::new(key, problem).advise(advice).at(line));
    }

    /// The value, or a fault; what stands in the file but cannot be used has had its fault already.
    pub(super) fn need<T>(&mut self, value: Option<T>, key: &str, advice: &str) -> Option<T> {
        if value.is_none() && !self.document.has(key) {
            self.fault(key, "is missing", advice);
        }
        value
    }
}

/// Checks everything.
///
/// # Errors
/// Every fault.
pub(super) fn resolve(raw: Raw, document: &Document<'_>) -> (Option<Config>, Vec<ConfigFault>) {
    let mut check = Check {
        document,
        faults: Vec::new(),
    };
    let venue = venue(&mut check, raw.venue, &raw.account);
    if let Some(venue) = &venue {
        live(&mut check, venue, raw.live);
    }
    let keys = keys(&mut check, &raw.account, venue.as_ref());
    let account = check.need(
        raw.account.id,
        "account.id",
        "name the account, such as id = \"main\"",
    );
    let account = account.unwrap_or_else(|| AccountId::new("unnamed").expect("a valid literal"));

    let mut engine = EngineSettings::of(account);
    engine.live = raw.live;
    engine.policy = halts::policy(&mut check, raw.halt, account);
    engine.flatten = halts::flatten(&mut check, &raw.flatten);
    timeouts(&mut check, &raw.timeouts, &mut engine);
    if let Some(levels) = raw.market_data.snapshot_levels {
        if !(5..=5000).contains(&levels) {
            check.fault(
                "market_data.snapshot_levels",
                format!("is {levels}"),
                "give 5 to 5000 levels",
            );
        }
        engine.snapshot_levels = levels;
    }
    halts::only_halts_flatten(&mut check, "stop.resting_orders", raw.stop.resting_orders);
    halts::only_halts_flatten(&mut check, "restart.open_orders", raw.restart.open_orders);
    engine.resting_orders = raw.stop.resting_orders.unwrap_or(engine.resting_orders);
    let foreign = raw.account.foreign_orders;
    engine.foreign_orders = foreign.unwrap_or(engine.foreign_orders);
    engine.unwatched_assets = raw.account.unwatched_assets;
    engine.earlier_orders = raw.restart.open_orders.unwrap_or(engine.earlier_orders);
    if let Some(Period(look_back)) = raw.restart.look_back {
        if look_back > LONGEST_BACK {
            let problem = format!("is {look_back:?}");
            check.fault("restart.look_back", problem, "give at most \"720h\"");
        }
        engine.look_back = look_back;
    }
    let strategies = strategies(&mut check, raw.strategy);
    alert_names(&mut check);
    let is_real = raw.live && venue.as_ref().is_some_and(BinanceSettings::is_production);
    engine.risk = limits::limits(&mut check, raw.risk, is_real, &strategies);
    let alerting = telling::alerting(&mut check, raw.alerting, &raw.journal.file);
    let control = telling::control(&mut check, raw.control, &raw.journal.file);
    let config = venue.zip(keys).map(|(venue, keys)| Config {
        engine,
        venue,
        keys,
        strategies,
        alerts: raw.alert,
        alerting,
        control,
        watch: telling::watch(&mut check, raw.watch),
        journal: raw.journal,
        hash: String::new(),
        log_level: raw.log.level.unwrap_or_default(),
        pointers: secrets::pointers(document),
    });
    (config, check.faults)
}

fn venue(
    check: &mut Check<'_>,
    venue: Option<BinanceSettings>,
    account: &RawAccount,
) -> Option<BinanceSettings> {
    let advice =
        "write [venue] with environment = \"testnet\", \"demo\", \"production\" or \"custom\"";
    let mut venue = check.need(venue, "venue", advice)?;
    if check.document.has("venue.key_kind") {
        check.fault(
            "venue.key_kind",
            "stands in the wrong section",
            "write it under [account]",
        );
    }
    venue.key_kind = account.key_kind;
    for error in venue.endpoints().err().unwrap_or_default() {
        let field = field_of(&error);
        let bounds = format!("venue.bounds.{field}");
        let key = if check.document.has(&bounds) {
            bounds
        } else {
            format!("venue.{field}")
        };
        let line = check.document.line(&key);
        check
            .faults
            .push(ConfigFault::new(key, error.to_string()).at(line));
    }
    if let Some(path) = &venue.extra_ca_file
        && venue.environment != Environment::Custom
    {
        let advice = "remove it, or set environment = \"custom\"";
        check.fault(
            "venue.extra_ca_file",
            format!("{} is not needed for Binance itself", path.display()),
            advice,
        );
    }
    Some(venue)
}

fn field_of(error: &SettingsError) -> &'static str {
    match error {
        SettingsError::UrlMissing { field }
        | SettingsError::UrlSurplus { field }
        | SettingsError::UrlInvalid { field, .. }
        | SettingsError::OutOfRange { field, .. } => field,
    }
}

/// Real money needs two switches: this one in the file, and `--live` on the command line.
fn live(check: &mut Check<'_>, venue: &BinanceSettings, live: bool) {
    if venue.is_production() && !live {
        let problem =
            "this venue trades real money, and live = true is missing at the top of the file";
        check.fault(
            "live",
            problem,
            "set live = true and start with --live, or choose environment = \"testnet\"",
        );
    }
    if live && !venue.is_production() {
        let problem = "live = true, but this venue does not trade real money";
        check.fault(
            "live",
            problem,
            "remove live, or set environment = \"production\"",
        );
    }
}

fn keys(
    check: &mut Check<'_>,
    account: &RawAccount,
    venue: Option<&BinanceSettings>,
) -> Option<Keys> {
    let is_practice = venue.is_some_and(is_on_this_machine);
    let none = !check.document.has("account.api_key") && !check.document.has("account.secret");
    if none && is_practice {
        return Some(Keys::Practice);
    }
    let api_key = check.need(
        account.api_key.clone(),
        "account.api_key",
        "write api_key = { env = \"NAME\" }",
    );
    let secret = check.need(
        account.secret.clone(),
        "account.secret",
        "write secret = { env = \"NAME\" }",
    );
    let (api_key, secret) = api_key.zip(secret)?;
    Some(Keys::Given { api_key, secret })
}

/// Whether all URLs are those of a practice exchange on this machine.
fn is_on_this_machine(venue: &BinanceSettings) -> bool {
    let urls = [&venue.rest_url, &venue.ws_api_url, &venue.streams_url];
    let is_local = |url: &str| {
        let uri = url.parse::<Uri>().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || bare
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    };
    venue.environment == Environment::Custom
        && urls
            .into_iter()
            .all(|url| url.as_deref().is_some_and(is_local))
}

fn timeouts(check: &mut Check<'_>, raw: &RawTimeouts, engine: &mut EngineSettings) {
    const MS: Duration = Duration::from_millis(1);
    let to = engine;
    let table = [
        ("stale_after", raw.stale_after, 50, &mut to.stale_after),
        ("fault_after", raw.fault_after, 100, &mut to.fault_after),
        (
            "private_stream_grace",
            raw.private_stream_grace,
            1,
            &mut to.private_stream_grace,
        ),
        (
            "reconcile_every",
            raw.reconcile_every,
            1000,
            &mut to.reconcile_every,
        ),
        ("ready_within", raw.ready_within, 100, &mut to.ready_within),
        ("clock_every", raw.clock_every, 1000, &mut to.clock_every),
        ("stuck_after", raw.stuck_after, 200, &mut to.stuck_after),
        ("stop_within", raw.stop_within, 1000, &mut to.stop_within),
    ];
    for (name, given, least, into) in table {
        let Some(Period(given)) = given else { continue };
        let (least, most) = (MS * least, Duration::from_secs(3600));
        if !(least..=most).contains(&given) {
            check.fault(
                format!("timeouts.{name}"),
                format!("is {given:?}"),
                format!("give at least {least:?} and at most {most:?}"),
            );
        }
        *into = given;
    }
    stale_before_fault(check, to);
}

fn stale_before_fault(check: &mut Check<'_>, engine: &EngineSettings) {
    if engine.fault_after < engine.stale_after {
        let (fault, stale) = (engine.fault_after, engine.stale_after);
        let problem = format!("is {fault:?}, shorter than stale_after ({stale:?})");
        check.fault(
            "timeouts.fault_after",
            problem,
            "first data is stale, then it is a fault: give a longer time",
        );
    }
}

fn strategies(check: &mut Check<'_>, raw: Vec<RawStrategy>) -> Vec<StrategyConfig> {
    if raw.is_empty() && !check.document.has("strategy") {
        check.fault(
            "strategy",
            "there is none",
            "add a [[strategy]] with id, kind and config",
        );
    }
    let mut strategies = Vec::new();
    if raw.len() != check.document.count("strategy") {
        // One of them is not even a table and has its fault; the numbers of the others are not theirs.
        return strategies;
    }
    let mut first: BTreeMap<StrategyId, usize> = BTreeMap::new();
    for (at, RawStrategy { id, kind, config }) in raw.into_iter().enumerate() {
        let key = format!("strategy[{at}]");
        let id = check.need(
            id,
            &format!("{key}.id"),
            "give each strategy a short id of its own, such as id = \"ping\"",
        );
        let kinds = super::registry::kinds().join(", ");
        let kind = check.need(kind, &format!("{key}.kind"), &format!("known are {kinds}"));
        if let Some(id) = id
            && let Some(other) = first.insert(id, at)
        {
            let problem = format!("'{id}' is the id of strategy[{other}] too");
            check.fault(
                format!("{key}.id"),
                problem,
                "give each strategy an id of its own",
            );
        }
        let Some(kind) = kind else { continue };
        let document = check.document;
        check
            .faults
            .extend(super::registry::faults(document, &key, &kind, &config));
        if let Some(id) = id {
            strategies.push(StrategyConfig { id, kind, config });
        }
    }
    strategies
}

/// Names are read from the text, where an alert that is faulty otherwise still has its place.
fn alert_names(check: &mut Check<'_>) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for at in 0..check.document.count("alert") {
        let text = |key: &str| check.document.text(&format!("alert[{at}].{key}"));
        let Some(name) = text("name").or_else(|| text("kind")) else {
            continue;
        };
        if let Some(other) = first.insert(name, at) {
            let problem = format!("alert[{other}] is called '{name}' too");
            check.fault(
                format!("alert[{at}].name"),
                problem,
                "give one of them a name of its own",
            );
        }
    }
}
