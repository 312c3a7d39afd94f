//! One Binance Spot account as the engine's venue: REST, streams and WebSocket API put together.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::net::ActixStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection as Connected};
use awc::http::Uri;
use thiserror::Error;
use tripline_engine::ids::VenueId;
use tripline_engine::ports::{Answer, MarketPort, OrderPort, VenueError};
use tripline_engine::strategy::Subscription;

use super::canceller::Canceller;
use super::clock_sync::synchronize;
use super::limits::Limits;
use super::rest::{RestClient, RestError, Warmth};
use super::settings::{ApiCredentials, BinanceSettings, Endpoints, OrderTransport, SettingsError};
use super::sign::{SignError, Signer};
use super::ws::{ApiAccount, ApiOrders, FeedSettings, MarketFeed};
use crate::clock::Clock;
use crate::http::{HttpError, client_over, over_tcp, tls_config};
use crate::venue::{
    ClockReading, Connection, FeedSink, MarketConnection, OwnWay, PrivateSink, Venue,
};

/// Why an account cannot be used as configured.
#[derive(Debug, Error)]
pub enum BinanceError {
    #[error("{}", list(.0))]
    Settings(Vec<SettingsError>),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Http(#[from] HttpError),
}

fn list(errors: &[SettingsError]) -> String {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

enum Orders {
    WsApi(Rc<ApiOrders>),
    Rest { _warmth: Warmth },
}

/// How the connection for cancelling alone is made.
enum Own {
    OverTcp(ApiCredentials),
    /// The client for it, which lives on this arbiter.
    Here(RestClient),
}

/// A Binance Spot account. Connects when it is made.
pub struct Binance {
    settings: BinanceSettings,
    endpoints: Endpoints,
    clock: Clock,
    rest: RestClient,
    api: ApiAccount,
    orders: Orders,
    own: Own,
    seed: u64,
}

impl Binance {
    /// Over TCP.
    ///
    /// # Errors
    /// [`BinanceError`]: settings, key or certificate file that cannot be used.
    pub fn new(
        settings: BinanceSettings,
        credentials: &ApiCredentials,
        clock: Clock,
    ) -> Result<Self, BinanceError> {
        // The jitter need not be secret, only different from run to run.
        let seed = clock.now().as_nanos().unsigned_abs();
        let own = |_: &BinanceSettings| Ok(Own::OverTcp(credentials.clone()));
        Self::build(over_tcp(), seed, settings, credentials, clock, own)
    }

    /// Over connections that `connector` opens, such as in-memory pipes in a simulation; `seed` draws
    /// the jitter of reconnects.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn over<S, Io>(
        connector: S,
        seed: u64,
        settings: BinanceSettings,
        credentials: &ApiCredentials,
        clock: Clock,
    ) -> Result<Self, BinanceError>
    where
        Io: ActixStream + std::fmt::Debug + 'static,
        S: Service<ConnectInfo<Uri>, Response = Connected<Uri, Io>, Error = ConnectError>
            + Clone
            + 'static,
    {
        let (through, at) = (connector.clone(), clock.clone());
        let own = |settings: &BinanceSettings| {
            let limits = Limits::new(settings.bounds.weight_reserve_percent);
            RestClient::over(through, settings, Some(credentials), limits, at).map(Own::Here)
        };
        Self::build(connector, seed, settings, credentials, clock, own)
    }

    fn build<S, Io>(
        connector: S,
        seed: u64,
        settings: BinanceSettings,
        credentials: &ApiCredentials,
        clock: Clock,
        own: impl FnOnce(&BinanceSettings) -> Result<Own, RestError>,
    ) -> Result<Self, BinanceError>
    where
        Io: ActixStream + std::fmt::Debug + 'static,
        S: Service<ConnectInfo<Uri>, Response = Connected<Uri, Io>, Error = ConnectError>
            + Clone
            + 'static,
    {
        let endpoints = settings.endpoints().map_err(BinanceError::Settings)?;
        let limits = Limits::new(settings.bounds.weight_reserve_percent);
        let rest = RestClient::over(
            connector.clone(),
            &settings,
            Some(credentials),
            limits.clone(),
            clock.clone(),
        )?;
        let tls = tls_config(settings.extra_ca_file.as_deref())?;
        let timeouts = crate::http::Limits {
            connect: settings.bounds.connect_timeout(),
            head: settings.bounds.connect_timeout(),
            ..crate::http::Limits::default()
        };
        let api = ApiAccount {
            url: endpoints.ws_api.clone(),
            signer: Rc::new(Signer::new(settings.key_kind, &credentials.secret)?),
            api_key: credentials.api_key.clone(),
            clock: clock.clone(),
            limits,
            bounds: settings.bounds,
            time_unit: settings.time_unit,
            client: client_over(connector, Arc::clone(&tls), &timeouts),
        };
        let orders = match settings.order_transport {
            OrderTransport::WsApi => Orders::WsApi(Rc::new(api.orders(seed))),
            OrderTransport::Rest => Orders::Rest {
                _warmth: rest.keep_warm(),
            },
        };
        Ok(Self {
            endpoints,
            clock,
            rest,
            api,
            orders,
            own: own(&settings)?,
            settings,
            seed,
        })
    }

    /// The REST side, for what only it offers.
    #[must_use]
    pub fn rest(&self) -> &RestClient {
        &self.rest
    }
}

impl Venue for Binance {
    fn id(&self) -> VenueId {
        VenueId::new("binance").expect("the name keeps the rule of venue ids")
    }

    fn market(&self) -> Rc<dyn MarketPort> {
        Rc::new(self.rest.clone())
    }

    fn orders(&self) -> Rc<dyn OrderPort> {
        match &self.orders {
            Orders::WsApi(orders) => orders.clone(),
            Orders::Rest { .. } => Rc::new(self.rest.clone()),
        }
    }

    fn follow_market(
        &self,
        subscriptions: &[Subscription],
        sink: FeedSink,
    ) -> Rc<dyn MarketConnection> {
        let settings = FeedSettings {
            base: self.endpoints.streams.clone(),
            depth_speed: self.settings.depth_speed,
            time_unit: self.settings.time_unit,
            bounds: self.settings.bounds,
            limits: self.api.limits.clone(),
            clock: self.clock.clone(),
            client: self.api.client.clone(),
            seed: self.seed.wrapping_add(1),
        };
        Rc::new(MarketFeed::start(settings, subscriptions, sink))
    }

    fn follow_account(&self, sink: PrivateSink) -> Box<dyn Connection> {
        Box::new(self.api.private_stream(sink, self.seed.wrapping_add(2)))
    }

    fn own_way(&self) -> OwnWay {
        let credentials = match &self.own {
            Own::Here(rest) => return OwnWay::Here(Rc::new(Canceller::over(rest.clone()))),
            Own::OverTcp(credentials) => credentials.clone(),
        };
        let (settings, clock) = (self.settings.clone(), self.clock.clone());
        OwnWay::Apart(Box::new(move || {
            match Canceller::new(&settings, &credentials, clock) {
                Ok(canceller) => Ok(Rc::new(canceller)),
                Err(error) => Err(error.to_string()),
            }
        }))
    }

    fn measure_clock(&self) -> Answer<Result<ClockReading, VenueError>> {
        let (rest, clock) = (self.rest.clone(), self.clock.clone());
        let (unit, samples, bound): (_, u64, Duration) = (
            self.settings.time_unit,
            self.settings.bounds.clock_samples,
            self.settings.bounds.clock_bound(),
        );
        let orders = match &self.orders {
            Orders::WsApi(orders) => Some(orders.clone()),
            Orders::Rest { .. } => None,
        };
        Box::pin(async move {
            let measured = synchronize(&rest, &clock, unit, samples, bound)
                .await
                .map_err(VenueError::from);
            if let Some(orders) = orders {
                orders.set_clock_bad(matches!(measured, Err(VenueError::Clock { .. })));
            }
            let offset = measured?;
            Ok(ClockReading {
                offset_nanos: offset.nanos,
                uncertainty: offset.uncertainty,
            })
        })
    }
}
