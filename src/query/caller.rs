//! Who reads: the variable `caller` of content that depends on it.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use nix::unistd::{Uid, User};

/// The process that reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its number, or that of the thread that reads; none where content is kept for a user, whichever
    /// of his processes reads.
    pub pid: Option<u32>,
}

impl Caller {
    /// This process.
    pub fn own() -> Caller {
        Caller {
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            pid: Some(std::process::id()),
        }
    }

    /// The variable `caller`.
    pub fn template_value(self) -> Value {
        Value::from_object(self)
    }

    /// The user's name; his number, if this machine does not know him.
    fn user(&self) -> String {
        let known = User::from_uid(Uid::from_raw(self.uid)).ok().flatten();
        known.map_or_else(|| self.uid.to_string(), |user| user.name)
    }
}

/// The process that a thread belongs to, from `/proc/PID/status` (see proc(5)).
fn process_of(thread: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

impl Object for Caller {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "uid" => Some(self.uid.into()),
            "gid" => Some(self.gid.into()),
            "pid" => self.pid.map(|pid| process_of(pid).unwrap_or(pid).into()),
            "user" => Some(self.user().into()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.pid {
            Some(_) => Enumerator::Str(&["uid", "gid", "pid", "user"]),
            None => Enumerator::Str(&["uid", "gid", "user"]),
        }
    }
}
