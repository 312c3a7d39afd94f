//! A TOML text as a tree whose nodes know their path and their place, so that a fault can name both.

use std::fmt;
use std::ops::Range;

use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::fault::ConfigFault;

/// One step down the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The way from the root to a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if at > 0 { "." } else { "" };
                    if is_bare(key) {
                        write!(f, "{dot}{key}")?
                    } else {
                        write!(f, "{dot}{key:?}")?
                    }
                }
            }
        }
        Ok(())
    }
}

/// A place in the tree: the spans are those of the text and identify a node even after others were
/// removed, when indexes have shifted.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) path: Path,
    key: Range<usize>,
    value: Range<usize>,
}

impl Node {
    fn is_same(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value
    }
}

/// A tree of TOML values.
#[derive(Debug, Clone)]
pub(super) struct Tree<'i>(pub(super) Spanned<DeTable<'i>>);

impl<'i> Tree<'i> {
    /// Every node below the root, parents first.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        nodes_of_table(self.0.get_ref(), &Path::default(), &mut nodes);
        nodes
    }

    pub(super) fn get(&self, path: &Path) -> Option<&DeValue<'i>> {
        let (first, rest) = path.0.split_first()?;
        let mut value = match first {
            Step::Key(key) => child(self.0.get_ref(), key)?,
            Step::Index(_) => return None,
        };
        for step in rest {
            value = match (step, value) {
                (Step::Key(key), DeValue::Table(table)) => child(table, key)?,
                (Step::Index(index), DeValue::Array(items)) => items.get(*index)?.get_ref(),
                _ => return None,
            };
        }
        Some(value)
    }

    /// The tree without the node.
    pub(super) fn without(&self, path: &Path) -> Self {
        let mut tree = self.clone();
        remove(tree.0.get_mut(), &path.0);
        tree
    }

    /// Reads the whole tree as a `T`.
    ///
    /// # Errors
    /// The first fault that serde meets.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        T::deserialize(self.0.clone().into_deserializer())
    }

    /// The node that an error's span means.
    pub(super) fn find(&self, span: Option<Range<usize>>) -> Option<Node> {
        let span = span?;
        let nodes = self.nodes();
        let exact = nodes
            .iter()
            .rev()
            .find(|node| node.key == span || node.value == span);
        let within = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        let around = || {
            nodes
                .iter()
                .rev()
                .find(|node| within(&node.key) || within(&node.value))
        };
        exact.or_else(around).cloned()
    }
}

fn child<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t DeValue<'i>> {
    table.get(key).map(|value| value.get_ref())
}

fn nodes_of_table(table: &DeTable<'_>, path: &Path, nodes: &mut Vec<Node>) {
    for (key, value) in table {
        let path = path.key(key.get_ref());
        nodes.push(Node {
            path: path.clone(),
            key: key.span(),
            value: value.span(),
        });
        nodes_of_value(value.get_ref(), &path, nodes);
    }
}

fn nodes_of_value(value: &DeValue<'_>, path: &Path, nodes: &mut Vec<Node>) {
    match value {
        DeValue::Table(table) => nodes_of_table(table, path, nodes),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = path.with(Step::Index(index));
                nodes.push(Node {
                    path: path.clone(),
                    key: item.span(),
                    value: item.span(),
                });
                nodes_of_value(item.get_ref(), &path, nodes);
            }
        }
        _ => {}
    }
}

fn remove(table: &mut DeTable<'_>, steps: &[Step]) {
    let Some((Step::Key(first), rest)) = steps.split_first() else {
        return;
    };
    if rest.is_empty() {
        drop(table.remove(first.as_str()));
        return;
    }
    if let Some(value) = table.get_mut(first.as_str()) {
        remove_in_value(value.get_mut(), rest);
    }
}

fn remove_in_value(value: &mut DeValue<'_>, steps: &[Step]) {
    match (value, steps) {
        (DeValue::Table(table), steps) => remove(table, steps),
        (DeValue::Array(items), [Step::Index(index)]) => {
            let mut rest = DeArray::new();
            for (_, item) in items.iter().enumerate().filter(|(at, _)| at != index) {
                rest.push(item.clone());
            }
            *items = rest;
        }
        (DeValue::Array(items), [Step::Index(index), rest @ ..]) => {
            if let Some(item) = items.get_mut(*index) {
                remove_in_value(item.get_mut(), rest);
            }
        }
        _ => {}
    }
}

/// A TOML text, parsed.
#[derive(Debug)]
pub(super) struct Document<'i> {
    text: &'i str,
    pub(super) tree: Tree<'i>,
    nodes: Vec<Node>,
}

impl<'i> Document<'i> {
    /// Parses the text; where it is no TOML, what can be read is read all the same.
    pub(super) fn parse(text: &'i str) -> (Self, Vec<ConfigFault>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let tree = Tree(table);
        let nodes = tree.nodes();
        let document = Self { text, tree, nodes };
        let faults = errors.iter().map(|error| {
            let line = error.span().map(|span| document.line_at(span.start));
            ConfigFault::new(
                "",
                format!("this is no TOML: {}", one_line(error.message())),
            )
            .at(line)
        });
        let faults = faults.collect();
        (document, faults)
    }

    fn line_at(&self, offset: usize) -> usize {
        let before = self.text.bytes().take(offset);
        before.filter(|byte| *byte == b'\n').count() + 1
    }

    /// Where the node stood before anything was removed.
    pub(super) fn original(&self, node: &Node) -> Path {
        let found = self.nodes.iter().find(|known| known.is_same(node));
        found.map_or_else(|| node.path.clone(), |known| known.path.clone())
    }

    /// The line of a key, or of the nearest part of it that the text has.
    pub(super) fn line(&self, key: &str) -> Option<usize> {
        let mut best: Option<(usize, &Node)> = None;
        for node in &self.nodes {
            let path = node.path.to_string();
            let is_part = key
                .strip_prefix(&path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            if is_part && best.is_none_or(|(length, _)| path.len() >= length) {
                best = Some((path.len(), node));
            }
        }
        best.map(|(_, node)| self.line_at(node.key.start))
    }

    /// Whether the text has the key, usable or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.nodes.iter().any(|node| node.path.to_string() == key)
    }

    /// How many elements the array at the root has.
    pub(super) fn count(&self, key: &str) -> usize {
        match self.tree.get(&Path::default().key(key)) {
            Some(DeValue::Array(items)) => items.len(),
            _ => 0,
        }
    }

    /// The text at a key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let node = self
            .nodes
            .iter()
            .find(|node| node.path.to_string() == key)?;
        self.tree.get(&node.path)?.as_str()
    }

    /// The nodes of the text with their values, parents first.
    pub(super) fn values(&self) -> impl Iterator<Item = (&Path, &DeValue<'i>)> {
        self.nodes
            .iter()
            .filter_map(|node| Some((&node.path, self.tree.get(&node.path)?)))
    }
}

/// Without line breaks, which would tear a list of faults apart.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
