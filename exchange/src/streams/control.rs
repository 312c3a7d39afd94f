//! SUBSCRIBE and its kin on a stream connection (Binance Spot API docs, "Live Subscribing/Unsubscribing
//! to streams"), errors word for word.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::StreamConnection;
use crate::core::Core;

const METHODS: [&str; 5] = [
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST_SUBSCRIPTIONS",
    "SET_PROPERTY",
    "GET_PROPERTY",
];

/// An error of the control protocol; its codes have nothing to do with those of the APIs.
struct ControlError {
    code: i32,
    msg: String,
}

fn error(code: i32, msg: impl Into<String>) -> ControlError {
    ControlError {
        code,
        msg: msg.into(),
    }
}

/// Answers one control message.
pub fn handle(core: &Core, connection: &Rc<StreamConnection>, text: &str) {
    let answer = match parse(text) {
        Err(found) => json!({"code": found.code, "msg": found.msg}),
        Ok((message, id)) => match act(core, connection, text, &message) {
            Ok(result) => json!({"result": result, "id": id}),
            Err(found) => json!({"code": found.code, "msg": found.msg, "id": id}),
        },
    };
    connection.socket.send_text(&answer.to_string());
}

fn parse(text: &str) -> Result<(Map<String, Value>, Value), ControlError> {
    let value: Value = serde_json::from_str(text).map_err(|found| {
        let (line, column) = (found.line(), found.column());
        error(
            3,
            format!("Invalid JSON: expected value at line {line} column {column}"),
        )
    })?;
    let Value::Object(message) = value else {
        return Err(error(3, "Invalid JSON: expected value at line 1 column 1"));
    };
    let id = message.get("id").cloned().unwrap_or(Value::Null);
    let legal = match &id {
        Value::Null => true,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::String(text) => {
            text.len() <= 36
                && text
                    .chars()
                    .all(|one| one.is_ascii_alphanumeric() || "-_".contains(one))
        }
        _ => false,
    };
    if !legal {
        return Err(error(
            2,
            "Invalid request: request ID must be an unsigned integer",
        ));
    }
    Ok((message, id))
}

fn act(
    core: &Core,
    connection: &Rc<StreamConnection>,
    text: &str,
    message: &Map<String, Value>,
) -> Result<Value, ControlError> {
    let method = message
        .get("method")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            error(
                2,
                format!(
                    "Invalid request: missing field `method` at line 1 column {}",
                    text.len()
                ),
            )
        })?;
    let params: &[Value] = match message.get("params") {
        Some(Value::Array(params)) => params,
        // Whoever wants to subscribe and says it in another way shall not believe that it worked.
        _ if method.ends_with("SUBSCRIBE") => {
            let msg = "Invalid request: params must be an array of stream names";
            return Err(error(2, msg));
        }
        _ => &[],
    };
    match method {
        "SUBSCRIBE" => {
            let names = names(params)?;
            let fresh = names
                .iter()
                .filter(|name| !connection.names().contains(name))
                .count();
            let most = core.limits.borrow().config().streams_per_connection;
            if connection.names().len() + fresh > most {
                return Err(error(
                    2,
                    format!("Invalid request: too many streams; at most {most} per connection"),
                ));
            }
            names
                .iter()
                .for_each(|name| core.streams.subscribe(connection, name));
            Ok(Value::Null)
        }
        "UNSUBSCRIBE" => {
            names(params)?
                .iter()
                .for_each(|name| core.streams.unsubscribe(connection, name));
            Ok(Value::Null)
        }
        "LIST_SUBSCRIPTIONS" => Ok(connection.names().into()),
        "SET_PROPERTY" => set_property(connection, params),
        "GET_PROPERTY" => get_property(connection, params),
        unknown => {
            let wanted: Vec<_> = METHODS.iter().map(|one| format!("`{one}`")).collect();
            let column = text.find(unknown).map_or(1, |at| at + unknown.len() + 1);
            let wanted = wanted.join(", ");
            let msg = format!(
                "Invalid request: unknown variant `{unknown}`, expected one of {wanted} at line 1 column {column}"
            );
            Err(error(2, msg))
        }
    }
}

fn names(params: &[Value]) -> Result<Vec<String>, ControlError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let names: Option<Vec<String>> = params.iter().map(text).collect();
    names.ok_or_else(|| error(2, "Invalid request: stream name must be a string"))
}

fn property(params: &[Value], most: usize) -> Result<&str, ControlError> {
    if params.len() > most {
        return Err(error(2, "Invalid request: too many parameters"));
    }
    let name = params.first().and_then(Value::as_str);
    let name = name.ok_or_else(|| error(2, "Invalid request: property name must be a string"))?;
    if name == "combined" {
        Ok(name)
    } else {
        Err(error(0, "Unknown property"))
    }
}

fn set_property(connection: &StreamConnection, params: &[Value]) -> Result<Value, ControlError> {
    property(params, 2)?;
    let value = params.get(1).and_then(Value::as_bool);
    let value = value.ok_or_else(|| error(1, "Invalid value type: expected Boolean"))?;
    connection.combined.set(value);
    Ok(Value::Null)
}

fn get_property(connection: &StreamConnection, params: &[Value]) -> Result<Value, ControlError> {
    property(params, 1)?;
    Ok(connection.combined.get().into())
}
