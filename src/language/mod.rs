//! The tree file: TOML read into a checked [`Model`], every mistake found in one run.
//!
//! What leaves this module is complete: names are resolved, templates compiled, paths parsed. The
//! layers above never meet a mistake that could have been found by reading the file.

mod address;
mod alive;
mod check;
mod code;
mod compiled;
mod definition;
mod diagnostic;
mod document;
mod entry;
mod extent;
mod files;
mod fleet;
mod hazard;
mod instead;
mod keys;
mod library;
mod load;
mod metered;
mod model;
mod name;
mod origin;
mod parts;
mod path;
mod query;
mod reading;
mod schema;
mod secrets;
mod server;
mod source;
mod succession;
mod tags;
mod templates;
mod value;
mod variable;
mod words;

pub use address::{Encryption, SecretSource, ServerAddress};
pub use check::STATUS_DIRECTORY;
pub use code::Code;
pub use compiled::CompiledExpression;
pub use diagnostic::{Diagnostic, Report, Severity, nearest, suggestion};
pub(crate) use document::{Reader, Section, duration, integer};
pub use fleet::{NAME as SERVER_NAME, SERVER};
pub(crate) use keys::{Key, Takes, key};
pub use library::print;
pub use load::{LoadOptions, load};
pub use model::{
    Attributes, Content, Defaults, Entry, EventLog, Format, Model, OnError, Printed, Query, QueryId,
    Question, Records, RecordsOf, Refresh, ServerId, Trigger, Variable, VariableId, Write,
};
pub use name::{escape, escape_between, fit, is_cut, is_escaped};
pub use origin::{Argument, Authorization, Origin};
pub(crate) use parts::report_syntax;
pub use path::{Pattern, Segment};
pub use reading::Way;
pub use schema::schema;
pub use secrets::is_secret;
pub use source::{Place, Span, TreeSource};
pub use succession::Succession;
pub use templates::{Expression, TemplateName, Templates, TextKind, error_text};
pub use value::{Bound, from_template, to_template};
