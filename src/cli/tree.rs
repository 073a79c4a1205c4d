//! `astfs tree`: the whole tree, without a mount.

use std::path::PathBuf;
use std::pin::Pin;

use clap::Args;

use super::{CliError, TreeSelection, open, terminal};
use crate::parse::text;
use crate::tree::{Kind, Node, Tree};

/// Arguments of `tree`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    #[command(flatten)]
    selection: TreeSelection,
    /// Start at this path below the mount point
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Go that many directories deep
    #[arg(short = 'L', long, value_name = "LEVELS")]
    level: Option<usize>,
}

pub fn run(args: &TreeArgs) -> Result<(), CliError> {
    let runtime = open::runtime()?;
    runtime.block_on(async {
        let opened = open::open(&args.selection, None)?;
        let failed = |error| CliError::Tree { path: args.path.display().to_string(), error };
        let top = opened.tree.resolve(&args.path).await.map_err(failed)?;
        let mut drawing = Drawing::new(&opened.tree, args.level.unwrap_or(usize::MAX));
        let name = args.path.to_string_lossy();
        drawing.line(&name);
        drawing.directory(top, String::new(), 1).await;
        let Drawing { mut output, directories, files, .. } = drawing;
        output.extend_from_slice(format!("\n{directories} directories, {files} files\n").as_bytes());
        Ok(terminal::print(&output)?)
    })
}

struct Drawing<'a> {
    tree: &'a Tree,
    levels: usize,
    output: Vec<u8>,
    directories: usize,
    files: usize,
}

impl<'a> Drawing<'a> {
    fn new(tree: &'a Tree, levels: usize) -> Drawing<'a> {
        Drawing { tree, levels, output: Vec::new(), directories: 0, files: 0 }
    }

    fn line(&mut self, text_line: &str) {
        self.output.extend_from_slice(&text::encode(text_line));
        self.output.push(b'\n');
    }

    fn directory(
        &mut self,
        node: Node,
        indent: String,
        level: usize,
    ) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(async move {
            if level > self.levels {
                return;
            }
            let listing = match self.tree.list(&node).await {
                Ok(listing) => listing,
                Err(error) => return self.line(&format!("{indent}└── [{error}]")),
            };
            for (index, (name, listed)) in listing.iter().enumerate() {
                let last = index + 1 == listing.len();
                let (branch, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
                let child = Tree::listed(&node, name, listed);
                match self.tree.kind(&child) {
                    Kind::Directory => {
                        self.directories += 1;
                        self.line(&format!("{indent}{branch}{name}"));
                        self.directory(child, format!("{indent}{below}"), level + 1).await;
                    }
                    Kind::File => {
                        self.files += 1;
                        self.line(&format!("{indent}{branch}{name}"));
                    }
                    Kind::Link => {
                        self.files += 1;
                        let target = match self.tree.content(&child).await {
                            Ok(rendered) => text::decode(&rendered.bytes).into_owned(),
                            Err(error) => format!("[{error}]"),
                        };
                        self.line(&format!("{indent}{branch}{name} -> {target}"));
                    }
                }
            }
        })
    }
}
