//! Adapters, one folder a venue. Wire types mirror the venue and never leave its folder.

pub mod binance;
