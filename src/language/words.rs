//! The words of the template language, for telling what is not one of them.
//!
//! The engine knows its filters and tests, but cannot list them.

/// The filters a template can use.
#[rustfmt::skip]
pub const FILTERS: [&str; 68] = [
    "abs", "attr", "batch", "bool", "caller_id", "capitalize", "chain", "codecs", "count", "csv", "d",
    "default", "dictsort", "duration", "e", "env", "epoch", "escape", "first", "first_bytes", "float",
    "format", "groupby", "host_port", "indent", "int", "items", "join", "json_lines", "known", "last",
    "length", "lines", "list", "lower", "map", "max", "milliseconds", "min", "natural_sort", "pairs",
    "parts", "pprint", "prometheus", "reject", "rejectattr", "replace", "reverse", "round", "safe",
    "seconds", "select", "selectattr", "shell", "sip_uri", "slice", "sort", "split", "string", "sum",
    "table", "time", "title", "tojson", "trim", "unique", "upper", "zip",
];

/// The tests a template can use behind `is`.
#[rustfmt::skip]
pub const TESTS: [&str; 37] = [
    "boolean", "defined", "divisibleby", "endingwith", "eq", "equalto", "escaped", "even", "false",
    "filter", "float", "ge", "greaterthan", "gt", "in", "int", "integer", "iterable", "le", "lessthan",
    "lower", "lt", "mapping", "ne", "none", "number", "odd", "safe", "sameas", "sequence",
    "startingwith", "string", "test", "true", "undefined", "unset", "upper",
];

/// Names that templates give a meaning of their own.
#[rustfmt::skip]
pub const RESERVED: [&str; 23] = [
    "and", "caller", "debug", "dict", "else", "event", "false", "if", "in", "input", "is", "loop", "namespace",
    "none", "not", "or", "range", "result", "row", "self", "super", "true", "None",
];
