//! From arguments to a tree that can be read.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::runtime::Runtime;

use super::color::Color;
use super::connect::{self, Target};
use super::watch::Watch;
use super::{CliError, ServerSelection, TreeSelection, logging};
use crate::ami::Client;
use crate::language::{self, Model, Report};
use crate::query::{Queries, Server};
use crate::tree::Tree;

/// Threads for what has to wait; none of it computes for long.
const RUNTIME_THREADS: usize = 2;

/// A tree file's model, and what was found in it; the files are watched from before they were read.
pub fn load(
    path: &Path,
    server: &ServerSelection,
    watch: Option<&mut Watch>,
) -> Result<(Option<Model>, Report), CliError> {
    let options = server.load_options();
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

/// A tree with a connection to each of its servers.
pub struct OpenTree {
    /// The tree.
    pub tree: Arc<Tree>,
    /// The servers it is shown from, by their names.
    pub targets: IndexMap<String, Target>,
    /// The connections to those that are no recordings.
    pub clients: Clients,
}

/// Connections by the names of their servers.
pub type Clients = IndexMap<String, Client>;

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
    let targets = connect::targets(&model, &selection.server, secret)?;
    let (servers, clients) = connect(&targets)?;
    let tree = Arc::new(Tree::new(Queries::on(Arc::new(model), servers)));
    Ok(OpenTree { tree, targets, clients })
}

/// Connections to these servers. To be called on a runtime.
pub fn connect(targets: &IndexMap<String, Target>) -> Result<(Vec<Arc<dyn Server>>, Clients), CliError> {
    let mut servers = Vec::new();
    let mut clients = Clients::new();
    for (name, target) in targets {
        let connected = target.connect()?;
        servers.push(connected.server);
        clients.extend(connected.client.map(|client| (name.clone(), client)));
    }
    Ok((servers, clients))
}
