//! The table of everything that can go wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a fault acts, and with that which scope it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On a request, over REST or the WebSocket API. Scope: operation, transport, symbol, account.
    Request,
    /// On a user-data event. Scope: event, symbol, account.
    Event,
    /// On a message of a market stream. Scope: stream, symbol.
    Stream,
    /// From now on, for `ms` milliseconds or until it is removed.
    Standing,
    /// Once: when it is set, or `after_ms` milliseconds later.
    Immediate,
}

/// One row of [`TABLE`].
#[derive(Debug, Serialize)]
pub struct Row {
    pub kind: Kind,
    pub place: Place,
    /// The parameters it takes beside the scope of its place.
    pub takes: &'static [&'static str],
    pub does: &'static str,
}

macro_rules! kinds {
    ($($variant:ident, $name:literal, $place:ident, [$($takes:literal),*], $does:literal;)+) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = $does] #[serde(rename = $name)] $variant,)+
        }

        /// Every kind, with its place, its parameters and what it does.
        pub const TABLE: &[Row] = &[
            $(Row { kind: Kind::$variant, place: Place::$place, takes: &[$($takes),*], does: $does },)+
        ];

        impl Kind {
            /// The kind's row in [`TABLE`].
            #[must_use]
            pub fn row(self) -> &'static Row {
                &TABLE[self as usize]
            }

            /// The kind's name, as it is written in JSON and TOML.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

kinds! {
    Timeout, "timeout", Request, ["ms", "live"],
        "Stalls for `ms` (10000), then answers -1007; the order lives unless `live` is false.";
    Overloaded, "overloaded", Request, [],
        "Answers 503 with -1008; nothing is done.";
    ServerError, "server_error", Request, ["status", "live"],
        "Answers `status` (500) with an empty body; the order lives only when `live` is true.";
    CutBefore, "cut_before", Request, [],
        "Cuts the connection without doing anything.";
    CutAfter, "cut_after", Request, [],
        "Carries the request out and cuts the connection without an answer.";
    DelayResponse, "delay_response", Request, ["ms"],
        "Carries the request out at once and answers after `ms` (1000).";
    DuplicateResponse, "duplicate_response", Request, [],
        "Carries the request out and answers twice over the WebSocket API; once over REST.";
    NoResponse, "no_response", Request, ["live"],
        "Carries the request out (unless `live` is false) and never answers; the connection stays open.";
    EventBeforeResponse, "event_before_response", Request, ["ms"],
        "Sends the user-data events first and the response `ms` (0) later.";
    LateExecution, "late_execution", Request, ["ms"],
        "Carries the request out only after `ms` (1000), then answers.";
    RateLimited, "rate_limited", Request, ["ms"],
        "Answers 429 with -1003 and Retry-After `ms` (1000, whole seconds); nothing is done.";
    Banned, "banned", Request, ["ms"],
        "Bans the client's address for `ms` (120000): 418 with -1003 for this and all further requests.";
    OrderLimit, "order_limit", Request, ["ms"],
        "Answers 429 with -1015 and Retry-After `ms` (1000, whole seconds); nothing is done.";
    ForbiddenHtml, "forbidden_html", Request, [],
        "Answers 403 with an HTML page, as the firewall in front of the venue does; nothing is done.";
    Rejected, "rejected", Request, ["status", "code"],
        "Answers `status` (400) with `code` (-2010) and `message`; nothing is done.";
    BadResponse, "bad_response", Request, ["how"],
        "Carries the request out and spoils the answer as `how` (truncated) and `field` say.";
    DelayEvent, "delay_event", Event, ["ms"],
        "Sends the event `ms` (1000) later than the others.";
    DuplicateEvent, "duplicate_event", Event, [],
        "Sends the event twice.";
    DropEvent, "drop_event", Event, [],
        "Never sends the event.";
    BadEvent, "bad_event", Event, ["how"],
        "Spoils the event as `how` (truncated) and `field` say.";
    BadMessage, "bad_message", Stream, ["how"],
        "Spoils a stream's message as `how` (truncated) and `field` say.";
    DuplicateMessage, "duplicate_message", Stream, [],
        "Sends a stream's message twice, such as a depth update.";
    DropMessage, "drop_message", Stream, [],
        "Leaves a stream's message out: a gap in the depth updates.";
    Silence, "silence", Standing, ["stream", "symbol", "ms"],
        "The streams stay open and say nothing more.";
    StaleReads, "stale_reads", Standing, ["symbol", "account", "ms"],
        "Orders are not found by queries until `ms` (2000) after they were placed (-2013).";
    ClockOffset, "clock_offset", Standing, ["offset_ms"],
        "The exchange's clock is `offset_ms` ahead.";
    ConnectionLife, "connection_life", Standing, ["ms", "transport"],
        "WebSocket connections end `ms` (86400000) after they began: the 24 hours of the venue, scaled.";
    RefuseConnections, "refuse_connections", Standing, ["ms", "status", "transport"],
        "New WebSocket connections are refused with `status` (503).";
    UserDataDown, "user_data_down", Standing, ["ms"],
        "All WebSocket API connections are cut and new ones refused with 503.";
    ServerShutdown, "server_shutdown", Immediate, ["ms", "transport"],
        "Sends serverShutdown to all connections and, if `ms` is given, closes them so much later.";
    Disconnect, "disconnect", Immediate, ["transport"],
        "Cuts all WebSocket connections without a close frame.";
    EndEventStream, "end_event_stream", Immediate, ["account"],
        "Ends the user-data subscriptions with eventStreamTerminated.";
    MonthlyReset, "monthly_reset", Immediate, [],
        "All orders, trades and ids vanish without an event and balances start anew, as on the test network.";
    SymbolStatus, "symbol_status", Immediate, ["symbol", "symbol_status"],
        "Sets the status of `symbol`.";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_kinds_and_names_are_what_serde_reads() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, at);
            let read: Kind = serde_json::from_value(row.kind.name().into()).unwrap();
            assert_eq!(read.row().does, row.does);
        }
    }
}
