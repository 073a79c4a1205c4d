//! The words of the template language, for telling what is not one of them.
//!
//! The engine knows its filters and tests, but cannot list them.

/// The filters a template can use.
#[rustfmt::skip]
pub const FILTERS: [&str; 49] = [
    "abs", "attr", "batch", "bool", "capitalize", "chain", "count", "d", "default", "dictsort", "e",
    "escape", "first", "first_bytes", "float", "format", "groupby", "indent", "int", "items", "join", "last",
    "length", "lines", "list", "lower", "map", "max", "min", "pprint", "reject", "rejectattr",
    "replace", "reverse", "round", "safe", "select", "selectattr", "slice", "sort", "split",
    "string", "sum", "title", "tojson", "trim", "unique", "upper", "zip",
];

/// The tests a template can use behind `is`.
#[rustfmt::skip]
pub const TESTS: [&str; 36] = [
    "boolean", "defined", "divisibleby", "endingwith", "eq", "equalto", "escaped", "even", "false",
    "filter", "float", "ge", "greaterthan", "gt", "in", "int", "integer", "iterable", "le",
    "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "safe", "sameas",
    "sequence", "startingwith", "string", "test", "true", "undefined", "upper",
];

/// Names that templates give a meaning of their own.
#[rustfmt::skip]
pub const RESERVED: [&str; 23] = [
    "and", "caller", "debug", "dict", "else", "event", "false", "if", "in", "input", "is", "loop", "namespace",
    "none", "not", "or", "range", "result", "row", "self", "super", "true", "None",
];
