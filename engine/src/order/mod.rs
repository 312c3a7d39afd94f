//! Orders: what a strategy asks for ([`NewOrder`]), what the engine knows of it ([`Order`]) and the
//! table by which that knowledge moves ([`state`]).

mod ledger;
pub mod state;
mod terms;

pub use ledger::{Applied, Order, OrderFault};
pub use state::{OrderState, VenueStatus};
pub use terms::{NewOrder, OrderType, SelfTradePrevention, Side, TermsError, TimeInForce};
