//! How strategies take an order's failure: what passes by itself is told once and tried again, all
//! else is a fault.

use tripline_engine::fault::FaultKind;
use tripline_engine::instrument::FilterName;
use tripline_engine::messages::alert::Severity;
use tripline_engine::risk::DenialReason;
use tripline_engine::strategy::Context;

/// Whether the reason lies in the state of the engine or of its connections, and passes without a
/// change of the order.
pub(crate) fn passes(reason: &DenialReason) -> bool {
    match reason {
        DenialReason::Halted(_)
        | DenialReason::NotReady
        | DenialReason::PrivateStreamDown
        | DenialReason::StaleData
        | DenialReason::ClockOffset
        | DenialReason::InstrumentFrozen
        | DenialReason::RateLimited(_)
        | DenialReason::NotConnected(_)
        | DenialReason::NotJournaled(_)
        | DenialReason::Stopping => true,
        DenialReason::UnknownInstrument(_)
        | DenialReason::Terms(_)
        | DenialReason::Filter(_)
        | DenialReason::DuplicateId => false,
        DenialReason::Limit(denial) => denial.rule.passes(),
    }
}

/// Whether the order was too small: it can be sent when more has come together.
pub(crate) fn is_too_small(reason: &DenialReason) -> bool {
    matches!(reason, DenialReason::Filter(violation)
        if matches!(violation.filter, FilterName::Notional | FilterName::MinNotional))
}

/// Tells of troubles that pass: once until it is over.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    told: bool,
}

impl Trouble {
    pub(crate) fn tell(&mut self, ctx: &mut Context<'_>, severity: Severity, text: String) {
        if !self.told {
            self.told = true;
            ctx.alert(severity, text);
        }
    }

    pub(crate) fn over(&mut self) {
        self.told = false;
    }

    /// An order of ours was refused: a warning when that passes, else a fault.
    pub(crate) fn denied(&mut self, ctx: &mut Context<'_>, what: &str, reason: &DenialReason) {
        if passes(reason) {
            self.tell(
                ctx,
                Severity::Warning,
                format!("{what} was denied: {reason}; it is tried again"),
            );
        } else {
            ctx.fault(
                FaultKind::OrderFailed,
                format!("{what} was denied: {reason}"),
            );
        }
    }
}
