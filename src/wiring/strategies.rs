//! Seating the strategies: hosted ones in their actor, bare ones as their team starts them.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Actor, Addr};
use tripline_actors::addresses::{GatewayAddress, StrategyAddress};
use tripline_actors::alert::AlertActor;
use tripline_actors::safety::Ward;
use tripline_actors::strategy::{StrategyActor, StrategyWiring};
use tripline_engine::halt::{Gate, Membership};
use tripline_engine::ids::{OrderIds, StrategyId, Symbol, VenueId};
use tripline_engine::instrument::Instrument;
use tripline_engine::strategy::{HostSettings, Strategy, StrategyHost, Subscription};

use super::ground::Ground;
use crate::builder::{BareWiring, Trader};

/// A strategy before its start, with what it wants.
pub(super) struct Seated {
    id: StrategyId,
    trader: Trader,
    pub(super) subscriptions: Vec<Subscription>,
}

impl Seated {
    pub(super) fn all(traders: Vec<(StrategyId, Trader)>) -> Vec<Self> {
        let traders = traders.into_iter();
        traders.map(|(id, trader)| Self::new(id, trader)).collect()
    }

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

    pub(super) fn start(
        self,
        ground: &Ground,
        alerts: &Addr<AlertActor>,
        instruments: &[Instrument],
        venue: VenueId,
        gateway: &GatewayAddress,
    ) -> Seat {
        let Self {
            id,
            trader,
            subscriptions,
        } = self;
        let symbols: BTreeSet<Symbol> = subscriptions.iter().map(Subscription::symbol).collect();
        let account = ground.settings.account;
        let own = symbols.iter().copied().collect();
        let membership = Membership {
            strategy: id,
            account,
            venue,
            instruments: own,
        };
        let gate = Gate::new(ground.board.clone(), Arc::new(membership.clone()));
        let (address, hosted) = match trader {
            Trader::Bare { start, .. } => {
                let address = start(BareWiring {
                    strategy: id,
                    account,
                    gateway: gateway.clone(),
                    ids: OrderIds::new(id, ground.run),
                    gate,
                    faults: ground.faults.clone(),
                    clock: ground.clock.clone(),
                });
                (address, None)
            }
            Trader::Hosted(strategy) => {
                let settings = HostSettings {
                    strategy: id,
                    account,
                    run: ground.run,
                    gate,
                };
                let known = instruments
                    .iter()
                    .filter(|known| symbols.contains(&known.symbol));
                let addr = start_hosted(strategy, settings, known, ground, alerts, gateway);
                (address_of(&addr), Some(addr))
            }
        };
        Seat {
            membership,
            address,
            subscriptions,
            hosted,
        }
    }
}

fn start_hosted<'a>(
    strategy: Box<dyn Strategy>,
    settings: HostSettings,
    instruments: impl Iterator<Item = &'a Instrument>,
    ground: &Ground,
    alerts: &Addr<AlertActor>,
    gateway: &GatewayAddress,
) -> Addr<StrategyActor> {
    let positions = ground.earlier.positions.of(settings.account);
    let mut host = StrategyHost::new(strategy, settings);
    host.restore_positions(positions);
    for instrument in instruments {
        host.add_instrument(instrument.clone());
    }
    let wiring = StrategyWiring {
        gateway: gateway.clone(),
        alerts: alerts.clone().recipient(),
        faults: ground.faults.clone(),
        clock: ground.clock.clone(),
        live: ground.settings.live,
    };
    StrategyActor::new(host, wiring).start()
}

/// A hosted strategy takes everything.
fn address_of(addr: &Addr<StrategyActor>) -> StrategyAddress {
    StrategyAddress::of(addr)
        .fault(addr)
        .balances(addr)
        .best(addr)
        .book(addr)
        .book_lost(addr)
        .depth(addr)
        .trade(addr)
        .agg_trade(addr)
        .kline(addr)
}

/// A strategy after its start.
pub(crate) struct Seat {
    pub(crate) membership: Membership,
    pub(crate) address: StrategyAddress,
    pub(super) subscriptions: Vec<Subscription>,
    pub(crate) hosted: Option<Addr<StrategyActor>>,
}

impl Seat {
    pub(super) fn ward(&self) -> Ward {
        Ward {
            membership: self.membership.clone(),
            halt: self.address.halt.clone(),
            resumed: self.address.resumed.clone(),
            fault: self.address.fault.clone(),
        }
    }
}
