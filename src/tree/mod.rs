//! The tree: a model and snapshots made into directories, files and links.
//!
//! A [`Node`] is a place (an entry of the layout and the names of the records on the way there); it
//! holds no data, so it never grows old. What stands at a node is computed from snapshots when it is
//! asked for, and says what it was computed from, so that a caller who keeps it knows when it is
//! true no longer.

mod alive;
mod directory;
mod encoding;
mod error;
mod explained;
mod kept;
mod layout;
mod listing;
mod lookup;
mod node;
mod render;
mod standing;
mod status;
mod succession;
mod uses;

pub use alive::{Alive, LONGEST_INPUT, LastAnswer, WriteError};
pub use directory::{Directory, NameChange, Named};
pub use error::{Step, TreeError};
pub use explained::{Above, Given, Missing, NoRecord};
pub use kept::Keep;
pub use layout::{Kind, Layout, PlaceId};
pub use listing::{Listed, Listing};
pub use lookup::Tree;
pub use node::Node;
pub use render::Rendered;
pub use standing::{FileStands, QueryStands, ServerStands, Stands};
pub use status::{LOG_LEVEL, METRICS, Program, RELOAD, STANDING, age_text};
pub use succession::{Difference, Successor};
pub use uses::{PathUses, Use, Uses};

#[cfg(test)]
mod tests;
