//! `astfs init`: a first tree and connection for this machine.

mod configuration;
mod machine;
mod tree_file;

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::CliError;
use super::demo::SHIPPED;
use crate::ami::Address;
use crate::language::print::shell_word;
use machine::{Driver, Machine, Manager, User, is_missing};
use tree_file::Connection;

/// What the tree's events need.
const READ: [&str; 3] = ["system", "call", "reporting"];
/// What its actions need.
const WRITE: [&str; 2] = ["system", "reporting"];
/// What its commands need besides; only chan_sip and IAX2 are asked by commands.
const COMMAND: &str = "command";
const DEFAULT_ADDRESS: &str = "127.0.0.1:5038";
const SECRET_BYTES: usize = 16;

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
It reads Asterisk's configuration and changes nothing in it. It overwrites no file. On a terminal it
asks, unless --yes is given; what is given by an option is not asked.")]
pub struct InitArgs {
    /// The folder to write to, which is made if it is not there
    #[arg(default_value = "astfs")]
    folder: PathBuf,
    /// The folder with Asterisk's configuration
    #[arg(long, value_name = "DIR", default_value = "/etc/asterisk")]
    asterisk_config: PathBuf,
    /// The program to ask for its version
    #[arg(long, value_name = "PROGRAM", default_value = "asterisk")]
    asterisk: PathBuf,
    /// Where the AMI listens; otherwise as manager.conf says
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<Address>,
    /// The manager user to log in as [default: astfs]
    #[arg(long, value_name = "NAME", value_parser = user_name)]
    user: Option<String>,
    /// A file whose first line is his secret; otherwise one is written
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

/// A name that is a section's in manager.conf, and nothing else.
fn user_name(name: &str) -> Result<String, String> {
    let plain = |one: char| one.is_ascii_alphanumeric() || "_-.".contains(one);
    if name.is_empty() || name == "general" || !name.chars().all(plain) {
        return Err("a manager user's name is letters, digits, `_`, `-` and `.`".into());
    }
    Ok(name.to_owned())
}

/// A file to be written.
struct NewFile {
    path: PathBuf,
    text: String,
    mode: u32,
}

pub fn run(args: &InitArgs) -> Result<(), CliError> {
    let machine = Machine::read(&args.asterisk_config, &args.asterisk);
    let mut output = io::stdout();
    // the files are to be written, whether anybody listens or not
    let _ = tell(&mut output, &machine);
    let asks = io::stdin().is_terminal() && !args.yes;
    let found = machine.manager.as_ref().map_or(DEFAULT_ADDRESS, |manager| manager.address.as_str());
    let address = match &args.address {
        Some(address) => address.to_string(),
        None => answered(asks, "Where does its AMI listen?", found, |text| {
            text.parse::<Address>().map(|address| address.to_string()).map_err(|error| error.to_string())
        })?,
    };
    let user = match &args.user {
        Some(user) => user.clone(),
        None => answered(asks, "As which manager user should astfs log in?", "astfs", user_name)?,
    };
    let known = machine.manager.iter().flat_map(|manager| &manager.users).find(|known| known.name == user);
    let folder = std::path::absolute(&args.folder)?;
    let rights = rights(&machine);
    let mut files = Vec::new();
    let (secret_path, secret) = match &args.secret_file {
        Some(path) => (std::path::absolute(path)?, first_line(path)?),
        None => {
            let secret = known.and_then(|user| user.secret.clone()).map_or_else(new_secret, Ok)?;
            let path = folder.join("secret");
            files.push(NewFile { path: path.clone(), text: format!("{secret}\n"), mode: 0o600 });
            (path, secret)
        }
    };
    let connection = Connection { address: &address, user: &user, secret: &secret_path };
    let tree = folder.join("tree.toml");
    files.push(NewFile { path: tree.clone(), text: tree_file::compose(&machine, &connection), mode: 0o644 });
    if machine.drivers_to_show().contains(&Driver::Sip) {
        let templates = SHIPPED.iter().filter(|(name, _)| name.starts_with("templates/"));
        files.extend(templates.map(|(name, text)| NewFile {
            path: folder.join(name),
            text: (*text).to_owned(),
            mode: 0o644,
        }));
    }
    let stanza = folder.join("manager-user.conf");
    if known.is_none() {
        let text = user_section(&user, &secret, &rights);
        files.push(NewFile { path: stanza.clone(), text, mode: 0o600 });
    }
    if asks {
        let agreed = answered(true, &format!("Write {}?", folder.display()), "yes", |text| Ok(text.into()))?;
        if !agreed.to_ascii_lowercase().starts_with('y') {
            return Err(CliError::Arguments("nothing was written".into()));
        }
    }
    write_all(&files)?;
    for file in &files {
        writeln!(output, "written: {}", file.path.display())?;
    }
    advise(&mut output, &machine, known, &user, &rights)?;
    Ok(go_on(&mut output, &machine, known.is_none().then_some(stanza.as_path()), &tree)?)
}

/// Says what was found, and what could not be read.
fn tell(output: &mut impl Write, machine: &Machine) -> io::Result<()> {
    writeln!(
        output,
        "{} ({})",
        machine.version.as_deref().unwrap_or("An Asterisk of unknown version"),
        machine.folder.display()
    )?;
    match machine.drivers.as_deref() {
        None | Some([]) => writeln!(output, "channel drivers: not known; the tree gets all")?,
        Some(drivers) => {
            let modules: Vec<_> = drivers.iter().map(|driver| driver.module()).collect();
            writeln!(output, "channel drivers: {}", modules.join(", "))?;
        }
    }
    if let Some(Manager { enabled, address, users }) = &machine.manager {
        let state = if *enabled { "enabled" } else { "not enabled" };
        let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
        writeln!(output, "manager: {state}, at {address}, users: {}", names.join(", "))?;
    }
    for unread in &machine.unread {
        writeln!(output, "not read: {unread}")?;
    }
    Ok(())
}

/// What is to be done in Asterisk's own files, which are not ours.
fn advise(
    output: &mut impl Write,
    machine: &Machine,
    known: Option<&User>,
    user: &str,
    rights: &[&str],
) -> io::Result<()> {
    let file = machine.folder.join("manager.conf");
    if machine.manager.as_ref().is_some_and(|manager| !manager.enabled) {
        writeln!(
            output,
            "\nThe manager interface is off: set `enabled = yes` in [general] of {}.",
            file.display()
        )?;
    }
    match known {
        Some(known) => {
            writeln!(output, "\nThe manager user `{user}` is in {} already.", file.display())?;
            if known.secret.is_none() {
                writeln!(
                    output,
                    "His secret is not there: put it into the file that `secret` in the tree file names."
                )?;
            }
            let lacking =
                [("read", User::lacks(&known.read, &READ)), ("write", User::lacks(&known.write, rights))];
            for (key, classes) in lacking.into_iter().filter(|(_, classes)| !classes.is_empty()) {
                writeln!(output, "To see everything, add to its `{key}`: {}", classes.join(","))?;
            }
        }
        None => {
            writeln!(output, "\nAdd this manager user to {}:\n", file.display())?;
            write!(output, "{}", user_section(user, "…", rights))?;
        }
    }
    Ok(())
}

/// The commands to go on with.
fn go_on(output: &mut impl Write, machine: &Machine, stanza: Option<&Path>, tree: &Path) -> io::Result<()> {
    let word = |path: &Path| {
        let text = path.to_string_lossy();
        let plain = |one: char| one.is_ascii_alphanumeric() || "/._-".contains(one);
        if text.chars().all(plain) { text.into_owned() } else { shell_word(&text) }
    };
    writeln!(output, "\nGo on with:")?;
    if let Some(stanza) = stanza {
        let file = word(&machine.folder.join("manager.conf"));
        writeln!(output, "  cat {} >> {file} && asterisk -rx 'manager reload'", word(stanza))?;
    }
    writeln!(output, "  astfs check {}", word(tree))?;
    if stanza.is_none() {
        writeln!(output, "  astfs ls {}", word(tree))?;
    }
    writeln!(output, "  astfs mount {} /mnt", word(tree))
}

/// The classes that the tree's questions need.
fn rights(machine: &Machine) -> Vec<&'static str> {
    let commands = machine.drivers_to_show().iter().any(|driver| *driver != Driver::Pjsip);
    WRITE.into_iter().chain(commands.then_some(COMMAND)).collect()
}

/// A section of manager.conf that lets a user in from this machine.
fn user_section(user: &str, secret: &str, write: &[&str]) -> String {
    format!(
        "[{user}]\nsecret = {secret}\ndeny   = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255\n\
         read   = {}\nwrite  = {}\n",
        READ.join(","),
        write.join(","),
        secret = secret.replace(';', "\\;"),
    )
}

/// The answer to a question, or what is proposed: also where nobody is asked.
fn answered(
    asks: bool,
    question: &str,
    proposed: &str,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<String, CliError> {
    if !asks {
        return read(proposed).map_err(|error| CliError::Arguments(format!("`{proposed}`: {error}")));
    }
    loop {
        let mut output = io::stdout();
        write!(output, "{question} [{proposed}] ")?;
        output.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(CliError::Arguments("nothing was written".into()));
        }
        let line = line.trim();
        match read(if line.is_empty() { proposed } else { line }) {
            Ok(answer) => return Ok(answer),
            Err(complaint) => writeln!(output, "{complaint}")?,
        }
    }
}

fn new_secret() -> io::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn first_line(path: &Path) -> Result<String, CliError> {
    let text = fs::read_to_string(path).map_err(|error| CliError::File { path: path.to_owned(), error })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Writes the files if none of them is there.
fn write_all(files: &[NewFile]) -> Result<(), CliError> {
    for NewFile { path, .. } in files {
        let there = match fs::symlink_metadata(path) {
            Ok(_) => {
                Some(io::Error::new(io::ErrorKind::AlreadyExists, "is there already, and stays as it is"))
            }
            Err(error) if is_missing(&error) => None,
            Err(error) => Some(error),
        };
        if let Some(error) = there {
            return Err(CliError::File { path: path.clone(), error });
        }
    }
    for NewFile { path, text, mode } in files {
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(*mode).open(path)?;
            file.write_all(text.as_bytes())
        });
        written.map_err(|error| CliError::File { path: path.clone(), error })?;
    }
    Ok(())
}
