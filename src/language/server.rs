//! `[server]` and `[defaults]`.

use std::collections::HashMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use rustls::pki_types::ServerName;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::address::{Encryption, SecretSource, ServerAddress};
use super::code::Code;
use super::diagnostic::suggestion;
use super::document::{Reader, Section, Text, integer};
use super::keys;
use super::model::{Attributes, Defaults, OnError};
use super::source::{Place, Span, TreeSource};
use crate::ami::{Address, TlsFiles};

/// Keeps a secret that stands in the file out of every report. In a file that is not TOML, whatever
/// follows `secret =` on its line counts as one.
pub fn hide_secret(source: &TreeSource, document: &DeTable<'_>, broken: bool) {
    let mut hidden: Vec<Span> = Vec::new();
    let server = document.get("server").and_then(|server| server.get_ref().as_table());
    let named =
        server.into_iter().flat_map(|server| server.values()).filter_map(|one| one.get_ref().as_table());
    let of_servers = server.into_iter().chain(named).filter_map(|server| server.get("secret"));
    let tables = ["query", "tree"].into_iter().filter_map(|key| document.get(key)?.get_ref().as_table());
    let asking: Vec<_> = tables.flat_map(|table| table.iter()).map(|(_, one)| one.get_ref()).collect();
    let of_questions = asking.iter().filter_map(|one| one.get("auth")?.get_ref().get("secret"));
    for secret in of_servers.chain(of_questions) {
        match secret.get_ref() {
            DeValue::String(_) => hidden.push(secret.span().start + 1..secret.span().end.saturating_sub(1)),
            // says where the secret is
            DeValue::Table(_) => {}
            // one without its quotes, perhaps: the finding about it must not show it
            _ => hidden.push(secret.span()),
        }
    }
    for url in asking.iter().filter_map(|one| one.get("http")) {
        hidden.extend(user_of_url(source.text().get(url.span()).unwrap_or("")).map(|part| {
            let start = url.span().start;
            start + part.start..start + part.end
        }));
    }
    if broken {
        for (start, word) in source.text().match_indices("secret") {
            let line = source.text()[start + word.len()..].lines().next().unwrap_or("");
            let value = line.trim_start_matches(['"', '\'', ' ', '\t']);
            if value.starts_with('=') {
                let from = start + word.len() + line.len() - value.len() + 1;
                hidden.push(from..from + value.len() - 1);
            }
        }
    }
    source.hide(hidden);
}

/// Where a URL says who asks, and with which secret; it ought not to.
fn user_of_url(url: &str) -> Option<Span> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |end| start + end);
    let user = url[start..end].rfind('@')?;
    Some(start..start + user)
}

/// What `[server]` of all files says.
#[derive(Debug, Default)]
pub struct DeclaredServers {
    /// What holds for each, or for the only one; none if nothing was said.
    all: Option<ServerAddress>,
    /// Several by their names, each without what holds for all.
    named: IndexMap<String, ServerAddress>,
    /// Where the addresses stand that count, by the names of their servers; empty for all.
    addresses: HashMap<String, Place>,
}

impl DeclaredServers {
    /// Reads `[server]`, and `[server.NAME]` below it, of a file that goes before those that were read.
    pub fn read(&mut self, reader: &mut Reader, value: &Spanned<DeValue<'_>>) {
        let Some(table) = reader.table("`server`", value) else { return };
        let is_named = |key: &str, value: &Spanned<DeValue<'_>>| {
            value.get_ref().is_table() && keys::SERVER.iter().all(|known| known.name != key)
        };
        let own: DeTable<'_> = table
            .iter()
            .filter(|(key, value)| !is_named(key.get_ref(), value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.all = Some(server(reader, "[server]", &own, self.all.take().unwrap_or_default()));
        self.note_address(reader, "", &own);
        for (name, value) in table.iter().filter(|(key, value)| is_named(key.get_ref(), value)) {
            let Some(table) = value.get_ref().as_table() else { continue };
            let is_part = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
            if !name.get_ref().chars().all(is_part) || name.get_ref().starts_with(['.', '_']) {
                let message = format!("`{}` cannot be a server's name", name.get_ref());
                let help = "name it with letters, digits, `-`, `_` and `.`, a letter or digit first: it is \
                            a directory";
                reader.finding(Code::InvalidName, name.span(), message, "not a name", Some(help.into()));
            }
            let title = format!("[server.{}]", name.get_ref());
            let base = self.named.shift_remove(&**name.get_ref()).unwrap_or_default();
            let declared = server(reader, &title, table, base);
            self.note_address(reader, name.get_ref(), table);
            self.named.insert(name.get_ref().to_string(), declared);
        }
    }

    fn note_address(&mut self, reader: &Reader, name: &str, table: &DeTable<'_>) {
        if let Some(address) = table.get("address") {
            self.addresses.insert(name.to_owned(), reader.place(address.span()));
        }
    }

    /// Warns of what would go over a network as it is.
    pub fn warn_of_plain(&self, reader: &mut Reader, servers: &IndexMap<String, ServerAddress>) {
        for (name, server) in servers.iter().filter(|(_, server)| server.encryption.is_none()) {
            let address = server.address.as_deref().and_then(|address| address.parse::<Address>().ok());
            let Some(address) = address.filter(|address| !address.is_loopback()) else { continue };
            let Some(place) = self.addresses.get(name).or_else(|| self.addresses.get("")) else { continue };
            let message = format!("the connection to {address} is not encrypted");
            let help = "set `tls = true` and port 5039 if its manager.conf has `tlsenable`, or `tls = false` if the \
                        network is trusted";
            let label = "whoever is on the way reads and changes what goes through";
            reader.finding_at(Code::PlainConnection, place.clone(), message, label, Some(help.into()));
        }
    }

    /// The servers by their names; that of a plain `[server]` has an empty one.
    pub fn finish(&self) -> IndexMap<String, ServerAddress> {
        if self.named.is_empty() {
            return self.all.iter().cloned().map(|server| (String::new(), server)).collect();
        }
        let all = self.all.clone().unwrap_or_default();
        let filled = |server: ServerAddress| ServerAddress {
            address: server.address.or_else(|| all.address.clone()),
            user: server.user.or_else(|| all.user.clone()),
            secret: server.secret.or_else(|| all.secret.clone()),
            plain_login: server.plain_login.or(all.plain_login),
            encryption: server.encryption.or_else(|| all.encryption.clone()),
        };
        self.named.iter().map(|(name, server)| (name.clone(), filled(server.clone()))).collect()
    }
}

/// Reads the keys of a server; what they do not say is as in `base`.
fn server(reader: &mut Reader, title: &str, table: &DeTable<'_>, base: ServerAddress) -> ServerAddress {
    let section = Section::open(reader, title, table, keys::SERVER);
    let address = section.text(reader, "address");
    if let Some(Text { value, span }) = &address
        && let Err(error) = value.parse::<crate::ami::Address>()
    {
        reader.finding(
            Code::InvalidAddress,
            span.clone(),
            format!("the address {error}"),
            "not an address",
            None,
        );
    }
    let plain_login = match section.text(reader, "login") {
        None => base.plain_login,
        Some(login) if login.value == "plain" => Some(true),
        Some(login) => {
            if login.value != "md5" {
                let help = Some("write `md5`, which keeps the secret off the wire, or `plain`".into());
                reader.finding(
                    Code::UnknownChoice,
                    login.span,
                    format!("there is no login `{}`", login.value),
                    "unknown login",
                    help,
                );
            }
            Some(false)
        }
    };
    ServerAddress {
        address: address.map(|text| text.value).or(base.address),
        user: section.text(reader, "user").map(|text| text.value).or(base.user),
        secret: section.get("secret").and_then(|value| secret(reader, value)).or(base.secret),
        plain_login,
        encryption: section.get("tls").and_then(|value| encryption(reader, value)).or(base.encryption),
    }
}

/// What `tls` says: whether, or with which files.
fn encryption(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<Encryption> {
    match value.get_ref() {
        DeValue::Boolean(true) => return Some(Encryption::Tls(TlsFiles::default())),
        DeValue::Boolean(false) => return Some(Encryption::Plain),
        DeValue::Table(_) => {}
        _ => {
            reader.wrong_type("`tls`", "true, false or a table", value);
            return None;
        }
    }
    let table = reader.table("`tls`", value)?;
    let section = Section::open(reader, "`tls`", table, keys::TLS);
    let server_name = section.text(reader, "server_name");
    if let Some(Text { value, span }) = &server_name
        && ServerName::try_from(value.as_str()).is_err()
    {
        let message = format!("`{value}` is no name that a certificate can be for");
        let help =
            Some("give the host name, or the IP address, that stands in the server's certificate".into());
        reader.finding(Code::InvalidAddress, span.clone(), message, "not a name", help);
    }
    let path =
        |reader: &mut Reader, key: &str| section.text(reader, key).map(|text| PathBuf::from(text.value));
    let (certificate, key) = (path(reader, "certificate"), path(reader, "key"));
    for (there, name, other) in [(&certificate, "certificate", &key), (&key, "key", &certificate)] {
        if let (Some(_), None, Some(stands)) = (there, other, section.key(name)) {
            let help = Some("a certificate is shown with its key: give both".into());
            let message = format!("`{name}` of `tls` has no meaning by itself");
            reader.finding(Code::MisplacedKey, stands.span(), message, "the other is missing", help);
        }
    }
    let ca = path(reader, "ca");
    Some(Encryption::Tls(TlsFiles { ca, server_name: server_name.map(|text| text.value), certificate, key }))
}

/// Reads where a secret comes from.
pub fn secret(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<SecretSource> {
    if let Some(literal) = value.get_ref().as_str() {
        let help = Some("keep it out of the tree file: `secret = { file = \"/etc/astfs/secret\" }`".into());
        reader.finding(
            Code::SecretInFile,
            value.span(),
            "the secret stands in the tree file",
            "everybody who reads the file knows it",
            help,
        );
        return Some(SecretSource::Literal(literal.to_owned()));
    }
    let table = reader.table("`secret`", value)?;
    let section = Section::open(reader, "`secret`", table, keys::SECRET);
    match (section.text(reader, "env"), section.text(reader, "file")) {
        (Some(name), None) => Some(SecretSource::Environment(name.value)),
        (None, Some(path)) => Some(SecretSource::File(path.value.into())),
        _ if section.misspelt => None,
        _ => {
            let help =
                Some("write `{ env = \"ASTFS_SECRET\" }` or `{ file = \"/etc/astfs/secret\" }`".into());
            reader.finding(
                Code::InvalidSecret,
                value.span(),
                "a secret comes from `env` or from `file`",
                "one of them, please",
                help,
            );
            None
        }
    }
}

/// Reads `[defaults]`, except `templates`, which is needed earlier; what it does not say is as in `base`.
pub fn defaults(reader: &mut Reader, value: &Spanned<DeValue<'_>>, base: Defaults) -> Option<Defaults> {
    let table = reader.table("`defaults`", value)?;
    let section = Section::open(reader, "[defaults]", table, keys::DEFAULTS);
    let attributes = attributes(reader, &section);
    Some(Defaults {
        mode: attributes.mode.unwrap_or(base.mode),
        dir_mode: section.mode(reader, "dir_mode").unwrap_or(base.dir_mode),
        uid: attributes.uid.or(base.uid),
        gid: attributes.gid.or(base.gid),
        timeout: section.duration(reader, "timeout").unwrap_or(base.timeout),
        ttl: section.duration(reader, "ttl").unwrap_or(base.ttl),
        on_error: on_error(reader, &section).unwrap_or(base.on_error),
        max_stale: section.duration(reader, "max_stale").unwrap_or(base.max_stale),
    })
}

/// Reads `on_error`.
pub fn on_error(reader: &mut Reader, section: &Section<'_, '_>) -> Option<OnError> {
    let Text { value, span } = section.text(reader, "on_error")?;
    let found = OnError::NAMES.into_iter().find(|(name, _)| *name == value);
    if found.is_none() {
        let help = suggestion(&value, OnError::NAMES.iter().map(|(name, _)| *name));
        reader.finding(
            Code::UnknownChoice,
            span,
            format!("`on_error` cannot be `{value}`"),
            "unknown choice",
            help,
        );
    }
    Some(found?.1)
}

/// Reads `mode`, `uid` and `gid`.
pub fn attributes(reader: &mut Reader, section: &Section<'_, '_>) -> Attributes {
    Attributes {
        mode: section.mode(reader, "mode"),
        uid: owner(reader, section, "uid", "user", |name| {
            nix::unistd::User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
        }),
        gid: owner(reader, section, "gid", "group", |name| {
            nix::unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
        }),
    }
}

fn owner(
    reader: &mut Reader,
    section: &Section<'_, '_>,
    key: &str,
    what: &str,
    by_name: impl Fn(&str) -> Option<u32>,
) -> Option<u32> {
    let value = section.get(key)?;
    let (found, shown) = match value.get_ref() {
        DeValue::String(name) => (by_name(name), format!("this machine has no {what} `{name}`")),
        number => (
            integer(number).and_then(|number| u32::try_from(number).ok()),
            format!("`{key}` must be a {what}'s number or name"),
        ),
    };
    if found.is_none() {
        let help = Some(format!("give the {what}'s number, or a name that this machine knows"));
        reader.finding(Code::UnknownOwner, value.span(), shown, format!("not a {what}"), help);
    }
    found
}
