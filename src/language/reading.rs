//! What entries, path variables and queries read, by the letters of the tree file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::model::{Content, Entry, Model, Printed, QueryId, Question, Variable};
use super::secrets::is_secret;
use super::tags::Tags;
use super::templates::TemplateName;

/// By which key something leads to a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is what an entry shows.
    Content,
    /// An entry's `when` reads it.
    When,
    /// A path variable ranges over it, or its `where` reads it.
    Each,
    /// It is one of a query's `any`.
    Any,
    /// A query's `value` reads it.
    Value,
    /// A query's `fields` read it.
    Fields,
    /// What is asked is made from it.
    Question,
    /// It is asked first.
    Needs,
    /// It asks for one record of a list anew.
    Anew,
    /// It tells the same where there is no `data get`.
    Instead,
}

impl Way {
    /// The key of the tree file that leads there.
    pub fn key(self) -> &'static str {
        match self {
            Way::Content => "content",
            Way::When => "when",
            Way::Each => "each",
            Way::Any => "any",
            Way::Value => "value",
            Way::Fields => "fields",
            Way::Question => "question",
            Way::Needs => "needs",
            Way::Anew => "refresh.one",
            Way::Instead => "instead of data",
        }
    }
}

impl Model {
    /// What a template reads, with all that it names.
    fn names_behind(&self, template: &TemplateName) -> BTreeSet<String> {
        let templates = self.templates.behind(template).texts.into_keys();
        templates.flat_map(|template| self.templates.names(&template)).collect()
    }

    /// Those of the names that are queries, where path variables of these names are bound.
    fn named<'a>(&self, names: impl IntoIterator<Item = &'a String>, bound: &[&str]) -> Vec<QueryId> {
        let free = names.into_iter().filter(|name| !bound.contains(&name.as_str()));
        free.filter_map(|name| self.names.get(name).copied()).collect()
    }

    /// The names that the path variables on the way to an entry have in templates.
    fn bound(&self, entry: &Entry) -> Vec<&str> {
        let variables = entry.path.variables();
        let found = variables.filter_map(|name| self.variables.iter().find(|one| one.name == name));
        found.map(|variable| variable.binding.as_str()).collect()
    }

    /// The queries that an entry reads itself: for its content, and for its `when`.
    pub fn queries_of_entry(&self, entry: &Entry) -> Vec<(Way, QueryId)> {
        let bound = self.bound(entry);
        let mut templates: Vec<&TemplateName> = Vec::new();
        let mut read = Vec::new();
        match &entry.content {
            Content::Directory | Content::Text(_) | Content::LastAnswer => {}
            Content::Link(template) => templates.push(template),
            Content::Template { template, result } => {
                read.extend(*result);
                templates.push(template);
            }
            Content::Raw(query) | Content::Printed { value: Printed::Query(query), .. } => read.push(*query),
            Content::Printed { value: Printed::Expression(expression), .. } => {
                read.extend(self.named(&expression.names, &bound));
            }
            Content::Events(log) => {
                read.extend(log.filter.iter().flat_map(|filter| self.named(&filter.names, &bound)));
            }
        }
        templates.extend(entry.write.iter().flat_map(|write| templates_of(&write.question)));
        for template in templates {
            read.extend(self.named(&self.names_behind(template), &bound));
        }
        let when = entry.when.iter().flat_map(|when| self.named(&when.names, &bound));
        read.into_iter().map(|id| (Way::Content, id)).chain(when.map(|id| (Way::When, id))).collect()
    }

    /// The queries that decide what a path variable ranges over.
    pub fn queries_of_variable(&self, variable: &Variable) -> Vec<QueryId> {
        let read = self.named(&variable.records.names, &[]);
        let filter = variable.filter.iter();
        read.into_iter()
            .chain(filter.flat_map(|filter| self.named(&filter.names, &[&variable.binding])))
            .collect()
    }

    /// The queries that a query reads or has asked, itself and not by way of others.
    pub fn queries_of_query(&self, id: QueryId) -> Vec<(Way, QueryId)> {
        let query = self.query(id);
        let bound: Vec<&str> = query.parameters.iter().map(String::as_str).collect();
        let named = |names: &mut dyn Iterator<Item = &String>| -> Vec<QueryId> {
            self.named(names, &bound).into_iter().map(|id| self.on(id, query.server)).collect()
        };
        let mut read: Vec<(Way, QueryId)> = query.needs.iter().map(|need| (Way::Needs, *need)).collect();
        match &query.question {
            Question::Any(members) => read.extend(members.iter().map(|member| (Way::Any, *member))),
            Question::Value(expression) => {
                read.extend(named(&mut expression.names.iter()).into_iter().map(|id| (Way::Value, id)));
            }
            Question::Entries(_, lists) => read.extend(lists.iter().map(|list| (Way::Question, *list))),
            Question::Records(records) => {
                let queries = std::iter::once(&records.entries).chain(&records.details);
                read.extend(queries.map(|id| (Way::Question, *id)));
            }
            question => {
                read.extend(question.instead().map(|instead| (Way::Instead, instead)));
                for template in templates_of(question) {
                    let names = self.names_behind(template);
                    read.extend(named(&mut names.iter()).into_iter().map(|id| (Way::Question, id)));
                }
            }
        }
        for (_, field) in &query.fields {
            read.extend(named(&mut field.names.iter()).into_iter().map(|id| (Way::Fields, id)));
        }
        read.extend(query.refresh.one.map(|one| (Way::Anew, one)));
        let mut seen = BTreeSet::new();
        read.retain(|(_, other)| *other != id && seen.insert(*other));
        read
    }

    /// Whether a query asks nothing itself: it is made from others.
    pub fn is_derived(&self, id: QueryId) -> bool {
        self.query(id).question.is_derived()
    }

    /// Whether a query's question is made from a field that holds a secret.
    pub fn asks_with_secret(&self, id: QueryId) -> bool {
        templates_of(&self.query(id).question).into_iter().any(|template| {
            let texts = self.templates.behind(template).texts.into_values();
            let fields = texts.flat_map(|text| Tags::of_template(&text).shown_fields);
            fields.into_iter().any(|(field, _)| is_secret(&field))
        })
    }

    /// The template files that an entry's content is made from, those that they name included, sorted.
    pub fn template_files_of(&self, entry: &Entry) -> Vec<PathBuf> {
        let (Content::Template { template, .. } | Content::Link(template)) = &entry.content else {
            return Vec::new();
        };
        let Some(folder) = &self.templates_folder else { return Vec::new() };
        let files = self.templates.behind(template).texts.into_keys().map(|name| folder.join(name.0));
        files.filter(|path| self.files.contains(path)).collect()
    }
}

fn templates_of(question: &Question) -> Vec<&TemplateName> {
    match question {
        Question::Command(command) => vec![command],
        Question::Action { name, headers } => {
            std::iter::once(name).chain(headers.iter().map(|(_, value)| value)).collect()
        }
        Question::Data { path, search, filter, .. } => {
            std::iter::once(path).chain(search).chain(filter).collect()
        }
        Question::Origin(origin) => origin.templates(),
        Question::Records(records) => records.search.iter().chain(&records.filter).collect(),
        Question::Any(_) | Question::Value(_) | Question::Servers | Question::Entries(..) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::{LoadOptions, load};
    use super::*;

    const TREE: &str = r#"
[query.peers]
command = "sip show peers"
parse   = "table"
key     = "name"
needs   = ["loaded"]
[query.loaded]
command = "sip load"
[query.detail]
any = ["by_action", "by_command"]
[query.by_action]
action = { Action = "SIPshowpeer", Peer = "{{ peer.name }}" }
fields = { site = "sites[row.name]" }
[query.by_command]
command = "sip show peer {{ peer.name }}"
[query.proves]
command = "prove {{ peer.secret }}"
[query.sites]
value = "loaded"
[each.peer]
in = "peers"
[tree]
"a/{peer}/card" = { template = "card.j2", when = "sites" }
"a/{peer}/own"  = { query = "peer", as = "json" }
"#;

    fn model() -> (tempfile::TempDir, Model) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("templates")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("tree.toml", TREE);
        write("templates/card.j2", "{% include 'inner.j2' %}");
        write("templates/inner.j2", "{{ detail.Status }}{{ peer.name }}");
        write("templates/other.j2", "{{ peers }}");
        let (model, report) = load(&folder.path().join("tree.toml"), &LoadOptions::default()).unwrap();
        let model = model.unwrap_or_else(|| panic!("{}", report.render(false)));
        (folder, model)
    }

    fn names(model: &Model, read: &[(Way, QueryId)]) -> Vec<String> {
        read.iter().map(|(way, id)| format!("{} {}", way.key(), model.query(*id).name)).collect()
    }

    #[test]
    fn an_entry_reads_what_its_templates_and_the_files_they_name_read() {
        let (folder, model) = model();
        let card = &model.entries[0];
        assert_eq!(names(&model, &model.queries_of_entry(card)), ["content detail", "when sites"]);
        let files = ["card.j2", "inner.j2"].map(|name| folder.path().join("templates").join(name));
        assert_eq!(model.template_files_of(card), files);
        assert_eq!(names(&model, &model.queries_of_entry(&model.entries[1])), [""; 0], "its own record");
        assert!(model.template_files_of(&model.entries[1]).is_empty());
    }

    #[test]
    fn a_query_leads_to_others_by_each_of_its_keys() {
        let (_folder, model) = model();
        let of = |name: &str| names(&model, &model.queries_of_query(model.query_names[name]));
        assert_eq!(of("peers"), ["needs loaded"]);
        assert_eq!(of("detail"), ["any by_action", "any by_command"]);
        assert_eq!(of("by_action"), ["fields sites"]);
        assert_eq!(of("sites"), ["value loaded"]);
        assert_eq!(of("by_command"), [""; 0]);
        let secret = model.query_names["proves"];
        assert!(model.asks_with_secret(secret) && !model.asks_with_secret(model.query_names["by_command"]));
        let each = model.queries_of_variable(&model.variables[0]);
        assert_eq!(each, [model.query_names["peers"]]);
    }
}
