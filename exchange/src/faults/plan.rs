//! What a fault makes of a request: whether it is carried out, when, and what is answered.

use crate::wire::ApiError;

use super::kinds::Kind;
use super::spec::{Damage, FaultSpec};

/// How a request is treated.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Milliseconds to wait before it is carried out.
    pub before_ms: u64,
    pub execute: bool,
    /// Milliseconds between carrying out and answering; the events do not wait.
    pub after_ms: u64,
    pub answer: Answer,
}

/// What the client gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The truth.
    Normal,
    /// The truth, after the events.
    EventsFirst,
    /// The truth, spoilt.
    Damaged {
        how: Damage,
        field: Option<String>,
    },
    Error(ApiError),
    /// A body that no client expects, with its status.
    Raw {
        status: u16,
        html: bool,
    },
    /// Nothing, on a connection that stays open.
    Never,
    /// The end of the connection.
    Cut,
    /// Twice, over a WebSocket; over HTTP an answer comes once.
    Twice,
    /// 418 for this and every further request of the address.
    Ban {
        ms: u64,
    },
}

const FIREWALL_PAGE: &str = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 \
    Forbidden</h1></center>\r\n</body>\r\n</html>\r\n";

impl Answer {
    /// The body of a [`Answer::Raw`].
    pub const fn raw_body(html: bool) -> &'static str {
        if html { FIREWALL_PAGE } else { "" }
    }
}

impl Plan {
    /// Nothing goes wrong.
    pub const fn normal() -> Self {
        Self {
            before_ms: 0,
            execute: true,
            after_ms: 0,
            answer: Answer::Normal,
        }
    }

    /// What the fault asks for; `now_us` dates the end of a rate limit.
    pub fn of(fault: &FaultSpec, now_us: i64) -> Self {
        if let Some(answer) = refusal(fault, now_us) {
            return Self {
                before_ms: 0,
                execute: false,
                after_ms: 0,
                answer,
            };
        }
        let ms = |default: u64| fault.ms.unwrap_or(default);
        let live = |default: bool| fault.live.unwrap_or(default);
        let done = |after_ms: u64, answer: Answer| Self {
            after_ms,
            answer,
            ..Self::normal()
        };
        match fault.kind {
            Kind::Timeout => {
                let execute = live(true);
                Self {
                    execute,
                    ..done(ms(10_000), Answer::Error(ApiError::timeout()))
                }
            }
            Kind::ServerError => {
                let answer = Answer::Raw {
                    status: fault.status.unwrap_or(500),
                    html: false,
                };
                Self {
                    execute: live(false),
                    ..done(0, answer)
                }
            }
            Kind::CutAfter => done(0, Answer::Cut),
            Kind::DelayResponse => done(ms(1_000), Answer::Normal),
            Kind::DuplicateResponse => done(0, Answer::Twice),
            Kind::NoResponse => Self {
                execute: live(true),
                ..done(0, Answer::Never)
            },
            Kind::EventBeforeResponse => done(ms(0), Answer::EventsFirst),
            Kind::LateExecution => Self {
                before_ms: ms(1_000),
                ..Self::normal()
            },
            Kind::BadResponse => {
                let how = fault.how.unwrap_or(Damage::Truncated);
                done(
                    0,
                    Answer::Damaged {
                        how,
                        field: fault.field.clone(),
                    },
                )
            }
            _ => Self::normal(),
        }
    }
}

/// The answer of a fault that keeps the request from being carried out.
fn refusal(fault: &FaultSpec, now_us: i64) -> Option<Answer> {
    let later_us = || {
        let ms = fault.ms.unwrap_or(1_000);
        now_us.saturating_add_unsigned(ms.saturating_mul(1_000))
    };
    let answer = match fault.kind {
        Kind::Overloaded => Answer::Error(ApiError::overloaded()),
        Kind::CutBefore => Answer::Cut,
        Kind::Banned => Answer::Ban {
            ms: fault.ms.unwrap_or(120_000),
        },
        Kind::ForbiddenHtml => Answer::Raw {
            status: 403,
            html: true,
        },
        Kind::RateLimited => {
            let msg = "Too many requests; please use the websocket for live updates.".to_owned();
            Answer::Error(ApiError::too_many_requests(429, msg, later_us()))
        }
        Kind::OrderLimit => {
            let msg = "Too many new orders; current limit is 100 orders per 10 SECOND.";
            let mut error = ApiError::new(-1015, msg).with_status(429);
            error.retry_at_us = Some(later_us());
            Answer::Error(error)
        }
        Kind::Rejected => {
            let message = fault
                .message
                .clone()
                .unwrap_or_else(|| "New order rejected.".into());
            let error = ApiError::new(fault.code.unwrap_or(-2010), message);
            Answer::Error(error.with_status(fault.status.unwrap_or(400)))
        }
        _ => return None,
    };
    Some(answer)
}
