//! A path of the data API, and where else what it tells can be had.

use super::channels::{CHANNEL_TYPES, CHANNELS};
use super::filter::Filter;
use super::hints::HINTS;
use super::iax2::{PEERS as IAX_PEERS, USERS as IAX_USERS};
use super::queues::QUEUES;
use super::search::Search;
use super::sip::PEERS as SIP_PEERS;
use super::told::Told;
use crate::parse::Parser;
use crate::parse::value::{Fields, Shapes, Value};

/// Every provider that can be answered by actions and commands.
pub static PROVIDERS: [&Provider; 7] =
    [&SIP_PEERS, &IAX_PEERS, &IAX_USERS, &CHANNELS, &HINTS, &CHANNEL_TYPES, &QUEUES];

/// A path of the data API.
#[derive(Debug)]
pub struct Provider {
    /// The path: `/asterisk/channel/sip/peers`.
    pub path: &'static str,
    /// The root of what it tells, the path's last name: `peers`.
    pub root: &'static str,
    /// What a record is called below the root: `peer`.
    pub node: &'static str,
    /// What is asked once, in the order in which `entries` takes the answers.
    pub lists: &'static [List],
    /// What is asked for each entry.
    pub details: &'static [Detail],
    /// The entries that these lists tell of; a list that may not be asked, or is not there, is nothing.
    pub entries: fn(&[Option<&Value>]) -> Vec<Value>,
    /// The fields that can be had, in the order of the documentation.
    pub fields: &'static [Field],
    /// Those that `data get` told beside them, and that nothing else tells.
    pub missing: &'static [&'static str],
    /// Events that concern one entry, each with the expression that gives its name.
    pub events: &'static [(&'static str, &'static str)],
}

/// What is asked.
#[derive(Debug)]
pub enum Ask {
    /// An AMI action, with the header that names the entry, if it is asked for one.
    Action(&'static str, Option<&'static str>),
    /// A command of the CLI, which the entry's name follows, if it is asked for one; and how what it
    /// prints is read.
    Command(&'static str, Parser),
}

impl Ask {
    /// What is asked, in the words of the documentation: `SIPpeers`, `sip show users`.
    pub fn name(&self) -> &'static str {
        match self {
            Ask::Action(name, _) | Ask::Command(name, _) => name,
        }
    }
}

/// What is asked once.
#[derive(Debug)]
pub struct List {
    /// The question.
    pub ask: Ask,
    /// Whether there are entries without it: a user who may not ask it misses some of their fields.
    pub optional: bool,
    /// The field that names an entry in it, if what is taken from it is what no event about one entry
    /// changes: then such an event is no reason to ask it again, unless it does not know the entry.
    pub lasting: Option<&'static str>,
}

/// What is asked for one entry.
#[derive(Debug)]
pub struct Detail {
    /// The question.
    pub ask: Ask,
    /// The list that has to know the entry, and whether it is the only one that may.
    pub of: &'static str,
    /// Whether an event about the entry changes what is taken from it.
    pub lasting: bool,
}

/// A field of `data get`.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Where it comes from, by the names of the questions. A detail among them is asked for it.
    pub from: &'static [&'static str],
    /// Its value; none where the answers do not tell it.
    pub value: fn(&Told<'_>) -> Option<Value>,
}

/// What of a provider is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Which records.
    pub search: Search,
    /// Which fields.
    pub filter: Filter,
}

impl Provider {
    /// The provider of a path; of one that has more, or less, before or behind there is none.
    pub fn at(path: &str) -> Option<&'static Provider> {
        let segments = |path: &str| -> Vec<String> {
            let named = path.trim().split('/').filter(|segment| !segment.is_empty());
            named.map(str::to_ascii_lowercase).collect()
        };
        let wanted = segments(path);
        PROVIDERS.into_iter().find(|provider| segments(provider.path) == wanted)
    }

    /// What is wanted by the arguments of `data get`, as they would be sent.
    pub fn wanted(&self, search: Option<&str>, filter: Option<&str>) -> Wanted {
        let known =
            |name: &str| self.fields.iter().any(|field| field.name == name) || self.missing.contains(&name);
        let search = search.map(|search| Search::read(search, self.root, self.node, known));
        let filter = filter.map(Filter::read).unwrap_or_default();
        let search = match filter.shows(&[self.root, self.node]) {
            true => search.unwrap_or_default(),
            false => Search::for_nothing(),
        };
        Wanted { search, filter }
    }

    /// The details, by their places, that have to be asked for an entry.
    pub fn details(&self, wanted: &Wanted, entry: &Value) -> Vec<usize> {
        let told = Told { entry, details: &[] };
        let fields = self.fields.iter().filter(|field| self.wants(wanted, field.name));
        let from: Vec<&str> = fields.flat_map(|field| field.from.iter().copied()).collect();
        let asked = self
            .details
            .iter()
            .enumerate()
            .filter(|(_, detail)| from.contains(&detail.ask.name()) && self.concerns(detail, &told));
        asked.map(|(index, _)| index).collect()
    }

    /// Whether a detail can be asked for an entry: the first list that knows it is the detail's.
    fn concerns(&self, detail: &Detail, told: &Told<'_>) -> bool {
        let mut lists = self.lists.iter().map(|list| list.ask.name());
        lists.find(|list| told.has(list)) == Some(detail.of)
    }

    fn wants(&self, wanted: &Wanted, field: &str) -> bool {
        wanted.filter.shows(&[self.root, self.node, field]) || wanted.search.reads(field)
    }

    /// Whether an entry cannot be one that is searched for, whatever its details say.
    pub fn is_out_of_search(&self, wanted: &Wanted, entry: &Value) -> bool {
        if wanted.search.finds_nothing() {
            return true;
        }
        let told = Told { entry, details: &[] };
        let mut at_hand = self.fields.iter().filter(|field| {
            wanted.search.reads(field.name)
                && !self.details.iter().any(|one| field.from.contains(&one.ask.name()))
        });
        at_hand.any(|field| !wanted.search.takes_field(field.name, (field.value)(&told).as_ref()))
    }

    /// The record that `data get` would give for an entry; nothing if it is not searched for.
    pub fn record(&self, wanted: &Wanted, told: &Told<'_>, shapes: &mut Shapes) -> Value {
        let mut fields = Fields::new();
        for field in self.fields.iter().filter(|field| self.wants(wanted, field.name)) {
            if let Some(value) = (field.value)(told) {
                fields.push(field.name, value);
            }
        }
        let record = fields.finish(shapes);
        match wanted.search.takes(&record) {
            true => wanted.filter.apply(record, &[self.root, self.node], shapes),
            false => Value::Null,
        }
    }
}
