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
use crate::origin::{Local, Origins};
use crate::query::{Queries, Server};
use crate::recording::Replays;
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
    let mut model = watched_model(&selection.tree, &selection.server, watch)?;
    let targets = connect::targets(&mut model, &selection.server, secret)?;
    permit(&model, targets.values(), &selection.server)?;
    let Connections { servers, clients, origins } = connect(&targets, &selection.server)?;
    let tree = Arc::new(Tree::new(Queries::with_origins(Arc::new(model), servers, origins)));
    Ok(OpenTree { tree, targets, clients })
}

/// What a tree is shown from.
pub struct Connections {
    /// Its servers, in the order of the tree file.
    pub servers: Vec<Arc<dyn Server>>,
    /// Those connections to them that are live.
    pub clients: Clients,
    /// What answers for files, programs and URLs.
    pub origins: Arc<dyn Origins>,
}

/// Connections to these servers. To be called on a runtime.
pub fn connect(
    targets: &IndexMap<String, Target>,
    selection: &ServerSelection,
) -> Result<Connections, CliError> {
    let mut servers = Vec::new();
    let mut clients = Clients::new();
    let mut recorded = Vec::new();
    for (name, target) in targets {
        let connected = target.connect()?;
        servers.push(connected.server);
        clients.extend(connected.client.map(|client| (name.clone(), client)));
        recorded.push(connected.origins);
    }
    Ok(Connections { servers, clients, origins: origins(recorded, selection) })
}

/// What answers for files, programs and URLs: recordings, if nothing else stands behind the tree.
pub fn origins(recorded: Vec<Option<Arc<dyn Origins>>>, selection: &ServerSelection) -> Arc<dyn Origins> {
    match recorded.into_iter().collect::<Option<Vec<_>>>() {
        Some(recorded) if !recorded.is_empty() => Arc::new(Replays(recorded)),
        _ => Arc::new(Local::new(selection.allow_exec)),
    }
}

/// That a tree runs programs has to be allowed, unless recordings stand in for them.
pub fn permit<'a>(
    model: &Model,
    targets: impl IntoIterator<Item = &'a Target>,
    selection: &ServerSelection,
) -> Result<(), CliError> {
    let mut targets = targets.into_iter().peekable();
    let recorded = targets.peek().is_some() && targets.all(|target| matches!(target, Target::Recording(_)));
    match model.runs_program() {
        Some(query) if !selection.allow_exec && !recorded => {
            let (source, span) = (&query.place.source, &query.place.span);
            let (line, _) = source.position(span.start);
            let query = query.name_on_each().to_owned();
            Err(CliError::Program { query, file: source.path().to_owned(), line })
        }
        _ => Ok(()),
    }
}
