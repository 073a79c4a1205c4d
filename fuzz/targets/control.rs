//! What is written to control files: whatever it is, at most one action is sent, it is the one of the tree file,
//! and the input is one argument or one header of it.
//!
//! The input's first byte says which control file; the rest is what is written to it.

use std::cell::LazyCell;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use astfs::ami::{Action, Answer, LINE_LIMIT, Message};
use astfs::language::{LoadOptions, load};
use astfs::query::{Asking, Queries, Server};
use astfs::tree::{Alive, LONGEST_INPUT, Node, Tree, WriteError};
use tokio::runtime::Runtime;
use tokio::sync::broadcast;

use super::sent::assert_sendable;
use super::words;

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[tree]
"control/qualify" = { write = { command = "sip qualify peer {{ input }}", match = '\w+' } }
"control/say"     = { write = { command = "core set {{ input }} now" } }
"control/message" = { write = { action = { Action = "MessageSend", To = "sip:6001", Body = "{{ input }}" } } }
"control/name"    = { write = { action = { Action = "Originate", Channel = "SIP/{{ input }}", CallerID = "\"{{ input }}\" <1>" }, match = '[^"]*' } }
"#;

const PATHS: [&str; 4] = ["control/qualify", "control/say", "control/message", "control/name"];

/// A server that keeps what it is asked.
#[derive(Default)]
struct Listening(Mutex<Vec<Action>>);

impl Listening {
    fn asked(&self) -> Vec<Action> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Server for Listening {
    fn ask(&self, action: Action, _deadline: Duration) -> Asking<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(action);
        let answer = Answer::read(b"Response: Success\r\nMessage: Done\r\n\r\n").expect("an answer");
        Box::pin(async move { Ok(answer) })
    }

    fn session(&self) -> Option<u64> {
        Some(1)
    }

    fn description(&self) -> String {
        "who listens".to_owned()
    }

    fn session_changes(&self, _known: Option<u64>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    fn events(&self) -> broadcast::Receiver<Arc<Message>> {
        broadcast::Sender::new(1).subscribe()
    }
}

/// A tree with control files.
struct Ground {
    runtime: Runtime,
    server: Arc<Listening>,
    alive: Alive,
    nodes: Vec<Node>,
}

impl Ground {
    fn new() -> Ground {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tree.toml");
        std::fs::write(&path, TREE).expect("a file");
        let (model, report) = load(&path, &LoadOptions::default()).expect("a file");
        let model = model.unwrap_or_else(|| panic!("{}", report.render(false)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let server = Arc::new(Listening::default());
        let queries = Queries::new(Arc::new(model), Some(Arc::clone(&server) as Arc<dyn Server>));
        let tree = Arc::new(Tree::new(queries));
        let node = |path: &str| runtime.block_on(tree.resolve(Path::new(path))).expect("a control file");
        let nodes = PATHS.into_iter().map(node).collect();
        let (alive, _) = Alive::new(tree);
        Ground { runtime, server, alive, nodes }
    }
}

thread_local! {
    static GROUND: LazyCell<Ground> = LazyCell::new(Ground::new);
}

pub fn check(bytes: &[u8]) {
    let Some((first, input)) = bytes.split_first() else { return };
    let index = usize::from(*first) % PATHS.len();
    let (done, asked) = GROUND.with(|ground| {
        let done = ground.runtime.block_on(ground.alive.write(&ground.nodes[index], input));
        (done, ground.server.asked())
    });
    let line = input.strip_suffix(b"\n").unwrap_or(input);
    let line = if line.len() < input.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    match done {
        Ok(()) => {
            let [action] = &asked[..] else { panic!("{} actions were sent", asked.len()) };
            assert_sendable(action);
            check_action(index, action, line);
        }
        Err(error) => {
            assert!(asked.is_empty(), "refused, and sent all the same");
            check_refusal(index, &error, input, line);
            check_message(index, &error.to_string(), input);
        }
    }
}

fn check_action(index: usize, action: &Action, line: &[u8]) {
    let headers: Vec<_> = action.headers().collect();
    match index {
        0 | 1 => {
            let [(b"Action", b"Command"), (b"Command", command)] = headers[..] else { panic!("{action:?}") };
            let words = words::of_command(command).expect("closed quotes");
            let expected: &[&[u8]] = if index == 0 {
                &[b"sip", b"qualify", b"peer", line]
            } else {
                &[b"core", b"set", line, b"now"]
            };
            assert!(words.iter().eq(expected.iter()), "other words: {:?}", String::from_utf8_lossy(command));
        }
        2 => {
            let expected: [(&[u8], &[u8]); 3] =
                [(b"Action", b"MessageSend"), (b"To", b"sip:6001"), (b"Body", line)];
            assert_eq!(headers, expected);
        }
        _ => {
            let channel = [b"SIP/", line].concat();
            let caller = [b"\"", line, b"\" <1>"].concat();
            let expected: [(&[u8], &[u8]); 3] =
                [(b"Action", b"Originate"), (b"Channel", &channel), (b"CallerID", &caller)];
            assert_eq!(headers, expected);
        }
    }
}

fn check_refusal(index: usize, error: &WriteError, input: &[u8], line: &[u8]) {
    let breaks = line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    match error {
        WriteError::TooLong(length) => assert!(*length == input.len() && *length > LONGEST_INPUT),
        WriteError::Mismatch => assert!(index == 0 || index == 3, "nothing to match"),
        // a quoted argument may be twice as long
        WriteError::Failed(error) => assert!(breaks || 2 * line.len() + 64 > LINE_LIMIT, "{error}"),
    }
}

/// The error does not repeat the input, unless its words are the input by chance: then another input has the same.
fn check_message(index: usize, told: &str, input: &[u8]) {
    let repeats = input.len() > 8 && input.is_ascii() && told.contains(&*String::from_utf8_lossy(input));
    if repeats {
        let other: Vec<u8> =
            input.iter().map(|&byte| if byte.is_ascii_lowercase() { b'q' } else { byte }).collect();
        let done =
            GROUND.with(|ground| ground.runtime.block_on(ground.alive.write(&ground.nodes[index], &other)));
        assert_eq!(
            done.err().map(|error| error.to_string()).as_deref(),
            Some(told),
            "an error repeats the input"
        );
    }
}
