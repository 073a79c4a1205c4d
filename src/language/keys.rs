//! The keys of every table of a tree file, and what each takes.
//!
//! This is the one list: reading refuses a key that is not in it, and the schema for editors is made
//! of it.

use super::model::{Format, OnError};
use crate::parse::Parser;

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it says, in a line.
    pub about: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// A string.
    Text,
    /// `true` or `false`.
    Flag,
    /// A duration: `"5s"`.
    Duration,
    /// Permissions: `"0400"`, `0o400`.
    Mode,
    /// A user or group: a number or a name.
    Owner,
    /// A number of bytes: `16384`, `"16k"`.
    Size,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// A table with these keys.
    Keys(&'static [Key]),
    /// A table whose keys are names that whoever writes the tree gives.
    Named(&'static Takes),
    /// A list.
    List(&'static Takes),
    /// Whatever TOML can say.
    Anything,
    /// One of several.
    Either(&'static [Takes]),
}

impl Takes {
    /// Whether it takes what `accepts` names; for a choice, whether one of it does.
    pub fn includes(&self, accepts: fn(&Takes) -> bool) -> bool {
        match self {
            Takes::Either(several) => several.iter().any(|takes| takes.includes(accepts)),
            takes => accepts(takes),
        }
    }
}

/// A key with what it takes and what it says.
pub const fn key(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key { name, takes, about }
}

const TEXTS: Takes = Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]);
const TRIGGER: Takes = Takes::Either(&[Takes::Text, Takes::Named(&Takes::Text)]);
const TRIGGERS: Takes = Takes::Either(&[TRIGGER, Takes::List(&TRIGGER)]);
const ON_ERROR: Takes = Takes::Word(|| OnError::NAMES.iter().map(|(name, _)| *name).collect());
const FORMAT: Takes = Takes::Word(|| Format::NAMES.iter().map(|(name, _)| *name).collect());
const PARSER: Takes = Takes::Either(&[Takes::Word(|| Parser::NAMES.to_vec()), Takes::Keys(PARSE)]);

const INCLUDE_ONE: Takes = Takes::Either(&[Takes::Text, Takes::Keys(INCLUDE)]);
const INCLUDED: Takes = Takes::Either(&[INCLUDE_ONE, Takes::List(&INCLUDE_ONE)]);

/// One file of `include`.
pub const INCLUDE: &[Key] = &[
    key("file", Takes::Text, "The file, seen from this one"),
    key("under", Takes::Text, "Where its paths begin"),
];

/// A tree file.
pub const TREE_FILE: &[Key] = &[
    key("include", INCLUDED, "Further tree files, seen from this one"),
    key("server", Takes::Keys(SERVER), "How to reach Asterisk"),
    key("defaults", Takes::Keys(DEFAULTS), "What holds where an entry or a query says nothing else"),
    key(
        "query",
        Takes::Named(&Takes::Keys(QUERY)),
        "Questions to the server; each is a variable in templates",
    ),
    key("each", Takes::Named(&Takes::Keys(EACH)), "Path variables: one path for each record"),
    key("tree", Takes::Named(&Takes::Keys(ENTRY)), "What stands at each path"),
];

/// `[server]`; a table of another name in it is one of several servers, with the same keys.
pub const SERVER: &[Key] = &[
    key("address", Takes::Text, "host:port of the manager interface"),
    key("user", Takes::Text, "The manager user"),
    key(
        "secret",
        Takes::Either(&[Takes::Keys(SECRET), Takes::Text]),
        "Where the manager user's secret comes from",
    ),
    key(
        "login",
        Takes::Word(|| LOGINS.to_vec()),
        "Whether the secret goes over the wire (plain) or an answer to a challenge (md5)",
    ),
    key(
        "tls",
        Takes::Either(&[Takes::Flag, Takes::Keys(TLS)]),
        "Whether and how the connection is encrypted",
    ),
];

/// `tls`.
pub const TLS: &[Key] = &[
    key("ca", Takes::Text, "A file with the certificates of the authorities that are believed (PEM)"),
    key("server_name", Takes::Text, "The name that the server's certificate is for"),
    key("certificate", Takes::Text, "A file with our own certificate (PEM)"),
    key("key", Takes::Text, "The file with its key (PEM)"),
];

/// How a secret can be proved.
pub const LOGINS: [&str; 2] = ["md5", "plain"];

/// `secret`.
pub const SECRET: &[Key] = &[
    key("env", Takes::Text, "An environment variable"),
    key("file", Takes::Text, "A file, whose first line it is"),
];

/// `auth`.
pub const AUTH: &[Key] = &[
    key("user", Takes::Text, "Who asks"),
    key("secret", Takes::Either(&[Takes::Keys(SECRET), Takes::Text]), "Where the secret comes from"),
];

/// `[defaults]`.
pub const DEFAULTS: &[Key] = &[
    key("mode", Takes::Mode, "Permissions of files"),
    key("dir_mode", Takes::Mode, "Permissions of directories"),
    key("uid", Takes::Owner, "Owner"),
    key("gid", Takes::Owner, "Group"),
    TIMEOUT,
    key("ttl", Takes::Duration, "How long a result without `refresh` counts as fresh"),
    key("on_error", ON_ERROR, "What a file shows while its content cannot be had"),
    MAX_STALE,
    key("templates", Takes::Text, "The templates folder, seen from this file"),
];

const ACTION: Takes = Takes::Either(&[Takes::Text, Takes::Named(&Takes::Text)]);
const WORDS: Takes = Takes::List(&Takes::Text);

// What a query and an entry's own question have in common.
const FILE: Key = key("file", Takes::Text, "The text of a file, by its path (a template)");
const EXEC: Key =
    key("exec", WORDS, "What a program prints: its name and its arguments (templates); needs `--allow-exec`");
const HTTP: Key = key("http", Takes::Text, "What an http:// or https:// URL gives (a template)");
const AUTHORIZED: Key = key("auth", Takes::Keys(AUTH), "As whom `http` asks");
const CERTIFICATES: Key =
    key("ca", Takes::Text, "A file of certificates in PEM, instead of those this machine trusts");
const SEARCH: Key = key("search", Takes::Text, "Which nodes `data` gives (a template)");
const FILTER: Key = key("filter", Takes::Text, "Which fields `data` gives (a template)");
const PARSED: Key = key("parse", PARSER, "How a text is read");
const ROWS: Key = key("rows", Takes::Text, "The way to the list inside a result");
const RECORD_KEY: Key = key("key", Takes::Text, "The field that names a record");
const NEEDS: Key = key("needs", TEXTS, "Queries to run first, for their effect");
const REFRESHED: Key = key("refresh", Takes::Keys(REFRESH), "When it is asked again");
const TIMEOUT: Key = key("timeout", Takes::Duration, "How long an answer may take");
const MAX_STALE: Key = key(
    "max_stale",
    Takes::Duration,
    "How long the last good result may stand in for one that cannot be had",
);

/// `[query.NAME]`.
pub const QUERY: &[Key] = &[
    key("command", Takes::Text, "A command of the CLI (a template)"),
    key("action", ACTION, "An AMI action: its name, or its headers (templates)"),
    key("data", Takes::Text, "The path of a `data get` (a template)"),
    FILE,
    EXEC,
    HTTP,
    key("any", TEXTS, "The first of these queries that this server can answer"),
    key("value", Takes::Text, "An expression over other queries and path variables"),
    AUTHORIZED,
    CERTIFICATES,
    SEARCH,
    FILTER,
    PARSED,
    ROWS,
    RECORD_KEY,
    NEEDS,
    key("each", Takes::Text, "The path variable whose records these are, while their `fields` are computed"),
    key(
        "fields",
        Takes::Named(&Takes::Text),
        "Fields to compute for each record: expressions in which `row` is it",
    ),
    REFRESHED,
    TIMEOUT,
    MAX_STALE,
];

/// `parse`.
pub const PARSE: &[Key] = &[
    key("regex", Takes::Text, "A regular expression; its named groups are the fields"),
    key("multi", Takes::Flag, "Whether it is applied to the whole text instead of each line"),
    key("concise", TEXTS, "The names of the pieces between `!`"),
];

/// `refresh`.
pub const REFRESH: &[Key] = &[
    key("on", TRIGGERS, "Events that make the result stale"),
    key("one", Takes::Text, "The query that asks for one record of a list anew"),
    key("every", Takes::Duration, "The result's greatest age"),
    key("finds", TRIGGERS, "Events that may name a record which a list does not know"),
];

/// `[each.NAME]`.
pub const EACH: &[Key] = &[
    key("in", Takes::Text, "An expression that gives a list or map"),
    key("where", Takes::Text, "Only the records for which this expression is true"),
    key("key", Takes::Text, "The field that names the path"),
    key("as", Takes::Text, "The variable's name in templates"),
];

/// An entry of `[tree]`.
pub const ENTRY: &[Key] = &[
    key("text", Takes::Text, "This text"),
    key("symlink", Takes::Text, "A link to that target (a template)"),
    key("command", Takes::Text, "What the CLI prints for that command (a template)"),
    key("action", ACTION, "The answer to an AMI action: its name, or its headers (templates)"),
    key("data", Takes::Text, "The answer to `data get` with that path (a template)"),
    FILE,
    EXEC,
    HTTP,
    key("query", Takes::Text, "A query, or any expression over queries and path variables"),
    key("render", Takes::Text, "A template"),
    key("template", Takes::Text, "A template file of the templates folder"),
    key("events", Takes::Either(&[TEXTS, Takes::Keys(EVENTS)]), "A growing log of the server's events"),
    key("write", Takes::Keys(WRITE), "What writing to it does"),
    key("as", FORMAT, "How a value is printed"),
    key("when", Takes::Text, "The entry is there only while this expression is true"),
    key("mode", Takes::Mode, "Permissions"),
    key("uid", Takes::Owner, "Owner"),
    key("gid", Takes::Owner, "Group"),
    key("on_error", ON_ERROR, "What it shows while its content cannot be had"),
    key("encoding", Takes::Text, "The character set that the content is shown in"),
    AUTHORIZED,
    CERTIFICATES,
    PARSED,
    SEARCH,
    FILTER,
    ROWS,
    RECORD_KEY,
    NEEDS,
    REFRESHED,
    TIMEOUT,
    MAX_STALE,
];

/// `write`.
pub const WRITE: &[Key] = &[
    key("command", Takes::Text, "A command of the CLI; `input` is what was written"),
    key("action", ACTION, "An AMI action; `input` is what was written"),
    key("match", Takes::Text, "A regular expression that all of the input has to match"),
    key("timeout", Takes::Duration, "How long the answer may take"),
];

/// `events`.
pub const EVENTS: &[Key] = &[
    key("names", TEXTS, "The events' names, or `*` for all"),
    key("where", Takes::Text, "Only the events for which this expression is true"),
    key("size", Takes::Size, "The size at which it is rotated"),
];
