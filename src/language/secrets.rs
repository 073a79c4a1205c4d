//! Fields that hold secrets, and the contents that show them.
//!
//! Only what names such a field is known: a template that prints a whole record may show one as well.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::code::Code;
use super::document::{Section, Text};
use super::load::{Loader, NamesRead};
use super::model::{Content, Question};
use super::source::Place;
use super::tags::Tags;

/// The permissions of what shows a secret, where the tree file does not say.
pub const MODE: u16 = 0o400;

/// Names of fields that hold what proves who somebody is, in lower case, without `_` and `-`.
const SECRETS: [&str; 14] = [
    "secret",
    "md5secret",
    "remotesecret",
    "vmsecret",
    "oauthsecret",
    "oauthclientsecret",
    "clientsecret",
    "password",
    "passwd",
    "authpass",
    "authpassword",
    "md5cred",
    "md5credential",
    "refreshtoken",
];

/// Whether a field of that name holds what proves who somebody is.
pub fn is_secret(field: &str) -> bool {
    let plain: String = field.chars().filter(|character| !matches!(character, '_' | '-')).collect();
    SECRETS.contains(&plain.to_ascii_lowercase().as_str())
}

/// A place that shows a secret.
pub struct Shown {
    /// The field.
    pub field: String,
    /// Where it is named.
    pub place: Place,
}

impl Loader {
    /// The first place at which an entry's content shows a field that holds a secret: in the entry, in a
    /// template file that it leads to, or in a `value` that it reads.
    pub fn secret_shown(
        &self,
        section: &Section<'_, '_>,
        content: &Content,
        reads: &[NamesRead],
    ) -> Option<Shown> {
        let key = match content {
            Content::Template { .. } if section.get("template").is_some() => "template",
            Content::Template { .. } => "render",
            Content::Printed { .. } if section.get("query").is_some() => "query",
            _ => return None,
        };
        let value = section.get(key)?;
        let text = Text { value: value.get_ref().as_str()?.to_owned(), span: value.span() };
        let mut seen = HashSet::new();
        let named = match key {
            "template" => self.secret_in_file(Path::new(&text.value), &mut seen),
            _ => {
                let tags = if key == "query" {
                    Tags::of_expression(&text.value)
                } else {
                    Tags::of_template(&text.value)
                };
                let secret = tags.shown_fields.iter().find(|(field, _)| is_secret(field));
                let own = secret.map(|(field, range)| Shown {
                    field: field.clone(),
                    place: self.reader.place(self.reader.source.inside_string(&text.span, range)),
                });
                own.or_else(|| self.secret_behind(&tags, &mut seen))
            }
        };
        let content = reads.iter().filter(|read| read.query.is_none());
        named.or_else(|| self.secret_of_values(content.flat_map(|read| &read.names).collect()))
    }

    fn secret_in_file(&self, name: &Path, seen: &mut HashSet<PathBuf>) -> Option<Shown> {
        let source = self.files.source(name).filter(|_| seen.insert(name.to_owned()))?;
        let tags = Tags::of_template(source.text());
        let secret = tags.shown_fields.iter().find(|(field, _)| is_secret(field));
        let own = secret.map(|(field, range)| Shown {
            field: field.clone(),
            place: Place { source: source.clone(), span: range.clone() },
        });
        own.or_else(|| self.secret_behind(&tags, seen))
    }

    /// A secret in the files that tags name.
    fn secret_behind(&self, tags: &Tags, seen: &mut HashSet<PathBuf>) -> Option<Shown> {
        let names = tags.references.iter().flat_map(|reference| &reference.names);
        names.into_iter().find_map(|(name, _)| self.secret_in_file(Path::new(name), seen))
    }

    /// A secret that one of these names is: a `value` that shows it, itself or by way of another one.
    fn secret_of_values<'a>(&'a self, mut names: Vec<&'a String>) -> Option<Shown> {
        let mut seen = HashSet::new();
        while let Some(name) = names.pop() {
            let id = self.query_names.get(name).filter(|_| seen.insert(name));
            let Some(query) = id.and_then(|id| self.queries[id.0].as_ref()) else { continue };
            let Question::Value(expression) = &query.question else { continue };
            let fields = Tags::of_expression(&expression.text).shown_fields;
            if let Some((field, _)) = fields.into_iter().find(|(field, _)| is_secret(field)) {
                return Some(Shown { field, place: query.place.clone() });
            }
            names.extend(&expression.names);
        }
        None
    }

    /// Warns of a secret in a file whose mode lets everybody read it.
    pub fn check_secret_mode(&mut self, section: &Section<'_, '_>, mode: u16, shown: &Shown) {
        let Some(value) = section.get("mode").filter(|_| mode & 0o004 != 0) else { return };
        let message = format!("everybody may read this file, and it shows `{}`", shown.field);
        let help = format!("write `mode = \"{MODE:04o}\"`, or leave it out: then it is that");
        let place = self.reader.place(value.span());
        let related = (&shown.place, "a secret");
        self.reader.finding_beside(
            Code::SecretExposed,
            &place,
            related,
            message,
            "for everybody",
            Some(help),
        );
    }
}
