//! Deterministic simulation of the composed program: the real actors and the real Binance adapter against
//! the practice exchange, over connections in memory, under virtual time, on one arbiter. A seed decides
//! everything; the exchange's own record is the judge.

mod command;
mod engine;
mod hand;
mod judge;
mod memory;
mod network;
mod operator;
mod panics;
mod pipe;
mod run;
mod schedule;
mod subject;
mod tally;
mod tap;
mod trace;
mod witness;
mod world;

pub use command::{SimulateOptions, SimulationSummary, run};
pub use panics::keep_wanted_quiet as keep_wanted_panics_quiet;
pub use run::{Outcome, simulate};
pub use subject::{Strategies, Subject};
pub use tally::{Spread, StrategyTally};
