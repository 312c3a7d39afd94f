//! The actors and the edges of Tripline: thin shells over engine types, and what talks to the outside.

pub mod clock;
pub mod venue;
pub mod delivery;
pub mod faults;
pub mod panics;
pub mod http;
