//! The vocabulary and the rules of Tripline. Pure: no socket, file, clock, runtime or randomness.

pub mod ids;
pub mod money;
