//! Whole screens, drawn from a mount that is written down here.

use std::path::Path;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::reading::{Reading, Totals};
use super::screen::{Palette, Screen};
use crate::query::Bounds;
use crate::tree::{FileStands, QueryStands, ServerStands, Stands};

fn query(name: &str, state: &str, asked: u64, longest: f64) -> QueryStands {
    QueryStands {
        name: name.into(),
        state: state.into(),
        age: Some(asked as f64),
        questions: 1,
        overdue: usize::from(state == "stale"),
        failing: usize::from(state == "failed"),
        asked,
        failures: u64::from(state == "failed"),
        mean: Some(longest / 2.0),
        longest: Some(longest),
        error: (state == "failed").then(|| "the server refused:\u{1b}[31m no".into()),
    }
}

fn file(path: &str, reads: u64) -> FileStands {
    FileStands { path: path.into(), lookups: reads * 2, reads, renders: 1 }
}

/// What a mount tells, with so many events and readings behind it.
fn reading(at: Instant, events: u64, reads: u64) -> Reading {
    let server = ServerStands {
        name: String::new(),
        description: "pbx:5038 (Asterisk Call Manager/2.10.6)".into(),
        up: true,
        since: 7322.0,
        sessions: 2,
        in_flight: 3,
        waiting: 1,
        actions: 40,
        events,
    };
    let unasked = QueryStands { questions: 0, asked: 0, ..query("never", "unasked", 0, 0.0) };
    let queries = vec![
        query("peers", "fresh", 12, 0.25),
        query("queues", "stale", 3, 2.5),
        query("version", "failed", 1, 0.002),
        unasked,
    ];
    let stands = Stands {
        version: "0.1.0".into(),
        tree: "/etc/astfs/pbx.toml".into(),
        process: 4711,
        well: false,
        servers: vec![server],
        queries,
        files: vec![file("peers.json", 4), file("users/sipfriends/{peer}/status", reads)],
        bounds: Bounds::default(),
    };
    let totals = Totals {
        requests: Some(events as f64 * 10.0),
        renders: Some(7.0),
        processor: Some(events as f64 / 1000.0),
        resident: Some(42.0 * f64::from(1 << 20)),
    };
    Reading { at, stands, totals }
}

/// A screen after two readings, two seconds apart.
fn screen() -> Screen {
    let begun = Instant::now();
    let mut screen = Screen::new(Path::new("/mnt/pbx"), Duration::from_secs(2));
    screen.take(reading(begun, 100, 10), "13:20:03".into());
    screen.take(reading(begun + Duration::from_secs(2), 120, 30), "13:20:05".into());
    screen
}

fn drawn(screen: &Screen, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| frame.render_widget(screen, frame.area())).unwrap();
    terminal
}

fn lines(screen: &Screen, width: u16, height: u16) -> Vec<String> {
    let terminal = drawn(screen, width, height);
    let buffer = terminal.backend().buffer();
    let line = |row| (0..width).map(|column| buffer[(column, row)].symbol()).collect::<String>();
    (0..height).map(|row| line(row).trim_end().to_owned()).collect()
}

#[test]
fn a_screen_tells_of_servers_queries_files_and_questions() {
    let expected = "\
astfs top  /mnt/pbx  13:20:05  every 2 s
tree     /etc/astfs/pbx.toml
process  4711 (astfs 0.1.0), 1.0 % of a processor, 42.0 MiB, 100.0 requests/s, 0.0 renders/s
queries  3 asked, 1 stale, 1 failing, of 4

SERVER  STATE  SINCE  SESSIONS  IN FLIGHT  WAITING  ACTIONS  ACTIONS/S  EVENTS  EVENTS/S  SAID
-       up     2h02m         2          3        1       40        0.0     120      10.0  pbx:5038 (Aster

QUERY    [STATE]    AGE  ANSWERS  FAILURES  STALE  FAILING  ERROR
version  failed    1.0s        1         1      0        1  the server refused: [31m no
queues   stale     3.0s        3         0      1        0
peers    fresh    12.0s       12         0      0        0

FILE                            LOOKUPS  READS  RENDERS  [USES/S]
users/sipfriends/{peer}/status       60     30        1      30.0
peers.json                            8      4        1       0.0

QUESTION  ANSWERS  ANSWERS/S     MEAN  [LONGEST]  TOGETHER
queues          3        0.0     1.2s       2.5s      3.8s
peers          12        0.0  125.0ms    250.0ms      1.5s
version         1        0.0    1.0ms      2.0ms     1.0ms

q end  Tab list  s column  Up Down further  p pause  ? keys";
    let shown = lines(&screen(), 105, 23).join("\n");
    assert_eq!(shown, expected, "\n{shown}");
}

#[test]
fn plain_text_has_everything_whole_and_no_keys() {
    let begun = Instant::now();
    let mut screen = Screen::new(Path::new("/mnt/pbx"), Duration::from_secs(2));
    screen.take(reading(begun, 100, 10), "13:20:03".into());
    let text = screen.text();
    assert!(text.contains("  pbx:5038 (Asterisk Call Manager/2.10.6)\n"), "{text}");
    assert!(text.contains(", 42.0 MiB, 1000 requests, 7 renders\n"), "{text}");
    assert!(text.contains("users/sipfriends/{peer}/status       20     10        1         -\n"), "{text}");
    assert!(!text.contains("q end") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_narrow_and_low_screen_cuts_names_and_rows_and_gives_the_active_list_more() {
    let mut screen = screen();
    screen.next_list();
    let expected = "\
astfs top  /mnt/pbx  13:20:05  every 2 s
tree     /etc/astfs/pbx.toml
process  4711 (astfs 0.1.0), 1.0 % of a processor, 42.0 MiB,
queries  3 asked, 1 stale, 1 failing, of 4

SERVER  STATE  SINCE  SESSIONS  IN FLIGHT  WAITING  ACTIONS
-       up     2h02m         2          3        1       40

QUERY    [STATE]    AGE  ANSWERS  FAILURES  STALE  FAILING
version  failed    1.0s        1         1      0        1

FILE                       LOOKUPS  READS  RENDERS  [USES/S]
users/sipfriends/{peer}/~       60     30        1      30.0
peers.json                       8      4        1       0.0

QUESTION  ANSWERS  ANSWERS/S     MEAN  [LONGEST]  TOGETHER
q end  Tab list  s column  Up Down further  p pause  ? keys";
    let shown = lines(&screen, 60, 17).join("\n");
    assert_eq!(shown, expected, "\n{shown}");
}

#[test]
fn another_column_another_list_and_further_rows_are_for_the_active_list_alone() {
    let mut screen = screen();
    screen.turn_column(-1);
    let shown = lines(&screen, 105, 23);
    assert!(shown[8].starts_with("[QUERY]  STATE ") && shown[9].starts_with("peers "), "{shown:#?}");
    assert!(shown[13].ends_with("[USES/S]"), "{shown:#?}");
    screen.turn_column(-1);
    assert!(lines(&screen, 105, 23)[8].ends_with("[ERROR]"));
    screen.next_list();
    screen.turn_column(2);
    let shown = lines(&screen, 105, 23);
    assert!(shown[13].contains("[LOOKUPS]") && shown[14].starts_with("users/"), "{shown:#?}");
    screen.scroll(1);
    screen.scroll(5);
    let shown = lines(&screen, 105, 23);
    assert!(shown[14].starts_with("peers.json") && shown[15].is_empty(), "{shown:#?}");
    screen.scroll(-9);
    assert!(lines(&screen, 105, 23)[14].starts_with("users/"));
}

#[test]
fn what_is_gone_is_told_with_the_reason_and_the_last_reading_stays() {
    let mut screen = screen();
    screen.lacks("no astfs is\nmounted there", "13:20:07".into());
    screen.lacks("no astfs is\nmounted there", "13:20:09".into());
    let shown = lines(&screen, 105, 23);
    assert_eq!(shown[1], "GONE since 13:20:07, looked for again: no astfs is mounted there");
    assert!(shown.iter().any(|line| line.starts_with("version  failed")), "{shown:#?}");
    screen.take(reading(Instant::now(), 1, 1), "13:20:11".into());
    assert!(!lines(&screen, 105, 23)[1].contains("GONE"));
}

#[test]
fn what_happened_while_another_process_served_is_not_counted() {
    let mut screen = screen();
    let mut other = reading(Instant::now() + Duration::from_secs(4), 5, 1);
    other.stands.process = 4712;
    screen.take(other, "13:20:07".into());
    let shown = lines(&screen, 120, 23);
    assert!(shown[6].contains("      5         -  pbx"), "{shown:#?}");
    assert!(shown[2].contains("50 requests, 7 renders"), "{shown:#?}");
}

#[test]
fn keys_are_explained_and_a_pause_is_told() {
    let mut screen = screen();
    (screen.helping, screen.paused) = (true, true);
    let shown = lines(&screen, 80, 24);
    assert!(shown[0].ends_with("PAUSED"), "{shown:#?}");
    assert!(shown.iter().any(|line| line.starts_with("q, Esc, Ctrl-C")), "{shown:#?}");
    assert!(!shown.iter().any(|line| line.starts_with("QUERY")), "{shown:#?}");
}

#[test]
fn what_fails_is_red_or_without_colours_bold() {
    let mut screen = screen();
    let failing = |screen: &Screen| drawn(screen, 105, 23).backend().buffer()[(0, 9)].clone();
    assert!(failing(&screen).modifier.contains(Modifier::BOLD));
    assert_eq!(failing(&screen).fg, Color::Reset);
    screen.palette = Palette::Colors;
    assert_eq!(failing(&screen).fg, Color::Red);
}

#[test]
fn no_size_is_too_small_to_draw_in() {
    let screen = screen();
    for (width, height) in [(0, 0), (1, 1), (3, 2), (200, 3), (2, 60)] {
        assert_eq!(lines(&screen, width, height).len(), usize::from(height));
    }
}
