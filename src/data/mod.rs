//! What `data get` tells, made of what AMI actions and commands answer.
//!
//! Asterisk 13 and 14 have a data API, of which `data get PATH SEARCH FILTER` is the CLI's door; later ones
//! have not. A [`Provider`] is a path of it with the questions that are answered everywhere, and how their
//! answers become the records that `data get` would have printed: the same names, the same kinds of values.
//! What no answer tells is absent, never made up. [`Search`] and [`Filter`] do what the server did with its
//! other arguments, by its operators and without its faults.
//!
//! All of it is a pure function of answers: nothing here knows where these come from.

mod channels;
mod codec;
mod filter;
mod hints;
mod iax2;
mod print;
mod provider;
mod queues;
mod search;
mod sip;
mod told;

pub use filter::Filter;
pub use print::print;
pub use provider::{Ask, Detail, Field, List, PROVIDERS, Provider, Wanted};
pub use search::Search;
pub use told::Told;

/// What the children of a container are called, where the container is a list of them.
fn child_of(container: &str) -> Option<&'static str> {
    Some(match container {
        "codecs" | "capabilities" => "codec",
        "mailboxes" => "mailbox",
        "members" => "member",
        "callers" => "caller",
        _ => return None,
    })
}

#[cfg(test)]
#[path = "recorded_tests.rs"]
mod tests;
