//! Histograms, a table, and the line that scripts read.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::inject::Measured;

/// Microseconds up to a minute.
struct Spread(Histogram<u64>);

impl Spread {
    fn of(values: impl Iterator<Item = u64>) -> Self {
        let histogram = Histogram::new_with_bounds(1, 60_000_000, 3);
        let mut histogram = histogram.expect("these bounds are allowed");
        values.for_each(|value| histogram.saturating_record(value));
        Self(histogram)
    }

    fn at(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    fn columns(&self) -> String {
        if self.0.is_empty() {
            return format!("{:>26}", "-");
        }
        format!(
            "{:>8} {:>8} {:>8}",
            self.at(0.5),
            self.at(0.99),
            self.0.max()
        )
    }
}

/// Latch, last order, confirmed, alert.
fn spreads(samples: &[&Measured]) -> [Spread; 4] {
    [
        Spread::of(samples.iter().map(|one| one.latch)),
        Spread::of(samples.iter().map(|one| one.last_order)),
        Spread::of(samples.iter().map(|one| one.confirmed)),
        Spread::of(samples.iter().filter_map(|one| one.alert)),
    ]
}

fn row(name: &str, samples: &[&Measured]) {
    let columns = spreads(samples).map(|spread| spread.columns());
    println!("{name:20} {:>5}  {}", samples.len(), columns.join("   "));
}

pub fn print(measured: &[Measured]) {
    let mut kinds: BTreeMap<&str, Vec<&Measured>> = BTreeMap::new();
    for one in measured {
        kinds.entry(one.kind.as_str()).or_default().push(one);
    }
    println!(
        "µs from the fault; p50, p99 and maximum to the latch, the last order, the confirmed cancels, the alert:"
    );
    for (kind, samples) in &kinds {
        row(kind, samples);
    }
    let all: Vec<&Measured> = measured.iter().collect();
    row("all", &all);
    let without = measured.iter().filter(|one| one.alert.is_none()).count();
    println!("{without} faults are told to nobody: they say that an alert reached nobody");
    let after: u64 = measured.iter().map(|one| one.orders_after_latch).sum();
    let [latch, last, confirmed, alert] = spreads(&all).map(|spread| spread.at(0.99));
    println!(
        "halt_latency fault_to_latch_p99_us={latch} fault_to_last_order_p99_us={last} fault_to_cancel_confirmed_p99_us={confirmed} fault_to_alert_p99_us={alert} orders_after_latch={after}"
    );
}
