//! The way to the strategies that ship with the program.

use tripline_engine::strategy::Strategy;
use tripline_strategies::registry::{self, RegistryError};

use super::StrategyConfig;
use super::document::Document;
use super::fault::ConfigFault;

/// The kinds there are.
pub(super) fn kinds() -> &'static [&'static str] {
    registry::kinds()
}

/// Makes a configured strategy.
///
/// # Errors
/// [`RegistryError`]; after [`super::parse`] there is none.
pub fn build(strategy: &StrategyConfig) -> Result<Box<dyn Strategy>, RegistryError> {
    registry::build(&strategy.kind, strategy.config.clone())
}

/// What is wrong with one strategy's kind or configuration.
pub(super) fn faults(
    document: &Document<'_>,
    key: &str,
    kind: &str,
    config: &toml::Table,
) -> Vec<ConfigFault> {
    let fault = |key: String, problem: String| {
        let line = document.line(&key);
        ConfigFault::new(key, problem).at(line)
    };
    match registry::build(kind, config.clone()) {
        Ok(_) => Vec::new(),
        Err(error @ RegistryError::UnknownKind { .. }) => {
            vec![fault(format!("{key}.kind"), error.to_string())]
        }
        Err(RegistryError::Config { faults, .. }) => {
            let path = |inner: &str| match inner {
                "" => format!("{key}.config"),
                inner => format!("{key}.config.{inner}"),
            };
            faults
                .into_iter()
                .map(|inner| fault(path(&inner.key), inner.problem))
                .collect()
        }
    }
}
