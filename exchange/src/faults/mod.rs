//! Faults on request: what can go wrong ([`kinds::TABLE`]), how it is written down ([`FaultSpec`]) and
//! which one hits what ([`Faults`]). The places that act on them ask here and nowhere else.

mod damage;
pub mod kinds;
mod plan;
mod spec;

use serde_json::{Value, json};
use tripline_engine::ids::{AccountId, Symbol};

pub use damage::damaged;
pub use kinds::{Kind, Place};
pub use plan::{Answer, Plan};
pub use spec::{Damage, FaultError, FaultSpec, Known, Transport};

/// A request, as the scope of a fault sees it.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo<'a> {
    /// The WebSocket API's name, such as `order.place`; "" when it has none.
    pub operation: &'a str,
    /// Verb and path over REST.
    pub verb: &'a str,
    pub path: &'a str,
    pub transport: Transport,
    pub symbol: Option<&'a str>,
    pub account: Option<AccountId>,
}

#[derive(Debug)]
struct Active {
    id: u64,
    spec: FaultSpec,
    seen: u32,
    hits: u32,
    /// When a standing fault is over.
    until_us: Option<i64>,
}

impl Active {
    /// Counts a match; whether it is one that the fault hits.
    fn fires(&mut self) -> bool {
        self.seen += 1;
        let due = self
            .seen
            .checked_sub(self.spec.skip + 1)
            .is_some_and(|after| after % self.spec.every == 0);
        if due {
            self.hits += 1;
        }
        due
    }

    fn used_up(&self) -> bool {
        self.spec.count != 0
            && self.hits >= self.spec.count
            && self.spec.kind.row().place != Place::Standing
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    next_id: u64,
    active: Vec<Active>,
}

impl Faults {
    /// Whether nothing is set: the usual case, asked before anything else on the fast paths.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Sets a checked fault and returns its id. What acts once is kept only if it has to wait. Like all
    /// durations of faults, those of standing ones are measured by the steady clock, which no
    /// clock-offset fault moves.
    pub fn add(&mut self, spec: FaultSpec, steady_us: i64) -> u64 {
        self.next_id += 1;
        let lasts = spec.ms.filter(|_| spec.kind.row().place == Place::Standing);
        let lasts = lasts.filter(|_| !matches!(spec.kind, Kind::StaleReads | Kind::ConnectionLife));
        let until_us = lasts.map(|ms| steady_us.saturating_add_unsigned(ms.saturating_mul(1_000)));
        if spec.kind.row().place != Place::Immediate || spec.after_ms.is_some() {
            self.active.push(Active {
                id: self.next_id,
                spec,
                seen: 0,
                hits: 0,
                until_us,
            });
        }
        self.next_id
    }

    /// Removes one fault; whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.id != id);
        self.active.len() < before
    }

    pub fn clear(&mut self) {
        self.active.clear();
    }

    /// The faults in force with how often each matched and hit.
    pub fn list(&self) -> Value {
        let row = |active: &Active| json!({"id": active.id, "fault": active.spec, "seen": active.seen, "hits": active.hits});
        self.active.iter().map(row).collect()
    }

    fn hit(&mut self, place: Place, matches: impl Fn(&FaultSpec) -> bool) -> Option<FaultSpec> {
        let mut hit = None;
        for active in &mut self.active {
            let fits = active.spec.kind.row().place == place && matches(&active.spec);
            if fits && hit.is_none() && active.fires() {
                hit = Some(active.spec.clone());
            }
        }
        if hit.is_some() {
            self.active.retain(|active| !active.used_up());
        }
        hit
    }

    /// What is to go wrong with this request.
    pub fn on_request(&mut self, request: &RequestInfo<'_>) -> Option<FaultSpec> {
        self.hit(Place::Request, |spec| {
            let operation = spec.operation.as_deref().is_none_or(|wanted| {
                wanted == request.operation
                    || wanted.split_once(' ') == Some((request.verb, request.path))
                    || wanted == request.path
            });
            operation
                && spec
                    .transport
                    .is_none_or(|wanted| wanted == request.transport)
                && spec
                    .symbol
                    .is_none_or(|wanted| request.symbol == Some(wanted.as_str()))
                && spec
                    .account
                    .is_none_or(|wanted| request.account == Some(wanted))
        })
    }

    /// What is to go wrong with this user-data event; `kinds` are its `e` and its `x`.
    pub fn on_event(
        &mut self,
        kinds: [&str; 2],
        symbol: Option<Symbol>,
        account: AccountId,
    ) -> Option<FaultSpec> {
        self.hit(Place::Event, |spec| {
            spec.event
                .as_deref()
                .is_none_or(|wanted| kinds.contains(&wanted))
                && spec.symbol.is_none_or(|wanted| symbol == Some(wanted))
                && spec.account.is_none_or(|wanted| wanted == account)
        })
    }

    /// What is to go wrong with this stream message.
    pub fn on_stream(&mut self, stream: &str, symbol: Option<Symbol>) -> Option<FaultSpec> {
        self.hit(Place::Stream, |spec| concerns(spec, stream, symbol))
    }

    /// Whether a stream says nothing at present.
    pub fn is_silent(&self, stream: &str, symbol: Option<Symbol>, steady_us: i64) -> bool {
        self.standing(Kind::Silence, steady_us)
            .any(|spec| concerns(spec, stream, symbol))
    }

    /// The standing faults of a kind that are in force at this moment.
    pub fn standing(&self, kind: Kind, steady_us: i64) -> impl Iterator<Item = &FaultSpec> {
        let in_force = move |active: &&Active| {
            active.spec.kind == kind && active.until_us.is_none_or(|until| steady_us < until)
        };
        self.active
            .iter()
            .filter(in_force)
            .map(|active| &active.spec)
    }

    /// How long after its placement an order is not found, in microseconds; 0 without the fault.
    pub fn stale_us(&self, symbol: Symbol, account: AccountId, steady_us: i64) -> i64 {
        let concerned = self.standing(Kind::StaleReads, steady_us).filter(|spec| {
            spec.symbol.is_none_or(|wanted| wanted == symbol)
                && spec.account.is_none_or(|wanted| wanted == account)
        });
        let longest = concerned
            .map(|spec| spec.ms.unwrap_or(2_000))
            .max()
            .unwrap_or(0);
        i64::try_from(longest.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }
}

fn concerns(spec: &FaultSpec, stream: &str, symbol: Option<Symbol>) -> bool {
    spec.stream
        .as_deref()
        .is_none_or(|wanted| stream.contains(wanted))
        && spec.symbol.is_none_or(|wanted| symbol == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(operation: &'a str, symbol: &'a str) -> RequestInfo<'a> {
        RequestInfo {
            operation,
            verb: "POST",
            path: "/api/v3/order",
            transport: Transport::Rest,
            symbol: Some(symbol),
            account: None,
        }
    }

    #[test]
    fn count_skip_and_every_say_which_matches_are_hit() {
        let mut faults = Faults::default();
        let spec = FaultSpec {
            count: 2,
            skip: 1,
            every: 2,
            ..FaultSpec::new(Kind::Overloaded)
        };
        faults.add(spec, 0);
        let hits: Vec<_> = (0..7)
            .map(|_| {
                faults
                    .on_request(&request("order.place", "BTCUSDT"))
                    .is_some()
            })
            .collect();
        assert_eq!(hits, [false, true, false, true, false, false, false]);
        assert!(faults.is_empty(), "a fault that is used up is gone");
    }

    #[test]
    fn a_fault_hits_only_what_its_scope_names() {
        let mut faults = Faults::default();
        let spec = FaultSpec {
            operation: Some("POST /api/v3/order".into()),
            symbol: Some(Symbol::new("BTCUSDT").unwrap()),
            ..FaultSpec::new(Kind::CutAfter)
        };
        faults.add(spec, 0);
        assert!(
            faults
                .on_request(&request("order.place", "ETHUSDT"))
                .is_none()
        );
        let other = RequestInfo {
            verb: "DELETE",
            ..request("order.cancel", "BTCUSDT")
        };
        assert!(faults.on_request(&other).is_none());
        assert!(
            faults
                .on_request(&request("order.place", "BTCUSDT"))
                .is_some()
        );
    }

    #[test]
    fn a_fault_that_could_do_nothing_is_refused_with_what_would_be_right() {
        let (symbols, accounts) = (
            [Symbol::new("BTCUSDT").unwrap()],
            [AccountId::new("main").unwrap()],
        );
        let known = Known {
            symbols: &symbols,
            accounts: &accounts,
        };
        let cases = [
            (r#"{"kind":"cut_before","ms":1}"#, "takes no `ms`"),
            (r#"{"kind":"symbol_status"}"#, "needs `symbol`"),
            (
                r#"{"kind":"symbol_status","symbol":"BTCUSDT","symbol_status":"GONE"}"#,
                "CANCEL_ONLY",
            ),
            (r#"{"kind":"clock_offset"}"#, "needs `offset_ms`"),
            (
                r#"{"kind":"clock_offset","offset_ms":9223372036854775807}"#,
                "either way",
            ),
            (r#"{"kind":"connection_life"}"#, "needs `ms`"),
            (r#"{"kind":"drop_event","every":0}"#, "`every`"),
            (
                r#"{"kind":"overloaded","operation":"order.plcae"}"#,
                "order.place",
            ),
            (r#"{"kind":"overloaded","symbol":"ETHUSDT"}"#, "BTCUSDT"),
            (r#"{"kind":"overloaded","account":"other"}"#, "main"),
            (r#"{"kind":"overloaded","transport":"stream"}"#, "ws_api"),
            (r#"{"kind":"disconnect","transport":"rest"}"#, "stream"),
            (r#"{"kind":"drop_event","event":"TRADED"}"#, "TRADE"),
            (r#"{"kind":"server_error","status":200}"#, "400 to 599"),
        ];
        for (text, part) in cases {
            let spec: FaultSpec = serde_json::from_str(text).unwrap();
            let error = spec.check(&known).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let spec = FaultSpec::new(Kind::Disconnect);
        assert_eq!(spec.check(&known), Ok(()));
        assert!(matches!(
            spec.check_at_start(),
            Err(FaultError::TooEarly { .. })
        ));
    }

    #[test]
    fn a_standing_fault_ends_with_its_time() {
        let mut faults = Faults::default();
        let spec = FaultSpec {
            ms: Some(5),
            stream: Some("@depth".into()),
            ..FaultSpec::new(Kind::Silence)
        };
        faults.add(spec, 1_000);
        assert!(faults.is_silent("btcusdt@depth@100ms", None, 5_999));
        assert!(!faults.is_silent("btcusdt@trade", None, 5_999));
        assert!(!faults.is_silent("btcusdt@depth@100ms", None, 6_000));
    }
}
