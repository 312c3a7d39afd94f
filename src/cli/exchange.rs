//! `tripline exchange`: the practice exchange as a server.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use tripline_engine::ids::Symbol;
use tripline_exchange::faults::FaultSpec;
use tripline_exchange::market::ReplayConfig;
use tripline_exchange::{ConfigFaults, ExchangeConfig, ServeError, Server, Tls};

use super::exit::{Exit, Failure};
use super::output;
use crate::config::LogLevel;
use crate::logging;
use crate::running::Running;

/// Where the certificate authority of `--tls` is written unless `--ca-file` says otherwise.
const CA_FILE: &str = "tripline-practice-ca.pem";

#[derive(Debug, Args)]
pub(super) struct ExchangeArgs {
    /// Port for REST, streams and WebSocket API alike; 0 lets the system choose
    #[arg(long, default_value_t = 18_080)]
    port: u16,
    /// Address to listen on; the exchange's keys are public, so leave it on this machine
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Accounts, instruments, market and limits as TOML; without it an account with the example key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Recordings that drive the market of --replay-symbol instead of the synthetic one, over and over
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replay: Vec<PathBuf>,
    /// Which symbol the recordings drive
    #[arg(
        long,
        value_name = "SYMBOL",
        default_value = "BTCUSDT",
        requires = "replay"
    )]
    replay_symbol: Symbol,
    /// How many times faster than recorded
    #[arg(long, value_name = "N", default_value_t = 1, requires = "replay", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    speed: u32,
    /// Seed of everything random; the same seed gives the same market
    #[arg(long)]
    seed: Option<u64>,
    /// Speak TLS with a certificate authority made for this run
    #[arg(long)]
    tls: bool,
    /// Where to write the certificate authority, for the engine's `extra_ca_file`
    #[arg(long, value_name = "FILE", requires = "tls", default_value = CA_FILE)]
    ca_file: PathBuf,
    /// Keep orders, fills and balances in this folder, and go on from it; without it they end with the program
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Faults in force from the start: TOML with [[faults]] tables
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    faults: Vec<FaultSpec>,
}

pub(super) fn exchange(args: &ExchangeArgs) -> Result<Exit, Failure> {
    logging::init(LogLevel::Info.into());
    let config = config(args)?;
    if !args.bind.is_loopback() {
        log::warn!(actor = "exchange"; "listening on {}: others can reach it, and everybody knows its example key", args.bind);
    }
    let tls = args.tls.then(|| certificate(&args.ca_file)).transpose()?;
    actix_rt::System::new().block_on(serve(&config, args, tls))?;
    Ok(Exit::Done)
}

fn certificate(ca_file: &Path) -> Result<Tls, Failure> {
    let tls = Tls::generate().map_err(Failure::failed)?;
    tls.write_ca(ca_file).map_err(Failure::failed)?;
    Ok(tls)
}

/// Says where it serves, and serves until a signal comes.
async fn serve(
    config: &ExchangeConfig,
    args: &ExchangeArgs,
    tls: Option<Tls>,
) -> Result<(), Failure> {
    let stopped = Running::until_signal();
    let (http, ws) = if tls.is_some() {
        ("https", "wss")
    } else {
        ("http", "ws")
    };
    let server = Server::open(config, args.bind, args.port, tls)
        .await
        .map_err(failure)?;
    let url = format!("{http}://{}", server.addr);
    output::print(&format!(
        "practice exchange ready: {url} (REST /api/v3, {ws} /ws, /stream, /ws-api/v3)\n"
    ))?;
    server.serve_until(stopped).await;
    Ok(())
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::Config(error) => Failure::usage(error),
        other => Failure::failed(other),
    }
}

/// Reads and checks what an exchange is made of.
pub(super) fn load(path: &Path) -> Result<ExchangeConfig, Failure> {
    let config = ExchangeConfig::from_toml(&read(path)?);
    let config = config.map_err(|error| in_file(path, &error))?;
    config.check().map_err(|faults| each_in(path, &faults))?;
    Ok(config)
}

fn config(args: &ExchangeArgs) -> Result<ExchangeConfig, Failure> {
    let mut config = match &args.config {
        Some(path) => load(path)?,
        None => ExchangeConfig::default(),
    };
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    config.state.clone_from(&args.state);
    if !args.replay.is_empty() {
        config.market.replay.push(ReplayConfig {
            symbol: args.replay_symbol,
            files: args.replay.clone(),
            recorded: None,
            speed: args.speed.into(),
            repeat: true,
        });
    }
    if let Some(path) = &args.faults {
        let file: FaultFile =
            toml::from_str(&read(path)?).map_err(|error| in_file(path, &error))?;
        let checked = config.check_faults(&file.faults);
        checked.map_err(|faults| each_in(path, &faults))?;
        config.faults.extend(file.faults);
    }
    Ok(config)
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path);
    text.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))
}

fn in_file(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

fn each_in(path: &Path, faults: &ConfigFaults) -> Failure {
    Failure::usage(format!("{}:\n{faults}", path.display()))
}
