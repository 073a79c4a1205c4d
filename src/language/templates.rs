//! Templates and expressions, compiled ahead; what they interpolate is made safe for where it goes.
//!
//! A record's field can hold anything. In a file's content it stands as it is; in a CLI command it
//! is quoted as one argument; in a link or a path it is escaped as one path segment, in a URL it is
//! percent-encoded. The template's [`TextKind`] decides, so no operator has to think of it.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::code::Code;
use super::compiled::{CompiledExpression, CompiledExpressions};
use super::diagnostic::suggestion;
use super::extent::{self, printed};
use super::library;
use super::metered;
use super::name;
use super::tags::Tags;
use super::value::Bound;
use super::words::{FILTERS, TESTS};
use crate::parse::text;

/// Steps a template may take before it is stopped: a loop over 100,000 records that prints ten fields
/// of each takes about half of it.
const FUEL: u64 = 20_000_000;

/// Where a template's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// Into a file.
    Content,
    /// Into the target of a symlink.
    Link,
    /// Into a CLI command.
    Command,
    /// Into the value of an AMI header.
    Header,
    /// Into the path of a file.
    Path,
    /// Into an argument of a program.
    Argument,
    /// Into a URL.
    Url,
}

impl TextKind {
    fn prefix(self) -> &'static str {
        match self {
            TextKind::Content => "",
            TextKind::Link => "link:",
            TextKind::Command => "command:",
            TextKind::Header => "header:",
            TextKind::Path => "path:",
            TextKind::Argument => "argument:",
            TextKind::Url => "url:",
        }
    }

    fn of(template: &str) -> TextKind {
        let others = [
            TextKind::Link,
            TextKind::Command,
            TextKind::Header,
            TextKind::Path,
            TextKind::Argument,
            TextKind::Url,
        ];
        others.into_iter().find(|kind| template.starts_with(kind.prefix())).unwrap_or(TextKind::Content)
    }
}

/// The name under which a template was compiled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TemplateName(pub(super) String);

/// An expression, found to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// Its text.
    pub text: String,
    /// The names it reads.
    pub names: Vec<String>,
    /// The same with the fields it reads of them: `friend.name`.
    pub nested: Vec<String>,
}

/// Every template of a tree.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    /// As they were written.
    texts: BTreeMap<TemplateName, String>,
    /// To be used when all templates are there.
    expressions: CompiledExpressions,
}

/// A template with all that it names.
#[derive(Debug, Default)]
pub struct Behind {
    /// Their texts.
    pub texts: BTreeMap<TemplateName, String>,
    /// Whether one of them names another by an expression: that can be any.
    pub names_any: bool,
}

/// A template or expression that cannot be compiled.
#[derive(Debug)]
pub struct TemplateMistake {
    /// Which kind of mistake.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where in the text, if it is known.
    pub range: Option<Range<usize>>,
    /// The line in the text, from 1.
    pub line: Option<usize>,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

impl Default for Templates {
    fn default() -> Templates {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(syntax());
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        environment.set_auto_escape_callback(|name| match TextKind::of(name) {
            TextKind::Content => AutoEscape::None,
            kind => AutoEscape::Custom(kind.prefix().into()),
        });
        environment.set_formatter(format);
        environment.add_filter("first_bytes", first_bytes);
        library::add_to(&mut environment);
        extent::add_to(&mut environment);
        Templates { environment, texts: BTreeMap::new(), expressions: CompiledExpressions::default() }
    }
}

/// Block tags on lines of their own leave no line behind, and a file keeps its last line end.
fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().unwrap_or_default()
}

impl Templates {
    /// Changes how many steps a template or expression may take before it is stopped.
    pub fn set_steps(&mut self, steps: u64) {
        self.environment.set_fuel(Some(steps));
    }

    /// Compiles a template under a name that appears in its errors.
    pub fn add(&mut self, name: &str, kind: TextKind, text: &str) -> Result<TemplateName, TemplateMistake> {
        let name = format!("{}{name}", kind.prefix());
        if let Some(range) = Tags::of_template(text).too_long {
            return Err(too_long(Code::TemplateSyntax, range));
        }
        let added = self.environment.add_template_owned(name.clone(), text.to_owned());
        added.map_err(|error| mistake(Code::TemplateSyntax, &error, text))?;
        let added = self.environment.add_template_owned(name.clone(), metered::template(text));
        debug_assert!(added.is_ok(), "{:?} of {text:?}", metered::template(text));
        added.map_err(|error| mistake(Code::TemplateSyntax, &error, text))?;
        let name = TemplateName(name);
        self.texts.insert(name.clone(), text.to_owned());
        Ok(name)
    }

    /// The filters and tests that there are not: found here rather than while the template runs.
    pub fn unknown_operators(&self, tags: &Tags) -> Vec<TemplateMistake> {
        let filters = tags.filters.iter().map(|found| (Code::UnknownFilter, "filter", found, &FILTERS[..]));
        let tests = tags.tests.iter().map(|found| (Code::UnknownTest, "test", found, &TESTS[..]));
        let unknown = filters.chain(tests).filter(|(_, what, (name, _), _)| !self.is_known(what, name));
        unknown
            .map(|(code, what, (name, range), known)| TemplateMistake {
                code,
                message: format!("there is no {what} `{name}`"),
                range: Some(range.clone()),
                line: None,
                help: suggestion(name, known.iter().copied()),
            })
            .collect()
    }

    fn is_known(&self, what: &str, name: &str) -> bool {
        let question = format!("name is {what}");
        let answer = self.environment.compile_expression(&question);
        let answer = answer.and_then(|question| question.eval(minijinja::context!(name)));
        answer.is_ok_and(|known| known.is_true())
    }

    /// Those of `names` that a text would read from outside if it read them at `position`: those
    /// that no `set`, `for` or `with` around it gives.
    pub fn read_from_outside(&self, text: &str, position: usize, names: &[String]) -> HashSet<String> {
        let reads: String = names.iter().map(|name| format!("{{{{ {name} }}}}")).collect();
        let probe = format!("{}{reads}{}", &text[..position], &text[position..]);
        match self.environment.template_from_str(&probe) {
            Ok(probe) => probe.undeclared_variables(false),
            Err(_) => HashSet::new(),
        }
    }

    /// Checks an expression.
    pub fn expression(&self, text: &str) -> Result<Expression, TemplateMistake> {
        if let Some(range) = Tags::of_expression(text).too_long {
            return Err(too_long(Code::ExpressionSyntax, range));
        }
        let compiled = self.environment.compile_expression(text);
        let compiled = compiled.map_err(|error| mistake(Code::ExpressionSyntax, &error, text))?;
        let names = self.own_names(compiled.undeclared_variables(false));
        let nested = self.own_names(compiled.undeclared_variables(true));
        Ok(Expression { text: text.to_owned(), names, nested })
    }

    /// The names that a template reads and neither sets nor finds among the functions.
    pub fn names(&self, template: &TemplateName) -> Vec<String> {
        match self.environment.get_template(&template.0) {
            Ok(template) => self.own_names(template.undeclared_variables(false)),
            Err(_) => Vec::new(),
        }
    }

    /// What a template reads and does not set, with the fields it reads of it: `friend.name`.
    pub fn nested_names(&self, template: &TemplateName) -> Vec<String> {
        match self.environment.get_template(&template.0) {
            Ok(template) => self.own_names(template.undeclared_variables(true)),
            Err(_) => Vec::new(),
        }
    }

    /// A template's text, as it was compiled; none for what is no template.
    pub(super) fn text(&self, template: &TemplateName) -> Option<&str> {
        self.texts.get(template).map(String::as_str)
    }

    /// The value of an expression that reads nothing.
    pub fn constant(&self, expression: &Expression) -> Option<Value> {
        let text = metered::expression(&expression.text);
        let compiled = self.environment.compile_expression(&text).ok()?;
        if expression.names.is_empty() { compiled.eval(()).ok() } else { None }
    }

    /// A template and all that it names, these again, and so on.
    pub fn behind(&self, template: &TemplateName) -> Behind {
        let mut behind = Behind::default();
        let mut open = vec![template.clone()];
        while let Some(name) = open.pop() {
            let Some(text) = self.text(&name).filter(|_| !behind.texts.contains_key(&name)) else {
                continue;
            };
            for reference in Tags::of_template(text).references {
                behind.names_any |= reference.names.is_empty();
                open.extend(reference.names.into_iter().map(|(name, _)| TemplateName(name)));
            }
            behind.texts.insert(name.clone(), text.to_owned());
        }
        behind
    }

    /// Every template with its text.
    pub fn texts(&self) -> &BTreeMap<TemplateName, String> {
        &self.texts
    }

    fn own_names(&self, names: HashSet<String>) -> Vec<String> {
        let functions: HashSet<&str> = self.environment.globals().map(|(name, _)| name).collect();
        let mut names: Vec<_> = names.into_iter().filter(|name| !functions.contains(name.as_str())).collect();
        names.sort();
        names
    }

    /// Renders a template in `scope`.
    pub fn render(&self, template: &TemplateName, scope: Value) -> Result<String, Error> {
        self.environment.get_template(&template.0)?.render(scope)
    }

    /// Evaluates an expression in `scope`.
    pub fn evaluate(&self, expression: &Expression, scope: Value) -> Result<Value, Error> {
        self.compiled(expression)?.evaluate(scope)
    }

    /// An expression to be evaluated in many scopes.
    pub fn compiled(&self, expression: &Expression) -> Result<CompiledExpression, Error> {
        self.expressions.get(&self.environment, &expression.text)
    }
}

/// What an error of the template engine says, without the values it was working on.
pub fn error_text(error: &Error) -> String {
    let what = match error.detail() {
        _ if error.kind() == ErrorKind::OutOfFuel => {
            "the template takes too many steps and was stopped".to_owned()
        }
        // the detail names it, and the name may come out of a record
        _ if error.kind() == ErrorKind::TemplateNotFound => {
            "there is no template of the name that an expression gives here".to_owned()
        }
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    match (error.name(), error.line()) {
        (Some(name), Some(line)) if name != "<expression>" => format!("{what} ({name}, line {line})"),
        _ => what,
    }
}

fn mistake(code: Code, error: &Error, text: &str) -> TemplateMistake {
    let what = if code == Code::ExpressionSyntax { "expression" } else { "template" };
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let message = format!("the {what} cannot be read: {message}");
    let at = |range: &Range<usize>| text.get(range.start..).unwrap_or("");
    let assigns = error.range().is_some_and(|range| at(&range).starts_with('='));
    let help = assigns.then(|| "compare with `==`".to_owned());
    let range = error.range().map(|range| inside(text, range));
    TemplateMistake { code, message, range, line: error.line(), help }
}

/// The range as one of whole characters of a text: that of a mistake at the text's end may reach beyond it.
fn inside(text: &str, range: Range<usize>) -> Range<usize> {
    let boundary = |offset: &usize| text.is_char_boundary(*offset);
    let start = (0..=range.start.min(text.len())).rev().find(boundary).unwrap_or(0);
    let end = (range.end.max(start)..text.len()).find(boundary).unwrap_or(text.len());
    start..end
}

/// The mistake of a chain of operators that the template engine cannot follow.
fn too_long(code: Code, range: Range<usize>) -> TemplateMistake {
    let (what, help) = match code {
        Code::ExpressionSyntax => ("expression", "ask a query for what it computes"),
        _ => ("template", "give names to its parts: `{% set part = … %}`"),
    };
    let message = format!("the {what} cannot be read: it is a chain of too many operators");
    TemplateMistake { code, message, range: Some(range), line: None, help: Some(help.to_owned()) }
}

/// Prints a value. Truth is printed as Asterisk and Jinja print it (`True`, `False`), and nothing as
/// nothing.
fn format(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let kind = match state.auto_escape() {
        AutoEscape::Custom(kind) => kind,
        _ => TextKind::Content.prefix(),
    };
    let is_segment = kind == TextKind::Link.prefix() || kind == TextKind::Path.prefix();
    let is_url = kind == TextKind::Url.prefix();
    let escapes = is_segment || is_url || kind == TextKind::Command.prefix();
    let done = match value.as_str() {
        _ if value.is_none() || value.is_undefined() => Ok(()),
        Some(text) if !escapes || value.is_safe() => output.write_str(text),
        _ if value.is_safe() => output.write_str(&printed(state, value)?),
        _ => {
            let plain = match value.kind() {
                ValueKind::Bool if value.is_true() => "True".to_owned(),
                ValueKind::Bool => "False".to_owned(),
                _ => printed(state, value)?,
            };
            let text = match value.downcast_object_ref::<Bound>() {
                Some(bound) if is_segment => bound.name().to_owned(),
                _ if is_segment => name::escape(&plain),
                _ if is_url => percent_encoded(&plain),
                _ if escapes => command_argument(&plain),
                _ => plain,
            };
            output.write_str(&text)
        }
    };
    done.map_err(Error::from)
}

/// The text's beginning, as the CLI's tables cut it: after so many bytes, also inside a character.
fn first_bytes(text: &str, count: usize) -> String {
    let bytes = text::encode(text);
    text::decode(&bytes[..count.min(bytes.len())]).into_owned()
}

/// One argument of a CLI command. The CLI (`main/cli.c`, all versions) splits at blanks and knows
/// double quotes and backslashes.
fn command_argument(text: &str) -> String {
    let plain = |character: char| !character.is_whitespace() && !matches!(character, '"' | '\\');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A part of a URL that says nothing of its structure: all but the unreserved characters of RFC 3986 is
/// written as `%` and two hex digits for each byte.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let encoded = |byte: &u8| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text::encode(text).iter().map(encoded).collect()
}

#[cfg(test)]
#[path = "templates_tests.rs"]
mod tests;
