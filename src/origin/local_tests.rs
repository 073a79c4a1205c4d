use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::language::{Authorization, SecretSource};
use crate::origin::LIMIT;

const PATIENCE: Duration = Duration::from_secs(60);
const IMPATIENCE: Duration = Duration::from_millis(300);

async fn ask(request: Request, deadline: Duration) -> Result<String, OriginError> {
    let content = Local::new(true).ask(&request, deadline).await?;
    Ok(String::from_utf8(content.bytes.to_vec()).unwrap())
}

async fn run(words: &[&str], deadline: Duration) -> Result<String, OriginError> {
    let arguments = words[1..].iter().map(|argument| (*argument, true));
    ask(Request::program(words[0], arguments).unwrap(), deadline).await
}

async fn shell(script: &str, deadline: Duration) -> Result<String, OriginError> {
    run(&["sh", "-c", script], deadline).await
}

/// Whether a process is at work: one that has ended and that nobody has asked for yet is not.
fn is_alive(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", process.trim())).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

async fn ends(process: &str) {
    let begun = std::time::Instant::now();
    while is_alive(process) {
        assert!(begun.elapsed() < PATIENCE, "process {process} goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_argument_stays_one_whatever_it_holds_and_no_shell_reads_it() {
    let hostile =
        ["a b", "", "line\nend", "$(id)", "`id`", ";id", "'\"\\", "*", "%s", "-n", "größe", "\u{ef80}"];
    let words = [&["printf", "[%s]"], &hostile[..]].concat();
    let request = Request::program(words[0], words[1..].iter().map(|word| (*word, true))).unwrap();
    let printed = Local::new(true).ask(&request, PATIENCE).await.unwrap().bytes;
    let expected: Vec<u8> =
        hostile.iter().flat_map(|word| [b"[", &*crate::parse::text::encode(word), b"]"].concat()).collect();
    assert_eq!(printed, expected);
}

#[tokio::test]
async fn a_program_has_nothing_to_read_two_variables_the_root_for_its_folder_and_none_of_our_files() {
    assert_eq!(run(&["env"], PATIENCE).await.unwrap().lines().count(), 2);
    assert_eq!(shell("cat; pwd; echo $LANG", PATIENCE).await.unwrap(), "/\nC.UTF-8\n");
    let folder = tempfile::tempdir().unwrap();
    let _open = std::fs::File::create(folder.path().join("open")).unwrap();
    // its own three, and what it has open while it looks
    let open = shell("for one in /proc/$$/fd/*; do readlink $one; done; true", PATIENCE).await.unwrap();
    assert!(!open.contains(&folder.path().display().to_string()), "{open}");
}

#[tokio::test]
async fn a_program_that_fails_is_told_with_the_first_line_of_its_error() {
    let told = async |script: &str| shell(script, PATIENCE).await.unwrap_err().to_string();
    assert_eq!(told("echo lost; echo why >&2; echo more >&2; exit 3").await, "program `sh` failed: why");
    assert_eq!(told("exit 3").await, "program `sh` failed: exit status: 3");
    assert_eq!(told("kill -9 $$").await, "program `sh` failed: signal: 9 (SIGKILL)");
    let missing = run(&["no-such-program"], PATIENCE).await.unwrap_err();
    assert!(missing.to_string().starts_with("program `no-such-program` cannot be run: "), "{missing}");
    let request = Request::program("true", []).unwrap();
    let refused = Local::new(false).ask(&request, PATIENCE).await.unwrap_err();
    assert!(matches!(refused, OriginError::NotAllowed { .. }), "{refused}");
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_with_all_that_it_has_started() {
    let folder = tempfile::tempdir().unwrap();
    let (file, made) = (folder.path().join("pids"), folder.path().join("made"));
    let script = format!("sleep 1000 & echo $$ $! >{0}; mv {0} {1}; wait", file.display(), made.display());
    let late = shell(&script, Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(late, OriginError::Timeout { .. }), "{late}");
    let processes = std::fs::read_to_string(made).unwrap();
    for process in processes.split_whitespace() {
        ends(process).await;
    }
}

#[tokio::test]
async fn a_program_that_hangs_holds_up_who_runs_it_and_nobody_else() {
    let local = Arc::new(Local::new(true));
    let program = |words: &'static [&'static str]| {
        Request::program(words[0], words[1..].iter().map(|argument| (*argument, true))).unwrap()
    };
    let hanging: Vec<_> = (0..RUNS)
        .map(|_| {
            let local = Arc::clone(&local);
            tokio::spawn(async move { local.ask(&program(&["sleep", "60"]), PATIENCE).await.map(drop) })
        })
        .collect();
    while local.permits(&program(&["sleep", "0"])).available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let more = local.ask(&program(&["sleep", "0"]), IMPATIENCE).await.map(drop);
    let other = local.ask(&program(&["printf", "here"]), PATIENCE).await;
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
    assert!(matches!(more, Err(OriginError::Timeout { .. })), "{more:?}");
    assert_eq!(other.unwrap().bytes, "here");
}

#[tokio::test]
async fn a_program_that_floods_is_ended_and_one_that_only_complains_at_length_is_not() {
    let flooded = run(&["yes"], PATIENCE).await.unwrap_err();
    assert!(matches!(flooded, OriginError::TooLong { limit: LIMIT, .. }), "{flooded}");
    let complains = "head -c 1000000 /dev/zero >&2; echo done";
    assert_eq!(shell(complains, PATIENCE).await.unwrap(), "done\n");
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_ended_and_not_waited_for() {
    let left = shell("sleep 1000 & echo $!", PATIENCE).await.unwrap();
    ends(&left).await;
    // one that has left its group lives on, and holds the pipe
    let left = shell("setsid sleep 20 & sleep 0.5; echo $!", PATIENCE).await.unwrap();
    assert!(is_alive(&left));
    // closed its output and goes on: it is waited for
    let late = shell("exec >&- 2>&-; sleep 1000", IMPATIENCE).await.unwrap_err();
    assert!(matches!(late, OriginError::Timeout { .. }), "{late}");
}

/// A server that answers each request with these bytes, and what it was asked.
struct Web {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn answers(answer: impl Into<Vec<u8>>) -> Web {
        let answer = answer.into();
        Web::serves(move |stream| drop(stream.write_all(&answer)))
    }

    fn serves(serve: impl Fn(&mut TcpStream) + Send + 'static) -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
                    request.push(byte[0]);
                }
                noted.lock().unwrap().push(String::from_utf8(request).unwrap());
                serve(&mut stream);
            }
        });
        Web { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

async fn get(url: &str) -> Result<String, OriginError> {
    ask(Request::url(url, None, None).unwrap(), PATIENCE).await
}

#[tokio::test]
async fn a_url_gives_its_body_and_is_asked_as_it_stands() {
    let web = Web::answers(ok("[1]"));
    assert_eq!(get(&web.url("/ari/channels?a=%2F..%0D%0AX:%20y")).await.unwrap(), "[1]");
    let asked = web.asked();
    assert!(asked[0].starts_with("GET /ari/channels?a=%2F..%0D%0AX:%20y HTTP/1.1\r\n"), "{asked:?}");
    assert!(!asked[0].to_ascii_lowercase().contains("\nauthorization:"), "{asked:?}");
}

#[tokio::test]
async fn who_asks_proves_it_with_a_secret_that_is_read_each_time_and_told_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let web = Web::answers(ok("{}"));
    let authorization = Authorization { user: "ops".into(), secret: SecretSource::File(file.clone()) };
    let request = Request::url(&web.url("/a"), Some(authorization), None).unwrap();
    let local = Local::new(false);
    let missing = local.ask(&request, PATIENCE).await.unwrap_err();
    assert!(matches!(missing, OriginError::Secret { .. }), "{missing}");
    for (secret, header) in [("hunter2\n", "Basic b3BzOmh1bnRlcjI="), ("other", "Basic b3BzOm90aGVy")] {
        std::fs::write(&file, secret).unwrap();
        local.ask(&request, PATIENCE).await.unwrap();
        let asked = web.asked();
        let sent = asked[0].lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("authorization: ")
                .map(|_| line.split_once(": ").unwrap().1.to_owned())
        });
        assert_eq!(sent.as_deref(), Some(header));
    }
    let literal = Authorization { user: "ops".into(), secret: SecretSource::Literal("hunter2".into()) };
    let request = Request::url("http://h/", Some(literal), None).unwrap();
    assert!(!format!("{request:?}{:?}", request.shown()).contains("hunter2"));
}

#[tokio::test]
async fn redirects_are_not_followed_and_each_refusal_is_told_by_its_status() {
    let elsewhere = Web::answers(ok("elsewhere"));
    let moved =
        format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url("/"));
    let told = get(&Web::answers(moved).url("/")).await.unwrap_err().to_string();
    assert!(told.ends_with("answered 302; redirects are not followed: name the URL itself"), "{told}");
    assert!(elsewhere.asked().is_empty());
    for status in [400, 401, 404, 500] {
        let web = Web::answers(format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno"));
        let error = get(&web.url("/?key=hunter2")).await.unwrap_err();
        assert!(matches!(error, OriginError::Status { status: told, .. } if told == status), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_says_nothing_breaks_off_or_floods_is_told_so() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = get(&format!("http://{gone}/")).await.unwrap_err();
    let kind = |error: &OriginError| match error {
        OriginError::Unreachable { error, .. } => Some(error.kind()),
        _ => None,
    };
    assert_eq!(kind(&refused), Some(std::io::ErrorKind::ConnectionRefused), "{refused}");
    let silent = Web::serves(|stream| drop(stream.read(&mut [0])));
    let late = ask(Request::url(&silent.url("/"), None, None).unwrap(), IMPATIENCE).await.unwrap_err();
    assert!(matches!(late, OriginError::Timeout { .. }), "{late}");
    let dripping = Web::serves(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let late = ask(Request::url(&dripping.url("/"), None, None).unwrap(), IMPATIENCE).await.unwrap_err();
    assert!(matches!(late, OriginError::Timeout { .. }), "{late}");
    let broken = Web::answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken");
    assert!(get(&broken.url("/")).await.is_err());
    let flooding = Web::serves(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let flooded = get(&flooding.url("/")).await.unwrap_err();
    assert!(matches!(flooded, OriginError::TooLong { .. }), "{flooded}");
}

#[tokio::test]
async fn a_file_is_watched_only_when_somebody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "a").unwrap();
    let request = Request::File(path.clone());
    let local = Local::new(false);
    assert!(!local.ask(&request, PATIENCE).await.unwrap().watched);
    let mut changes = local.changes();
    local.ask(&request, PATIENCE).await.unwrap();
    std::fs::write(&path, "b").unwrap();
    let change = tokio::time::timeout(PATIENCE, changes.recv()).await.unwrap().unwrap();
    assert_eq!(change, Change::File(Path::new(&path).into()));
}
