//! The template library: filters and tests for what Asterisk prints, one file for each subject.
//!
//! Each filter reads a value and gives one; none of them asks anything. What stands for nothing
//! ([`nothing`]) is nothing to all of them, a name that is not there stays one that is not there, and
//! what a filter cannot read is an error that names the filter, the kind of the value and what it takes
//! instead, and never the value: it may be a secret. `docs/template-library.md` shows every one.

mod argument;
mod caller_id;
mod codecs;
mod duration;
mod escape;
mod list;
mod nothing;
pub mod print;
mod printed;
mod sip_uri;
mod time;
mod yaml;

pub use argument::BYTES_PER_STEP;

use minijinja::Environment;

/// Gives an environment the library's filters and tests.
pub fn add_to(environment: &mut Environment<'_>) {
    nothing::add_to(environment);
    duration::add_to(environment);
    time::add_to(environment);
    list::add_to(environment);
    codecs::add_to(environment);
    caller_id::add_to(environment);
    sip_uri::add_to(environment);
    printed::add_to(environment);
    escape::add_to(environment);
}

#[cfg(test)]
mod tests;
