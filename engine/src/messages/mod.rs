//! The messages, one file a family. Commands are imperative, events past tense; nothing changes after
//! sending. With the feature `actix` each is an `actix::Message`.

pub mod account;
pub mod alert;
pub mod control;
pub mod market;
pub mod order;
pub mod view;

/// Declares messages: plain data that can be cloned, printed, serialized and, with the feature
/// `actix`, sent between actors.
macro_rules! message {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "actix", derive(actix::Message), rtype(result = "()"))]
        $(#[$meta])*
        pub struct $name { $($body)* }
    };
}
pub(crate) use message;
