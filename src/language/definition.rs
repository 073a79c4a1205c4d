//! What queries, path variables and entries say, with all that they lead to: what a reload need not do again.
//!
//! Two entries of two readings of a tree file are the same if what they say is the same, and so is whatever
//! they read, by way of queries, path variables and template files. Where they stand in the file does not matter.

use std::collections::BTreeMap;

use super::model::{
    Content, Entry, Model, Printed, QueryId, Question, Refresh, Trigger, Variable, VariableId,
};
use super::templates::{Expression, TemplateName};

/// What is read on the way, in an order of its own: each with what it says itself.
type Reached = BTreeMap<String, String>;

impl Model {
    /// What a query says, of which of several servers, and all that it reads.
    pub fn definition_of_query(&self, id: QueryId) -> String {
        let mut reached = Reached::new();
        self.reach_query(id, &mut reached);
        let query = self.query(id);
        let server = query.server.filter(|_| self.is_fleet()).and_then(|id| self.servers.get_index(id.0));
        // whoever reads the list is told what changes in it
        let listed = matches!(query.question, Question::Servers).then_some(&self.servers);
        format!("{server:?} {listed:?} {reached:?}")
    }

    /// What a path variable says and all that it reads.
    pub fn definition_of_variable(&self, id: VariableId) -> String {
        let mut reached = Reached::new();
        self.reach_variable(self.variable(id), &mut reached);
        format!("{reached:?}")
    }

    /// What an entry says and all that its content reads; what its path's variables say is not in it.
    pub fn definition_of_entry(&self, entry: &Entry) -> String {
        let mut reached = Reached::new();
        let defaults = (self.defaults.mode, self.defaults.dir_mode, self.defaults.uid, self.defaults.gid);
        let content = self.content(&entry.content, &mut reached);
        let when = entry.when.iter().map(|when| self.expression(when, &mut reached)).collect::<String>();
        let write = entry.write.as_ref().map(|write| {
            let question = self.question(&write.question, &mut reached);
            (question, write.matches.as_ref().map(|pattern| pattern.as_str()), write.timeout)
        });
        let encoding = entry.encoding.map(encoding_rs::Encoding::name);
        format!("{:?}", (content, entry.attributes, defaults, when, entry.on_error, encoding, write, reached))
    }

    fn content(&self, content: &Content, reached: &mut Reached) -> String {
        match content {
            Content::Directory => "directory".into(),
            Content::LastAnswer => "last answer".into(),
            Content::Text(bytes) => format!("text {bytes:?}"),
            Content::Link(template) => format!("link {}", self.template(template, reached)),
            Content::Template { template, result } => {
                let result = result.map(|id| self.reach_query(id, reached));
                format!("template {result:?} {}", self.template(template, reached))
            }
            Content::Raw(id) => format!("raw {}", self.reach_query(*id, reached)),
            Content::Printed { value, format } => {
                let value = match value {
                    Printed::Query(id) => self.reach_query(*id, reached),
                    Printed::Expression(expression) => self.expression(expression, reached),
                };
                format!("{format:?} {value}")
            }
            Content::Events(log) => {
                let filter = log.filter.as_ref().map(|filter| &filter.text);
                format!("events {:?}", (&log.names, filter, log.size))
            }
        }
    }

    /// Notes a query with what it reads; gives its name.
    fn reach_query(&self, id: QueryId, reached: &mut Reached) -> String {
        let query = self.query(id);
        // the same of each server says the same
        let name = format!("query {}", query.name_on_each());
        if !reached.contains_key(&name) {
            // noted before what it reads: nothing is followed twice
            reached.insert(name.clone(), String::new());
            let own = self.query_itself(id, reached);
            reached.insert(name.clone(), own);
        }
        name
    }

    fn query_itself(&self, id: QueryId, reached: &mut Reached) -> String {
        let query = self.query(id);
        let question = self.question(&query.question, reached);
        let fields: Vec<_> =
            query.fields.iter().map(|(name, field)| (name, self.expression(field, reached))).collect();
        let needs: Vec<_> = query.needs.iter().map(|need| self.reach_query(*need, reached)).collect();
        let Refresh { on, one, every, finds } = &query.refresh;
        let one = one.map(|one| self.reach_query(one, reached));
        let events = |triggers: &[Trigger]| -> Vec<_> {
            let key = |trigger: &Trigger| trigger.key.as_ref().map(|key| key.text.clone());
            triggers.iter().map(|trigger| (trigger.event.clone(), key(trigger))).collect()
        };
        let refresh = (events(on), events(finds), one, every, self.defaults.ttl);
        let reading =
            (&query.parser, &query.rows, &query.key, &query.each, &query.parameters, self.shows_raw(id));
        format!("{:?}", (question, reading, fields, needs, refresh, query.timeout, query.max_stale))
    }

    fn question(&self, question: &Question, reached: &mut Reached) -> String {
        let mut template = |template: &TemplateName| self.template(template, reached);
        match question {
            Question::Command(command) => format!("command {}", template(command)),
            Question::Action { name, headers } => {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (name, template(value))).collect();
                format!("action {} {headers:?}", template(name))
            }
            Question::Data { path, search, filter, instead } => {
                let parts = [Some(path), search.as_ref(), filter.as_ref()];
                let parts = parts.map(|part| part.map(&mut template));
                let instead = instead.map(|instead| self.reach_query(instead, reached));
                format!("data {parts:?} {instead:?}")
            }
            Question::Records(records) => {
                let parts = [&records.search, &records.filter].map(|part| part.as_ref().map(&mut template));
                let queries = std::iter::once(&records.entries).chain(&records.details);
                let queries: Vec<_> = queries.map(|id| self.reach_query(*id, reached)).collect();
                format!("records {parts:?} {queries:?}")
            }
            Question::Entries(provider, lists) => {
                let lists: Vec<_> = lists.iter().map(|id| self.reach_query(*id, reached)).collect();
                format!("entries {} {lists:?}", provider.path)
            }
            Question::Origin(origin) => {
                let templates: Vec<_> = origin.templates().into_iter().map(template).collect();
                format!("{origin:?} {templates:?}")
            }
            Question::Any(members) => {
                let members: Vec<_> = members.iter().map(|id| self.reach_query(*id, reached)).collect();
                format!("any {members:?}")
            }
            Question::Value(expression) => format!("value {}", self.expression(expression, reached)),
            Question::Servers => "servers".into(),
        }
    }

    fn reach_variable(&self, variable: &Variable, reached: &mut Reached) {
        let name = format!("variable {}", variable.name);
        if !reached.contains_key(&name) {
            reached.insert(name.clone(), String::new());
            let records = self.expression(&variable.records, reached);
            let filter = variable.filter.as_ref().map(|filter| self.expression(filter, reached));
            let own = format!("{:?}", (records, filter, &variable.key, &variable.binding));
            reached.insert(name, own);
        }
    }

    fn expression(&self, expression: &Expression, reached: &mut Reached) -> String {
        self.reach_names(&expression.names, reached);
        expression.text.clone()
    }

    fn template(&self, template: &TemplateName, reached: &mut Reached) -> String {
        let behind = self.templates.behind(template);
        let texts = if behind.names_any { self.templates.texts() } else { &behind.texts };
        for template in texts.keys() {
            self.reach_names(&self.templates.names(template), reached);
        }
        format!("{:?}", texts.values().collect::<Vec<_>>())
    }

    fn reach_names(&self, names: &[String], reached: &mut Reached) {
        for name in names {
            if let Some(id) = self.names.get(name) {
                self.reach_query(*id, reached);
            }
            let bound = self.variables.iter().filter(|variable| variable.binding == *name);
            bound.for_each(|variable| self.reach_variable(variable, reached));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::query::recorded::model;

    pub(crate) const TREE: &str = r#"
[query.peers]
action = "SIPpeers"
key = "ObjectName"
[query.details]
action = { Action = "SIPshowpeer", Peer = "{{ peer.ObjectName }}" }
[query.uptime]
command = "core show uptime"
[each.peer]
in = "peers"
[tree]
"uptime" = { query = "uptime" }
"{peer}/codecs" = { query = "details.Codecs" }
"{peer}/name" = { render = "{{ peer.ObjectName }}" }
"#;

    fn entries_that_stay(edited: &str) -> Vec<String> {
        let (old, new) = (model(TREE), model(edited));
        let same = |entry: &&Entry| {
            let before = old.entries.iter().find(|before| before.path == entry.path);
            before.is_some_and(|before| old.definition_of_entry(before) == new.definition_of_entry(entry))
        };
        new.entries.iter().filter(same).map(|entry| entry.place.text().to_owned()).collect()
    }

    #[test]
    fn what_reads_something_that_changed_is_another_and_nothing_else() {
        let all = ["\"uptime\"", "\"{peer}/codecs\"", "\"{peer}/name\""];
        assert_eq!(entries_that_stay(TREE), all);
        assert_eq!(
            entries_that_stay(&TREE.replace("[tree]", "# more\n[tree]\n\"new\" = {text = \"\"}")),
            all
        );
        assert_eq!(entries_that_stay(&TREE.replace("core show uptime", "core show version")), all[1..]);
        assert_eq!(entries_that_stay(&TREE.replace("key = \"ObjectName\"", "key = \"Name\"")), all[..1]);
        assert_eq!(entries_that_stay(&TREE.replace("render = \"", "render = \"x")), all[..2]);
        assert!(entries_that_stay(&format!("[defaults]\nmode = \"0400\"\n{TREE}")).is_empty());
    }
}
