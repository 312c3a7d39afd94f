//! Every actor, started on one page, numbered, downstream first.

mod alerts;
mod ground;
mod halting;
mod safety;
mod standstill;
mod strategies;
mod venue;

use std::rc::Rc;

use actix::{Actor, Addr, AsyncContext};
use tripline_actors::addresses::GatewayAddress;
use tripline_actors::alert::AlertActor;
use tripline_actors::gateway::{GatewaySettings, OrderGateway};
use tripline_actors::venue::Venue;
use tripline_engine::instrument::Instrument;

use crate::builder::{Builder, StartError};
use crate::running::Running;

pub(crate) use ground::Cold;
use ground::Ground;
pub(crate) use strategies::Seat;
use strategies::Seated;

/// Starts everything. The caller's arbiter becomes the trading arbiter; safety and alerts live where the
/// builder's placement says.
pub(crate) async fn start(mut builder: Builder) -> Result<Running, StartError> {
    builder.check()?;

    // 1. The clock, the latch and the way of a fault: nothing else can be started without them.
    let (ground, incidents) = Ground::lay(&mut builder)?;
    let mut watches = vec![ground.watch_panics()];
    watches.extend(ground.tick());

    // 2. Alerts, on the cold arbiter, first those that an earlier run still owes; the door for commands.
    let alerts = ground.start_alerts(&mut builder).await?;
    let door = ground.open_door(builder.control, &alerts).await?;

    // 3. The venue: its clock, its instruments, and whether it takes the key.
    let traders = Seated::all(builder.traders);
    let (venue, instruments) = venue::open(builder.venue, &ground.clock, &traders).await?;

    // 4. The order gateway, and 5. the strategies, which need each other's addresses.
    let (gateway, seats) = trading(&ground, traders, &alerts, &instruments, venue.as_ref());
    ground.start_ping(&builder.alerting, &gateway)?;

    // 6. Safety, on the cold arbiter, with a connection of its own: from here on incidents are received.
    let around = (venue.as_ref(), &gateway, &alerts);
    let safety = ground.start_safety(incidents, around, &seats).await?;

    // 7. The private stream. 8. Market data, last: with it the strategies begin.
    let (user, private) = venue::follow_account(&ground, venue.as_ref(), &gateway);
    let (market, feed) = venue::follow_market(&ground, venue.as_ref(), &gateway, &seats);

    // 9. The clock is measured again and again, and the arbiters are watched from outside.
    let (port, venue_id) = (venue.market(), venue.id());
    watches.push(venue::watch_clock(&ground, venue, &gateway));
    let watchdog = ground.watch_arbiters(&gateway, builder.on_stuck)?;
    ground.has_started(venue_id, &gateway, &market, &safety, &seats);
    let connections = ground.renews(vec![private.into(), Rc::new(feed)]);

    let earlier_halts = ground.earlier.halts.standing().collect();
    let Ground {
        settings,
        run,
        clock,
        faults,
        cold,
        journal,
        kept,
        life,
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
        life,
        watchdog,
        gateway,
        safety,
        alerts,
        door,
        user,
        market,
        port,
        seats,
        earlier_halts,
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
            on_swept: ground::tell_swept(ground.to_safety.swept.clone()),
            on_confirmed: ground::tell_confirmed(ground.to_safety.confirmed.clone()),
            journal: ground.journal.clone(),
            earlier: ground.earlier.clone(),
            earlier_orders: ground.settings.earlier_orders,
            look_back: ground.settings.look_back,
            foreign_orders: ground.settings.foreign_orders,
            limits: ground.limits(),
            unwatched_assets: ground.settings.unwatched_assets.clone(),
            flatten: ground.settings.flatten.clone(),
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
    ground.watch_disk(&gateway);
    (gateway, seats)
}
