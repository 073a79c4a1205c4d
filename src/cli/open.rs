//! From arguments to a tree that can be read.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::color::Color;
use super::connect::{self, Target};
use super::watch::Watch;
use super::{CliError, ServerSelection, TreeSelection, logging};
use crate::ami::Client;
use crate::language::{self, LoadOptions, Model, Report};
use crate::query::Queries;
use crate::tree::Tree;

/// Threads for what has to wait; none of it computes for long.
const RUNTIME_THREADS: usize = 2;

/// A tree file's model, and what was found in it; the files are watched from before they were read.
pub fn load(
    path: &Path,
    server: &ServerSelection,
    watch: Option<&mut Watch>,
) -> Result<(Option<Model>, Report), CliError> {
    let options = LoadOptions { templates: server.templates.clone() };
    let read =
        || language::load(path, &options).map_err(|error| CliError::File { path: path.to_owned(), error });
    match watch {
        Some(watch) => watch.read(read),
        None => read(),
    }
}

/// A tree file's model; its mistakes and warnings are printed.
pub fn model(path: &Path, server: &ServerSelection) -> Result<Model, CliError> {
    watched_model(path, server, None)
}

fn watched_model(
    path: &Path,
    server: &ServerSelection,
    watch: Option<&mut Watch>,
) -> Result<Model, CliError> {
    let (model, report) = load(path, server, watch)?;
    logging::tell(report.render(Color::Auto.on_stderr()));
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
    /// The server it is shown from, if it asks one.
    pub target: Option<Target>,
    /// The connection; none if the tree asks no server, or a recording.
    pub client: Option<Client>,
}

/// Opens the tree that the arguments select. To be called on a runtime.
pub fn open(selection: &TreeSelection, secret: Option<&str>) -> Result<OpenTree, CliError> {
    watched(selection, secret, None)
}

/// The same with its files watched.
pub fn watched(
    selection: &TreeSelection,
    secret: Option<&str>,
    watch: Option<&mut Watch>,
) -> Result<OpenTree, CliError> {
    let model = watched_model(&selection.tree, &selection.server, watch)?;
    let target = connect::target(&model, &selection.server, secret)?;
    let (queries, client) = queries(model, target.as_ref())?;
    Ok(OpenTree { tree: Arc::new(Tree::new(queries)), target, client })
}

/// The queries of a model on a connection of their own. To be called on a runtime.
pub fn queries(model: Model, target: Option<&Target>) -> Result<(Arc<Queries>, Option<Client>), CliError> {
    let connected = target.map(Target::connect).transpose()?;
    let (server, client) = connected.map(|connected| (connected.server, connected.client)).unzip();
    Ok((Queries::new(Arc::new(model), server), client.flatten()))
}
