//! `mount.astfs`: the program by the name by which mount(8) and `/etc/fstab` call it. What it is told becomes the
//! arguments of `astfs mount --daemon`.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use super::{Cli, CliError, logging, perform};

/// The name of the program then.
pub const NAME: &str = "mount.astfs";

/// Mount a running Asterisk as a directory tree, as mount(8) and /etc/fstab do.
#[derive(Debug, Parser)]
#[command(name = NAME, version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct HelperArgs {
    /// The tree file
    #[arg(value_name = "TREE")]
    tree: PathBuf,
    /// Where to mount it
    #[arg(value_name = "DIR")]
    mountpoint: PathBuf,
    /// Pass over options that are not known
    #[arg(short)]
    sloppy: bool,
    /// Tell whether it could be mounted, and do not
    #[arg(short)]
    fake: bool,
    /// For mount(8): nothing is written into /etc/mtab anyway
    #[arg(short = 'n')]
    _no_mtab: bool,
    /// Tell more
    #[arg(short, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Mount in that mount namespace, in which all files are looked for
    #[arg(short = 'N', value_name = "FILE")]
    namespace: Option<PathBuf>,
    /// For mount(8): the type is known
    #[arg(short = 't', value_name = "TYPE")]
    _kind: Option<String>,
    /// Options with commas between them; a value with a comma in it stands in double quotes
    #[arg(short, value_name = "OPTIONS")]
    options: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Options are those of `astfs mount --help` by their names, with _ for -:
  allow_other, nonempty, recover, watch, no_sandbox, allow_exec, server=HOST:PORT, user=NAME,
  secret_file=FILE, templates=DIR, log_file=FILE, metrics=ADDRESS:PORT, from=nats://HOST:PORT,
  nats_credentials=FILE, nats_ca=FILE
`ro` refuses writing to control files. What mount(8) and systemd have for their own use is passed over
(auto, noauto, nofail, _netdev, user, users, owner, group, comment=…, x-…), and so is what holds of every
astfs (nosuid, nodev, noexec, noatime, …). There is no option for a secret: everybody could read it.

In /etc/fstab:
  /etc/astfs/pbx.toml  /mnt/pbx  astfs  allow_other,recover,nofail,_netdev,x-systemd.automount  0  0

It returns when the mount answers; a server need not be there yet. Without log_file, log lines are lost, unless
standard error is the journal.

Exit status: 0 mounted, 1 wrong usage or no permission, 2 the system failed, 4 a mistake in this program,
8 interrupted, 32 not mounted. SIGHUP, `astfs reload DIR` and `astfs umount DIR` do what they do elsewhere.";

/// What mount(8), fstab(5) and systemd.mount(5) have for themselves, and what `user` in fstab takes back.
const OF_MOUNT: [&str; 25] = [
    "_netdev",
    "async",
    "auto",
    "defaults",
    "dev",
    "exec",
    "group",
    "nodev",
    "nodiratime",
    "noatime",
    "noauto",
    "noexec",
    "nofail",
    "nogroup",
    "noowner",
    "nosuid",
    "nouser",
    "nousers",
    "owner",
    "relatime",
    "rw",
    "suid",
    "users",
    "loud",
    "silent",
];
const OF_MOUNT_BEGINNING: [&str; 3] = ["x-", "X-", "comment="];

/// The statuses of mount(8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Wrong arguments, or no permission.
    Usage = 1,
    /// The system gave no process, thread or file.
    System = 2,
    /// A mistake in this program.
    Bug = 4,
    /// The user interrupted it.
    Interrupted = 8,
    /// It could not be mounted.
    Failed = 32,
}

/// What is wrong with options.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum OptionError {
    #[error("unknown option `{0}`; {NAME} --help lists those there are")]
    Unknown(String),
    #[error("`{0}` is no option, since everybody could read its value; give secret_file=FILE")]
    Secret(String),
    #[error("option `{0}` takes a value: {0}=…")]
    NoValue(String),
    #[error("option `{0}` takes no value")]
    Value(String),
    #[error("a double quote is not closed")]
    Open,
}

/// Whether the program was called by that name.
pub fn is_called(arguments: &[OsString]) -> bool {
    arguments.first().is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new(NAME)))
}

/// Mounts as mount(8) wants it.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let given = match HelperArgs::try_parse_from(arguments) {
        Ok(given) => given,
        Err(error) => {
            // nobody may listen
            let _ = error.print();
            return if error.use_stderr() { Status::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let arguments = match arguments_of_mount(&given) {
        Ok(arguments) => arguments,
        Err(error) => {
            logging::tell(format_args!("{NAME}: {error}\n"));
            return Status::Usage.into();
        }
    };
    let said = [OsString::from("astfs")].into_iter().chain(arguments.iter().cloned());
    match Cli::try_parse_from(said) {
        Ok(cli) => match perform(cli, &arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => Status::of(&error).into(),
        },
        Err(error) => {
            let _ = error.print();
            Status::Usage.into()
        }
    }
}

/// The arguments of `astfs` that say the same.
fn arguments_of_mount(given: &HelperArgs) -> Result<Vec<OsString>, OptionError> {
    let mut arguments: Vec<OsString> = vec!["mount".into(), "--daemon".into()];
    arguments.extend((0..given.verbose).map(|_| "--verbose".into()));
    if given.fake {
        arguments.push("--dry-run".into());
    }
    if let Some(namespace) = &given.namespace {
        arguments.extend(["--namespace".into(), namespace.into()]);
    }
    for options in &given.options {
        for option in split(options.as_bytes())? {
            match argument(&option) {
                Err(OptionError::Unknown(_)) if given.sloppy => {}
                argument => arguments.extend(argument?),
            }
        }
    }
    arguments.push("--".into());
    arguments.extend([given.tree.clone().into(), given.mountpoint.clone().into()]);
    Ok(arguments)
}

/// The options in a list with commas between them, without the quotes that keep a comma in a value.
fn split(options: &[u8]) -> Result<Vec<Vec<u8>>, OptionError> {
    let (mut split, mut quoted) = (vec![Vec::new()], false);
    for &byte in options {
        match (byte, split.last_mut()) {
            (b'"', _) => quoted = !quoted,
            (b',', _) if !quoted => split.push(Vec::new()),
            (byte, Some(option)) => option.push(byte),
            (_, None) => {}
        }
    }
    split.retain(|option| !option.is_empty());
    if quoted { Err(OptionError::Open) } else { Ok(split) }
}

/// What an option is as an argument of `astfs mount`, if it is one.
fn argument(option: &[u8]) -> Result<Option<OsString>, OptionError> {
    let mut parts = option.splitn(2, |&byte| byte == b'=');
    let name = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let value = parts.next();
    let beginning = OF_MOUNT_BEGINNING.iter().any(|beginning| option.starts_with(beginning.as_bytes()));
    // with a name it is the manager user
    let is_for_all = name == "user" && value.is_none();
    if beginning || is_for_all || (OF_MOUNT.contains(&name.as_str()) && value.is_none()) {
        return Ok(None);
    }
    let long = if name == "ro" { "read-only".into() } else { name.replace('_', "-") };
    let command = Cli::command();
    let mount = command.find_subcommand("mount").filter(|_| !name.contains('-'));
    let ours = mount
        .into_iter()
        .flat_map(|mount| mount.get_arguments())
        .find(|argument| argument.get_long() == Some(&long))
        .filter(|_| !["daemon", "dry-run", "namespace"].contains(&long.as_str()));
    let Some(ours) = ours else {
        let is_secret = ["secret", "password", "pass", "passwd"].contains(&name.as_str());
        return Err(if is_secret { OptionError::Secret(name) } else { OptionError::Unknown(name) });
    };
    let mut argument = OsString::from(format!("--{long}"));
    match (ours.get_action().takes_values(), value) {
        (true, Some(value)) => {
            argument.push("=");
            argument.push(OsStr::from_bytes(value));
        }
        (true, None) => return Err(OptionError::NoValue(name)),
        (false, Some(_)) => return Err(OptionError::Value(name)),
        (false, None) => {}
    }
    Ok(Some(argument))
}

impl Status {
    fn of(error: &CliError) -> Status {
        let of_system = |error: &io::Error| match error.kind() {
            ErrorKind::PermissionDenied => Status::Usage,
            _ => Status::System,
        };
        match error {
            CliError::Arguments(_) | CliError::Program { .. } => Status::Usage,
            CliError::File { error, .. } if error.kind() == ErrorKind::PermissionDenied => Status::Usage,
            CliError::Io(error) => of_system(error),
            CliError::Interrupted => Status::Interrupted,
            // that of a panic
            CliError::Told(101) => Status::Bug,
            _ => Status::Failed,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(options: &str) -> Result<Vec<String>, OptionError> {
        let given = HelperArgs::try_parse_from([NAME, "tree.toml", "/mnt", "-o", options]).unwrap();
        let arguments = arguments_of_mount(&given)?;
        let ours = arguments[2..arguments.len() - 3].iter();
        Ok(ours.map(|argument| argument.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn options_of_mount_are_arguments_by_their_names() {
        assert_eq!(
            translated("rw,allow_other,server=pbx:5038,user=ops,secret_file=/etc/astfs/secret,ro").unwrap(),
            [
                "--allow-other",
                "--server=pbx:5038",
                "--user=ops",
                "--secret-file=/etc/astfs/secret",
                "--read-only"
            ]
        );
        assert_eq!(translated(r#"templates="/a,b",watch"#).unwrap(), ["--templates=/a,b", "--watch"]);
    }

    #[test]
    fn what_mount_and_systemd_have_for_themselves_is_passed_over() {
        let theirs = "rw,noauto,user,users,nosuid,nodev,noexec,suid,nofail,_netdev,x-systemd.automount,\
                      x-systemd.idle-timeout=1min,comment=mine,X-mount.mkdir,defaults";
        assert_eq!(translated(theirs).unwrap(), [""; 0]);
    }

    #[test]
    fn an_option_that_is_not_known_is_named_and_no_value_is_repeated() {
        let unknown = |name: &str| Err(OptionError::Unknown(name.into()));
        assert_eq!(translated("rw,colour=blue"), unknown("colour"));
        for ours in ["daemon", "help", "dry_run", "namespace=/x", "allow-other"] {
            assert_eq!(translated(ours), unknown(ours.split('=').next().unwrap_or_default()));
        }
        let secret = translated("secret=hunter2").unwrap_err();
        assert!(secret.to_string().contains("secret_file") && !secret.to_string().contains("hunter2"));
        assert_eq!(translated("server"), Err(OptionError::NoValue("server".into())));
        assert_eq!(translated("watch=yes"), Err(OptionError::Value("watch".into())));
        assert_eq!(translated("templates=\"/a"), Err(OptionError::Open));
        let sloppy = HelperArgs::try_parse_from([NAME, "t", "/mnt", "-s", "-o", "colour=blue"]).unwrap();
        assert_eq!(arguments_of_mount(&sloppy).unwrap().len(), 5);
    }
}
