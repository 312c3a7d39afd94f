//! The strategies that ship with Tripline, one a file, and their [`registry`]. They depend on the
//! engine alone: every one can be driven by hand through a `StrategyHost`.

pub mod config;
pub mod dynamic_quote;
mod earlier;
mod hedge;
mod outcome;
pub mod registry;
mod slot;
pub mod spread_maker;

#[cfg(test)]
mod tests;
