//! What a running mount tells of itself: no second connection to its server is opened.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;

use super::super::CliError;
use crate::fs::mounts_around;
use crate::language::{Model, QueryId};
use crate::parse::json;
use crate::query::{Queries, QueryError};
use crate::tree::Tree;

/// The longest value of an extended attribute that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// A mount, and what its `.astfs/status` says.
pub struct Mounted {
    root: PathBuf,
    /// The tree file.
    pub tree: PathBuf,
    /// The templates folder, if it has one.
    pub templates: Option<PathBuf>,
    /// How each query stands, by its name.
    pub queries: HashMap<String, Stands>,
}

/// A query's line of the status.
#[derive(Debug, Clone, PartialEq)]
pub struct Stands {
    pub state: String,
    /// In seconds.
    pub age: Option<f64>,
    pub error: Option<String>,
}

impl Mounted {
    /// The mount that a path is in, and the path below its mount point.
    pub fn around(path: &Path) -> Result<(Mounted, PathBuf), CliError> {
        let whole = whole(path)?;
        // what the mount does not know of it yet it asks now, and the status tells of that
        let _ = whole.symlink_metadata();
        for root in mounts_around(&whole)? {
            // what is alive is a mount of its own inside the mount, and has no status
            let Ok(status) = fs::read(root.join(".astfs/status")) else { continue };
            let below = whole.strip_prefix(&root).unwrap_or(Path::new("")).to_owned();
            return Ok((Mounted::read(root, &String::from_utf8_lossy(&status)), below));
        }
        let hint = "name a path in a mount of astfs, or a tree file and a path in it";
        Err(CliError::Arguments(format!("{} is in no mount of astfs that answers; {hint}", path.display())))
    }

    fn read(root: PathBuf, status: &str) -> Mounted {
        let field = |name: &str| {
            let mut lines = status.lines().take_while(|line| !line.is_empty());
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::trim_start))
        };
        let mut queries = HashMap::new();
        let mut lines = status.lines().skip_while(|line| !line.starts_with("QUERY"));
        // names may hold blanks: the columns stand where their titles do
        let width = lines.next().and_then(|titles| titles.find("STATE")).unwrap_or(0);
        for line in lines {
            let name: String = line.chars().take(width).collect();
            let rest: String = line.chars().skip(width).collect();
            let mut words = rest.split_whitespace();
            let (Some(state), Some(age)) = (words.next(), words.next()) else { continue };
            words.next();
            let error = words.collect::<Vec<_>>().join(" ");
            let stands = Stands {
                state: state.to_owned(),
                age: seconds(age),
                error: (!error.is_empty()).then_some(error),
            };
            queries.insert(name.trim_end().to_owned(), stands);
        }
        let tree = field("tree").unwrap_or_default().into();
        Mounted { root, tree, templates: field("templates").map(PathBuf::from), queries }
    }

    /// What the kernel says of a path.
    pub fn metadata(&self, below: &Path) -> io::Result<fs::Metadata> {
        self.root.join(below).symlink_metadata()
    }

    /// Whether a path cannot be looked at because the server cannot be asked.
    pub fn lacks_server(&self, below: &Path) -> bool {
        let errno = self.metadata(below).err().and_then(|error| error.raw_os_error()).map(Errno::from_raw);
        matches!(errno, Some(Errno::ECONNREFUSED | Errno::EHOSTDOWN | Errno::ETIMEDOUT | Errno::EACCES))
    }

    /// An extended attribute of astfs; none where there is none, as of a link.
    pub fn attribute(&self, below: &Path, name: &str) -> Option<String> {
        let mut value = vec![0; LONGEST];
        let path = self.root.join(below);
        let length = rustix::fs::lgetxattr(path, format!("user.astfs.{name}"), &mut value[..]).ok()?;
        let value = String::from_utf8_lossy(&value[..length]).into_owned();
        (!value.is_empty()).then_some(value)
    }

    /// Puts the result that the mount has of a query into the tree that stands for it here.
    ///
    /// # Errors
    /// Why the mount does not tell it.
    pub fn supply(&self, queries: &Queries, id: QueryId) -> Result<(), QueryError> {
        let query = queries.model().query(id);
        let told = self.queries.get(&query.name).and_then(|stands| stands.error.clone());
        let failed = |message: String| QueryError::Template { place: query.name.as_str().into(), message };
        if !query.parameters.is_empty() {
            return Err(failed("is asked for single records, and only the mount knows what was told".into()));
        }
        let path = self.root.join(".astfs/queries").join(&query.name).join("result.json");
        match fs::read(&path) {
            Ok(bytes) => {
                let value = json::parse(&bytes).map_err(|error| failed(error.to_string()))?;
                queries.supply(id, Ok(value));
            }
            Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => {
                let answer = told.unwrap_or_else(|| error.to_string());
                queries
                    .supply(id, Err(QueryError::Unsupported { query: query.name.as_str().into(), answer }));
            }
            Err(error) => {
                return Err(failed(told.unwrap_or_else(|| format!("{}: {error}", path.display()))));
            }
        }
        Ok(())
    }
}

/// A tree that asks nobody, for results that are supplied.
pub fn offline(model: Model) -> Tree {
    Tree::new(Queries::new(Arc::new(model), None))
}

/// The path without links on the way, but for the last name; of what is not there, as far as it is.
fn whole(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let last = path.components().next_back();
    let Some(Component::Normal(_)) = last else { return path.canonicalize() };
    let mut rest = Vec::new();
    let mut above = path.as_path();
    while let (Some(parent), Some(name)) = (above.parent(), above.file_name()) {
        rest.push(name.to_owned());
        above = parent;
        if let Ok(real) = parent.canonicalize() {
            return Ok(rest.iter().rev().fold(real, |path, name| path.join(name)));
        }
    }
    Ok(path)
}

/// An age as the status shows it: `3.1s`, `2m05s`, `1h02m`.
fn seconds(age: &str) -> Option<f64> {
    let (mut total, mut digits) = (0.0, String::new());
    for character in age.chars() {
        let unit = match character {
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            other => {
                digits.push(other);
                continue;
            }
        };
        total += std::mem::take(&mut digits).parse::<f64>().ok()? * unit;
    }
    digits.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "astfs      0.1.0\ntree       /etc/astfs/my tree.toml\nserver     none\n\
        queries    1 fresh\n\nQUERY    STATE          AGE  QUESTIONS  ERROR\n\
        peers    fresh       2m05s          1\n\
        a b      cannot          -          1  query `a b`: this server cannot\n";

    #[test]
    fn the_status_of_a_mount_is_read() {
        let mounted = Mounted::read("/mnt".into(), STATUS);
        assert_eq!((mounted.tree, mounted.templates), ("/etc/astfs/my tree.toml".into(), None));
        let fresh = Stands { state: "fresh".into(), age: Some(125.0), error: None };
        assert_eq!(mounted.queries["peers"], fresh);
        let error = mounted.queries["a b"].error.as_deref();
        assert_eq!(error, Some("query `a b`: this server cannot"));
    }

    #[test]
    fn ages_are_read_as_they_are_shown() {
        let ages = ["3.5s", "2m05s", "1h02m", "-"].map(seconds);
        assert_eq!(ages, [Some(3.5), Some(125.0), Some(3720.0), None]);
    }
}
