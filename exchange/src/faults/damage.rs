//! Spoilt messages.

use serde_json::Value;

use super::spec::Damage;

/// The message, spoilt. A field that the message does not have leaves it as it was.
pub fn damaged(text: &str, how: Damage, field: Option<&str>) -> String {
    if how == Damage::Truncated {
        let half = text.len() / 2;
        let at = (0..=half)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        return text.get(..at).unwrap_or_default().to_owned();
    }
    let Ok(mut message) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let usual: &[&str] = match how {
        Damage::UnknownStatus => &["X", "status"],
        _ => &["p", "price", "b", "L"],
    };
    let given: Vec<&str> = field.into_iter().collect();
    let names = if given.is_empty() { usual } else { &given };
    for name in names {
        if spoil(&mut message, name, how) {
            break;
        }
    }
    message.to_string()
}

/// Changes the first field of this name, outermost first; whether there was one.
fn spoil(value: &mut Value, name: &str, how: Damage) -> bool {
    match value {
        Value::Object(fields) => {
            if how == Damage::MissingField {
                if fields.remove(name).is_some() {
                    return true;
                }
            } else if let Some(found) = fields.get_mut(name).filter(|found| fits(found, how)) {
                *found = replacement(found, how);
                return true;
            }
            fields.values_mut().any(|inner| spoil(inner, name, how))
        }
        Value::Array(items) => items.iter_mut().any(|inner| spoil(inner, name, how)),
        _ => false,
    }
}

fn fits(found: &Value, how: Damage) -> bool {
    match how {
        Damage::NumberForString | Damage::UnknownStatus => found.is_string(),
        Damage::StringForNumber => found.is_number(),
        Damage::Truncated | Damage::MissingField => true,
    }
}

fn replacement(found: &Value, how: Damage) -> Value {
    match how {
        Damage::NumberForString => {
            let number = found
                .as_str()
                .and_then(|text| serde_json::from_str(text).ok());
            number.unwrap_or_else(|| Value::from(7))
        }
        Damage::StringForNumber => Value::from(found.to_string()),
        Damage::UnknownStatus => Value::from("HIBERNATING"),
        Damage::Truncated | Damage::MissingField => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"subscriptionId":0,"event":{"X":"NEW","p":"1.50","i":28}}"#;

    #[test]
    fn each_damage_changes_just_its_field() {
        let spoilt = |how, field| damaged(EVENT, how, field);
        assert!(serde_json::from_str::<Value>(&spoilt(Damage::Truncated, None)).is_err());
        assert!(spoilt(Damage::NumberForString, None).contains(r#""p":1.5"#));
        assert!(spoilt(Damage::StringForNumber, Some("i")).contains(r#""i":"28""#));
        assert!(spoilt(Damage::UnknownStatus, None).contains(r#""X":"HIBERNATING""#));
        assert!(!spoilt(Damage::MissingField, Some("X")).contains("NEW"));
    }
}
