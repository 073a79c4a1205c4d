//! One screen of `astfs top`: what is on it, and how it is drawn.

use std::path::Path;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::list::{List, Mood, Row, SORTED, servers};
use super::reading::{Reading, Since};

/// Between columns.
const GAP: usize = 2;
/// The first column is not cut shorter than this, while others would fit.
const SHORTEST: usize = 12;
/// What the keys do.
const HELP: [&str; 9] = [
    "q, Esc, Ctrl-C   end",
    "Tab              the next list",
    "s, Right         sort it by the next column",
    "Left             sort it by the column before",
    "Down, Up         a line further on in it, or back",
    "p, Space         pause, or go on",
    "Ctrl-L           draw everything anew",
    "Ctrl-Z           stop; the shell's `fg` goes on",
    "?                these keys, or the lists again",
];

/// Whether moods have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// They have.
    Colors,
    /// What fails is bold, and that is all.
    Plain,
}

/// What is on the screen.
#[derive(Debug)]
pub struct Screen {
    mountpoint: String,
    interval: Duration,
    pub palette: Palette,
    /// The last two readings, and the time of day of the last.
    now: Option<Reading>,
    before: Option<Reading>,
    clock: String,
    /// Why there is no newer one, and since when.
    trouble: Option<(String, String)>,
    pub paused: bool,
    pub helping: bool,
    /// Which of the sorted lists the keys are for.
    active: usize,
    /// Of each, the column by which it is sorted, and how many rows are passed over.
    columns: [usize; SORTED.len()],
    offsets: [usize; SORTED.len()],
}

impl Screen {
    /// The screen of a mount that is looked at in this interval; nothing is on it yet.
    pub fn new(mountpoint: &Path, interval: Duration) -> Screen {
        Screen {
            mountpoint: mountpoint.display().to_string(),
            interval,
            palette: Palette::Plain,
            now: None,
            before: None,
            clock: String::new(),
            trouble: None,
            paused: false,
            helping: false,
            active: 0,
            columns: SORTED.map(|sorted| sorted.column),
            offsets: [0; SORTED.len()],
        }
    }

    /// Shows another reading, made at that time of day.
    pub fn take(&mut self, reading: Reading, clock: String) {
        self.before = self.now.replace(reading);
        (self.clock, self.trouble) = (clock, None);
    }

    /// Tells why there is no newer reading; what was read last stays.
    pub fn lacks(&mut self, reason: &str, clock: String) {
        let since = self.trouble.take().map_or(clock, |(_, since)| since);
        self.trouble = Some((reason.replace(char::is_control, " "), since));
    }

    /// Turns to the next list.
    pub fn next_list(&mut self) {
        self.active = (self.active + 1) % SORTED.len();
    }

    /// Sorts the list by another column, so many further on.
    pub fn turn_column(&mut self, by: isize) {
        let Some(list) = self.lists().into_iter().nth(self.active) else { return };
        let columns = list.titles.len() as isize;
        let column = &mut self.columns[self.active];
        *column = (*column as isize + by).rem_euclid(columns) as usize;
        self.offsets[self.active] = 0;
    }

    /// Goes on in the list, or back.
    pub fn scroll(&mut self, by: isize) {
        let rows = self.lists().get(self.active).map_or(0, |list| list.rows.len());
        let offset = &mut self.offsets[self.active];
        *offset = offset.saturating_add_signed(by).min(rows.saturating_sub(1));
    }

    /// All there is, as plain text.
    pub fn text(&self) -> String {
        let (tables, heading) = (self.tables(), self.heading());
        let width = heading.iter().map(Line::width).chain(tables.iter().map(Table::width)).max().unwrap_or(0);
        let rows: usize = tables.iter().map(Table::height).sum();
        let size = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        let area = Rect::new(0, 0, size(width), size(heading.len() + rows));
        let mut buffer = Buffer::empty(area);
        draw_lines(heading.iter(), area, &mut buffer);
        let mut below = rest(area, heading.len());
        for table in &tables {
            table.draw(table.rows.len(), below, &mut buffer);
            below = rest(below, table.height());
        }
        let line = |row: u16| {
            let cells = (0..area.width).filter_map(|column| Some(buffer.cell((column, row))?.symbol()));
            cells.collect::<String>().trim_end().to_owned() + "\n"
        };
        (0..area.height).map(line).collect()
    }

    fn since<'a>(&'a self, now: &Reading) -> Since<'a> {
        Since::new(self.before.as_ref(), now)
    }

    /// The lists that are sorted.
    fn lists(&self) -> Vec<List> {
        let Some(now) = &self.now else { return Vec::new() };
        let sorted = SORTED.iter().zip(self.columns).map(|(sorted, column)| {
            let mut list = (sorted.list)(now, self.since(now));
            list.sort(column);
            list
        });
        sorted.collect()
    }

    /// The servers, and then the lists that are sorted.
    fn tables(&self) -> Vec<Table> {
        let Some(now) = &self.now else { return Vec::new() };
        let servers = Table::new(servers(now, self.since(now)), None, self.palette);
        let sorted = self.lists().into_iter().enumerate().map(|(index, list)| {
            let mut table = Table::new(list, Some(self.columns[index]), self.palette);
            table.rows.drain(..self.offsets[index].min(table.rows.len()));
            table.is_active = index == self.active;
            table
        });
        std::iter::once(servers).chain(sorted).collect()
    }

    /// What stands above the lists.
    fn heading(&self) -> Vec<Line<'static>> {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let every = self.interval.as_secs_f64();
        let title = format!("astfs top  {}  {}  every {every} s", self.mountpoint, self.clock);
        let paused = if self.paused { "  PAUSED" } else { "" };
        let mut lines = vec![Line::styled(title + paused, bold)];
        if let Some((reason, since)) = &self.trouble {
            let text = format!("GONE since {since}, looked for again: {reason}");
            lines.push(Line::styled(text, mood_style(Mood::Failing, self.palette)));
        }
        let Some(now) = &self.now else { return lines };
        let (stands, totals, since) = (&now.stands, &now.totals, self.since(now));
        lines.push(Line::raw(format!("tree     {}", stands.tree.replace(char::is_control, " "))));
        let mut does = vec![format!("process  {} (astfs {})", stands.process, stands.version)];
        let rate = |total: Option<f64>, of: fn(&Reading) -> Option<f64>| since.rate(total?, of);
        if let Some(share) = rate(totals.processor, |before| before.totals.processor) {
            does.push(format!("{:.1} % of a processor", share * 100.0));
        }
        if let Some(bytes) = totals.resident {
            does.push(format!("{:.1} MiB", bytes / f64::from(1 << 20)));
        }
        let counted = [
            ("requests", totals.requests, rate(totals.requests, |before| before.totals.requests)),
            ("renders", totals.renders, rate(totals.renders, |before| before.totals.renders)),
        ];
        for (what, total, rate) in counted {
            let Some(total) = total else { continue };
            does.push(rate.map_or_else(|| format!("{total} {what}"), |rate| format!("{rate:.1} {what}/s")));
        }
        lines.push(Line::raw(does.join(", ")));
        let of = |wanted: fn(&crate::tree::QueryStands) -> bool| {
            stands.queries.iter().filter(|query| wanted(query)).count()
        };
        let (stale, failing) = (of(|query| query.overdue > 0), of(|query| query.failing > 0));
        let mood = match (failing, stale) {
            (1.., _) => Mood::Failing,
            (_, 1..) => Mood::Stale,
            _ => Mood::Usual,
        };
        let asked = of(|query| query.questions > 0);
        let text =
            format!("queries  {asked} asked, {stale} stale, {failing} failing, of {}", stands.queries.len());
        lines.push(Line::styled(text, mood_style(mood, self.palette)));
        lines
    }
}

impl Widget for &Screen {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let heading = self.heading();
        draw_lines(heading.iter(), area, buffer);
        let mut below = rest(area, heading.len());
        // the last line tells of the keys
        let keys = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
        below.height = below.height.saturating_sub(1);
        let dim = Style::new().add_modifier(Modifier::DIM);
        let text = "q end  Tab list  s column  Up Down further  p pause  ? keys";
        draw_lines([Line::styled(text, dim)].iter(), keys, buffer);
        if self.helping {
            let lines: Vec<_> = HELP.iter().map(|line| Line::raw(*line)).collect();
            return draw_lines(lines.iter(), rest(below, 1), buffer);
        }
        let tables = self.tables();
        for (table, rows) in tables.iter().zip(share(&tables, usize::from(below.height))) {
            table.draw(rows, below, buffer);
            below = rest(below, rows + Table::ABOVE);
        }
    }
}

/// How many rows of each table are shown where there are so many lines: the servers first; then the others in turn get
/// one more, the active one two.
fn share(tables: &[Table], lines: usize) -> Vec<usize> {
    let mut left = lines.saturating_sub(tables.len() * Table::ABOVE);
    let mut rows = vec![0; tables.len()];
    if let (Some(rows), Some(servers)) = (rows.first_mut(), tables.first()) {
        *rows = servers.rows.len().min(left);
        left -= *rows;
    }
    while left > 0 {
        let before = left;
        for (rows, table) in rows.iter_mut().zip(tables).skip(1) {
            let more = (table.rows.len() - *rows).min(left).min(if table.is_active { 2 } else { 1 });
            *rows += more;
            left -= more;
        }
        if left == before {
            break;
        }
    }
    rows
}

/// A list as it is drawn.
struct Table {
    titles: Vec<String>,
    /// Whether each column is for numbers, which stand at its right.
    numbers: Vec<bool>,
    rows: Vec<(Vec<String>, Mood)>,
    is_active: bool,
    palette: Palette,
}

impl Table {
    /// The lines above the rows: an empty one, and the titles.
    const ABOVE: usize = 2;

    /// A list, sorted by that column if it is sorted: its title stands in brackets.
    fn new(list: List, sorted: Option<usize>, palette: Palette) -> Table {
        let title = |(column, title): (usize, &&str)| match sorted == Some(column) {
            true => format!("[{title}]"),
            false => (*title).to_owned(),
        };
        let numbers = |column: usize| {
            list.rows.iter().any(|row| row.cells.get(column).is_some_and(super::list::Cell::is_number))
        };
        let texts = |row: &Row| (row.cells.iter().map(super::list::Cell::text).collect(), row.mood);
        Table {
            titles: list.titles.iter().enumerate().map(title).collect(),
            numbers: (0..list.titles.len()).map(numbers).collect(),
            rows: list.rows.iter().map(texts).collect(),
            is_active: false,
            palette,
        }
    }

    fn height(&self) -> usize {
        Table::ABOVE + self.rows.len()
    }

    /// How wide each column has to be.
    fn widths(&self) -> Vec<usize> {
        let cells = |column: usize| self.rows.iter().filter_map(move |(row, _)| row.get(column));
        let width = |(column, title): (usize, &String)| {
            cells(column).map(|cell| columns_of(cell)).max().unwrap_or(0).max(columns_of(title))
        };
        self.titles.iter().enumerate().map(width).collect()
    }

    fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// Draws the titles and so many rows. What is too wide is cut: first of the first column, then at the end.
    fn draw(&self, rows: usize, area: Rect, buffer: &mut Buffer) {
        let mut widths = self.widths();
        if let Some((first, others)) = widths.split_first_mut() {
            // what stands last may be as long as it likes, and is cut where the screen ends
            let is_long = self.numbers.last() == Some(&false);
            let others =
                if is_long { others.split_last().map_or(&[][..], |(_, others)| others) } else { others };
            let taken: usize = others.iter().map(|width| width + GAP).sum();
            *first = usize::from(area.width).saturating_sub(taken).max(SHORTEST).min(*first);
        }
        let line = |cells: &[String], style: Style| {
            let cells = cells.iter().zip(&widths).zip(&self.numbers);
            let cells = cells.map(|((cell, width), number)| fitted(cell, *width, *number));
            Line::styled(cells.collect::<Vec<_>>().join(&" ".repeat(GAP)), style)
        };
        let head = match self.is_active {
            true => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            false => Style::new().add_modifier(Modifier::REVERSED),
        };
        let rows = self.rows.iter().take(rows);
        let rows = rows.map(|(cells, mood)| line(cells, mood_style(*mood, self.palette)));
        let lines: Vec<_> = [Line::default(), line(&self.titles, head)].into_iter().chain(rows).collect();
        draw_lines(lines.iter(), area, buffer);
    }
}

/// How many columns of a terminal a text takes.
fn columns_of(text: &str) -> usize {
    Line::raw(text).width()
}

/// A text in so many columns of a terminal: filled up with spaces, or cut.
fn fitted(text: &str, width: usize, at_right: bool) -> String {
    let missing = width.saturating_sub(columns_of(text));
    if columns_of(text) > width {
        let mut cut = text.to_owned();
        while columns_of(&cut) >= width && cut.pop().is_some() {}
        let filled = width.saturating_sub(columns_of(&cut) + 1);
        return format!("{cut}~{}", " ".repeat(filled));
    }
    let space = " ".repeat(missing);
    if at_right { space + text } else { text.to_owned() + &space }
}

fn mood_style(mood: Mood, palette: Palette) -> Style {
    match (mood, palette) {
        (Mood::Usual, _) => Style::new(),
        (Mood::Stale, Palette::Colors) => Style::new().fg(Color::Yellow),
        (Mood::Failing, Palette::Colors) => Style::new().fg(Color::Red),
        (_, Palette::Plain) => Style::new().add_modifier(Modifier::BOLD),
    }
}

/// Lines one below the other, as many as there is room for.
fn draw_lines<'a>(lines: impl Iterator<Item = &'a Line<'a>>, area: Rect, buffer: &mut Buffer) {
    for (row, line) in (area.y..area.bottom()).zip(lines) {
        buffer.set_line(area.x, row, line, area.width);
    }
}

/// What is left below so many lines.
fn rest(area: Rect, lines: usize) -> Rect {
    let taken = u16::try_from(lines).unwrap_or(u16::MAX).min(area.height);
    Rect { y: area.y + taken, height: area.height - taken, ..area }
}
