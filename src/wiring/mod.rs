//! Every actor, started on one page, numbered, downstream first.

mod alerts;
mod ground;
mod halting;
mod standstill;
mod strategies;
mod venue;

use std::cell::OnceCell;
use std::rc::Rc;

use actix::{Actor, Addr, AsyncContext};
use tripline_actors::addresses::GatewayAddress;
use tripline_actors::alert::AlertActor;
use tripline_actors::faults::Incidents;
use tripline_actors::gateway::{GatewaySettings, OrderGateway};
use tripline_actors::safety::{Safety, SafetySettings};
use tripline_actors::venue::Venue;
use tripline_engine::halt::Scope;
use tripline_engine::instrument::Instrument;

use crate::builder::{Builder, StartError};
use crate::running::Running;

pub(crate) use ground::Cold;
use ground::{Ground, Swept};
pub(crate) use strategies::Seat;
use strategies::Seated;

/// Starts everything. The caller's arbiter becomes the trading arbiter; safety and alerts live where the
/// builder's placement says.
pub(crate) async fn start(mut builder: Builder) -> Result<Running, StartError> {
    builder.check()?;

    // 1. The clock, the latch and the way of a fault: nothing else can be started without them.
    let (ground, incidents) = Ground::lay(&mut builder)?;
    let panics = ground.watch_panics();

    // 2. Alerts, on the cold arbiter, first those that an earlier run still owes; the door for commands.
    let alerts = ground.start_alerts(&mut builder).await?;
    let door = ground.open_door(builder.control, &alerts).await?;

    // 3. The venue: its clock, its instruments, and whether it takes the key.
    let traders = Seated::all(builder.traders);
    let (venue, instruments) = venue::open(builder.venue, &ground.clock, &traders).await?;

    // 4. The order gateway, and 5. the strategies, which need each other's addresses.
    let swept: Swept = Rc::new(OnceCell::new());
    let (gateway, seats) = trading(
        &ground,
        traders,
        &alerts,
        &instruments,
        venue.as_ref(),
        &swept,
    );
    ground.start_ping(&builder.alerting, &gateway)?;

    // 6. Safety, on the cold arbiter: from here on incidents are received.
    let safety = safety(&ground, incidents, &gateway, &alerts, &seats, &swept);

    // 7. The private stream. 8. Market data, last: with it the strategies begin.
    let (user, private) = venue::follow_account(&ground, venue.as_ref(), &gateway);
    let (market, feed) = venue::follow_market(&ground, venue.as_ref(), &gateway, &seats);

    // 9. The clock is measured again and again.
    let (port, venue_id) = (venue.market(), venue.id());
    let watches = vec![venue::watch_clock(&ground, venue, &gateway), panics];
    ground.has_started(venue_id, &gateway, &market, &safety, &seats);
    let connections = ground.renews(vec![private.into(), Rc::new(feed)]);

    let Ground {
        settings,
        run,
        clock,
        faults,
        cold,
        journal,
        kept,
        ..
    } = ground;
    Ok(Running {
        settings,
        run,
        clock,
        faults,
        cold,
        journal,
        kept,
        gateway,
        safety,
        alerts,
        door,
        user,
        market,
        port,
        seats,
        connections,
        watches,
    })
}

/// The gateway with every strategy seated at it.
fn trading(
    ground: &Ground,
    traders: Vec<Seated>,
    alerts: &Addr<AlertActor>,
    instruments: &[Instrument],
    venue: &dyn Venue,
    swept: &Swept,
) -> (Addr<OrderGateway>, Vec<Seat>) {
    let mut seats = Vec::new();
    let gateway = OrderGateway::create(|ctx| {
        let address = GatewayAddress::of(&ctx.address());
        let mut gateway = OrderGateway::new(GatewaySettings {
            venue: venue.id(),
            account: ground.settings.account,
            run: ground.run,
            ready_within: ground.settings.ready_within,
            reconcile_every: ground.settings.reconcile_every,
            grace: ground.settings.private_stream_grace,
            stale_after: ground.settings.stale_after,
            on_standstill: ground.standstill.listener(ground),
            instruments: instruments.to_vec(),
            clock: ground.clock.clone(),
            faults: ground.faults.clone(),
            port: venue.orders(),
            market: venue.market(),
            on_swept: ground::tell_swept(swept.clone()),
            journal: ground.journal.clone(),
            earlier: ground.earlier.clone(),
            earlier_orders: ground.settings.earlier_orders,
            look_back: ground.settings.look_back,
            foreign_orders: ground.settings.foreign_orders,
            limits: ground.limits(),
            unwatched_assets: ground.settings.unwatched_assets.clone(),
            alerts: alerts.clone().recipient(),
            live: ground.settings.live,
        });
        for trader in traders {
            let seat = trader.start(ground, alerts, instruments, venue.id(), &address);
            gateway.seat(&seat.membership, &seat.address);
            seats.push(seat);
        }
        gateway
    });
    (gateway, seats)
}

fn safety(
    ground: &Ground,
    incidents: Incidents,
    gateway: &Addr<OrderGateway>,
    alerts: &Addr<AlertActor>,
    seats: &[Seat],
    swept: &Swept,
) -> Addr<Safety> {
    let settings = SafetySettings {
        faults: ground.faults.clone(),
        incidents,
        clock: ground.clock.clone(),
        gateway: gateway.clone().recipient(),
        reconcile: gateway.clone().recipient(),
        desk: gateway.clone().recipient(),
        alerts: alerts.clone().recipient(),
        wards: seats.iter().map(Seat::ward).collect(),
        journal: ground.journal.clone(),
        earlier: ground.earlier.halts.standing().collect(),
        live: ground.settings.live,
        halt_file: ground.halt_file.clone(),
    };
    let safety = ground.cold.start(move || Safety::new(settings));
    let account = Scope::Account(ground.settings.account);
    let outlet = ground
        .sender("gateway", account)
        .outlet_to("safety", &safety);
    assert!(swept.set(outlet).is_ok(), "set here and nowhere else");
    safety
}
