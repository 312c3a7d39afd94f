//! Lists that come in pages (Binance Spot, `myTrades` and `allOrders`).

use std::future::Future;

use tripline_engine::ids::VenueOrderId;
use tripline_engine::messages::order::{Execution, Fill};
use tripline_engine::ports::VenueError;

/// The most rows that a list of executions or orders has.
pub const PAGE: usize = 1_000;

/// Asks for page after page, each with the last row of the one before, until one is not full.
///
/// # Errors
/// That of the first page that fails: half a list is none.
pub async fn pages<T, F>(mut ask: impl FnMut(Option<&T>) -> F) -> Result<Vec<T>, VenueError>
where
    F: Future<Output = Result<Vec<T>, VenueError>>,
{
    let mut rows = Vec::new();
    loop {
        let page = ask(rows.last()).await?;
        let full = page.len() >= PAGE;
        rows.extend(page);
        if !full {
            return Ok(rows);
        }
    }
}

/// The fills of one order among the executions of its symbol.
pub fn of_order(trades: Vec<Execution>, order: VenueOrderId) -> Vec<Fill> {
    let trades = trades.into_iter().filter(|trade| trade.order == order);
    trades.map(|trade| trade.fill).collect()
}
