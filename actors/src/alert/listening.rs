//! Acknowledging by a reply: a channel on which people answer is listened to.

use std::rc::Rc;
use std::time::Duration;

use actix::{Addr, AsyncContext, Context, WrapFuture};

use super::actor::AlertActor;
use super::{Acknowledge, Channel, Heard};
use crate::panics;

/// After a failure, before it is listened again.
const PAUSE: Duration = Duration::from_secs(10);

/// What stands before the id in a message.
const COMMAND: &str = "tripline alerts ack ";

impl AlertActor {
    /// Listens to every channel on which people answer.
    pub(super) fn listen(&self, ctx: &mut Context<Self>) {
        let channels: Vec<_> = self
            .lanes
            .0
            .iter()
            .map(|lane| lane.channel.clone())
            .collect();
        for channel in channels {
            if channel.listen().is_some() {
                let listening = keep_listening(channel, ctx.address());
                ctx.spawn(listening.into_actor(self));
            }
        }
    }
}

/// A panic while it listens is none of the alert actor's, which has alerts to send.
async fn keep_listening(channel: Rc<dyn Channel>, alerts: Addr<AlertActor>) {
    while !panics::endured(listen_on(&channel, &alerts)).await {}
}

async fn listen_on(channel: &Rc<dyn Channel>, alerts: &Addr<AlertActor>) {
    while let Some(listening) = channel.listen() {
        match listening.await {
            Ok(heard) => {
                for heard in heard {
                    acknowledge(channel.name(), &heard, alerts).await;
                }
            }
            Err(error) => {
                log::warn!(channel = channel.name(); "not listened to: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn acknowledge(channel: &str, heard: &Heard, alerts: &Addr<AlertActor>) {
    let Some(id) = meant(heard) else {
        return;
    };
    let by = format!("{} ({channel})", heard.by);
    match alerts.send(Acknowledge { id, by }).await {
        Ok(Ok(_)) => {} // The channels are told.
        Ok(Err(error)) => log::warn!(channel; "{}: {error}", heard.by),
        Err(error) => log::error!(channel; "the alert actor is gone: {error}"),
    }
}

/// The id that is acknowledged: `ack 7`, `/ack 7`, or `ack` or `ok` as a reply to the alert.
fn meant(heard: &Heard) -> Option<String> {
    let mut words = heard.text.split_whitespace();
    let first = words.next()?.to_lowercase();
    let first = first.trim_start_matches('/');
    // In a group a command may name its bot.
    let first = first.split('@').next().unwrap_or_default();
    if !["ack", "ok", "确认", "收到"].contains(&first) {
        return None;
    }
    if let Some(id) = words.next() {
        return (first == "ack" || first == "确认").then(|| id.to_owned());
    }
    let told = heard.replies_to.as_deref()?;
    let (_, rest) = told.split_once(COMMAND)?;
    rest.split_whitespace().next().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str, replies_to: Option<&str>) -> Option<String> {
        meant(&Heard {
            text: text.into(),
            replies_to: replies_to.map(ToOwned::to_owned),
            by: "ann".into(),
        })
    }

    #[test]
    fn an_acknowledgement_names_its_alert_or_replies_to_it() {
        let told = Some("[CRIT] a\nAct: tripline alerts ack 7\nTime: now");
        for text in ["ack", "/ack", "/ack@tripline_bot", "OK", "收到"] {
            assert_eq!(heard(text, told).as_deref(), Some("7"), "{text}");
            assert_eq!(heard(text, None), None, "{text}");
        }
        assert_eq!(heard("ack 9", told).as_deref(), Some("9"));
        assert_eq!(heard("确认 a3", None).as_deref(), Some("a3"));
        for text in ["ok then", "back 7", "what is this?", ""] {
            assert_eq!(heard(text, told), None, "{text}");
        }
    }
}
