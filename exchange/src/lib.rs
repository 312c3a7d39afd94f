
pub mod model;
pub mod market;
