//! A person, or another program, who trades on the same account by hand.

use std::rc::Rc;

use tripline::binance_on;
use tripline_actors::clock::Clock;
use tripline_actors::venue::Venue;
use tripline_actors::venue::binance::Binance;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::messages::order::{OrderReport, PlaceOrder};
use tripline_engine::order::NewOrder;
use tripline_engine::ports::{OrderPort, OrderRef, PlaceOutcome};
use tripline_engine::time::Timestamp;

use super::orders::{approved, connected, gate};
use super::{Exchange, hurry};

/// Connected to the exchange with the account's key.
pub struct Person {
    orders: Rc<dyn OrderPort>,
    _venue: Binance,
}

impl Person {
    pub async fn at(exchange: &Exchange) -> Self {
        let (mut settings, credentials) = binance_on(exchange.addr());
        hurry(&mut settings);
        let venue = Binance::new(settings, &credentials, Clock::system()).unwrap();
        let orders = venue.orders();
        connected(&orders).await;
        Self {
            orders,
            _venue: venue,
        }
    }

    /// Places an order under a name of the person's own choice.
    pub async fn place(&self, name: &str, terms: NewOrder) -> OrderReport {
        let order = approved(PlaceOrder {
            id: ClientOrderId::new(name).unwrap(),
            strategy: "test".parse().unwrap(),
            account: "practice".parse().unwrap(),
            terms,
            created: Timestamp::EPOCH,
        });
        match self.orders.place(&order, &gate()).await {
            PlaceOutcome::Answered(Ok(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    pub async fn cancel(&self, placed: &OrderReport) {
        let order = OrderRef {
            symbol: placed.symbol,
            id: placed.id,
            venue_id: Some(placed.venue_id),
        };
        self.orders.cancel(order).await.unwrap();
    }
}
