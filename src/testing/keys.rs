//! The keys of every table of a test file, and what each takes.

use crate::language::{Key, Takes, key};

const TEXTS: Takes = Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]);
const RESULTS: Takes = Takes::Named(&Takes::Anything);
const EXPECTATIONS: Takes = Takes::Named(&Takes::Keys(EXPECTATION));

/// A test file.
pub const TEST_FILE: &[Key] = &[
    key("tree", Takes::Text, "The tree file, seen from this one"),
    key("templates", Takes::Text, "The templates folder, if it is not the tree's own"),
    key("case", Takes::List(&Takes::Keys(CASE)), "The cases: each is a tree of its own"),
];

/// `[[case]]`.
pub const CASE: &[Key] = &[
    key("name", Takes::Text, "What the case shows, in words"),
    key("recording", Takes::Text, "A recording that stands in for the server"),
    key("query", RESULTS, "Results, by the names of queries"),
    key("expect", EXPECTATIONS, "What is to be seen, by paths"),
    key("then", Takes::List(&Takes::Keys(THEN)), "What happens then, one after the other"),
];

/// `[[case.then]]`.
pub const THEN: &[Key] = &[
    key("recording", Takes::Text, "A recording that stands in for the server from now on"),
    key("query", RESULTS, "Results from now on, by the names of queries"),
    key("events", Takes::List(&Takes::Named(&Takes::Anything)), "Events that come then: their headers"),
    key("expect", EXPECTATIONS, "What is to be seen after that, by paths"),
];

/// What is expected at a path.
pub const EXPECTATION: &[Key] = &[
    key("equals", Takes::Text, "A file's whole content"),
    key("contains", TEXTS, "What is in a file"),
    key("not_contains", TEXTS, "What is not in a file"),
    key("matches", Takes::Text, "A regular expression that is found in a file"),
    key("link", Takes::Text, "Where a link leads"),
    key("exists", Takes::Flag, "Whether there is anything"),
    key("mode", Takes::Mode, "Permissions"),
    key("names", TEXTS, "All that a directory holds, in any order"),
];
