//! `tripline limits`: what every order of a running engine is held against, and a change of it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tripline_actors::control::Asked;
use tripline_engine::risk::LimitScope;

use super::exit::{Exit, Failure};
use super::output;
use super::place::{Place, SOON};
use super::status::{rows, text};

#[derive(Debug, Args)]
pub(super) struct LimitsArgs {
    #[command(subcommand)]
    command: LimitsCommand,
}

#[derive(Debug, Subcommand)]
enum LimitsCommand {
    /// Show the limits of the running engine, and what is used of them
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Change a limit of the running engine at once: to loosen one needs a reason
    ///
    /// What is tightened stays so when the engine starts again, until the configuration is as strict or somebody loosens
    /// it. What is loosened beyond the configuration ends with the run.
    Set(SetArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// The limit, as the configuration calls it, such as max_quantity
    key: String,
    /// Its value, as the configuration writes it but without quotes; lists with commas; 'none' takes it away
    #[arg(allow_negative_numbers = true)]
    value: String,
    /// global, account, strategy:ID or instrument:SYMBOL
    #[arg(long, default_value = "global")]
    scope: LimitScope,
    /// Why; it is journalled and told
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who orders this; the user's name by default
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// A name of this command: however often it is given, it is carried out once
    #[arg(long, value_name = "ID")]
    command_id: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn limits(args: &LimitsArgs) -> Result<Exit, Failure> {
    match &args.command {
        LimitsCommand::Show { place } => {
            let answer = place.ask(Asked::Get("/v1/limits"), SOON)?;
            output::print(&match place.json {
                true => format!("{answer}\n"),
                false => shown(&answer),
            })?;
        }
        LimitsCommand::Set(args) => set(args)?,
    }
    Ok(Exit::Done)
}

fn set(args: &SetArgs) -> Result<(), Failure> {
    let user = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    let who = args.who.clone().or_else(user);
    let value = (args.value != "none").then_some(&args.value);
    let mut order = json!({
        "scope": args.scope,
        "key": args.key,
        "value": value,
        "who": who.unwrap_or_else(|| "the command line".into()),
    });
    if let Some(reason) = &args.reason {
        order["reason"] = reason.as_str().into();
    }
    if let Some(id) = &args.command_id {
        order["command_id"] = id.as_str().into();
    }
    let answer = args.place.ask(Asked::Post("/v1/limits", order), SOON)?;
    let changed = &answer["set"];
    let none = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    output::print(&match (args.place.json, changed.is_null()) {
        (true, _) => format!("{answer}\n"),
        (false, true) => format!("{} of {} was so already\n", args.key, args.scope),
        (false, false) => format!(
            "{} of {} is {}, and was {}\n",
            text(changed, "key"),
            text(changed, "scope"),
            none(&changed["new"]),
            none(&changed["old"]),
        ),
    })
}

fn shown(answer: &Value) -> String {
    let line = |row: &Value| {
        let (scope, key, value) = (text(row, "scope"), text(row, "key"), text(row, "value"));
        format!("{scope:24} {key:22} {value}\n")
    };
    let mut shown: String = rows(answer, "limits").map(line).collect();
    let usage = &answer["usage"];
    let asset = usage["value_in"].as_str().unwrap_or("(several assets)");
    let used = |name: &str, of: &Value| {
        format!(
            "{name:24} {} open, exposure {} {asset}, net {} to {}; today {} orders, {} cancels, {} fills\n",
            of["open_orders"],
            text(of, "gross_exposure"),
            text(of, "net_shortest"),
            text(of, "net_longest"),
            of["orders_today"],
            of["cancels_today"],
            of["fills_today"],
        )
    };
    shown.push_str("\nused:\n");
    shown.push_str(&used("account", &usage["account"]));
    let strategies = usage["strategies"].as_object().into_iter().flatten();
    shown.extend(strategies.map(|(id, of)| used(&format!("strategy:{id}"), of)));
    shown
}
