//! The controls, C01 to C30, and how each is set.

use serde::Serialize;
use tripline_engine::journal::LimitsMemory;
use tripline_engine::risk::{Limits, RiskLimits};

use crate::config::Config;

/// One control.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Control {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// Whether it limits anything as it is configured.
    pub(super) active: bool,
    /// `scope key = value`, or what the engine does without a setting.
    pub(super) set: Vec<String>,
}

/// A row of the table: the limits that set a control, or what it is without any.
type Row = (&'static str, &'static str, Set);

enum Set {
    /// By these keys of `[risk]`.
    Limits(&'static [&'static str]),
    Always(&'static str),
    /// By another part of the configuration.
    Config(fn(&Config) -> String),
}

use Set::{Always, Limits as By};

const CONTROLS: &[Row] = &[
    (
        "C01",
        "price collar",
        By(&["collar_percent", "collar_ticks"]),
    ),
    (
        "C02",
        "price drift",
        By(&["price_drift_percent", "price_drift_within"]),
    ),
    (
        "C03",
        "order quantity",
        By(&["min_quantity", "max_quantity"]),
    ),
    (
        "C04",
        "order notional",
        By(&["min_notional", "max_notional"]),
    ),
    (
        "C05",
        "message rate",
        By(&[
            "new_per_second",
            "new_per_minute",
            "amends_per_second",
            "amends_per_minute",
        ]),
    ),
    (
        "C06",
        "order-to-trade ratio and cancels",
        By(&["orders_per_fill", "cancels_per_day"]),
    ),
    (
        "C07",
        "repeated execution",
        By(&["repeated_orders", "repeated_fills", "repeated_within"]),
    ),
    (
        "C08",
        "position, with what is in flight",
        By(&["max_long", "max_short"]),
    ),
    (
        "C09",
        "exposure",
        By(&["max_gross_exposure", "max_net_exposure"]),
    ),
    ("C10", "duplicate orders", By(&["duplicate_within"])),
    ("C11", "self-trade prevention", By(&["refuse_self_trade"])),
    (
        "C12",
        "loss",
        By(&[
            "day_loss_reduce",
            "day_loss_halt",
            "drawdown_reduce",
            "drawdown_halt",
        ]),
    ),
    ("C13", "open orders", By(&["max_open_orders"])),
    ("C14", "order age", By(&["max_order_age"])),
    (
        "C15",
        "uncertain orders",
        Always("an uncertain order freezes its instrument"),
    ),
    ("C15", "uncertain orders at once", By(&["max_uncertain"])),
    ("C16", "stale, crossed or missing data", Set::Config(stale)),
    ("C17", "clock offset", Set::Config(clock)),
    (
        "C18",
        "latency of answers",
        By(&["slow_answer", "slow_answers"]),
    ),
    (
        "C19",
        "venue status",
        Always("an instrument that does not trade is refused"),
    ),
    (
        "C20",
        "instruments, sides, order types",
        By(&["instruments", "restricted", "sides", "order_types"]),
    ),
    ("C21", "trading hours", By(&["trading_hours"])),
    (
        "C22",
        "parent and child quantity",
        Always("held against each other at the last point before the wire"),
    ),
    (
        "C23",
        "one engine an account",
        Always("the journal is locked by one process"),
    ),
    ("C24", "halt", Set::Config(halt)),
    (
        "C25",
        "dead-man switch",
        Always("tripline watch, where it runs beside the engine"),
    ),
    ("C26", "reconciliation", Set::Config(reconciliation)),
    (
        "C27",
        "journal",
        Always("what cannot be written down is not sent, and halts everything"),
    ),
    ("C27", "free disk space", By(&["min_free_disk_mb"])),
    (
        "C28",
        "alerts that reach nobody",
        Always("a fault, a file and an exit code"),
    ),
    (
        "C29",
        "changes of limits",
        Always("looser only with a reason; each is a record"),
    ),
    (
        "C30",
        "audit",
        Always("each order, denial, trip, halt and resume is a record in a chain of hashes"),
    ),
];

/// Every control as configured, and as it was tightened while an engine ran.
pub(super) fn all(config: &Config, set: &LimitsMemory) -> Vec<Control> {
    let risk = set.on(config.engine.account, config.engine.risk.clone());
    let controls = CONTROLS.iter().map(|(id, name, set)| {
        let set = match set {
            By(keys) => limits(&risk, keys),
            Always(what) => vec![(*what).to_owned()],
            Set::Config(show) => vec![show(config)],
        };
        let active = !set.is_empty();
        Control {
            id,
            name,
            active,
            set,
        }
    });
    controls.collect()
}

fn limits(risk: &RiskLimits, keys: &[&str]) -> Vec<String> {
    let mut set = Vec::new();
    for scope in risk.scopes() {
        let limits = risk.of(&scope);
        let get = |key: &str| limits.and_then(|limits: &Limits| limits.get(key));
        set.extend(
            keys.iter()
                .filter_map(|key| Some(format!("{scope} {key} = {}", get(key)?))),
        );
    }
    set
}

fn stale(config: &Config) -> String {
    let (stale, fault) = (config.engine.stale_after, config.engine.fault_after);
    format!(
        "nothing is placed after {stale:?} without data, halted after {fault:?}; gaps and crossed books are rebuilt or a fault"
    )
}

fn clock(config: &Config) -> String {
    let bound = config.venue.bounds.clock_bound_ms;
    format!(
        "at most {bound} ms, measured every {:?}",
        config.engine.clock_every
    )
}

fn halt(config: &Config) -> String {
    let control = &config.control;
    let mut ways = Vec::new();
    ways.extend(
        control
            .socket
            .as_ref()
            .map(|path| format!("command ({})", path.display())),
    );
    ways.extend(
        control
            .http
            .as_ref()
            .map(|(address, _)| format!("HTTP ({address})")),
    );
    ways.extend(control.halt_signal.then(|| "SIGUSR2".to_owned()));
    ways.extend(
        control
            .halt_file
            .as_ref()
            .map(|path| format!("file ({})", path.display())),
    );
    ways.join(", ")
}

fn reconciliation(config: &Config) -> String {
    let every = config.engine.reconcile_every;
    format!("at the start, after each reconnect, before each resume and every {every:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_a_control_and_every_control_is_there() {
        let keys: Vec<&str> = CONTROLS
            .iter()
            .filter_map(|(_, _, set)| match set {
                By(keys) => Some(*keys),
                _ => None,
            })
            .flatten()
            .copied()
            .collect();
        for key in Limits::KEYS {
            assert!(keys.contains(key), "{key} is shown nowhere");
        }
        for key in &keys {
            assert!(Limits::KEYS.contains(key), "{key} is no limit");
        }
        for number in 1..=30 {
            let id = format!("C{number:02}");
            assert!(CONTROLS.iter().any(|row| row.0 == id), "{id} is missing");
        }
    }
}
