//! What the person sees: on a terminal a block that is drawn anew above the newest events, on a pipe
//! plain lines.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tripline_engine::halt::HaltLevel;
use tripline_engine::ids::ClientOrderId;
use tripline_engine::order::{Order, OrderState};

use super::DemoOptions;
use super::observer::Seen;
use super::positions;
use crate::running::{EngineSnapshot, ExitReport, Running};

/// Events that stay on the screen. With them the block fits the 24 lines of a small terminal: one that is
/// higher could not be drawn over the one before.
const EVENTS: usize = 7;

/// Columns of the block.
const WIDTH: usize = 110;

/// Whether the view is drawn anew in place: on a terminal, unless plain lines are asked for.
#[must_use]
pub fn is_drawn(options: &DemoOptions) -> bool {
    io::stdout().is_terminal() && !options.plain
}

pub(super) struct View {
    drawn: bool,
    /// Lines of the block that stands on the screen.
    lines: usize,
    events: VecDeque<String>,
    /// What was told of each order: its state and number of fills.
    told: BTreeMap<ClientOrderId, (OrderState, usize)>,
    notes: usize,
    halted: usize,
    exchange: SocketAddr,
}

impl View {
    pub(super) fn new(options: &DemoOptions, exchange: SocketAddr) -> Self {
        Self {
            drawn: is_drawn(options),
            lines: 0,
            events: VecDeque::new(),
            told: BTreeMap::new(),
            notes: 0,
            halted: 0,
            exchange,
        }
    }

    /// An event of the demo itself.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.event(text.to_owned())
    }

    fn event(&mut self, text: String) -> io::Result<()> {
        if !self.drawn {
            return writeln!(io::stdout().lock(), "{text}");
        }
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(text);
        Ok(())
    }

    pub(super) fn show(
        &mut self,
        seen: &Seen,
        snapshot: &EngineSnapshot,
        running: &Running,
        left: Duration,
    ) -> io::Result<()> {
        for order in &snapshot.desk.orders {
            self.order(order)?;
        }
        for note in seen.notes.iter().skip(self.notes) {
            self.event(note.clone())?;
        }
        self.notes = seen.notes.len();
        let halted = running.board().restricted();
        if halted.len() > self.halted {
            for (scope, standing) in halted.iter().skip(self.halted) {
                if let Some(first) = standing.incidents.first() {
                    let level = standing.level.to_string().to_uppercase();
                    self.event(format!("{level:<8} {scope}: {}", first.fault))?;
                }
            }
        }
        self.halted = halted.len();
        if self.drawn {
            self.draw(seen, snapshot, running, left)
        } else {
            Ok(())
        }
    }

    /// Tells what is new about an order.
    fn order(&mut self, order: &Order) -> io::Result<()> {
        let now = (order.state, order.fills().len());
        let before = self.told.insert(order.id, now);
        if before == Some(now) {
            return Ok(());
        }
        let terms = &order.terms;
        let price = terms.price.map_or_else(
            || "market".to_owned(),
            |price| price.value().normalize().to_string(),
        );
        let told_fills = before.map_or(0, |(_, fills)| fills);
        for fill in order.fills().iter().skip(told_fills) {
            let side = terms.side;
            self.event(format!(
                "FILL     {:<8} {side} {} at {} (trade {})",
                order.strategy,
                fill.quantity.value().normalize(),
                fill.price.value().normalize(),
                fill.trade_id
            ))?;
        }
        if before.is_none_or(|(state, _)| state != order.state) {
            self.event(format!(
                "{:<8} {:<8} {} {} {} at {price}",
                format!("{:?}", order.state)
                    .to_uppercase()
                    .chars()
                    .take(8)
                    .collect::<String>(),
                order.strategy,
                terms.side,
                terms.quantity.value().normalize(),
                terms.symbol
            ))?;
        }
        Ok(())
    }

    fn draw(
        &mut self,
        seen: &Seen,
        snapshot: &EngineSnapshot,
        running: &Running,
        left: Duration,
    ) -> io::Result<()> {
        let seconds = left.as_secs();
        let mut block = vec![
            format!(
                "Tripline demo   practice exchange on {}   {seconds} s left   Ctrl-C stops in order",
                self.exchange
            ),
            String::new(),
        ];
        block.extend(market(seen));
        block.push(String::new());
        block.extend(strategies(snapshot, running));
        block.push(String::new());
        let held = positions::rows(&snapshot.desk.positions, seen).map_err(io::Error::other)?;
        if held.is_empty() {
            block.push("no positions yet".into());
        }
        block.extend(held.iter().map(ToString::to_string));
        block.push(String::new());
        block.push(format!(
            "{} ticks, {} trades seen; {} incidents, {} halts; private stream {}",
            seen.ticks,
            seen.trades,
            snapshot.safety.incidents,
            snapshot.safety.halts,
            if snapshot.desk.private_stream_live {
                "live"
            } else {
                "DOWN"
            }
        ));
        block.push(String::new());
        block.extend(self.events.iter().cloned());
        self.put(&block)
    }

    /// Draws the block over the one before.
    fn put(&mut self, block: &[String]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.lines > 0 {
            write!(out, "\x1b[{}A", self.lines)?;
        }
        for line in block {
            writeln!(out, "\x1b[2K{}", cut(line))?;
        }
        write!(out, "\x1b[0J")?;
        self.lines = block.len();
        out.flush()
    }

    /// The last events, after the stop.
    pub(super) fn finish(&mut self, report: &ExitReport) -> io::Result<()> {
        self.drawn = false;
        for order in report
            .snapshot
            .iter()
            .flat_map(|snapshot| &snapshot.desk.orders)
        {
            self.order(order)?;
        }
        let confirmed = if report.stop.swept {
            "the exchange shows no order of ours"
        } else {
            "NOT CONFIRMED"
        };
        self.event(format!("stopped: {confirmed}"))
    }
}

/// A line that is not wider than the block; that something is cut off can be seen.
fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let mut shown: String = line.chars().take(WIDTH - 1).collect();
    shown.push('…');
    shown
}

fn market(seen: &Seen) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<10}{:>14}{:>14}{:>14}",
        "market", "bid", "ask", "last"
    )];
    for (symbol, best) in &seen.best {
        let last = seen.last.get(symbol).map_or_else(String::new, |trade| {
            trade.price.value().normalize().to_string()
        });
        lines.push(format!(
            "{:<10}{:>14}{:>14}{last:>14}",
            symbol.as_str(),
            best.bid.price.value().normalize(),
            best.ask.price.value().normalize()
        ));
    }
    lines
}

fn strategies(snapshot: &EngineSnapshot, running: &Running) -> Vec<String> {
    let row = |name: &str, state: &str, counts: [&str; 4]| {
        let [open, sent, filled, fills] = counts;
        format!("{name:<10}{state:<12}{open:>6}{sent:>8}{filled:>8}{fills:>8}")
    };
    let mut lines = vec![row(
        "strategy",
        "state",
        ["open", "sent", "filled", "fills"],
    )];
    for seat in &running.seats {
        let strategy = seat.membership.strategy;
        let own = || {
            snapshot
                .desk
                .orders
                .iter()
                .filter(move |order| order.strategy == strategy)
        };
        let counts = [
            own().filter(|order| order.state.may_be_open()).count(),
            own().count(),
            own()
                .filter(|order| order.state == OrderState::Filled)
                .count(),
            own().map(|order| order.fills().len()).sum(),
        ];
        let counts = counts.map(|count| count.to_string());
        let level: HaltLevel = running.board().level(&seat.membership);
        lines.push(row(
            strategy.as_str(),
            &level.to_string(),
            counts.each_ref().map(String::as_str),
        ));
    }
    lines
}
