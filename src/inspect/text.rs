//! The findings for a person.

use std::io::{self, Write};

use tripline_engine::time::Timestamp;

use super::report::{BookReport, Pair, Report, SymbolReport, TradesReport};

/// # Errors
/// What `out` reports.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} lines of {}",
        report.name,
        report.lines,
        report.files.join(", ")
    )?;
    if let (Some(first), Some(last)) = (report.first_local, report.last_local) {
        let (first, last) = (Timestamp::from_nanos(first), Timestamp::from_nanos(last));
        writeln!(out, "  received  {first} to {last}")?;
    }
    for (kind, count) in report.messages.iter() {
        writeln!(out, "  {count:>9}  {kind}")?;
    }
    writeln!(out, "  {:>9}  bad lines", report.bad_lines)?;
    for bad in &report.bad_line_reasons {
        writeln!(out, "             line {}: {}", bad.line, bad.reason)?;
    }
    if report.bad_lines > report.bad_line_reasons.len() as u64 {
        writeln!(out, "             … and more")?;
    }
    for found in &report.breaks {
        writeln!(out, "  book      line {}: {}", found.line, found.reason)?;
    }
    for cut in &report.damaged {
        writeln!(out, "  damaged   {cut}")?;
    }
    for symbol in &report.symbols {
        write_symbol(symbol, out)?;
    }
    Ok(())
}

fn write_symbol(report: &SymbolReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{}", report.symbol)?;
    write_book(report.depth_chain_gaps, &report.book, out)?;
    write_trades(&report.trades, out)?;
    if !report.klines_1m_from_trades.is_empty() {
        writeln!(out, "  klines of one minute, from trades")?;
        writeln!(
            out,
            "    {:<20}  {:>14} {:>14} {:>14} {:>14}  {:>14} {:>7}",
            "opens", "open", "high", "low", "close", "volume", "trades"
        )?;
    }
    for kline in &report.klines_1m_from_trades {
        let k = &kline.0;
        let [open, high, low, close] =
            [k.open, k.high, k.low, k.close].map(|price| price.to_string());
        writeln!(
            out,
            "    {:<20}  {open:>14} {high:>14} {low:>14} {close:>14}  {:>14} {:>7}",
            k.open_time.to_string(),
            k.volume.to_string(),
            k.trades
        )?;
    }
    Ok(())
}

fn write_book(chain_gaps: u64, book: &BookReport, out: &mut dyn Write) -> io::Result<()> {
    let counters = &book.counters;
    let resyncs = counters.syncs.saturating_sub(1);
    writeln!(out, "  book      {}", book.state)?;
    if let Some(snapshot) = &book.snapshot {
        writeln!(
            out,
            "  snapshot  line {}, update id {}, {} bids, {} asks",
            snapshot.line, snapshot.last_update_id, snapshot.bids, snapshot.asks
        )?;
    }
    writeln!(
        out,
        "  diffs     {} applied, {} stale, {} duplicate, {} overlapping; {chain_gaps} gaps, {} breaks, {resyncs} resyncs, {} crossed",
        book.applied,
        book.stale_dropped,
        counters.duplicate,
        counters.overlapping,
        counters.breaks,
        book.crossed
    )?;
    let oracle = &book.bbo_oracle;
    writeln!(
        out,
        "  touch     {} of {} comparisons with the venue's own best bid and ask equal",
        oracle.matched, oracle.checked
    )?;
    write_top(book, out)
}

fn write_top(book: &BookReport, out: &mut dyn Write) -> io::Result<()> {
    if book.final_bids_top20.is_empty() && book.final_asks_top20.is_empty() {
        return Ok(());
    }
    let [bids, asks] = book.final_levels;
    let update_id = book.final_u.unwrap_or_default();
    writeln!(
        out,
        "  top       of {bids} bids and {asks} asks at update id {update_id}"
    )?;
    let text = |side: &[Pair], n: usize| {
        let level = side.get(n).map(|pair| pair.0);
        let price = level
            .map(|level| level.price.to_string())
            .unwrap_or_default();
        let quantity = level
            .map(|level| level.quantity.to_string())
            .unwrap_or_default();
        (price, quantity)
    };
    for n in 0..book.final_bids_top20.len().max(book.final_asks_top20.len()) {
        let (bid, bid_quantity) = text(&book.final_bids_top20, n);
        let (ask, ask_quantity) = text(&book.final_asks_top20, n);
        writeln!(
            out,
            "    {bid_quantity:>16} {bid:>16}  {ask:<16} {ask_quantity:<16}"
        )?;
    }
    Ok(())
}

fn write_trades(trades: &TradesReport, out: &mut dyn Write) -> io::Result<()> {
    let (Some(first), Some(last)) = (trades.first_t, trades.last_t) else {
        return writeln!(out, "  trades    none");
    };
    writeln!(
        out,
        "  trades    {}, ids {first} to {last}, {} gaps in the ids, {} sold by takers, quantity {}, quote {}",
        trades.count, trades.id_gaps, trades.buyer_maker, trades.sum_qty, trades.sum_quote
    )?;
    if trades.late > 0 {
        writeln!(out, "            {} too late for their kline", trades.late)?;
    }
    Ok(())
}
