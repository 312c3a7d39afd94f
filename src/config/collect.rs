//! Reads a document as a serde type and reports every fault instead of the first: what does not fit is
//! noted, taken out of the tree, and the rest is read again.

use serde::de::DeserializeOwned;
use toml::de::DeValue;

use super::document::{Document, Path, Tree, one_line};
use super::fault::ConfigFault;

/// So many faults are reported at most; a file with more of them is another file.
const MOST_FAULTS: usize = 200;

/// Reads the document. `None` when nothing can be read even without what is faulty.
pub(super) fn collect<T: DeserializeOwned>(
    document: &Document<'_>,
) -> (Option<T>, Vec<ConfigFault>) {
    let mut tree = document.tree.clone();
    let (mut faults, mut removed): (Vec<ConfigFault>, Vec<Path>) = (Vec::new(), Vec::new());
    while faults.len() < MOST_FAULTS {
        let error = match tree.read::<T>() {
            Ok(read) => return (Some(read), faults),
            Err(error) => error,
        };
        let found = tree.find(error.span());
        let table = found
            .as_ref()
            .map(|node| node.path.clone())
            .unwrap_or_default();
        let original = found
            .map(|node| document.original(&node))
            .unwrap_or_default();
        let missing = quoted_after(error.message(), "missing field ");
        let below = match missing {
            Some(_) => Path::default(),
            None => refine::<T>(&tree, &table, error.message()),
        };
        let [place, original] =
            [table, original].map(|path| Path([path.0, below.0.clone()].concat()));
        let is_consequence = match missing {
            Some(field) => removed.contains(&original.key(field)),
            None => removed.iter().any(|gone| gone.0.starts_with(&original.0)),
        };
        if !is_consequence {
            faults.push(fault(document, &tree, &place, &original, error.message()));
        }
        if place.is_root() {
            break;
        }
        tree = tree.without(&place);
        removed.push(original);
    }
    (None, faults)
}

/// serde loses the places inside a tagged enum (an alert channel) and blames its whole table. The key at
/// fault is the one without which the message is another.
fn refine<T: DeserializeOwned>(tree: &Tree<'_>, table: &Path, message: &str) -> Path {
    let Some(DeValue::Table(entries)) = tree.get(table) else {
        return Path::default();
    };
    let is_at_fault = |key: &str| {
        let without = tree.without(&table.key(key));
        without
            .read::<T>()
            .err()
            .is_none_or(|error| error.message() != message)
    };
    let keys = entries.keys().map(|key| key.get_ref().as_ref());
    let mut guilty: Vec<&str> = keys.filter(|key| is_at_fault(key)).collect();
    if guilty.len() > 1 {
        guilty.retain(|key| *key != "kind");
    }
    let [key] = guilty.as_slice() else {
        return Path::default();
    };
    let below = refine::<T>(tree, &table.key(key), message);
    Path([Path::default().key(key).0, below.0].concat())
}

fn quoted_after<'m>(message: &'m str, words: &str) -> Option<&'m str> {
    message
        .strip_prefix(words)?
        .trim_start_matches('`')
        .split('`')
        .next()
}

fn fault(
    document: &Document<'_>,
    tree: &Tree<'_>,
    place: &Path,
    original: &Path,
    message: &str,
) -> ConfigFault {
    let key = original.to_string();
    let line = document.line(&key);
    let is_float = matches!(tree.get(place), Some(DeValue::Float(_)));
    let fault = ConfigFault::new(key.clone(), one_line(message)).at(line);
    if let Some(field) = quoted_after(message, "missing field ") {
        let missing = original.key(field).to_string();
        return ConfigFault::new(missing, "is missing").at(line);
    }
    if let Some(field) = quoted_after(message, "unknown field ") {
        let known = message.split("expected").nth(1).unwrap_or_default();
        let problem = ConfigFault::new(key, "there is no such key").at(line);
        return problem.advise(known_names(field, known));
    }
    if let Some(word) = quoted_after(message, "unknown variant ") {
        let known = message.split("expected").nth(1).unwrap_or_default();
        return ConfigFault::new(key, format!("'{word}' is not known"))
            .advise(known_names(word, known))
            .at(line);
    }
    if is_float {
        fault.advise("write the number in quotes, such as \"0.001\", so that it stays exact")
    } else {
        fault
    }
}

/// Which of the known names was probably meant, and all of them.
fn known_names(given: &str, known: &str) -> String {
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        return "remove it".into();
    }
    let all = format!("known are {}", names.join(", "));
    match nearest(given, &names) {
        Some(name) => format!("did you mean {name}? {all}"),
        None => all,
    }
}

/// The name that `given` is probably a misspelling of.
pub(super) fn nearest<'n>(given: &str, names: &[&'n str]) -> Option<&'n str> {
    let likeness = |name: &str| strsim::jaro_winkler(given, name);
    let best = names
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.8).then_some(best)
}
