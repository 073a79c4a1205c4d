//! From arguments to a tree that can be read.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::color::Color;
use super::connect;
use super::{CliError, ServerSelection, TreeSelection};
use crate::ami::Client;
use crate::language::{LoadOptions, Model, load};
use crate::query::Queries;
use crate::tree::Tree;

/// Threads for what has to wait; none of it computes for long.
const RUNTIME_THREADS: usize = 2;

/// A tree file's model; its mistakes and warnings are printed.
pub fn model(path: &Path, server: &ServerSelection) -> Result<Model, CliError> {
    let options = LoadOptions { templates: server.templates.clone() };
    let loaded = load(path, &options).map_err(|error| CliError::File { path: path.to_owned(), error })?;
    let (model, report) = loaded;
    eprint!("{}", report.render(Color::Auto.on_stderr()));
    model.ok_or(CliError::Mistakes)
}

/// The runtime that everything asynchronous runs on.
pub fn runtime() -> Result<Runtime, CliError> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(RUNTIME_THREADS).enable_all().build()?)
}

/// A tree with a connection to its server, if it has one.
pub struct OpenTree {
    /// The tree.
    pub tree: Arc<Tree>,
    /// The connection; none if the tree asks no server, or a recording.
    pub client: Option<Client>,
}

/// Opens the tree that the arguments select. To be called on a runtime.
pub fn open(selection: &TreeSelection, secret: Option<&str>) -> Result<OpenTree, CliError> {
    let model = model(&selection.tree, &selection.server)?;
    let connected = connect::server(&model, &selection.server, secret)?;
    let (server, client) = match connected {
        Some(connected) => (Some(connected.server), connected.client),
        None => (None, None),
    };
    let queries = Queries::new(Arc::new(model), server);
    Ok(OpenTree { tree: Arc::new(Tree::new(queries)), client })
}
