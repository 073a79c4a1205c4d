//! Asking a tree's server all that the tree can ask.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use crate::language::{QueryId, Variable};
use crate::query::{Bindings, Caller, Reads, Unready};
use crate::tree::{self, Kind, Node, Tree, TreeError};

/// So many files, or records, are asked for together.
const TOGETHER: usize = 64;

/// How far asking has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many things more are to be looked at.
    Found(usize),
    /// So many have been.
    Done(usize),
}

/// Asks for all that stands in a tree, and then every query for every record, also those that nothing
/// in the tree reads just now: they may be asked after an event. What fails is left out.
///
/// # Errors
/// When the mount point itself cannot be listed.
pub async fn ask_everything(tree: &Tree, tell: &(impl Fn(Step) + Sync)) -> Result<(), TreeError> {
    let mut files = Vec::new();
    let top = tree.resolve(Path::new("")).await?;
    tell(Step::Found(1));
    tree.list(&top).await?;
    walk(tree, top, &mut files, tell).await;
    tell(Step::Found(files.len()));
    for some in files.chunks(TOGETHER) {
        let read = |reads: &Reads| {
            let own = reads.for_caller(Caller::own());
            all(some, |node| matches!(tree.content_now(node, &own), Err(tree::Step::Wanted)))
                .map_err(|Lacking| tree::Step::Wanted)
        };
        if let Err(error) = tree.settle(read).await {
            tracing::debug!("not all is told: {error}");
        }
        tell(Step::Done(some.len()));
    }
    let model = Arc::clone(tree.queries().model());
    // what stands in for `data get` is asked where that is lacking, by whoever reads it
    let own = model.queries.iter().enumerate().filter(|(_, query)| !query.added);
    for (index, _) in own {
        ask_query(tree, QueryId(index), tell).await;
    }
    Ok(())
}

struct Lacking;

/// Looks at all of these, so that what they lack is asked for together.
fn all<T>(things: &[T], mut lacks: impl FnMut(&T) -> bool) -> Result<(), Lacking> {
    let lacking = things.iter().filter(|thing| lacks(thing)).count();
    if lacking > 0 { Err(Lacking) } else { Ok(()) }
}

fn walk<'a>(
    tree: &'a Tree,
    directory: Node,
    files: &'a mut Vec<Node>,
    tell: &'a (impl Fn(Step) + Sync),
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let listing = match tree.list(&directory).await {
            Ok(listing) => listing,
            Err(error) => return tracing::debug!("a directory cannot be listed: {error}"),
        };
        tell(Step::Done(1));
        for (name, listed) in listing.iter() {
            let node = Tree::listed(&directory, name, listed);
            if tree.kind(&node) == Kind::Directory {
                tell(Step::Found(1));
                walk(tree, node, files, tell).await;
            } else {
                files.push(node);
            }
        }
    })
}

/// Asks a query once, or for every record. One of several records at a time is asked where the tree
/// brings them together, and nowhere else.
async fn ask_query(tree: &Tree, id: QueryId, tell: &(impl Fn(Step) + Sync)) {
    let queries = tree.queries();
    let model = Arc::clone(queries.model());
    let bindings = match &model.query(id).parameters[..] {
        [] => vec![queries.home(id)],
        [parameter] => {
            let variables = model.variables.iter().filter(|variable| variable.binding == *parameter);
            let mut bindings = Vec::new();
            for variable in variables {
                bindings.extend(records(tree, variable, &queries.home(id)).await);
            }
            bindings
        }
        _ => return,
    };
    tell(Step::Found(bindings.len()));
    for some in bindings.chunks(TOGETHER) {
        let read = |reads: &Reads| {
            all(some, |bindings| matches!(queries.read(id, bindings, reads), Err(Unready::Wanted)))
                .map_err(|Lacking| Unready::Wanted)
        };
        if let Err(error) = queries.settle(tree.deadline(), read).await {
            tracing::debug!("not all is told: {error}");
        }
        tell(Step::Done(some.len()));
    }
}

async fn records(tree: &Tree, variable: &Variable, home: &Bindings) -> Vec<Bindings> {
    let queries = tree.queries();
    let read = |reads: &Reads| queries.records(variable, home, reads);
    match queries.settle(tree.deadline(), read).await {
        Ok((records, _)) => {
            let bindings = records.into_iter().map(|record| record.binding(variable));
            bindings.map(|binding| home.with(binding)).collect()
        }
        // one that ranges over something of another variable's record is met where the tree has both
        Err(_) => Vec::new(),
    }
}
