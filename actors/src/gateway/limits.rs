//! Limits of the running engine, and the instruments as the venue describes them now.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler, Message};
use tripline_engine::desk::{LimitOrder, LimitRefused};
use tripline_engine::ids::Symbol;
use tripline_engine::instrument::Instrument;
use tripline_engine::journal::LimitSet;
use tripline_engine::ports::{Answer, VenueError};
use tripline_engine::risk::{RiskLimits, Usage};

use super::OrderGateway;

/// How often the venue is asked whether it still trades what is traded here.
const INSTRUMENTS_EVERY: Duration = Duration::from_secs(60);

/// Ask for the limits and what is used of them.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "LimitsShown")]
pub struct ReadLimits;

/// The limits that hold, and what is used of them.
#[derive(Debug, Clone, actix::MessageResponse)]
pub struct LimitsShown {
    pub limits: RiskLimits,
    pub usage: Usage,
}

/// Change one limit. It holds when this is answered.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Option<LimitSet>, LimitRefused>")]
pub struct SetLimit(pub LimitOrder);

/// The disk of the journal was measured.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct DiskMeasured {
    /// Bytes that may still be written.
    pub free: u64,
}

impl Handler<DiskMeasured> for OrderGateway {
    type Result = ();

    fn handle(&mut self, DiskMeasured { free }: DiskMeasured, ctx: &mut Context<Self>) {
        self.work(ctx, |desk, now, out| desk.disk_measured(free, now, out));
    }
}

impl Handler<ReadLimits> for OrderGateway {
    type Result = LimitsShown;

    fn handle(&mut self, _: ReadLimits, _: &mut Context<Self>) -> LimitsShown {
        let risk = self.desk.risk();
        LimitsShown {
            limits: risk.limits().clone(),
            usage: risk.usage(),
        }
    }
}

impl Handler<SetLimit> for OrderGateway {
    type Result = Result<Option<LimitSet>, LimitRefused>;

    fn handle(&mut self, SetLimit(order): SetLimit, ctx: &mut Context<Self>) -> Self::Result {
        let mut done = Ok(None);
        self.work(ctx, |desk, _, out| done = desk.set_limit(&order, out));
        done
    }
}

/// An answer, and whose it is where one instrument was asked for.
type Told = (Option<Symbol>, Result<Vec<Instrument>, VenueError>);

/// Asks for all at once; where the venue calls that invalid, for each by itself, so that one that it does not know
/// any more says nothing of the others.
async fn ask(
    symbols: Vec<Symbol>,
    ask: impl Fn(&[Symbol]) -> Answer<Result<Vec<Instrument>, VenueError>>,
) -> Vec<Told> {
    match (ask(&symbols).await, symbols.as_slice()) {
        (answer, [symbol]) => vec![(Some(*symbol), answer)],
        (Err(VenueError::InvalidRequest { .. }), each) => {
            let mut told = Vec::new();
            for symbol in each {
                told.push((Some(*symbol), ask(&[*symbol]).await));
            }
            told
        }
        (answer, _) => vec![(None, answer)],
    }
}

impl OrderGateway {
    /// Asks the venue what its instruments are now. A question that fails is asked again in its turn: that the venue
    /// does not answer is told by others.
    fn look_at_instruments(&mut self, ctx: &mut Context<Self>) {
        let symbols: Vec<Symbol> = self.desk.symbols().collect();
        if symbols.is_empty() {
            return;
        }
        let market = self.market.clone();
        let answers = ask(symbols, move |symbols| market.instruments(symbols));
        self.then(answers, ctx, |desk, answers, now, out| {
            for (symbol, answer) in answers {
                match (answer, symbol) {
                    (Ok(instruments), _) => desk.instruments_shown(instruments, now, out),
                    (Err(VenueError::InvalidRequest { .. }), Some(symbol)) => {
                        desk.instrument_gone(symbol, now, out);
                    }
                    (Err(error), _) => {
                        log::debug!(actor = "gateway"; "instruments are not told: {error}");
                    }
                }
            }
        });
    }

    pub(super) fn keep_looking_at_instruments(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(INSTRUMENTS_EVERY, |gateway, ctx| {
            gateway.look_at_instruments(ctx);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::btcusdt;

    #[tokio::test]
    async fn an_instrument_that_the_venue_does_not_know_any_more_says_nothing_of_the_others() {
        let [known, gone]: [Symbol; 2] = ["BTCUSDT", "GONEUSDT"].map(|name| name.parse().unwrap());
        let venue = |asked: &[Symbol]| -> Answer<Result<Vec<Instrument>, VenueError>> {
            let answer = match asked.contains(&gone) {
                true => Err(VenueError::InvalidRequest {
                    code: -1121,
                    text: "Invalid symbol.".into(),
                }),
                false => Ok(vec![btcusdt()]),
            };
            Box::pin(async { answer })
        };
        let told = ask(vec![known, gone], venue).await;
        assert_eq!(told[0], (Some(known), Ok(vec![btcusdt()])));
        assert!(matches!(
            told[1],
            (Some(symbol), Err(VenueError::InvalidRequest { .. })) if symbol == gone
        ));
        assert_eq!(ask(vec![known], venue).await.len(), 1);
    }
}
