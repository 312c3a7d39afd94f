//! What goes over the wire, without any state: parameters, signatures, errors, numbers as text.

pub mod error;
pub mod params;
pub mod render;
pub mod signature;

pub use error::ApiError;
pub use params::Params;
