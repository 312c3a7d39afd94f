//! A session without a connection that is handed messages: for the fuzzer and for properties.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::oneshot;
use tripline_engine::messages::order::ReportSource;
use tripline_engine::order::NewOrder;
use tripline_engine::time::Timestamp;

use super::super::super::error::RequestKind;
use super::super::super::limits::Limits;
use super::super::super::settings::{Bounds, KeyKind};
use super::super::super::sign::Signer;
use super::super::super::wire::time::TimeUnit;
use super::super::super::wire::{account, order};
use super::{Account, Answered, Session, Waiting};
use crate::clock::Clock;
use crate::feed::PrivateEvent;

/// A private stream's session in which two requests wait: a query as number 1, a placement as number 2.
pub struct Offline {
    session: Rc<Session>,
    unit: TimeUnit,
    told: Rc<RefCell<Vec<PrivateEvent>>>,
}

impl Offline {
    /// # Panics
    /// Never: any text is an HMAC secret.
    #[must_use]
    pub fn new(unit: TimeUnit) -> Self {
        let secret = "secret".to_owned().into();
        let signer = Signer::new(KeyKind::Hmac, &secret).expect("any text is an HMAC secret");
        let account = Account {
            url: String::new(),
            signer: Rc::new(signer),
            api_key: "key".to_owned().into(),
            clock: Clock::starting_at(Timestamp::from_millis(1_790_000_000_000)),
            limits: Limits::new(20),
            bounds: Bounds::default(),
            time_unit: unit,
        };
        let told = Rc::new(RefCell::new(Vec::new()));
        let heard = Rc::clone(&told);
        let sink = Rc::new(move |event| heard.borrow_mut().push(event));
        Self {
            session: Session::new(account, Some(sink)),
            unit,
            told,
        }
    }

    fn wait(&self, id: u64, kind: RequestKind) -> oneshot::Receiver<Answered> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            kind,
            link: 1,
            answer,
            in_flight: None,
        };
        self.session.waiting.borrow_mut().insert(id, waiting);
        answered
    }

    /// Takes a message as the session does, and a result as each of the readers of orders does. Gives
    /// what was told: events, and whether a request was answered.
    pub fn take(&self, text: &str, terms: &NewOrder) -> (Vec<PrivateEvent>, bool) {
        let mut query = self.wait(1, RequestKind::Read);
        let mut placement = self.wait(2, RequestKind::OrderChanging);
        drop(self.session.message(text));
        let mut answered = false;
        for answer in [query.try_recv(), placement.try_recv()] {
            answered |= answer.is_ok();
            if let Ok(Ok(result)) = answer {
                let unit = self.unit;
                drop(order::placed(&result, terms, unit));
                drop(order::order(&result, ReportSource::Answer, unit));
                drop(order::orders(&result, unit));
                drop(order::amended(&result, unit));
                drop(order::canceled_all(&result, unit));
                drop(account::account(&result, unit));
                drop(account::trades(&result, unit));
            }
        }
        (self.told.take(), answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::binance::wire::spoilt;
    use proptest::prelude::*;
    use tripline_engine::order::Side;

    /// One message of each kind that a session is sent.
    const MESSAGES: [&str; 6] = [
        r#"{"id":2,"status":200,"result":{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"e1-42","transactTime":1790000000000,"price":"50000.00000000","origQty":"0.00200000","executedQty":"0.00100000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"50.00000000","status":"PARTIALLY_FILLED","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1790000000000,"fills":[{"price":"50000.00000000","qty":"0.00100000","commission":"0.00000100","commissionAsset":"BTC","tradeId":7}],"selfTradePreventionMode":"EXPIRE_MAKER"},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":12}]}"#,
        r#"{"id":1,"status":200,"result":[{"symbol":"BTCUSDT","id":12,"orderId":464,"orderListId":-1,"price":"59000.00000000","qty":"0.01000000","quoteQty":"590.00000000","commission":"0.00001000","commissionAsset":"BTC","time":1790000000000,"isBuyer":true,"isMaker":true,"isBestMatch":true}]}"#,
        r#"{"id":2,"status":429,"error":{"code":-1003,"msg":"Too much request weight used","data":{"serverTime":1000,"retryAfter":4000}},"rateLimits":[]}"#,
        r#"{"subscriptionId":0,"event":{"e":"executionReport","E":1790000000001,"s":"BTCUSDT","c":"e1-42","S":"BUY","o":"LIMIT","f":"GTC","q":"0.00200000","p":"50000.00000000","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":28,"l":"0.00100000","z":"0.00100000","L":"50000.00000000","n":"0.00000100","N":"BTC","T":1790000000000,"t":7,"I":63,"w":true,"m":false,"M":true,"O":1790000000000,"Z":"50.00000000","Y":"50.00000000","Q":"0.00000000","W":1790000000000,"V":"EXPIRE_MAKER"}}"#,
        r#"{"subscriptionId":0,"event":{"e":"outboundAccountPosition","E":1790000000001,"u":1790000000001,"B":[{"a":"BTC","f":"100.99900000","l":"0.00000000"}]}}"#,
        r#"{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}}"#,
    ];

    fn terms() -> NewOrder {
        let (quantity, price) = ("0.002".parse().unwrap(), "50000".parse().unwrap());
        NewOrder::limit("BTCUSDT".parse().unwrap(), Side::Buy, quantity, price)
    }

    #[test]
    fn each_kind_of_message_is_understood() {
        let session = Offline::new(TimeUnit::Millisecond);
        for (message, told, answered) in [
            (MESSAGES[0], 0, true),
            (MESSAGES[1], 0, true),
            (MESSAGES[2], 0, true),
            (MESSAGES[3], 1, false),
            (MESSAGES[4], 1, false),
            (MESSAGES[5], 1, false),
        ] {
            let (events, was_answered) = session.take(message, &terms());
            assert_eq!((events.len(), was_answered), (told, answered), "{message}");
            assert!(!matches!(events.first(), Some(PrivateEvent::Malformed(_))));
        }
    }

    proptest! {
        #[test]
        fn no_message_panics_whatever_became_of_it(text in spoilt(&MESSAGES)) {
            Offline::new(TimeUnit::Millisecond).take(&text, &terms());
        }
    }
}
