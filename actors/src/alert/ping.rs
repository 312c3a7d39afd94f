//! The outgoing ping for an external dead-man service, which alerts when it stays away: the one alert that
//! does not depend on this machine.

use std::time::Duration;

use actix::Recipient;
use secrecy::{ExposeSecret, SecretString};

use super::Http;
use crate::gateway::ReadDesk;
use crate::http::{exchange, host_of};
use crate::panics;

/// Who does not answer within this time is stuck.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Where to, and how often.
#[derive(Debug, Clone)]
pub struct Ping {
    /// The service's address, which is a secret.
    pub url: SecretString,
    pub every: Duration,
}

/// Pings for ever, as long as the gateway answers: a stuck engine is a dead one.
pub async fn keep_pinging(ping: Ping, http: Http, gateway: Recipient<ReadDesk>) {
    while !panics::endured(ping_on(&ping, &http, &gateway)).await {}
}

async fn ping_on(ping: &Ping, http: &Http, gateway: &Recipient<ReadDesk>) {
    loop {
        match tokio::time::timeout(ANSWERED_WITHIN, gateway.send(ReadDesk)).await {
            Ok(Ok(_)) => send(ping, http).await,
            Ok(Err(_)) | Err(_) => {
                log::error!(actor = "ping"; "no ping: the gateway does not answer");
            }
        }
        tokio::time::sleep(ping.every).await;
    }
}

async fn send(ping: &Ping, http: &Http) {
    let url = ping.url.expose_secret();
    let host = host_of(url);
    match exchange(&host, http.client.get(url).send(), &http.limits).await {
        Ok(answer) if answer.status.is_success() => {
            log::debug!(actor = "ping"; "{host}: taken");
        }
        // The service tells whoever waits for the ping.
        Ok(answer) => log::warn!(actor = "ping"; "{host}: HTTP {}", answer.status),
        Err(error) => log::warn!(actor = "ping"; "{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Receiver, http};
    use super::*;
    use crate::gateway::DeskSnapshot;
    use actix::{Actor, Context, Handler, ResponseFuture};
    use std::cell::Cell;
    use std::rc::Rc;

    /// A gateway that answers, or is stuck.
    struct Gateway(Rc<Cell<bool>>);

    impl Actor for Gateway {
        type Context = Context<Self>;
    }

    impl Handler<ReadDesk> for Gateway {
        type Result = ResponseFuture<DeskSnapshot>;
        fn handle(&mut self, _: ReadDesk, _: &mut Context<Self>) -> Self::Result {
            let stuck = self.0.get();
            Box::pin(async move {
                if stuck {
                    std::future::pending::<()>().await;
                }
                DeskSnapshot::default()
            })
        }
    }

    #[actix_rt::test]
    async fn the_ping_goes_out_while_the_gateway_answers_and_stays_away_when_it_is_stuck() {
        let receiver = Receiver::start(|_, _| (200, "OK".into()));
        let stuck = Rc::new(Cell::new(false));
        let gateway = Gateway(stuck.clone()).start();
        let ping = Ping {
            url: format!("{}/ping/secret", receiver.url).into(),
            every: Duration::from_millis(20),
        };
        let pinging = actix_rt::spawn(keep_pinging(ping, http(), gateway.recipient()));
        for _ in 0..1_000 {
            if receiver.received().len() >= 3 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(receiver.received().len() >= 3);
        stuck.set(true);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = receiver.received().len();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(receiver.received().len(), before);
        pinging.abort();
    }
}
