//! What a machine's configuration tells of its Asterisk.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::configuration::{Configuration, is_true};

/// The channel drivers that trees are there for: module, configuration file, name.
const DRIVERS: [(Driver, &str, &str); 3] = [
    (Driver::Sip, "chan_sip", "sip.conf"),
    (Driver::Pjsip, "chan_pjsip", "pjsip.conf"),
    (Driver::Iax2, "chan_iax2", "iax.conf"),
];
/// The first version without `chan_sip`.
const WITHOUT_CHAN_SIP: u32 = 21;

/// A channel driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// `chan_sip`, up to Asterisk 20.
    Sip,
    /// `chan_pjsip`.
    Pjsip,
    /// `chan_iax2`.
    Iax2,
}

impl Driver {
    /// The name of its module.
    pub fn module(self) -> &'static str {
        DRIVERS.iter().find(|(driver, ..)| *driver == self).map_or("", |(_, module, _)| module)
    }
}

/// An Asterisk as its configuration folder shows it.
#[derive(Debug)]
pub struct Machine {
    /// The configuration folder.
    pub folder: PathBuf,
    /// What `asterisk -V` says.
    pub version: Option<String>,
    /// The drivers that it loads; none where that is not known.
    pub drivers: Option<Vec<Driver>>,
    /// What `manager.conf` says; none where it cannot be read.
    pub manager: Option<Manager>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

/// The manager interface.
#[derive(Debug)]
pub struct Manager {
    /// Whether it is there at all.
    pub enabled: bool,
    /// Where this machine reaches it.
    pub address: String,
    /// Its users.
    pub users: Vec<User>,
}

/// A user of the manager interface.
pub struct User {
    /// His name.
    pub name: String,
    /// The classes of events that he reads.
    pub read: Vec<String>,
    /// The classes of actions that he may ask.
    pub write: Vec<String>,
    /// His secret.
    pub secret: Option<String>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

impl User {
    /// Those of the classes that a list of rights leaves out.
    pub fn lacks<'a>(rights: &[String], wanted: &[&'a str]) -> Vec<&'a str> {
        let granted = |class: &&&str| rights.iter().any(|right| right == "all" || right == **class);
        wanted.iter().filter(|class| !granted(class)).copied().collect()
    }
}

impl Machine {
    /// Reads a configuration folder, and asks `program` for its version. What cannot be read is told in
    /// `unread`.
    pub fn read(folder: &Path, program: &Path) -> Machine {
        let version = version(program);
        let mut unread = Vec::new();
        let mut read = |name: &str| {
            let path = folder.join(name);
            match Configuration::read(&path) {
                Ok(configuration) => Some(configuration),
                Err(error) => {
                    unread.push(format!("{}: {error}", path.display()));
                    None
                }
            }
        };
        let drivers = read("modules.conf").map(|modules| {
            let places = Configuration::read(&folder.join("asterisk.conf")).unwrap_or_default();
            drivers(folder, &modules, &places, version.as_deref())
        });
        let manager = read("manager.conf").as_ref().map(manager);
        Machine { folder: folder.to_owned(), version, drivers, manager, unread }
    }

    /// The drivers to make a tree for: all of them where it is not known which there are.
    pub fn drivers_to_show(&self) -> Vec<Driver> {
        match &self.drivers {
            Some(drivers) if !drivers.is_empty() => drivers.clone(),
            _ => DRIVERS.iter().map(|(driver, ..)| *driver).collect(),
        }
    }
}

/// `Asterisk 22.10.1`: the first line of what the program says of itself.
fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("-V").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let line = said.lines().next()?.trim();
    (line.starts_with("Asterisk ") && !line.contains(char::is_control)).then(|| line.to_owned())
}

/// The drivers whose module is loaded and has its configuration file, without which it does not start.
fn drivers(
    folder: &Path,
    modules: &Configuration,
    places: &Configuration,
    version: Option<&str>,
) -> Vec<Driver> {
    let named = |key: &str, module: &str| {
        modules.all("modules", key).any(|value| value.trim_end_matches(".so") == module)
    };
    let autoload = modules.get("modules", "autoload").is_some_and(is_true);
    let library = places.get("directories", "astmoddir").map(Path::new).filter(|library| library.is_dir());
    let major = version.and_then(|version| version.split([' ', '.']).nth(1)?.parse::<u32>().ok());
    let there = |(driver, module, file): &&(Driver, &str, &str)| {
        let loaded = ["load", "require", "preload"].iter().any(|key| named(key, module));
        (loaded || autoload)
            && !named("noload", module)
            && folder.join(file).exists()
            && library.is_none_or(|library| library.join(format!("{module}.so")).exists())
            && !(*driver == Driver::Sip && major.is_some_and(|major| major >= WITHOUT_CHAN_SIP))
    };
    DRIVERS.iter().filter(there).map(|(driver, ..)| *driver).collect()
}

fn manager(file: &Configuration) -> Manager {
    let general = |key: &str| file.get("general", key);
    let host = match general("bindaddr").unwrap_or("0.0.0.0") {
        "0.0.0.0" | "::" | "[::]" => "127.0.0.1",
        bound => bound,
    };
    let port = general("port").unwrap_or("5038");
    let address = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let classes = |section: &str, key: &str| {
        let classes = file.get(section, key).unwrap_or_default().split(',');
        classes.map(|class| class.trim().to_owned()).filter(|class| !class.is_empty()).collect()
    };
    let users = file.sections().filter(|section| *section != "general").map(|section| User {
        name: section.to_owned(),
        read: classes(section, "read"),
        write: classes(section, "write"),
        secret: file.get(section, "secret").map(str::to_owned),
    });
    Manager { enabled: general("enabled").is_some_and(is_true), address, users: users.collect() }
}

/// Whether an error says that nothing is there.
pub fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
