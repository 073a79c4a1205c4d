//! The tree file that `init` writes, put together from what comes with astfs.

use std::path::Path;

use super::machine::{Driver, Machine};
use crate::ami::Address;
use crate::cli::demo::SHIPPED;

const GENERAL: &str = include_str!("general.toml");
const PJSIP: &str = include_str!("pjsip.toml");
/// What is said of a connection that leaves the machine.
const UNENCRYPTED: &str = "tls     = false    # true needs tlsenable in manager.conf\n";
/// Where a part of the shipped tree begins, behind what it says of itself.
const FIRST_HEADING: &str = "# ----";
const TREE: &str = "[tree]\n";

/// What a tree file says of the connection.
pub struct Connection<'a> {
    /// `host:port`.
    pub address: &'a str,
    /// The manager user.
    pub user: &'a str,
    /// The file with his secret.
    pub secret: &'a Path,
}

/// A part of the tree file: tables, and lines of `[tree]`.
struct Part {
    tables: String,
    paths: String,
}

impl Part {
    fn of(text: &str) -> Part {
        let (tables, paths) = text.split_once(TREE).unwrap_or((text, ""));
        Part { tables: tables.trim_end().to_owned(), paths: paths.trim_end().to_owned() }
    }

    /// The part of the shipped tree with that name.
    fn shipped(name: &str) -> Part {
        let path = format!("trees/asterisk/{name}.toml");
        let text = SHIPPED.iter().find(|(shipped, _)| *shipped == path).map_or("", |(_, text)| text);
        Part::of(&text[text.find(FIRST_HEADING).unwrap_or_default()..])
    }
}

/// The text of the tree file for a machine.
pub fn compose(machine: &Machine, connection: &Connection<'_>) -> String {
    let drivers = machine.drivers_to_show();
    let mut parts = vec![Part::of(GENERAL)];
    if drivers.iter().any(|driver| matches!(driver, Driver::Sip | Driver::Iax2)) {
        parts.push(Part::shipped("realtime"));
    }
    for driver in &drivers {
        parts.push(match driver {
            Driver::Sip => Part::shipped("sip"),
            Driver::Iax2 => Part::shipped("iax2"),
            Driver::Pjsip => Part::of(PJSIP),
        });
    }
    let found = match &machine.drivers {
        Some(drivers) if !drivers.is_empty() => {
            let modules: Vec<_> = drivers.iter().map(|driver| driver.module()).collect();
            format!("It shows {}, which this machine's Asterisk loads.", modules.join(", "))
        }
        _ => "Which channel drivers this Asterisk has is not known: delete what it has not.".to_owned(),
    };
    let version = machine.version.as_deref().unwrap_or("an Asterisk whose version is not known");
    let is_near = connection.address.parse::<Address>().is_ok_and(|address| address.is_loopback());
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let tables: Vec<&str> = parts.iter().map(|part| part.tables.as_str()).collect();
    let paths: Vec<&str> = parts.iter().map(|part| part.paths.as_str()).collect();
    format!(
        "# The tree of a machine with {version}, written by `astfs init`; yours from here on.\n\
         # {found}\n\
         # `astfs check` tells every mistake in it.\n\n\
         [server]\naddress = {address}\nuser    = {user}\nsecret  = {{ file = {secret} }}\n{tls}\n\
         {tables}\n\n\
         # ---- the tree ---------------------------------------------------------------------------------\n\n\
         [tree]\n\"config\" = {{ symlink = {config} }}\n\n{paths}\n",
        address = quoted(connection.address),
        tls = if is_near { "" } else { UNENCRYPTED },
        user = quoted(connection.user),
        secret = quoted(&connection.secret.to_string_lossy()),
        tables = tables.join("\n\n"),
        config = quoted(&literal(&machine.folder.to_string_lossy())),
        paths = paths.join("\n\n"),
    )
}

/// A text that stands for itself in a template.
fn literal(text: &str) -> String {
    if text.contains("{{") || text.contains("{%") || text.contains("{#") {
        format!("{{% raw %}}{text}{{% endraw %}}")
    } else {
        text.to_owned()
    }
}
