//! `tripline halt` and `tripline resume`: what a person orders of a running engine.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tripline_actors::control::Asked;
use tripline_engine::halt::ScopeName;

use super::exit::{Exit, Failure};
use super::output;
use super::place::{Place, SOON};
use super::status::{rows, scope, text};

/// A resume reconciles first.
const RESUMED_WITHIN: Duration = Duration::from_secs(75);

/// Who orders what, and why.
#[derive(Debug, Args)]
struct Signed {
    /// Why; it is journalled and told
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who orders this; the user's name by default
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// A name of this command: however often it is given, it is carried out once
    #[arg(long, value_name = "ID")]
    command_id: Option<String>,
}

impl Signed {
    /// The body of a command.
    fn order(&self, scope: ScopeName) -> Value {
        let user = || std::env::var("USER").ok().filter(|name| !name.is_empty());
        let who = self.who.clone().or_else(user);
        let who = who.unwrap_or_else(|| "the command line".into());
        let mut order = json!({ "scope": scope, "reason": self.reason, "who": who });
        if let Some(id) = &self.command_id {
            order["command_id"] = id.as_str().into();
        }
        order
    }
}

#[derive(Debug, Args)]
pub(super) struct HaltArgs {
    /// strategy:ID, instrument:SYMBOL, account, venue or all
    #[arg(default_value = "all")]
    scope: ScopeName,
    #[command(flatten)]
    signed: Signed,
    /// Let orders through that reduce a position, instead of cancels only
    #[arg(long)]
    reduce_only: bool,
    /// Leave resting orders at the venue, instead of cancelling them
    #[arg(long)]
    keep_orders: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn halt(args: &HaltArgs) -> Result<Exit, Failure> {
    let mut order = args.signed.order(args.scope);
    if args.reduce_only {
        order["level"] = "reduce_only".into();
    }
    if args.keep_orders {
        order["resting_orders"] = "keep".into();
    }
    let answer = args.place.ask(Asked::Post("/v1/halt", order), SOON)?;
    let halted = &answer["halted"];
    let orders = match text(&halted["incident"], "resting_orders") {
        "keep" => "its resting orders stay",
        _ => "its resting orders are being cancelled",
    };
    output::print(&match args.place.json {
        true => format!("{answer}\n"),
        false => format!(
            "{} is {} by incident #{}; {orders}\nto look: tripline status\n",
            text(halted, "scope"),
            text(halted, "level").replace('_', "-"),
            halted["incident"]["id"],
        ),
    })?;
    Ok(Exit::Done)
}

#[derive(Debug, Args)]
pub(super) struct FlattenArgs {
    /// strategy:ID, instrument:SYMBOL, account, venue or all
    #[arg(default_value = "all")]
    scope: ScopeName,
    #[command(flatten)]
    signed: Signed,
    /// Do it; without this the plan is shown and nothing is done
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn flatten(args: &FlattenArgs) -> Result<Exit, Failure> {
    if !args.yes {
        let status = args.place.ask(Asked::Get("/v1/status"), SOON)?;
        let plan = plan(&args.scope, &status);
        output::print(&match args.place.json {
            true => format!("{}\n", json!({ "version": 1, "plan": plan })),
            false => format!("it would:\n  {}\n", plan.join("\n  ")),
        })?;
        return Err(Failure::refused("nothing is done: to do this, give --yes"));
    }
    let order = args.signed.order(args.scope);
    let answer = args.place.ask(Asked::Post("/v1/flatten", order), SOON)?;
    let halted = &answer["halted"];
    output::print(&match args.place.json {
        true => format!("{answer}\n"),
        false => format!(
            "{} is {} by incident #{}; its orders are being cancelled, then its positions closed\nto look: tripline status\n",
            text(halted, "scope"),
            text(halted, "level"),
            halted["incident"]["id"],
        ),
    })?;
    Ok(Exit::Done)
}

/// What a flatten would do now.
fn plan(scope: &ScopeName, status: &Value) -> Vec<String> {
    let is_meant = |strategy: &Value| match scope {
        ScopeName::Strategy(id) => text(strategy, "id") == id.as_str(),
        ScopeName::Instrument(symbol) => {
            let mut symbols = rows(strategy, "instruments").filter_map(Value::as_str);
            symbols.any(|one| one == symbol.as_str())
        }
        ScopeName::Account | ScopeName::Venue | ScopeName::All => true,
    };
    let meant: Vec<&Value> = rows(status, "strategies")
        .filter(|one| is_meant(one))
        .collect();
    let mut plan = Vec::new();
    for strategy in &meant {
        let (id, open) = (text(strategy, "id"), &strategy["open_orders"]);
        plan.push(format!(
            "halt strategy {id} and cancel its {open} open orders"
        ));
    }
    for strategy in &meant {
        let is_of_instrument = |held: &&Value| match scope {
            ScopeName::Instrument(symbol) => text(held, "symbol") == symbol.as_str(),
            _ => true,
        };
        plan.extend(
            rows(strategy, "positions")
                .filter(is_of_instrument)
                .map(|held| {
                    let (net, symbol) = (text(held, "net"), text(held, "symbol"));
                    let verb = if net.starts_with('-') {
                        "buy back"
                    } else {
                        "sell"
                    };
                    let size = net.trim_start_matches('-');
                    format!(
                        "{verb} {size} {symbol} of strategy {}, within the collar",
                        text(strategy, "id")
                    )
                }),
        );
    }
    if plan.is_empty() {
        plan.push(format!("do nothing: {scope} concerns no strategy"));
    }
    plan
}

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// strategy:ID, instrument:SYMBOL, account, venue or all (what 'all' halted, not every scope)
    scope: ScopeName,
    #[command(flatten)]
    signed: Signed,
    /// An incident that you have looked at; without any, what stands is shown and asked about
    #[arg(long = "incident", value_name = "N")]
    incidents: Vec<u64>,
    /// The epoch that you saw; without it, the one that stands when this command looks
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// Do not ask: resume from everything that stands, or from the incidents that are given
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn resume(args: &ResumeArgs) -> Result<Exit, Failure> {
    let status = args.place.ask(Asked::Get("/v1/status"), SOON)?;
    let name = args.scope.to_string();
    let standing = rows(&status, "scopes").find(|one| text(one, "scope") == name);
    let Some(standing) = standing else {
        return Err(Failure::refused(not_halted(&name, &status)));
    };
    let stands: Vec<u64> = rows(standing, "incidents")
        .filter_map(|incident| incident["id"].as_u64())
        .collect();
    if args.incidents.is_empty() && !args.yes {
        confirmed(standing)?;
    }
    let mut order = args.signed.order(args.scope);
    order["incidents"] = match args.incidents.is_empty() {
        true => stands.into(),
        false => args.incidents.clone().into(),
    };
    order["epoch"] = args.epoch.map_or(standing["epoch"].clone(), Into::into);
    let answer = args
        .place
        .ask(Asked::Post("/v1/resume", order), RESUMED_WITHIN)?;
    output::print(&match args.place.json {
        true => format!("{answer}\n"),
        false => format!("{name} is resumed\n"),
    })?;
    Ok(Exit::Done)
}

fn not_halted(name: &str, status: &Value) -> String {
    let halted: Vec<_> = rows(status, "scopes")
        .map(|one| text(one, "scope"))
        .collect();
    match halted.as_slice() {
        [] => format!("{name} is not halted, nor is anything else"),
        halted => format!("{name} is not halted; halted: {}", halted.join(", ")),
    }
}

/// Shows what stands, and asks. Where nobody can be asked, nothing is resumed.
fn confirmed(standing: &Value) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::failed(format!("the terminal: {error}"));
    let mut shown = io::stderr().lock();
    let lines = scope(standing).join("\n");
    writeln!(shown, "{lines}").map_err(failed)?;
    if !io::stdin().is_terminal() {
        let problem = "nothing is resumed: name the incidents with --incident N, or give --yes";
        return Err(Failure::refused(problem));
    }
    write!(
        shown,
        "Have you looked at all of this? Type 'yes' to resume: "
    )
    .map_err(failed)?;
    shown.flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::refused("nothing is resumed")),
    }
}
