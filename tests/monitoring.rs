//! A mount as an administrator's monitoring sees it: metrics, status, log.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use astfs::simulator::{Content, Fault, Version};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, geteuid, mkfifo};
use regex::Regex;
use serde_json::Value;
use support::counts;
use support::mount::{Mounted, astfs, fuse_available, is_mounted, processes_at};
use support::simulated::{Simulated, TreeFile, run_within, shipped, text};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);

const TREE: &str = r#"
[server]
user   = "astfs"
secret = { env = "ASTFS_SECRET" }

[defaults]
timeout = "1s"
ttl     = "1h"

[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = ["PeerStatus"], every = "1h" }

[query.version]
command = "core show version"

[tree]
"peers.json" = { query = "peers", as = "json" }
"version"    = { query = "version" }
"endless"    = { render = "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}" }
"#;

fn server() -> Simulated {
    Simulated::start(Content::generated(Version::Asterisk16, 20, 1))
}

/// The sample of that name and these labels; none if there is no such line.
fn sample(metrics: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let line = metrics.lines().find(|line| {
        let named = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        named && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
    })?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn metrics_in(mounted: &Mounted) -> String {
    fs::read_to_string(mounted.join(".astfs/metrics")).expect("metrics")
}

/// Where a mount says that its metrics are.
fn endpoint(mounted: &Mounted) -> SocketAddr {
    let mut found = None;
    let told = wait_until(PATIENCE, || {
        let said = mounted.stderr();
        let at = said.split_once("metrics at http://").and_then(|(_, rest)| rest.split_once("/metrics"));
        found = at.and_then(|(at, _)| at.parse().ok());
        found.is_some()
    });
    assert!(told, "{}", mounted.stderr());
    found.expect("an address")
}

/// What comes back for these bytes, up to the end.
fn ask(at: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // a request that is too long is not taken to its end
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    text(&answer)
}

fn get(at: SocketAddr, path: &str) -> String {
    ask(at, format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes())
}

fn status(mounted: &Mounted, arguments: &[&str]) -> Output {
    run_within(PATIENCE, astfs().arg("status").arg(mounted.path()).args(arguments))
}

#[test]
fn what_is_asked_and_what_fails_shows_in_the_metrics() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount(&tree.path());
    fs::read(mounted.join("peers.json")).expect("peers");
    let before = metrics_in(&mounted);
    let of = |metrics: &str, name: &str, labels: &[(&str, &str)]| {
        sample(metrics, name, labels).unwrap_or_else(|| panic!("no {name} {labels:?} in\n{metrics}"))
    };
    assert_eq!(of(&before, "astfs_server_up", &[]), 1.0);
    assert_eq!(of(&before, "astfs_server_sessions_total", &[]), 1.0);
    let peers = [("action", "SIPpeers"), ("outcome", "answered")];
    assert_eq!(of(&before, "astfs_ami_actions_total", &peers), 1.0);
    assert_eq!(of(&before, "astfs_ami_action_duration_seconds_count", &[("action", "SIPpeers")]), 1.0);
    assert_eq!(of(&before, "astfs_query_answers_total", &[("query", "peers")]), 1.0);
    assert_eq!(of(&before, "astfs_query_failures_total", &[("query", "peers")]), 0.0);
    assert!(of(&before, "astfs_query_oldest_answer_age_seconds", &[("query", "peers")]) < 60.0);
    let took = of(&before, "astfs_query_duration_seconds_total", &[("query", "peers")]);
    assert!(took > 0.0, "{before}");
    assert_eq!(of(&before, "astfs_query_longest_duration_seconds", &[("query", "peers")]), took);
    for use_of_it in ["lookups", "reads", "renders"] {
        let count = of(&before, &format!("astfs_file_{use_of_it}_total"), &[("path", "peers.json")]);
        assert_eq!(count, 1.0, "{use_of_it}");
    }
    assert_eq!(
        sample(&before, "astfs_file_reads_total", &[("path", "version")]),
        None,
        "nobody looked at it"
    );
    let lookups = [("kind", "lookup")];
    // whoever asked may have his answer before it is counted
    let timed = || {
        let now = metrics_in(&mounted);
        let answered = of(&now, "astfs_fuse_request_duration_seconds_count", &lookups);
        answered >= 1.0 && answered <= of(&now, "astfs_fuse_requests_total", &lookups)
    };
    assert!(wait_until(PATIENCE, timed), "{}", metrics_in(&mounted));
    for name in ["astfs_inodes", "astfs_rendered_bytes", "process_open_fds", "process_resident_memory_bytes"]
    {
        assert!(of(&before, name, &[]) > 0.0, "{name}");
    }

    server.set_fault_for("core show version", Fault::Silent);
    fs::read(mounted.join("version")).expect_err("nothing answers");
    server.set_fault_for("SIPpeers", Fault::ErrorAnswer("no".into()));
    server.unregister(&server.peer_names()[0]);
    fs::read(mounted.join("endless")).expect_err("it takes too many steps");
    let failed = |metrics: &str| {
        let timeouts = [("action", "Command"), ("outcome", "timeout")];
        let refusals = [("action", "SIPpeers"), ("outcome", "refused")];
        sample(metrics, "astfs_ami_actions_total", &timeouts) == Some(1.0)
            && sample(metrics, "astfs_ami_actions_total", &refusals) >= Some(1.0)
            && sample(metrics, "astfs_query_failing", &[("query", "version")]) == Some(1.0)
            && sample(metrics, "astfs_query_failing", &[("query", "peers")]) == Some(1.0)
            && sample(metrics, "astfs_query_stale", &[("query", "peers")]) == Some(1.0)
            && sample(metrics, "astfs_ami_events_total", &[("event", "PeerStatus")]) >= Some(1.0)
            && sample(metrics, "astfs_bounds_hit_total", &[("bound", "template_steps")]) >= Some(1.0)
    };
    assert!(wait_until(PATIENCE, || failed(&metrics_in(&mounted))), "{}", metrics_in(&mounted));

    server.set_fault(None);
    server.go_down();
    let away = || sample(&metrics_in(&mounted), "astfs_server_up", &[]) == Some(0.0);
    assert!(wait_until(PATIENCE, away), "{}", metrics_in(&mounted));
    server.come_back();
    let again = || sample(&metrics_in(&mounted), "astfs_server_sessions_total", &[]) == Some(2.0);
    assert!(wait_until(PATIENCE, again), "{}", metrics_in(&mounted));
}

#[test]
fn metrics_are_told_by_http_under_the_sandbox_and_nothing_else_is() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount_with(&tree.path(), &["--metrics", "127.0.0.1:0"]);
    fs::read(mounted.join("peers.json")).expect("peers");
    let at = endpoint(&mounted);
    let told = get(at, "/metrics");
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    assert!(told.contains("content-type: text/plain; version=0.0.4"), "{told}");
    assert_eq!(sample(&told, "astfs_server_up", &[]), Some(1.0), "{told}");
    assert!(!told.contains(&server.secret()));

    assert!(get(at, "/").starts_with("HTTP/1.1 404 "));
    assert!(get(at, "/metrics/../../etc/passwd").starts_with("HTTP/1.1 404 "));
    let post = ask(at, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET"), "{post}");
    let long = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    assert!(!ask(at, &long).contains(" 200 "), "a request without end is answered");
    // who says nothing is let go, and holds up no more than a place
    let silent: Vec<_> = (0..4).map(|_| TcpStream::connect(at).expect("it is open")).collect();
    assert!(get(at, "/metrics").starts_with("HTTP/1.1 200 "));
    drop(silent);

    let mut loud = server.mount_with(&tree.path(), &["--metrics", "0.0.0.0:0"]);
    endpoint(&loud);
    assert!(loud.stderr().contains("without encryption"), "{}", loud.stderr());
    loud.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(loud.wait(PATIENCE).is_some_and(|status| status.success()));
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_mounted() {
    if !fuse_available() {
        return;
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("an address").to_string();
    let refused = Mounted::start(&shipped("basic.toml"), ["--metrics", &at], &[]).expect_err("it is taken");
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains(&at) && refused.stderr.contains("give a free port"), "{refused}");
}

#[test]
fn status_ends_with_0_1_or_6_and_tells_why() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount(&tree.path());
    fs::read(mounted.join("peers.json")).expect("peers");
    let well = status(&mounted, &[]);
    let told = text(&well.stdout);
    assert_eq!(well.status.code(), Some(0), "{told}{}", text(&well.stderr));
    assert!(told.contains("SERVER  STATE  SINCE") && told.contains("up "), "{told}");
    assert!(told.contains("0 stale, 0 failing, of 2\n") && !told.contains("QUERY"), "{told}");
    assert!(text(&status(&mounted, &["--all"]).stdout).contains("\npeers    fresh"), "all are listed");

    server.set_fault_for("core show version", Fault::ErrorAnswer("no".into()));
    fs::read(mounted.join("version")).expect_err("it is refused");
    let fails = status(&mounted, &[]);
    let told = text(&fails.stdout);
    assert_eq!(fails.status.code(), Some(1), "{told}");
    assert!(told.contains("version  failed") && told.contains("the server refused: no"), "{told}");
    let json = status(&mounted, &["--format", "json"]);
    assert_eq!(json.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["well"], &json["servers"][0]["up"]), (&false.into(), &true.into()), "{json}");

    server.set_fault(None);
    server.go_down();
    let away = || text(&status(&mounted, &[]).stdout).contains("-       away");
    assert!(wait_until(PATIENCE, away), "{}", text(&status(&mounted, &[]).stdout));
    assert_eq!(status(&mounted, &[]).status.code(), Some(1));
    let nothing = tempfile::tempdir().expect("a folder");
    let none = run_within(PATIENCE, astfs().arg("status").arg(nothing.path()));
    assert_eq!(none.status.code(), Some(6), "{}", text(&none.stderr));
}

#[test]
fn the_log_is_told_in_the_mount_and_its_level_changes_while_it_runs() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount(&tree.path());
    let log = || fs::read_to_string(mounted.join(".astfs/log")).expect("a log");
    let level = |arguments: &[&str]| {
        let output = run_within(PATIENCE, astfs().arg("log-level").arg(mounted.path()).args(arguments));
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(wait_until(PATIENCE, || log().contains("mounted at")), "{}", log());
    fs::read(mounted.join("peers.json")).expect("peers");
    assert!(!log().contains("query `peers`"), "{}", log());
    assert_eq!(level(&[]), "info\n");
    assert_eq!(level(&["debug"]), "debug\n");
    fs::read(mounted.join("version")).expect("a version");
    assert!(wait_until(PATIENCE, || log().contains("query `version`: answered within")), "{}", log());
    assert_eq!(level(&["error"]), "error\n");
    assert_eq!(fs::read_to_string(mounted.join(".astfs/log-level")).expect("a level"), "error\n");
    assert!(!log().contains(&server.secret()));
}

#[test]
fn every_log_line_is_an_object_if_that_is_wanted() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount_with(&tree.path(), &["--log-format", "json", "-v"]);
    fs::read(mounted.join("peers.json")).expect("peers");
    let (status, said) = mounted.unmount();
    assert!(status.success(), "{said}");
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for key in ["timestamp", "level", "target", "message"] {
            assert!(line[key].is_string(), "no {key}: {line}");
        }
    }
    let connected = lines.iter().find(|line| line["message"] == "connected").expect("it connected");
    assert_eq!((&connected["level"], &connected["session"]), (&"INFO".into(), &1.into()), "{connected}");
}

/// Prometheus' own checker; none where it is not installed, which is told.
fn promtool() -> Option<Command> {
    let found =
        Command::new("promtool").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok() {
        return Some(Command::new("promtool"));
    }
    counts::skipped("promtool (Debian: prometheus) is not installed");
    None
}

fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

#[test]
fn prometheus_finds_nothing_to_say_about_the_metrics_the_alerts_and_the_dashboard() {
    if !fuse_available() {
        return;
    }
    let Some(mut checker) = promtool() else { return };
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount(&tree.path());
    fs::read(mounted.join("peers.json")).expect("peers");
    let metrics = fs::File::open(mounted.join(".astfs/metrics")).expect("metrics");
    let checked = checker.args(["check", "metrics"]).stdin(metrics).output().expect("it runs");
    let said = text(&checked.stdout) + &text(&checked.stderr);
    assert!(checked.status.success() && said.trim().is_empty(), "{said}");

    let mut checker = promtool().expect("it was there");
    let checked = checker.args(["check", "rules"]).arg(contrib("prometheus/astfs.rules.yml")).output();
    let checked = checked.expect("it runs");
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));

    // what the dashboard asks, as Prometheus is asked when Grafana has put in its variables
    let rules =
        dashboard_questions(&dashboard()).into_iter().enumerate().map(|(number, (_, expression, _))| {
            let expression = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
            serde_json::json!({ "record": format!("panel:{number}"), "expr": expression })
        });
    let rules =
        serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules.collect::<Vec<_>>() }] });
    // JSON is YAML
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dashboard.yml");
    fs::write(&file, rules.to_string()).expect("a file in it");
    let checked =
        promtool().expect("it was there").args(["check", "rules"]).arg(&file).output().expect("it runs");
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
}

/// The questions of the dashboard to Prometheus, each with its panel's title and legend.
fn dashboard_questions(dashboard: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    let targets = panels
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten().map(move |one| (panel, one)));
    targets
        .map(|(panel, one)| (text(&panel["title"]), text(&one["expr"]), text(&one["legendFormat"])))
        .collect()
}

fn dashboard() -> Value {
    let text = fs::read_to_string(contrib("grafana/astfs.json")).expect("a dashboard");
    serde_json::from_str(&text).expect("JSON")
}

/// The labels of a metric in what a mount tells, and those that Prometheus adds; none if there is no such metric.
fn labels_of(metrics: &str, name: &str) -> Option<BTreeSet<String>> {
    let label = Regex::new(r#"(\w+)=""#).expect("a pattern");
    let named = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let line = metrics.lines().find(named)?;
    let own = label.captures_iter(line).map(|found| found[1].to_owned());
    Some(own.chain(["instance", "job"].map(str::to_owned)).collect())
}

/// What is wrong with a panel's question about a mount's metrics: names and labels that there are not, and words of
/// the legend that its answer has no label for.
fn mistakes(metrics: &str, expression: &str, legend: &str) -> Vec<String> {
    let all = |pattern: &str, text: &str| -> Vec<Vec<String>> {
        let pattern = Regex::new(pattern).expect("a pattern");
        let found = pattern.captures_iter(text);
        found
            .map(|one| one.iter().skip(1).map(|part| part.map_or("", |part| part.as_str()).into()).collect())
            .collect()
    };
    let (mut wrong, mut known) = (Vec::new(), BTreeSet::new());
    let selectors = all(r"\b((?:astfs|process)_\w+)(\{[^}]*\})?", expression);
    for selector in &selectors {
        let Some(labels) = labels_of(metrics, &selector[0]) else {
            wrong.push(format!("no metric {}", selector[0]));
            continue;
        };
        let asked = all(r"(\w+)\s*(?:=~|!~|!=|=)", &selector[1]);
        wrong.extend(
            asked.iter().filter(|one| !labels.contains(&one[0])).map(|one| format!("no label {}", one[0])),
        );
        known.extend(labels);
    }
    if selectors.is_empty() {
        wrong.push("it asks for nothing of ours".to_owned());
    }
    let groups: Vec<String> = all(r"\bby\s*\(([^)]*)\)", expression)
        .iter()
        .flat_map(|group| group[0].split(',').map(|label| label.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    wrong.extend(
        groups.iter().filter(|label| !known.contains(*label)).map(|label| format!("no label {label}")),
    );
    let is_grouped = Regex::new(r"\b(sum|max|min|avg|count)\b").expect("a pattern").is_match(expression);
    let left = |label: &String| if is_grouped { groups.contains(label) } else { known.contains(label) };
    let words = all(r"\{\{\s*(\w+)\s*\}\}", legend);
    wrong.extend(
        words.iter().filter(|word| !left(&word[0])).map(|word| format!("no {} for the legend", word[0])),
    );
    wrong
}

#[test]
fn every_question_of_the_dashboard_names_metrics_and_labels_that_there_are() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount(&tree.path());
    fs::read(mounted.join("peers.json")).expect("peers");
    server.unregister(&server.peer_names()[0]);
    let an_event = || sample(&metrics_in(&mounted), "astfs_ami_events_total", &[]).is_some();
    assert!(wait_until(PATIENCE, an_event), "{}", metrics_in(&mounted));
    let metrics = metrics_in(&mounted);
    let up = r#"sum by (instance) (astfs_server_up{server="x"})"#;
    assert_eq!(mistakes(&metrics, up, "{{instance}}"), [""; 0], "a sound one is let pass");
    for (expression, legend, mistake) in [
        ("rate(astfs_renders[5m])", "", "no metric astfs_renders"),
        (r#"astfs_server_up{query="x"}"#, "", "no label query"),
        ("sum by (action) (astfs_server_up)", "", "no label action"),
        (up, "{{server}}", "no server for the legend"),
        ("vector(1)", "", "it asks for nothing of ours"),
    ] {
        assert_eq!(mistakes(&metrics, expression, legend), [mistake], "{expression}");
    }

    let dashboard = dashboard();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let variables: Vec<_> = list(&dashboard["templating"]["list"])
        .iter()
        .filter_map(|variable| variable["name"].as_str().map(str::to_owned))
        .collect();
    let mut places = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        let title = panel["title"].as_str().unwrap_or_default();
        assert!(places.insert(panel["id"].to_string()), "{title}: two panels have its number");
        assert!(places.insert(panel["gridPos"].to_string()), "{title}: another panel stands there");
    }
    let questions = dashboard_questions(&dashboard);
    assert!(questions.len() > 15, "{questions:?}");
    let variable = Regex::new(r"\$\{?(\w+)").expect("a pattern");
    for (title, expression, legend) in &questions {
        assert_eq!(mistakes(&metrics, expression, legend), [""; 0], "{title}: {expression}");
        for used in variable.captures_iter(expression) {
            let is_known = &used[1] == "__rate_interval" || variables.contains(&used[1].to_owned());
            assert!(is_known, "{title}: there is no ${}", &used[1]);
        }
    }
    let values = Regex::new(r"^label_values\((\w+), *(\w+)\)$").expect("a pattern");
    for variable in list(&dashboard["templating"]["list"]) {
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        let found = values.captures(query).unwrap_or_else(|| panic!("{query}"));
        assert!(labels_of(&metrics, &found[1]).is_some_and(|labels| labels.contains(&found[2])), "{query}");
    }
}

#[test]
fn an_event_log_that_is_begun_anew_is_counted_and_so_are_lines_without_room() {
    if !geteuid().is_root() {
        return counts::skipped("only root mounts event logs");
    }
    if !fuse_available() {
        return;
    }
    let tree = TreeFile::new(&format!(
        "{TREE}\"events/small\" = {{ events = {{ names = \"UserEvent\", size = \"16k\" }} }}\n"
    ));
    let server = server();
    let mounted = server.mount(&tree.path());
    let log = mounted.join("events/small");
    assert!(wait_until(PATIENCE, || log.exists()), "{}", mounted.stderr());
    let emit = |count: usize| {
        let event =
            "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: A line of a hundred bytes or so\r\n\r\n";
        (0..count).for_each(|_| server.emit(event));
    };
    let rotated = || sample(&metrics_in(&mounted), "astfs_event_log_rotations_total", &[]);
    let lost = || sample(&metrics_in(&mounted), "astfs_bounds_hit_total", &[("bound", "event_log")]);
    // what comes before there is a connection comes to nobody
    fs::read(mounted.join("peers.json")).expect("peers");
    emit(1);
    assert!(wait_until(PATIENCE, || fs::metadata(&log).is_ok_and(|log| log.len() > 0)));
    assert_eq!((rotated(), lost()), (Some(0.0), Some(0.0)));
    emit(150);
    assert!(wait_until(PATIENCE, || rotated() == Some(1.0)), "{}", metrics_in(&mounted));
    assert_eq!(lost(), Some(0.0), "nothing is lost by that");
    // so soon again it is not begun anew: it grows to twice its size
    emit(400);
    assert!(wait_until(PATIENCE, || lost() >= Some(1.0)), "{}", metrics_in(&mounted));
    assert_eq!(rotated(), Some(1.0));
}

#[test]
fn log_lines_that_cannot_be_written_or_come_again_are_counted() {
    if !fuse_available() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let tree = TreeFile::new("[tree]\n\"bad\" = { render = \"{{ 'x' | int }}\" }\n");
    let mut command = astfs();
    command.arg("mount").arg(tree.path()).arg(folder.path());
    let full = fs::File::options().write(true).open("/dev/full").expect("a file that is full");
    let mounted = Mounted::run_saying(command, folder.path(), full.into());
    let mounted = mounted.unwrap_or_else(|error| panic!("{error}"));
    let lost = || sample(&metrics_in(&mounted), "astfs_bounds_hit_total", &[("bound", "log")]);
    let again = || sample(&metrics_in(&mounted), "astfs_log_lines_repeated_total", &[]);
    assert!(wait_until(PATIENCE, || lost() >= Some(1.0)), "{}", metrics_in(&mounted));
    assert_eq!(again(), Some(0.0));
    for _ in 0..3 {
        fs::read(mounted.join("bad")).expect_err("it is no number");
    }
    // a file that cannot be had is looked for and read, each of which may say so
    assert!(wait_until(PATIENCE, || again() >= Some(2.0)), "{}", metrics_in(&mounted));
    let log = fs::read_to_string(mounted.join(".astfs/log")).expect("a log");
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
}

#[test]
fn signals_for_more_and_less_log_that_come_before_the_mount_is_up_do_not_end_it() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let folder = tempfile::tempdir().expect("a folder");
    let (secret_file, mount_point) = (folder.path().join("secret"), folder.path().join("tree"));
    fs::create_dir(&mount_point).expect("a folder to mount on");
    mkfifo(&secret_file, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe");
    let mut command = astfs();
    command.arg("mount").arg(tree.path()).arg(&mount_point).arg("--secret-file").arg(&secret_file);
    command.env("ASTFS_SERVER", server.address().to_string()).env("ASTFS_USER", server.user());
    let (secret, at) = (server.secret(), mount_point.clone());
    let signalled = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&signalled);
    // whoever waits for the secret is on its way to be a mount, and none yet
    std::thread::spawn(move || {
        while let Ok(mut pipe) = fs::File::options().write(true).open(&secret_file) {
            if !is_mounted(&at) {
                for process in processes_at(&at) {
                    let process = process.file_name().and_then(|name| name.to_str()?.parse().ok());
                    let process = Pid::from_raw(process.expect("a process id"));
                    for signal in [Signal::SIGUSR1, Signal::SIGUSR2] {
                        kill(process, signal).expect("it is there");
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            let _ = pipe.write_all(format!("{secret}\n").as_bytes());
        }
    });
    let mounted = Mounted::run(command, &mount_point).unwrap_or_else(|error| panic!("{error}"));
    assert!(signalled.load(Ordering::Relaxed) >= 2, "it was up before it was signalled");
    fs::read(mounted.join("peers.json")).expect("peers");
    // from now on they do what they are for
    let level = || fs::read_to_string(mounted.join(".astfs/log-level")).expect("a level");
    for _ in 0..4 {
        let before = level();
        mounted.signal(Signal::SIGUSR1);
        assert!(wait_until(PATIENCE, || level() != before || before == "trace\n"), "{before}");
    }
    assert_eq!(level(), "trace\n");
}

/// The words of a text that are names of our metrics.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let ours = words.filter(|word| word.starts_with("astfs_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboard_name_metrics_that_there_are() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = server.mount(&tree.path());
    fs::read(mounted.join("peers.json")).expect("peers");
    let there = names(&metrics_in(&mounted));
    let dashboard = fs::read_to_string(contrib("grafana/astfs.json")).expect("a dashboard");
    let document: Value = serde_json::from_str(&dashboard).expect("JSON");
    assert!(document["panels"].as_array().is_some_and(|panels| panels.len() > 8));
    let rules = fs::read_to_string(contrib("prometheus/astfs.rules.yml")).expect("rules");
    let named: BTreeSet<String> = names(&dashboard).union(&names(&rules)).cloned().collect();
    let missing: Vec<_> = named.difference(&there).collect();
    assert!(missing.is_empty() && named.len() > 10, "{missing:?} of {named:?}");
}
