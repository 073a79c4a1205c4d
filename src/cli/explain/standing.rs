//! What stands at a path, and what it is made from.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::explanation::{Explanation, Line, Record};
use super::look::{Ground, Look};
use super::reading::Reading;
use crate::language::{Content, Entry, OnError, Way};
use crate::query::{Caller, Reads, Used};
use crate::tree::{Above, Given, Kind, Node, Tree};

impl Look<'_> {
    /// What stands at a node.
    pub(super) fn describe(&self, node: &Node, below: &Path, told: &mut Explanation) {
        let entry = self.tree.entry(node);
        told.kind = Some(kind(self.tree, node, entry));
        let attributes = self.tree.attributes(node);
        (told.uid, told.gid) = (attributes.uid, attributes.gid);
        let mut mode = u32::from(attributes.mode.unwrap_or_default());
        if let Ground::Mount(mounted) = self.ground
            && let Ok(metadata) = mounted.metadata(below)
        {
            mode = metadata.permissions().mode() & 0o7777;
            (told.uid, told.gid) = (Some(metadata.uid()), Some(metadata.gid()));
        }
        told.mode = Some(format!("{mode:04o}"));
        let Some(entry) = entry else { return };
        told.entry = Some(Line::of_entry(entry));
        let files = self.model().template_files_of(entry).into_iter();
        told.templates = files.map(|path| path.display().to_string()).collect();
        if !matches!(entry.content, Content::Directory | Content::Text(_)) && !entry.is_alive() {
            let named = OnError::NAMES.into_iter().find(|(_, choice)| *choice == entry.on_error);
            told.on_error = named.map(|(name, _)| name);
        }
    }

    /// The records on the way, and what is read for the content or the listing.
    pub(super) async fn tell_read(&self, node: &Node, below: &Path, told: &mut Explanation) {
        let records = self.settle(|reads| self.tree.records_above(node, reads)).await;
        let (above, bindings) = match records {
            Ok((above, bindings)) => (above, Some(bindings)),
            Err(_) => (self.tree.variables_above(node), None),
        };
        told.variables = above.iter().map(|one| self.record(one)).collect();
        let mut asked = Vec::new();
        match self.ground {
            Ground::Mount(mounted) => {
                told.age = mounted.attribute(below, "age").and_then(|age| age.parse().ok());
                told.stale = mounted.attribute(below, "stale").map(|stale| stale == "1");
                told.error = mounted.attribute(below, "error");
            }
            Ground::Server => {
                let read = |reads: &Reads| self.tree.read_now(node, &reads.for_caller(Caller::own()));
                let (error, used) = match self.settle(read).await {
                    Ok(read) => read,
                    Err(error) => (Some(error), Used::default()),
                };
                let standing = self.tree.queries().standing(&used);
                told.age = standing.asked.map(|at| at.elapsed().as_secs_f64());
                told.stale = standing.asked.map(|_| standing.stale);
                told.error = error.map(|error| error.to_string()).or(standing.error);
                asked = self.tree.queries().asked(&used);
            }
        }
        let used = match self.ground {
            Ground::Mount(mounted) => mounted.attribute(below, "query"),
            Ground::Server => None,
        };
        let mut reading = Reading::new(self, bindings, asked, used);
        let entry = self.tree.entry(node);
        let model = self.model();
        let on = |id| model.on(id, self.tree.server_of(node));
        for (way, id) in entry.iter().flat_map(|entry| model.queries_of_entry(entry)) {
            reading.add(way, on(id), 0);
        }
        let above = above.iter().map(|one| one.variable);
        for variable in self.tree.variables_in(node).into_iter().chain(above) {
            for id in model.queries_of_variable(model.variable(variable)) {
                reading.add(Way::Each, on(id), 0);
            }
        }
        told.queries = reading.all();
    }

    fn record(&self, above: &Above) -> Record {
        let variable = self.model().variable(above.variable);
        let word = |given: &Given| match given {
            Given::Escaped => "escaped",
            Given::Cut => "cut",
            Given::Suffix => "suffix",
        };
        Record {
            variable: variable.name.clone(),
            name: above.name.to_string(),
            key: above.key.as_ref().map(ToString::to_string),
            given: above.given.iter().map(word).collect(),
            declared: Line::of(&variable.place),
        }
    }
}

/// What kind of thing a node is, in a word.
pub(super) fn kind(tree: &Tree, node: &Node, entry: Option<&Entry>) -> &'static str {
    match (tree.kind(node), entry) {
        (_, Some(entry)) if entry.write.is_some() => "control",
        (_, Some(Entry { content: Content::Events(_), .. })) => "log",
        (Kind::Directory, _) => "directory",
        (Kind::Link, _) => "link",
        (Kind::File, None) if tree.is_volatile(node) => "status",
        (Kind::File, _) => "file",
    }
}
