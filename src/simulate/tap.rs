//! Reads along what a client hands to its socket: the placements, at the moment of the write. What the
//! adapter says of itself is not asked.

use actix_http::ws::{OpCode, Parser};
use bytes::BytesMut;
use tripline_engine::ids::ClientOrderId;

/// The longest frame that is read.
const LONGEST: usize = 1 << 20;

/// The writes of one connection, put together.
#[derive(Debug, Default)]
pub(super) struct Tap {
    written: BytesMut,
    /// HTTP was left behind.
    is_websocket: bool,
}

impl Tap {
    /// The orders whose placement is complete with these bytes.
    pub(super) fn wrote(&mut self, bytes: &[u8]) -> Vec<ClientOrderId> {
        self.written.extend_from_slice(bytes);
        let mut placed = Vec::new();
        while let Some(text) = self.next() {
            placed.extend(placement(&text));
        }
        placed
    }

    /// The next whole request, as text.
    fn next(&mut self) -> Option<String> {
        if self.is_websocket {
            return match Parser::parse(&mut self.written, true, LONGEST) {
                Ok(Some((_, OpCode::Text, Some(text)))) => {
                    Some(String::from_utf8_lossy(&text).into_owned())
                }
                Ok(Some(_)) => Some(String::new()),
                Ok(None) | Err(_) => None,
            };
        }
        // The engine's requests have no body.
        let end = self
            .written
            .windows(4)
            .position(|window| window == b"\r\n\r\n")?;
        let head = self.written.split_to(end + 4);
        let head = String::from_utf8_lossy(&head).into_owned();
        self.is_websocket = head.to_ascii_lowercase().contains("upgrade: websocket");
        Some(head)
    }
}

/// The client order id that a request places.
fn placement(text: &str) -> Option<ClientOrderId> {
    let places = text.starts_with("POST /api/v3/order?") || text.contains(r#""order.place""#);
    let (_, rest) = text.split_once("newClientOrderId").filter(|_| places)?;
    let id = rest.trim_start_matches(['=', '"', ':']);
    let end = id.find(['&', '"', ' ']).unwrap_or(id.len());
    ClientOrderId::new(id.get(..end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> BytesMut {
        let mut frame = BytesMut::new();
        Parser::write_message(&mut frame, text, OpCode::Text, true, true);
        frame
    }

    #[test]
    fn a_placement_is_seen_with_its_last_byte_over_rest_and_over_the_websocket_api() {
        let mut rest = Tap::default();
        let request = b"POST /api/v3/order?symbol=BTCUSDT&newClientOrderId=t-a-1-1&x=1 HTTP/1.1\r\nhost: a\r\n\r\n";
        let (first, last) = request.split_at(80);
        assert_eq!(rest.wrote(first), []);
        assert_eq!(rest.wrote(last).len(), 1);
        let query = b"GET /api/v3/order?origClientOrderId=t-a-1-1 HTTP/1.1\r\n\r\n";
        assert_eq!(rest.wrote(query), []);

        let mut api = Tap::default();
        api.wrote(b"GET /ws-api/v3 HTTP/1.1\r\nupgrade: websocket\r\n\r\n");
        let place =
            frame(r#"{"id":1,"method":"order.place","params":{"newClientOrderId":"t-a-1-2"}}"#);
        let cancel =
            frame(r#"{"id":2,"method":"order.cancel","params":{"origClientOrderId":"t-a-1-2"}}"#);
        let both = [cancel.as_ref(), place.as_ref()].concat();
        let (first, last) = both.split_at(both.len() - 1);
        assert_eq!(api.wrote(first), []);
        assert_eq!(
            api.wrote(last),
            [ClientOrderId::new("t-a-1-2").expect("an id")]
        );
    }
}
