//! Everything below a directory, on a mount and through the library, in one form to compare.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::pin::Pin;

use astfs::parse::text;
use astfs::tree::{Kind, Node, Tree};

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A directory.
    Directory,
    /// A file with these bytes.
    File(Vec<u8>),
    /// A link to there.
    Link(Vec<u8>),
    /// Something that cannot be read; on a mount with the errno that says why.
    Failed(Option<i32>),
}

/// What stands where; paths are relative and lie below the one that was walked.
pub type Walk = BTreeMap<String, Shown>;

/// Walks a directory of a mounted tree. Links are not followed; a directory that lists a name twice has
/// failed.
#[track_caller]
pub fn walk(top: &Path) -> Walk {
    let mut seen = Walk::new();
    walk_into(top, "", &mut seen).unwrap_or_else(|error| panic!("{}: {error}", top.display()));
    seen
}

fn walk_into(directory: &Path, above: &str, seen: &mut Walk) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{above}{}", text::decode(entry.file_name().as_bytes()));
        let kind = entry.file_type()?;
        let failed = |error: std::io::Error| Shown::Failed(error.raw_os_error());
        let shown = if kind.is_dir() {
            match walk_into(&entry.path(), &format!("{path}/"), seen) {
                Ok(()) => Shown::Directory,
                Err(error) => failed(error),
            }
        } else if kind.is_symlink() {
            std::fs::read_link(entry.path())
                .map_or_else(failed, |target| Shown::Link(target.as_os_str().as_bytes().to_vec()))
        } else {
            std::fs::read(entry.path()).map_or_else(failed, Shown::File)
        };
        if seen.insert(path.clone(), shown).is_some() {
            return Err(std::io::Error::other(format!("{path} is listed twice")));
        }
    }
    Ok(())
}

/// The same for a tree of the library. Says of what it fails to list that it failed, but at the top.
pub async fn walk_tree(tree: &Tree) -> Walk {
    let mut seen = Walk::new();
    let listed = walk_node(tree, Node::root(), String::new(), &mut seen).await;
    assert!(listed, "the mount point cannot be listed");
    seen
}

fn walk_node<'a>(
    tree: &'a Tree,
    directory: Node,
    above: String,
    seen: &'a mut Walk,
) -> Pin<Box<dyn Future<Output = bool> + 'a>> {
    Box::pin(async move {
        let Ok(listing) = tree.list(&directory).await else { return false };
        for (name, listed) in listing.iter() {
            let node = Tree::listed(&directory, name, listed);
            let path = format!("{above}{name}");
            let kind = tree.kind(&node);
            let shown = if kind == Kind::Directory {
                match walk_node(tree, node, format!("{path}/"), seen).await {
                    true => Shown::Directory,
                    false => Shown::Failed(None),
                }
            } else {
                match tree.content(&node).await {
                    Ok(rendered) if kind == Kind::Link => Shown::Link(rendered.bytes.to_vec()),
                    Ok(rendered) => Shown::File(rendered.bytes.to_vec()),
                    Err(_) => Shown::Failed(None),
                }
            };
            assert_eq!(seen.insert(path.clone(), shown), None, "{path} is listed twice");
        }
        true
    })
}

/// A walk without the errnos of what failed, which the library does not tell.
pub fn without_errnos(walk: Walk) -> Walk {
    let same = |shown| if let Shown::Failed(_) = shown { Shown::Failed(None) } else { shown };
    walk.into_iter().map(|(path, shown)| (path, same(shown))).collect()
}

/// The names directly in a directory of a walk, in order.
pub fn names<'a>(seen: &'a Walk, directory: &str) -> Vec<&'a str> {
    let below = seen.keys().filter_map(|path| path.strip_prefix(directory)?.strip_prefix('/'));
    below.filter(|name| !name.contains('/')).collect()
}

/// A file's content as text; the test fails if it is none.
#[track_caller]
pub fn file(seen: &Walk, path: &str) -> String {
    match seen.get(path) {
        Some(Shown::File(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{path} is no file but {other:?}"),
    }
}

/// Where a link leads; the test fails if it is none.
#[track_caller]
pub fn link(seen: &Walk, path: &str) -> String {
    match seen.get(path) {
        Some(Shown::Link(target)) => String::from_utf8_lossy(target).into_owned(),
        other => panic!("{path} is no link but {other:?}"),
    }
}
