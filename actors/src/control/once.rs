//! A command that is sent twice is carried out once: the second one gets the answer of the first.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use actix_http::StatusCode;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use serde_json::{Value, json};

/// Commands that are remembered.
const KEPT: usize = 1024;

/// What a request is answered with.
pub(super) type Answer = (StatusCode, Value);

#[derive(Clone)]
struct Command {
    path: String,
    body: Value,
    answer: Shared<LocalBoxFuture<'static, Answer>>,
}

/// The commands of this run that bore an id.
#[derive(Default)]
pub(super) struct Commands {
    known: RefCell<HashMap<String, Command>>,
    oldest: RefCell<VecDeque<String>>,
}

impl Commands {
    /// Carries a command out, unless one with its `command_id` was carried out before. It goes on when whoever
    /// gave it has hung up.
    pub(super) async fn once(
        &self,
        path: &str,
        body: Value,
        carry_out: impl Future<Output = Answer> + 'static,
    ) -> Answer {
        let id = body.get("command_id").and_then(Value::as_str);
        let id = id.map(ToOwned::to_owned);
        if let Some(id) = &id {
            let known = self.known.borrow().get(id).cloned();
            if let Some(known) = known {
                if known.path != path || known.body != body {
                    let error = format!("command id '{id}' was given to another command");
                    return (StatusCode::CONFLICT, json!({ "error": error }));
                }
                return known.answer.await;
            }
        }
        let task = actix_rt::spawn(carry_out);
        let answer = task.map(|done| {
            let ended = json!({ "error": "the engine ended before the command" });
            done.unwrap_or((StatusCode::SERVICE_UNAVAILABLE, ended))
        });
        let answer = answer.boxed_local().shared();
        if let Some(id) = id {
            let path = path.to_owned();
            self.keep(
                id,
                Command {
                    path,
                    body,
                    answer: answer.clone(),
                },
            );
        }
        answer.await
    }

    fn keep(&self, id: String, command: Command) {
        self.known.borrow_mut().insert(id.clone(), command);
        let mut oldest = self.oldest.borrow_mut();
        oldest.push_back(id);
        if oldest.len() > KEPT
            && let Some(first) = oldest.pop_front()
        {
            self.known.borrow_mut().remove(&first);
        }
    }
}
