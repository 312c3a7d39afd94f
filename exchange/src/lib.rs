
pub mod model;
