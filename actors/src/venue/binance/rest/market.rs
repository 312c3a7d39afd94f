//! Public data by request (Binance Spot REST, "General endpoints" and "Market data endpoints").

use serde::Deserialize;
use tripline_engine::ids::Symbol;
use tripline_engine::instrument::Instrument;
use tripline_engine::messages::market::{DepthSnapshot, Kline, KlineInterval};
use tripline_engine::ports::{Answer, MarketPort, VenueError};
use tripline_engine::time::Timestamp;

use super::{Call, Query, RequestKind, RestClient, started, undecoded};
use crate::venue::binance::wire::decode::{DecodeError, from_json};
use crate::venue::binance::wire::time::Stamp;
use crate::venue::binance::wire::{exchange_info, klines, market};

/// The most levels that `depth` gives a side.
const DEEPEST: u16 = 5_000;

impl MarketPort for RestClient {
    fn instruments(&self, symbols: &[Symbol]) -> Answer<Result<Vec<Instrument>, VenueError>> {
        let (this, symbols) = (self.clone(), symbols.to_vec());
        started(async move {
            if symbols.is_empty() {
                return Ok(Vec::new()); // Without names the venue would list all that it has, 17 MB.
            }
            let names: Vec<String> = symbols
                .iter()
                .map(|symbol| format!("\"{symbol}\""))
                .collect();
            let query = Query::new().with("symbols", format!("[{}]", names.join(",")));
            let text = this
                .ask(Call::public("/api/v3/exchangeInfo", 20, query))
                .await?;
            let info = exchange_info::exchange_info(&text)
                .map_err(|error| undecoded(RequestKind::Read, &error))?;
            this.0
                .limits
                .learn(&info.rate_limits, this.0.clock.venue_now());
            let missing = symbols.iter().find(|symbol| {
                !info
                    .instruments
                    .iter()
                    .any(|instrument| instrument.symbol == **symbol)
            });
            match missing {
                None => Ok(info.instruments),
                Some(symbol) => Err(VenueError::ChangedData {
                    what: "exchange info".into(),
                    reason: format!("{symbol} was asked for and is not in the answer"),
                    fragment: String::new(),
                }),
            }
        })
    }

    fn depth(&self, symbol: Symbol, limit: u16) -> Answer<Result<DepthSnapshot, VenueError>> {
        let this = self.clone();
        started(async move {
            let limit = limit.clamp(1, DEEPEST);
            let weight = match limit {
                ..=100 => 5,
                101..=500 => 25,
                501..=1_000 => 50,
                _ => 250,
            };
            let query = Query::new().with("symbol", symbol).with("limit", limit);
            let text = this
                .ask(Call::public("/api/v3/depth", weight, query))
                .await?;
            market::decode_depth_snapshot(symbol, &text, this.0.clock.now())
                .map_err(|error| undecoded(RequestKind::Read, &error))
        })
    }

    fn klines(
        &self,
        symbol: Symbol,
        interval: KlineInterval,
        limit: u16,
    ) -> Answer<Result<Vec<Kline>, VenueError>> {
        let this = self.clone();
        started(async move {
            let query = Query::new()
                .with("symbol", symbol)
                .with("interval", interval.as_str())
                .with("limit", limit.clamp(1, 1_000));
            let text = this.ask(Call::public("/api/v3/klines", 2, query)).await?;
            let (venue_now, now) = (this.0.clock.venue_now(), this.0.clock.now());
            klines::klines(&text, symbol, interval, venue_now, now, this.0.time_unit)
                .map_err(|error| undecoded(RequestKind::Read, &error))
        })
    }

    fn server_time(&self) -> Answer<Result<Timestamp, VenueError>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Time {
            server_time: Stamp,
        }
        let this = self.clone();
        started(async move {
            let text = this
                .ask(Call::public("/api/v3/time", 1, Query::new()))
                .await?;
            const WHAT: &str = "server time";
            let time = from_json(WHAT, &text).and_then(|Time { server_time }| {
                let time = server_time.at("serverTime", this.0.time_unit);
                time.map_err(|reason| DecodeError::new(WHAT, reason, &text))
            });
            time.map_err(|error| undecoded(RequestKind::Read, &error))
        })
    }
}
