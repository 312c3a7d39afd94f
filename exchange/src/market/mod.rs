//! The liquidity that is not the users': a synthetic market for each symbol, or the replay of a
//! recording. Either stands in the same books as the users' orders.

mod config;
mod recording;
mod replay;
mod synthetic;
mod walk;

use thiserror::Error;
use tripline_engine::ids::Symbol;

pub use config::{MarketConfig, ReplayConfig, SyntheticConfig};
pub use recording::{Frame, FrameKind, Recording, RecordingError};
pub use replay::{Replay, ReplayProgress};
pub use synthetic::Synthetic;

use crate::model::{Exchange, Operation, Time};

/// Why a market could not be set up.
#[derive(Debug, Error)]
pub enum MarketError {
    #[error(
        "the market names symbol {0}, which the exchange does not have: add it to `instruments`"
    )]
    UnknownSymbol(Symbol),
    #[error("symbol {0} has no starting price: set its `last_price`")]
    NoPrice(Symbol),
    #[error("symbol {0} is replayed twice: name it in one `[[market.replay]]` only")]
    ReplayedTwice(Symbol),
    #[error("the replay of {symbol} has a speed of {speed}: give a number above 0, such as 1.0")]
    Speed { symbol: Symbol, speed: f64 },
    #[error("the replay of {0} names no file")]
    NoFile(Symbol),
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

/// Runs an operation on a symbol that a market drives.
fn drive(exchange: &mut Exchange, symbol: Symbol, now: Time, run: impl FnOnce(&mut Operation<'_>)) {
    exchange.operate(symbol, now, run).expect(
        "a market is made for symbols that the exchange has, and symbols are never removed",
    );
}

/// All that moves the books besides the users.
#[derive(Debug)]
pub struct Market {
    synthetic: Synthetic,
    replays: Vec<Replay>,
}

impl Market {
    /// Fills the books: each symbol with a `replay` from its recording, all others synthetically
    /// (unless that is switched off). The same configuration, seed and times give the same market.
    ///
    /// # Errors
    /// [`MarketError`].
    pub fn new(
        config: &MarketConfig,
        exchange: &mut Exchange,
        seed: u64,
        now: Time,
    ) -> Result<Self, MarketError> {
        let mut replays: Vec<Replay> = Vec::new();
        for each in &config.replay {
            if replays.iter().any(|other| other.symbol() == each.symbol) {
                return Err(MarketError::ReplayedTwice(each.symbol));
            }
            if exchange.instrument(each.symbol).is_err() {
                return Err(MarketError::UnknownSymbol(each.symbol));
            }
            replays.push(Replay::open(each, now)?);
        }
        let replayed = |symbol: &Symbol| replays.iter().any(|replay| replay.symbol() == *symbol);
        let symbols: Vec<Symbol> = if config.synthetic.enabled {
            exchange
                .symbols()
                .filter(|symbol| !replayed(symbol))
                .collect()
        } else {
            Vec::new()
        };
        let synthetic = Synthetic::new(&config.synthetic, exchange, &symbols, seed, now)?;
        Ok(Self { synthetic, replays })
    }

    /// When something happens next; `None` when nothing will.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        let replays = self.replays.iter().filter_map(Replay::next_at);
        replays.chain(self.synthetic.next_at()).min()
    }

    /// Lets everything happen that is due at `to` or before, in order of time.
    pub fn advance(&mut self, exchange: &mut Exchange, to: Time) {
        while let Some(next) = self.next_at().filter(|next| *next <= to) {
            if self.synthetic.next_at() == Some(next) {
                self.synthetic.step(exchange);
            }
            for replay in &mut self.replays {
                if replay.next_at() == Some(next) {
                    replay.step(exchange);
                }
            }
        }
    }

    /// Goes on from `to` without making up for the time since the last [`Market::advance`].
    pub fn skip_to(&mut self, to: Time) {
        self.synthetic.skip_to(to);
        for replay in &mut self.replays {
            replay.skip_to(to);
        }
    }

    /// How far each replay is.
    pub fn replays(&self) -> impl Iterator<Item = (Symbol, &ReplayProgress)> + '_ {
        self.replays
            .iter()
            .map(|replay| (replay.symbol(), replay.progress()))
    }
}

#[cfg(test)]
mod tests;
