//! `data get` of Asterisk 13 and 14 (`main/data.c`): an outline of named containers and fields.
//!
//! The first line is the root's name; what a container holds is indented deeper than its name (the root's
//! nodes by 2 blanks, everything below by 4 more each). A container is a bare name, a field
//! `name: value`.
//!
//! **Values.** In quotes: text, in which nothing is escaped, up to the line's last quote. `True` and
//! `False`: a boolean. Digits: an integer; `lastms` 4294967295 is the -1 it was before Asterisk printed
//! it unsigned (of that name only: elsewhere the number may be meant). Anything else: text as it stands.
//!
//! **Containers.** One whose children are all containers of one name is the list of those children, if
//! there are two or more, or if its name shows that it is a list of them even when there is only one:
//! it ends in the child's name and `s` or `es` (`peers` of `peer`, `channeltypes` of `type`, `mailboxes`
//! of `mailbox`), is `list` (queues), or the child is a `codec` (every set of formats, whatever its
//! name). Any other container is a record, and a name that comes again in it makes a list of its values.
//! An empty container is an empty list if it is the root, is named `list` or ends in `s`, otherwise an
//! empty record.
//!
//! **A line that fits nowhere** never costs more than itself: a quoted value without its closing quote
//! takes the following lines that fit nowhere up to the one that ends in a quote, with their line ends;
//! if there is none, the value is what its own line holds of it. Other such lines are dropped. A line
//! inside a value that looks exactly like a field at an open level is read as one, since nothing is
//! escaped; but a root whose first child shows that it is a list drops what is no such child. Containers
//! deeper than 64 levels are dropped.

use super::value::{Fields, Shapes, Value};
use super::{ParseError, lines};

/// How deep containers may nest; Asterisk's deepest are 8.
const DEEPEST: usize = 64;

/// The root's value: for a provider such as `/asterisk/channel/sip/peers`, a list of records.
///
/// # Errors
/// When the text does not begin with the bare name of a root, as a message of failure does not.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    let mut rest = lines::split(bytes).enumerate().skip_while(|(_, line)| lines::is_blank(line));
    let (index, first) = rest.next().unwrap_or_default();
    let Some(Line { indent: 0, name, content: Content::Container }) = Line::read(first) else {
        let found = (!first.is_empty()).then_some(first);
        return Err(ParseError::unexpected(index, "the bare name of an outline's root", found));
    };
    let mut outline = Outline { open: vec![Container::new(0, name)], shapes: Shapes::new() };
    let mut rest = rest.map(|(_, line)| line);
    while let Some(text) = rest.next() {
        let Some(line) = outline.placed(text) else { continue };
        match line.content {
            Content::Container => outline.begin(line.indent, line.name),
            Content::Field(value) => outline.field(line.indent, line.name, value),
            Content::Open(value) => {
                let value = outline.rest_of(value, rest.clone());
                outline.put(line.indent, line.name, value);
            }
        }
    }
    Ok(outline.finish())
}

/// A line that has the form of one, wherever it stands.
struct Line<'a> {
    indent: usize,
    name: &'a [u8],
    content: Content<'a>,
}

enum Content<'a> {
    Container,
    Field(&'a [u8]),
    /// A quoted value that does not end on its line, without its opening quote.
    Open(&'a [u8]),
}

impl<'a> Line<'a> {
    fn read(line: &'a [u8]) -> Option<Line<'a>> {
        let indent = line.iter().position(|&byte| byte != b' ')?;
        let text = &line[indent..];
        let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'"')).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let (name, content) = match word.strip_suffix(b":") {
            Some(name) => (name, value(rest)),
            None if lines::is_blank(rest) => (word, Content::Container),
            None => return None,
        };
        (!name.is_empty()).then_some(Line { indent, name, content })
    }
}

fn value(rest: &[u8]) -> Content<'_> {
    let value = rest.strip_prefix(b" ").unwrap_or(rest);
    match value.strip_prefix(b"\"") {
        Some(open) if !value[1..].trim_ascii_end().ends_with(b"\"") => Content::Open(open),
        _ => Content::Field(value),
    }
}

/// A container whose end has not come yet.
struct Container<'a> {
    indent: usize,
    /// How deep what it holds is indented, once something came.
    inside: Option<usize>,
    name: &'a [u8],
    /// Its children as long as all are containers named `child`.
    items: Vec<Value>,
    child: &'a [u8],
    /// Everything, once it is known to be no list.
    fields: Fields,
}

impl<'a> Container<'a> {
    fn new(indent: usize, name: &'a [u8]) -> Container<'a> {
        Container { indent, inside: None, name, items: Vec::new(), child: b"", fields: Fields::new() }
    }

    /// Whether it is the root and holds the records its name promises, so that nothing else fits in.
    fn is_certain_list(&self) -> bool {
        self.indent == 0 && !self.items.is_empty() && self.is_named_list()
    }

    fn push_item(&mut self, name: &'a [u8], value: Value) {
        if self.fields.is_empty() && (self.items.is_empty() || self.child == name) {
            self.child = name;
            self.items.push(value);
        } else {
            self.push_field(name, value);
        }
    }

    fn push_field(&mut self, name: &[u8], value: Value) {
        if self.is_certain_list() {
            return;
        }
        self.give_up_list();
        self.fields.push(&super::text::decode(name), value);
    }

    fn give_up_list(&mut self) {
        let child = super::text::decode(self.child);
        for item in self.items.drain(..) {
            self.fields.push(&child, item);
        }
    }

    fn finish(mut self, root: bool, shapes: &mut Shapes) -> Value {
        let empty = self.items.is_empty() && self.fields.is_empty();
        let list = match self.items.len() {
            0 => empty && (root || self.name == b"list" || self.name.ends_with(b"s")),
            1 => self.is_named_list(),
            _ => true,
        };
        if list {
            return self.items.into();
        }
        self.give_up_list();
        self.fields.finish(shapes)
    }

    /// Whether the names say that it is a list of its children, however few.
    fn is_named_list(&self) -> bool {
        let ends =
            |plural: &[u8]| self.name.strip_suffix(plural).is_some_and(|name| name.ends_with(self.child));
        self.name == b"list" || self.child == b"codec" || ends(b"s") || ends(b"es")
    }
}

/// The containers open at a line, outermost first; never empty.
struct Outline<'a> {
    open: Vec<Container<'a>>,
    shapes: Shapes,
}

impl<'a> Outline<'a> {
    /// The line, if it has the form of one and its indentation is that of an open level.
    fn placed<'l>(&self, text: &'l [u8]) -> Option<Line<'l>> {
        let line = Line::read(text)?;
        let parent = self.open.iter().rposition(|container| container.indent < line.indent)?;
        let fits = match self.open[parent].inside {
            Some(inside) => inside == line.indent,
            None => parent + 1 == self.open.len(),
        };
        let too_deep = matches!(line.content, Content::Container) && parent + 1 >= DEEPEST;
        (fits && !too_deep).then_some(line)
    }

    fn begin(&mut self, indent: usize, name: &'a [u8]) {
        self.parent(indent);
        self.open.push(Container::new(indent, name));
    }

    fn field(&mut self, indent: usize, name: &[u8], value: &[u8]) {
        let value = scalar(name, value);
        self.put(indent, name, value);
    }

    fn put(&mut self, indent: usize, name: &[u8], value: Value) {
        if let Some(container) = self.parent(indent) {
            container.push_field(name, value);
        }
    }

    /// Ends the containers that a line of that indentation is not in, and gives the one it is in.
    fn parent(&mut self, indent: usize) -> Option<&mut Container<'a>> {
        while self.open.len() > 1 && self.open.last().is_some_and(|container| container.indent >= indent) {
            self.end();
        }
        let container = self.open.last_mut()?;
        container.inside = Some(indent);
        Some(container)
    }

    fn end(&mut self) -> Option<Value> {
        let container = self.open.pop()?;
        let name = container.name;
        let value = container.finish(self.open.is_empty(), &mut self.shapes);
        match self.open.last_mut() {
            Some(parent) => {
                parent.push_item(name, value);
                None
            }
            None => Some(value),
        }
    }

    fn finish(mut self) -> Value {
        loop {
            if let Some(root) = self.end() {
                return root;
            }
        }
    }

    /// A quoted value that goes on after its line: up to the line that ends it, or to its own line's
    /// last quote, or to its own line's end.
    fn rest_of<'l>(&self, first: &[u8], following: impl Iterator<Item = &'l [u8]>) -> Value {
        let mut whole = first.to_vec();
        for text in following.take_while(|text| self.placed(text).is_none()) {
            whole.push(b'\n');
            whole.extend_from_slice(text);
            if text.trim_ascii_end().ends_with(b"\"") {
                let value = whole.trim_ascii_end();
                return Value::text(&value[..value.len() - 1]);
            }
        }
        let end = first.iter().rposition(|&byte| byte == b'"').unwrap_or(first.len());
        Value::text(&first[..end])
    }
}

fn scalar(name: &[u8], value: &[u8]) -> Value {
    let value = value.trim_ascii_end();
    if let Some(quoted) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) {
        return Value::text(quoted);
    }
    match value {
        b"True" => Value::Bool(true),
        b"False" => Value::Bool(false),
        b"4294967295" if name == b"lastms" => Value::Integer(-1),
        _ => integer(value).unwrap_or_else(|| Value::text(value)),
    }
}

fn integer(value: &[u8]) -> Option<Value> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok().map(Value::Integer)
}

#[cfg(test)]
#[path = "outline_tests.rs"]
mod tests;
