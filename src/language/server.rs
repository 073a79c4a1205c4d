//! `[server]` and `[defaults]`.

use toml::Spanned;
use toml::de::DeValue;

use super::document::{Reader, Section, Text, integer};
use super::model::{Attributes, Defaults, SecretSource, ServerAddress};

/// Reads `[server]`.
pub fn server(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<ServerAddress> {
    let table = reader.table("`server`", value)?;
    let section = Section::open(reader, "[server]", table, &["address", "user", "secret", "login"]);
    let address = section.text(reader, "address");
    if let Some(Text { value, span }) = &address
        && let Err(error) = value.parse::<crate::ami::Address>()
    {
        let help = Some("write `host:port`, for example `127.0.0.1:5038`".into());
        reader.error(span.clone(), format!("`{value}` is not an address: {error}"), "not an address", help);
    }
    let plain_login = match section.text(reader, "login") {
        None => false,
        Some(login) if login.value == "plain" => true,
        Some(login) => {
            if login.value != "md5" {
                let help = Some("write `md5`, which keeps the secret off the wire, or `plain`".into());
                reader.error(
                    login.span,
                    format!("there is no login `{}`", login.value),
                    "unknown login",
                    help,
                );
            }
            false
        }
    };
    Some(ServerAddress {
        address: address.map(|text| text.value),
        user: section.text(reader, "user").map(|text| text.value),
        secret: section.get("secret").and_then(|value| secret(reader, value)),
        plain_login,
    })
}

fn secret(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<SecretSource> {
    if let Some(literal) = value.get_ref().as_str() {
        let help = Some("keep it out of the tree file: `secret = { file = \"/etc/astfs/secret\" }`".into());
        reader.warning(
            value.span(),
            "the secret stands in the tree file",
            "everybody who reads the file knows it",
            help,
        );
        return Some(SecretSource::Literal(literal.to_owned()));
    }
    let table = reader.table("`secret`", value)?;
    let section = Section::open(reader, "`secret`", table, &["env", "file"]);
    match (section.text(reader, "env"), section.text(reader, "file")) {
        (Some(name), None) => Some(SecretSource::Environment(name.value)),
        (None, Some(path)) => Some(SecretSource::File(path.value.into())),
        _ => {
            let help =
                Some("write `{ env = \"ASTFS_SECRET\" }` or `{ file = \"/etc/astfs/secret\" }`".into());
            reader.error(
                value.span(),
                "a secret comes from `env` or from `file`",
                "one of them, please",
                help,
            );
            None
        }
    }
}

/// Reads `[defaults]`, except `templates`, which is needed earlier.
pub fn defaults(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<Defaults> {
    let table = reader.table("`defaults`", value)?;
    let known = ["mode", "dir_mode", "uid", "gid", "timeout", "ttl", "templates"];
    let section = Section::open(reader, "[defaults]", table, &known);
    let base = Defaults::default();
    let attributes = attributes(reader, &section);
    Some(Defaults {
        mode: attributes.mode.unwrap_or(base.mode),
        dir_mode: section.mode(reader, "dir_mode").unwrap_or(base.dir_mode),
        uid: attributes.uid,
        gid: attributes.gid,
        timeout: section.duration(reader, "timeout").unwrap_or(base.timeout),
        ttl: section.duration(reader, "ttl").unwrap_or(base.ttl),
    })
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
        reader.error(value.span(), shown, format!("not a {what}"), help);
    }
    found
}
