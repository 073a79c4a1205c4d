//! What is asked beside the server: `file`, `exec` and `http`.
//!
//! What a record may decide is kept small here and where it is asked ([`crate::origin`]): a segment of a
//! path, an argument of a program, a part of a URL; never which program runs, nor who learns a secret.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::address::SecretSource;
use super::code::Code;
use super::document::{Section, Text};
use super::keys;
use super::load::Loader;
use super::query::Sent;
use super::server;
use super::source::Span;
use super::templates::{TemplateName, TextKind};
use crate::parse::Parser;

/// Something beside the server that is asked.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The text of a file.
    File(TemplateName),
    /// What a program prints.
    Program {
        /// Its name or path.
        name: String,
        /// Its arguments.
        arguments: Vec<Argument>,
    },
    /// What a URL gives.
    Url {
        /// The URL.
        url: TemplateName,
        /// Who asks.
        authorization: Option<Authorization>,
        /// The file of the certificates that vouch for the server.
        certificates: Option<PathBuf>,
    },
}

/// An argument of a program.
#[derive(Debug, Clone)]
pub struct Argument {
    /// What it is.
    pub template: TemplateName,
    /// Whether it may begin with `-`: the tree file writes it so, or `--` stands before it. A record's value
    /// never becomes an option.
    pub may_be_option: bool,
}

/// How somebody who asks a URL proves who he is (HTTP basic authentication).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authorization {
    /// Who.
    pub user: String,
    /// Where the secret comes from.
    pub secret: SecretSource,
}

impl Origin {
    /// The templates of what is asked.
    pub fn templates(&self) -> Vec<&TemplateName> {
        match self {
            Origin::File(path) => vec![path],
            Origin::Program { arguments, .. } => arguments.iter().map(|one| &one.template).collect(),
            Origin::Url { url, .. } => vec![url],
        }
    }

    /// How the text is read where no `parse` says it; none for the text as it stands.
    pub fn parser(&self) -> Option<Parser> {
        matches!(self, Origin::Url { .. }).then_some(Parser::Json)
    }
}

/// Reads what the key `source` says: `file`, `exec` or `http`.
pub fn read(loader: &mut Loader, section: &Section<'_, '_>, source: &str, sent: &Sent<'_>) -> Option<Origin> {
    match source {
        "file" => file(loader, section, sent),
        "exec" => program(loader, section, sent),
        _ => url(loader, section, sent),
    }
}

fn wrong(loader: &mut Loader, span: Span, message: &str, label: &str, help: &str) {
    loader.reader.finding(Code::InvalidSource, span, message, label, Some(help.into()));
}

/// How tags begin and end.
const TAGS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

fn is_template(text: &str) -> bool {
    TAGS.iter().any(|(open, _)| text.contains(open))
}

fn file(loader: &mut Loader, section: &Section<'_, '_>, sent: &Sent<'_>) -> Option<Origin> {
    let path = section.text(&mut loader.reader, "file")?;
    if !path.value.starts_with('/') {
        let (message, label) = ("the path of a `file` begins with `/`", "seen from where?");
        wrong(loader, path.span, message, label, "write the whole path");
        return None;
    }
    Some(Origin::File(sent.compile(loader, "file", TextKind::Path, &path)?))
}

fn program(loader: &mut Loader, section: &Section<'_, '_>, sent: &Sent<'_>) -> Option<Origin> {
    let value = section.get("exec")?;
    let Some(items) = value.get_ref().as_array() else {
        loader.reader.wrong_type("`exec`", "a list: a program and its arguments", value);
        return None;
    };
    let words: Vec<Text> =
        items.iter().map(|item| loader.reader.text("`exec`", item)).collect::<Option<_>>()?;
    let example = "write `exec = [\"PROGRAM\", \"ARGUMENT\", \"{{ … }}\"]`; no shell reads it";
    let Some((name, words)) = words.split_first() else {
        wrong(loader, value.span(), "`exec` names no program", "which one?", example);
        return None;
    };
    let is_path = name.value.contains('/');
    let (message, label) = match () {
        () if is_template(&name.value) => ("which program runs is not for a template to say", "a template"),
        () if name.value.trim().is_empty() => ("`exec` names no program", "which one?"),
        () if is_path && !name.value.starts_with('/') => {
            ("the path of a program begins with `/`", "seen from where?")
        }
        () => {
            warn_of_program(loader, section);
            return arguments(loader, sent, name, words);
        }
    };
    wrong(loader, name.span.clone(), message, label, example);
    None
}

fn arguments(loader: &mut Loader, sent: &Sent<'_>, name: &Text, words: &[Text]) -> Option<Origin> {
    let mut arguments = Vec::with_capacity(words.len());
    let mut only_operands = false;
    for (index, word) in words.iter().enumerate() {
        let key = format!("exec.{}", index + 1);
        let template = sent.compile(loader, &key, TextKind::Argument, word)?;
        let may_be_option = only_operands || word.value.starts_with('-');
        arguments.push(Argument { template, may_be_option });
        only_operands |= word.value == "--";
    }
    Some(Origin::Program { name: name.value.clone(), arguments })
}

fn warn_of_program(loader: &mut Loader, section: &Section<'_, '_>) {
    if let Some(key) = section.key("exec").filter(|_| !loader.allows_exec) {
        let help = Some("look at what it runs, and give astfs the option `--allow-exec`".into());
        let message = "this runs a program, which has to be allowed on the command line";
        loader.reader.finding(Code::NeedsAllowExec, key.span(), message, "runs a program", help);
    }
}

fn url(loader: &mut Loader, section: &Section<'_, '_>, sent: &Sent<'_>) -> Option<Origin> {
    let text = section.text(&mut loader.reader, "http")?;
    let authorization = section.get("auth").map(|value| authorization(loader, value));
    let certificates = section.text(&mut loader.reader, "ca");
    let plain = tags_marked(&text.value);
    let rest = ["http://", "https://"].iter().find_map(|scheme| plain.strip_prefix(scheme));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let (message, label, help) = match host {
        None | Some("") => (
            "a URL begins with `http://` or `https://` and a host",
            "not such a URL",
            "write `http = \"http://127.0.0.1:8088/ari/channels\"`",
        ),
        Some(host) if host.contains('@') => (
            "who asks does not stand in the URL",
            "has an `@`",
            "write `auth = { user = \"…\", secret = { file = \"…\" } }`",
        ),
        Some(host) if authorization.is_some() && host.contains(TAG) => (
            "who learns the secret is not for a template to say",
            "the host is made by a template",
            "write the host out, or leave `auth` out",
        ),
        Some(_) => {
            let url = sent.compile(loader, "http", TextKind::Url, &text)?;
            let authorization = authorization.map_or(Some(None), |one| one.map(Some))?;
            let certificates = certificates.map(|path| path.value.into());
            return Some(Origin::Url { url, authorization, certificates });
        }
    };
    wrong(loader, text.span, message, label, help);
    None
}

/// What stands for a tag in [`tags_marked`].
const TAG: char = '\0';

/// A template with a mark for each tag: what is inside of tags is no part of what it prints.
fn tags_marked(text: &str) -> String {
    let mut marked = String::new();
    let mut rest = text;
    let next = |text: &str| TAGS.iter().filter_map(|(open, close)| Some((text.find(open)?, *close))).min();
    while let Some((start, close)) = next(rest) {
        marked.push_str(&rest[..start]);
        marked.push(TAG);
        let end = rest[start..].find(close).map_or(rest.len(), |end| start + end + close.len());
        rest = &rest[end..];
    }
    marked + rest
}

fn authorization(loader: &mut Loader, value: &Spanned<DeValue<'_>>) -> Option<Authorization> {
    let table = loader.reader.table("`auth`", value)?;
    let section = Section::open(&mut loader.reader, "`auth`", table, keys::AUTH);
    let user = section.text(&mut loader.reader, "user");
    let secret = section.get("secret").map(|value| server::secret(&mut loader.reader, value));
    match (user, secret) {
        (Some(user), Some(secret)) => Some(Authorization { user: user.value, secret: secret? }),
        _ if section.misspelt => None,
        _ => {
            let help = "write `auth = { user = \"…\", secret = { file = \"…\" } }`";
            wrong(loader, value.span(), "`auth` needs `user` and `secret`", "one is missing", help);
            None
        }
    }
}
