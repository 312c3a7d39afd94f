//! Every actor, started on one page, numbered, downstream first.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext};
use actix_rt::Arbiter;
use tripline_actors::addresses::{GatewayAddress, StrategyAddress};
use tripline_actors::alert::{self, AlertActor};
use tripline_actors::clock::Clock;
use tripline_actors::delivery::{Outlet, Sender};
use tripline_actors::faults::Faults;
use tripline_actors::gateway::{ClockJudged, GatewaySettings, OrderGateway};
use tripline_actors::market_data::{MarketData, MarketDataSettings};
use tripline_actors::panics;
use tripline_actors::safety::{Safety, SafetySettings, Swept, Ward};
use tripline_actors::strategy::{StrategyActor, StrategyWiring};
use tripline_actors::user_data::{UserData, UserDataSettings};
use tripline_actors::venue::Venue;
use tripline_engine::fault::{Fault, FaultKind};
use tripline_engine::halt::{Gate, HaltBoard, Membership, Scope};
use tripline_engine::ids::{OrderIds, RunId, StrategyId, Symbol};
use tripline_engine::instrument::Instrument;
use tripline_engine::messages::alert::Alert;
use tripline_engine::ports::VenueError;
use tripline_engine::strategy::{HostSettings, StrategyHost, Subscription};

use crate::builder::{BareWiring, Builder, StartError, Trader};
use crate::running::Running;
use crate::settings::EngineSettings;

/// Starts everything. The caller's arbiter becomes the trading arbiter; safety and alerts get one of
/// their own, so that nothing slow stands between a tick and its order.
pub(crate) async fn start(mut builder: Builder) -> Result<Running, StartError> {
    builder.check()?;
    let last_resort = builder.take_last_resort();
    let Builder {
        settings,
        venue,
        channels,
        traders,
        ..
    } = builder;

    // 1. The clock, the latch and the way of a fault: nothing else can be started without them.
    panics::install_hook();
    let clock = Clock::system();
    let board = HaltBoard::new();
    let (faults, incidents) = Faults::channel(board.clone(), settings.policy.clone(), last_resort);
    let run = RunId::from_millis(u64::try_from(clock.now().as_millis()).unwrap_or_default());
    let cold = Arbiter::new();

    // 2. Alerts, on the cold arbiter.
    let channels = if channels.is_empty() {
        vec![alert::ChannelConfig::Log(Default::default())]
    } else {
        channels
    };
    let alerts = start_alerts(&cold, channels, &faults, &clock).await?;

    // 3. The venue: its clock, then its instruments.
    let make = venue.ok_or_else(|| StartError::Venue("no venue was given".into()))?;
    let venue = make(&clock)?;
    asked("measuring the venue's clock", venue.measure_clock().await)?;
    let traders: Vec<Seated> = traders
        .into_iter()
        .map(|(id, trader)| Seated::new(id, trader))
        .collect();
    let instruments = instruments(venue.as_ref(), &traders).await?;

    // 4. The order gateway, and 5. the strategies, which need each other's addresses.
    let swept: Rc<OnceCell<Outlet<Swept>>> = Rc::default();
    let common = Common {
        settings: &settings,
        run,
        clock: &clock,
        faults: &faults,
        board: &board,
        alerts: &alerts,
    };
    let mut seats = Vec::new();
    let gateway = OrderGateway::create(|ctx| {
        let address = GatewayAddress::of(&ctx.address());
        let mut gateway = OrderGateway::new(gateway_settings(
            &common,
            &instruments,
            venue.as_ref(),
            swept.clone(),
        ));
        for trader in traders {
            let seat = start_strategy(trader, &common, &instruments, venue.as_ref(), &address);
            gateway.seat(&seat.membership, &seat.address);
            seats.push(seat);
        }
        gateway
    });

    // 6. Safety, on the cold arbiter: from here on incidents are received.
    let safety_settings = SafetySettings {
        faults: faults.clone(),
        incidents,
        clock: clock.clone(),
        gateway: gateway.clone().recipient(),
        alerts: alerts.clone().recipient(),
        wards: seats.iter().map(Seat::ward).collect(),
        live: settings.live,
    };
    let safety = Safety::start_in_arbiter(&cold.handle(), move |_| Safety::new(safety_settings));
    let sender = |actor, scope| Sender {
        actor,
        scope,
        faults: faults.clone(),
        clock: clock.clone(),
    };
    let account = Scope::Account(settings.account);
    let outlet = sender("gateway", account).outlet_to("safety", &safety);
    assert!(swept.set(outlet).is_ok(), "set here and nowhere else");

    // 7. The private stream.
    let user_sender = sender("user_data", account);
    let user = UserData::new(UserDataSettings {
        account: settings.account,
        port: venue.orders(),
        reports: user_sender.outlet_to("gateway", &gateway),
        balances: user_sender.outlet_to("gateway", &gateway),
        stream: user_sender.outlet_to("gateway", &gateway),
        grace: settings.private_stream_grace,
        sender: user_sender,
    })
    .start();
    let news = sender("user_data", account).outlet_to("user_data", &user);
    let private = venue.follow_account(Rc::new(move |event| news.send(event)));

    // 8. Market data, last: with it the strategies begin.
    let market_sender = sender("market_data", Scope::Venue(venue.id()));
    let mut market = MarketData::new(MarketDataSettings {
        venue: venue.id(),
        port: venue.market(),
        gateway: market_sender.outlet_to("gateway", &gateway),
        stale_after: settings.stale_after,
        fault_after: settings.fault_after,
        snapshot_levels: settings.snapshot_levels,
        sender: market_sender.clone(),
    });
    let mut wanted = BTreeSet::new();
    for seat in &seats {
        market.subscribe(
            &format!("strategy {}", seat.membership.strategy),
            &seat.subscriptions,
            &seat.address,
        );
        wanted.extend(seat.subscriptions.iter().copied());
    }
    let market = market.start();
    let news = market_sender.outlet_to("market_data", &market);
    let wanted: Vec<_> = wanted.into_iter().collect();
    let feed = venue.follow_market(&wanted, Rc::new(move |event| news.send(event)));

    // 9. The clock is measured again and again.
    let judged = sender("clock", account).outlet_to("gateway", &gateway);
    let watch = watch_clock(
        settings.clone(),
        venue,
        faults.clone(),
        clock.clone(),
        judged,
    );
    let watch = actix_rt::spawn(watch);

    Ok(Running {
        settings,
        run,
        clock,
        faults,
        cold,
        gateway,
        safety,
        alerts,
        user,
        market,
        seats,
        connections: vec![private, feed],
        clock_watch: watch,
    })
}

/// A strategy before its start, with what it wants.
struct Seated {
    id: StrategyId,
    trader: Trader,
    subscriptions: Vec<Subscription>,
}

impl Seated {
    fn new(id: StrategyId, trader: Trader) -> Self {
        let subscriptions = match &trader {
            Trader::Hosted(strategy) => strategy.subscriptions(),
            Trader::Bare { subscriptions, .. } => subscriptions.clone(),
        };
        Self {
            id,
            trader,
            subscriptions,
        }
    }
}

/// A strategy after its start.
pub(crate) struct Seat {
    pub(crate) membership: Membership,
    pub(crate) address: StrategyAddress,
    subscriptions: Vec<Subscription>,
    pub(crate) hosted: Option<Addr<StrategyActor>>,
}

impl Seat {
    fn ward(&self) -> Ward {
        Ward {
            membership: self.membership.clone(),
            halt: self.address.halt.clone(),
            resumed: self.address.resumed.clone(),
            fault: self.address.fault.clone(),
        }
    }
}

struct Common<'a> {
    settings: &'a EngineSettings,
    run: RunId,
    clock: &'a Clock,
    faults: &'a Faults,
    board: &'a HaltBoard,
    alerts: &'a Addr<AlertActor>,
}

fn start_strategy(
    trader: Seated,
    common: &Common<'_>,
    instruments: &[Instrument],
    venue: &dyn Venue,
    gateway: &GatewayAddress,
) -> Seat {
    let Seated {
        id,
        trader,
        subscriptions,
    } = trader;
    let symbols: BTreeSet<Symbol> = subscriptions.iter().map(Subscription::symbol).collect();
    let account = common.settings.account;
    let membership = Membership {
        strategy: id,
        account,
        venue: venue.id(),
        instruments: symbols.iter().copied().collect(),
    };
    let gate = Gate::new(common.board.clone(), Arc::new(membership.clone()));
    let (clock, faults) = (common.clock.clone(), common.faults.clone());
    let (address, hosted) = match trader {
        Trader::Bare { start, .. } => {
            let ids = OrderIds::new(id, common.run);
            let wiring = BareWiring {
                strategy: id,
                account,
                gateway: gateway.clone(),
                ids,
                gate,
                faults,
                clock,
            };
            (start(wiring), None)
        }
        Trader::Hosted(strategy) => {
            let mut host = StrategyHost::new(
                strategy,
                HostSettings {
                    strategy: id,
                    account,
                    run: common.run,
                    gate,
                },
            );
            for instrument in instruments
                .iter()
                .filter(|known| symbols.contains(&known.symbol))
            {
                host.add_instrument(instrument.clone());
            }
            let alerts = common.alerts.clone().recipient::<Alert>();
            let wiring = StrategyWiring {
                gateway: gateway.clone(),
                alerts,
                faults,
                clock,
                live: common.settings.live,
            };
            let addr = StrategyActor::new(host, wiring).start();
            let address = StrategyAddress::of(&addr)
                .fault(&addr)
                .balances(&addr)
                .best(&addr)
                .book(&addr)
                .book_lost(&addr)
                .depth(&addr)
                .trade(&addr)
                .kline(&addr);
            (address, Some(addr))
        }
    };
    Seat {
        membership,
        address,
        subscriptions,
        hosted,
    }
}

fn gateway_settings(
    common: &Common<'_>,
    instruments: &[Instrument],
    venue: &dyn Venue,
    swept: Rc<OnceCell<Outlet<Swept>>>,
) -> GatewaySettings {
    GatewaySettings {
        account: common.settings.account,
        run: common.run,
        ready_within: common.settings.ready_within,
        grace: common.settings.private_stream_grace,
        instruments: instruments.to_vec(),
        clock: common.clock.clone(),
        faults: common.faults.clone(),
        port: venue.orders(),
        on_swept: Rc::new(move |sweep| {
            if let Some(outlet) = swept.get() {
                outlet.send(Swept(sweep.clone()));
            }
        }),
    }
}

async fn start_alerts(
    cold: &Arbiter,
    channels: Vec<alert::ChannelConfig>,
    faults: &Faults,
    clock: &Clock,
) -> Result<Addr<AlertActor>, StartError> {
    let (faults, clock) = (faults.clone(), clock.clone());
    let (answer, started) = tokio::sync::oneshot::channel();
    cold.spawn_fn(move || {
        let undelivered: alert::OnUndelivered = Rc::new({
            let clock = clock.clone();
            move |alert: &Alert, why: String| {
                faults.raise(Fault {
                    kind: FaultKind::AlertUndelivered,
                    scope: Scope::Global,
                    actor: "alert".into(),
                    detail: format!("'{}' reached nobody: {why}", alert.title),
                    at: clock.now(),
                });
            }
        });
        let actor = build_channels(&channels).map(|channels| {
            AlertActor::new(channels, clock, alert::Settings::default(), undelivered).start()
        });
        if answer.send(actor).is_err() {
            log::debug!(actor = "alert"; "nobody waits for the alert actor any more");
        }
    });
    match started.await {
        Ok(actor) => actor.map_err(StartError::Alerts),
        Err(_) => Err(StartError::Actor {
            actor: "alert",
            detail: "it panicked".into(),
        }),
    }
}

fn build_channels(configs: &[alert::ChannelConfig]) -> Result<Vec<Rc<dyn alert::Channel>>, String> {
    let http = alert::Http::new(None).map_err(|error| error.to_string())?;
    alert::build_channels(configs, &http).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        errors.join("; ")
    })
}

async fn instruments(venue: &dyn Venue, traders: &[Seated]) -> Result<Vec<Instrument>, StartError> {
    let symbols: BTreeSet<Symbol> = traders
        .iter()
        .flat_map(|trader| &trader.subscriptions)
        .map(Subscription::symbol)
        .collect();
    let symbols: Vec<_> = symbols.into_iter().collect();
    let instruments = asked(
        "reading instruments",
        venue.market().instruments(&symbols).await,
    )?;
    match symbols
        .iter()
        .find(|symbol| !instruments.iter().any(|known| known.symbol == **symbol))
    {
        Some(missing) => Err(StartError::UnknownInstrument(*missing)),
        None => Ok(instruments),
    }
}

fn asked<T>(what: &'static str, answer: Result<T, VenueError>) -> Result<T, StartError> {
    answer.map_err(|error| StartError::Asking { what, error })
}

/// Measures the clock for ever. Out of bounds, or not measurable three times in a row: nothing is placed
/// until it is good again.
async fn watch_clock(
    settings: EngineSettings,
    venue: Rc<dyn Venue>,
    faults: Faults,
    clock: Clock,
    judged: Outlet<ClockJudged>,
) {
    let (mut failures, mut good) = (0u32, true);
    loop {
        tokio::time::sleep(settings.clock_every).await;
        let problem = match venue.measure_clock().await {
            Ok(_) => {
                failures = 0;
                None
            }
            Err(error @ VenueError::Clock { .. }) => Some(error),
            Err(error) => {
                failures += 1;
                log::warn!(actor = "clock"; "the venue's clock cannot be measured: {error}");
                (failures >= 3).then_some(error)
            }
        };
        let is_good = problem.is_none();
        if is_good != good {
            good = is_good;
            judged.send(ClockJudged { good });
        }
        if let Some(error) = problem {
            let kind = FaultKind::ClockOffset;
            let scope = Scope::Account(settings.account);
            faults.raise(Fault {
                kind,
                scope,
                actor: "clock".into(),
                detail: error.to_string(),
                at: clock.now(),
            });
        }
    }
}
