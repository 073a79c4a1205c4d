//! From arguments to a tree that can be read.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::color::Color;
use super::connect::{self, Connected, Target};
use super::{CliError, ServerSelection, TreeSelection};
use crate::ami::Client;
use crate::language::{self, LoadOptions, Model, Report};
use crate::origin::{Local, Origins};
use crate::query::Queries;
use crate::tree::Tree;

/// Threads for what has to wait; none of it computes for long.
const RUNTIME_THREADS: usize = 2;

/// A tree file's model, and what was found in it.
pub fn load(path: &Path, server: &ServerSelection) -> Result<(Option<Model>, Report), CliError> {
    // whether they may be run is told when the tree is opened
    let options = LoadOptions { templates: server.templates.clone(), allow_exec: true };
    language::load(path, &options).map_err(|error| CliError::File { path: path.to_owned(), error })
}

/// A tree file's model; its mistakes and warnings are printed.
pub fn model(path: &Path, server: &ServerSelection) -> Result<Model, CliError> {
    let (model, report) = load(path, server)?;
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
    /// The server it is shown from, if it asks one.
    pub target: Option<Target>,
    /// The connection; none if the tree asks no server, or a recording.
    pub client: Option<Client>,
}

/// Opens the tree that the arguments select. To be called on a runtime.
pub fn open(selection: &TreeSelection, secret: Option<&str>) -> Result<OpenTree, CliError> {
    let model = model(&selection.tree, &selection.server)?;
    let target = connect::target(&model, &selection.server, secret)?;
    let (queries, client) = queries(model, target.as_ref(), &selection.server)?;
    Ok(OpenTree { tree: Arc::new(Tree::new(queries)), target, client })
}

/// The queries of a model on a connection of their own. To be called on a runtime.
pub fn queries(
    model: Model,
    target: Option<&Target>,
    selection: &ServerSelection,
) -> Result<(Arc<Queries>, Option<Client>), CliError> {
    permit(&model, target, selection)?;
    let connected = target.map(Target::connect).transpose()?;
    let origins = origins(connected.as_ref(), selection);
    let (server, client) = connected.map(|connected| (connected.server, connected.client)).unzip();
    Ok((Queries::with_origins(Arc::new(model), server, origins), client.flatten()))
}

/// What answers for files, programs and URLs.
pub fn origins(connected: Option<&Connected>, selection: &ServerSelection) -> Arc<dyn Origins> {
    let recorded = connected.and_then(|connected| connected.origins.clone());
    recorded.unwrap_or_else(|| Arc::new(Local::new(selection.allow_exec)))
}

/// That a tree runs programs has to be allowed, unless a recording stands in for them.
pub fn permit(model: &Model, target: Option<&Target>, selection: &ServerSelection) -> Result<(), CliError> {
    match model.runs_program() {
        Some(query) if !selection.allow_exec && !matches!(target, Some(Target::Recording(_))) => {
            let (source, span) = (&query.place.source, &query.place.span);
            let (line, _) = source.position(span.start);
            Err(CliError::Program { query: query.name.clone(), file: source.path().to_owned(), line })
        }
        _ => Ok(()),
    }
}
