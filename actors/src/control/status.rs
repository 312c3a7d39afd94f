//! `GET /v1/status`: how the engine stands, as JSON that scripts rely on. A field is only added; anything
//! else is a new [`VERSION`].

use serde::Serialize;
use tripline_engine::desk::{Holding, StrategyHealth};
use tripline_engine::fault::{FaultKind, IncidentId};
use tripline_engine::halt::{HaltLevel, Incident, Scope, ScopeName, Standing};
use tripline_engine::ids::{AccountId, RunId, StrategyId, Symbol, VenueId};
use tripline_engine::journal::Left;
use tripline_engine::messages::control::RestingOrders;

use super::server::Desk;
use crate::gateway::GatewayHealth;
use crate::health::{Health, Parts};
use crate::market_data::{BookHealth, SymbolHealth};

/// The version of the answer.
const VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: u32,
    /// The engine's version.
    engine: &'static str,
    run: RunId,
    account: AccountId,
    /// Absent while the engine starts.
    venue: Option<VenueId>,
    live: bool,
    /// UTC.
    at: String,
    /// The strictest level of all scopes.
    level: HaltLevel,
    /// Whether everything has started.
    started: bool,
    /// Whether the trading side answers.
    answers: bool,
    /// Everything that is not active.
    scopes: Vec<ScopeStatus>,
    strategies: Vec<StrategyStatus>,
    /// Strategies that can place orders at this moment.
    works: Vec<StrategyId>,
    orders: Option<OrdersStatus>,
    clock: ClockStatus,
    instruments: Vec<InstrumentStatus>,
    journal: Option<JournalStatus>,
    halt_file: Option<HaltFileStatus>,
}

#[derive(Debug, Serialize)]
struct ScopeStatus {
    scope: ScopeName,
    level: HaltLevel,
    /// A resume names it.
    epoch: u64,
    incidents: Vec<IncidentStatus>,
    activity: Option<Activity>,
    /// Where its positions are, or were, closed.
    flatten: Option<FlattenStatus>,
}

#[derive(Debug, Serialize)]
struct FlattenStatus {
    under_way: bool,
    /// The cancels are confirmed, and exits go out or have gone out.
    exiting: bool,
    /// Positions that are not closed, each with the reason.
    left: Vec<Left>,
}

#[derive(Debug, Serialize)]
pub(super) struct IncidentStatus {
    pub(super) id: IncidentId,
    kind: FaultKind,
    level: HaltLevel,
    resting_orders: RestingOrders,
    /// Who raised it.
    actor: String,
    detail: String,
    at: String,
}

impl From<&Incident> for IncidentStatus {
    fn from(incident: &Incident) -> Self {
        let Incident {
            id,
            fault,
            reaction,
        } = incident;
        Self {
            id: *id,
            kind: fault.kind,
            level: reaction.level,
            resting_orders: reaction.resting_orders,
            actor: fault.actor.clone(),
            detail: fault.detail.clone(),
            at: fault.at.to_string(),
        }
    }
}

/// What is being done under a halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Activity {
    Cancelling,
    Flattening,
}

#[derive(Debug, Serialize)]
struct StrategyStatus {
    id: StrategyId,
    /// `null` for a strategy of an earlier run that is not here.
    level: Option<HaltLevel>,
    ready: bool,
    instruments: Vec<Symbol>,
    /// `null` where the gateway does not answer.
    open_orders: Option<u64>,
    uncertain_orders: Option<u64>,
    positions: Option<Vec<Holding>>,
    activity: Option<Activity>,
}

#[derive(Debug, Serialize)]
struct OrdersStatus {
    /// Why no order can be handed to the venue.
    unready: Option<String>,
    private_stream_live: bool,
    /// UTC.
    reconciled_at: Option<String>,
    /// Open orders on the account that this engine has not placed.
    foreign: u64,
}

#[derive(Debug, Serialize)]
struct ClockStatus {
    /// `null` where the gateway does not answer.
    good: Option<bool>,
    /// By how much the venue's clock is ahead.
    offset_ms: i64,
}

#[derive(Debug, Serialize)]
struct InstrumentStatus {
    symbol: Symbol,
    /// Since the venue's last message about it.
    data_age_ms: u64,
    fresh: bool,
    book: BookHealth,
}

#[derive(Debug, Serialize)]
struct JournalStatus {
    good: bool,
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct HaltFileStatus {
    path: String,
    exists: bool,
}

/// Asks everybody and tells what they said.
pub(super) async fn status(desk: &Desk) -> Status {
    let parts = desk.parts.get();
    let health = match parts {
        Some(parts) => parts.health().await,
        None => Health::default(),
    };
    let restricted = desk.faults.board().restricted();
    let gateway = health.gateway.as_ref();
    let market = health.market.as_deref().unwrap_or_default();
    let levels = restricted.iter().map(|(_, standing)| standing.level);
    let strategies = strategies(desk, parts, gateway);
    Status {
        version: VERSION,
        engine: env!("CARGO_PKG_VERSION"),
        run: desk.run,
        account: desk.account,
        venue: parts.map(|parts| parts.venue),
        live: desk.live,
        at: desk.clock.now().to_string(),
        level: levels.max().unwrap_or_default(),
        started: parts.is_some(),
        answers: gateway.is_some() && health.market.is_some(),
        works: working(&strategies, gateway, market),
        strategies,
        scopes: restricted
            .iter()
            .map(|(scope, standing)| scope_status(*scope, standing, gateway))
            .collect(),
        orders: gateway.map(|gateway| OrdersStatus {
            unready: gateway.unready.clone(),
            private_stream_live: gateway.desk.private_stream_live,
            reconciled_at: gateway.desk.reconciled_at.map(|at| at.to_string()),
            foreign: gateway.desk.foreign_orders,
        }),
        clock: ClockStatus {
            good: gateway.map(|gateway| gateway.desk.clock_good),
            offset_ms: desk.clock.venue_offset() / 1_000_000,
        },
        instruments: market.iter().map(instrument_status).collect(),
        journal: gateway.map(|gateway| JournalStatus {
            good: gateway.journal_failed.is_none(),
            why: gateway.journal_failed.clone(),
        }),
        halt_file: desk.halt_file.as_ref().map(|file| HaltFileStatus {
            path: file.path().display().to_string(),
            exists: file.stands(),
        }),
    }
}

fn scope_status(scope: Scope, standing: &Standing, gateway: Option<&GatewayHealth>) -> ScopeStatus {
    ScopeStatus {
        scope: scope.into(),
        level: standing.level,
        epoch: standing.epoch,
        incidents: standing.incidents.iter().map(Into::into).collect(),
        activity: activity(gateway, |one| *one == scope),
        flatten: gateway.and_then(|gateway| flatten_status(scope, standing, gateway)),
    }
}

fn flatten_status(
    scope: Scope,
    standing: &Standing,
    gateway: &GatewayHealth,
) -> Option<FlattenStatus> {
    let desk = &gateway.desk;
    if let Some(health) = desk.flattening.get(&scope) {
        return Some(FlattenStatus {
            under_way: true,
            exiting: health.is_exiting,
            left: health.left.clone(),
        });
    }
    // One under an earlier halt is over.
    let mut stands = standing.incidents.iter();
    let ended = desk.flattened.iter().find(|ended| {
        ended.scope == scope && stands.any(|one| ended.incidents.contains(&one.id))
    })?;
    Some(FlattenStatus {
        under_way: false,
        exiting: true,
        left: ended.left.clone(),
    })
}

/// What is being done under the halts that are meant.
fn activity(
    gateway: Option<&GatewayHealth>,
    is_meant: impl Fn(&Scope) -> bool,
) -> Option<Activity> {
    let desk = &gateway?.desk;
    let flattening = desk.flattening.keys().any(&is_meant);
    let cancelling = desk.sweeping.iter().any(is_meant);
    match (flattening, cancelling) {
        (true, _) => Some(Activity::Flattening),
        (false, true) => Some(Activity::Cancelling),
        (false, false) => None,
    }
}

fn instrument_status(health: &SymbolHealth) -> InstrumentStatus {
    InstrumentStatus {
        symbol: health.symbol,
        data_age_ms: u64::try_from(health.age.as_millis()).unwrap_or(u64::MAX),
        fresh: health.fresh,
        book: health.book,
    }
}

fn strategies(
    desk: &Desk,
    parts: Option<&Parts>,
    gateway: Option<&GatewayHealth>,
) -> Vec<StrategyStatus> {
    let members = parts.map_or(&[][..], |parts| &parts.members);
    let known = gateway.map(|gateway| &gateway.desk.strategies);
    let here = members.iter().map(|member| {
        let health = known.and_then(|known| known.get(&member.strategy));
        let ready = gateway.is_some_and(|gateway| gateway.ready.contains(&member.strategy));
        StrategyStatus {
            level: Some(desk.faults.board().level(member)),
            ready,
            instruments: member.instruments.list(),
            activity: activity(gateway, |scope| member.is_in(scope)),
            ..strategy_status(member.strategy, health)
        }
    });
    let gone = known.into_iter().flatten();
    let gone = gone.filter(|(id, _)| !members.iter().any(|member| member.strategy == **id));
    let gone = gone.map(|(id, health)| strategy_status(*id, Some(health)));
    here.chain(gone).collect()
}

fn strategy_status(id: StrategyId, health: Option<&StrategyHealth>) -> StrategyStatus {
    StrategyStatus {
        id,
        level: None,
        ready: false,
        instruments: Vec::new(),
        open_orders: health.map(|health| health.open_orders),
        uncertain_orders: health.map(|health| health.uncertain_orders),
        positions: health.map(|health| health.positions.clone()),
        activity: None,
    }
}

fn working(
    strategies: &[StrategyStatus],
    gateway: Option<&GatewayHealth>,
    market: &[SymbolHealth],
) -> Vec<StrategyId> {
    let can_place = gateway.is_some_and(|gateway| {
        gateway.unready.is_none()
            && gateway.journal_failed.is_none()
            && gateway.desk.private_stream_live
            && gateway.desk.clock_good
    });
    let has_data = |one: &StrategyStatus| {
        one.instruments.iter().all(|symbol| {
            let mut known = market.iter();
            known.any(|known| known.symbol == *symbol && known.fresh)
        })
    };
    let able = strategies.iter().filter(|one| {
        can_place && one.ready && one.level == Some(HaltLevel::Active) && has_data(one)
    });
    able.map(|one| one.id).collect()
}
