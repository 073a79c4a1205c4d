//! The terminal of `astfs top`: drawing, keys, signals; it is left as it was found, whatever ends the program.

use std::io::stdout;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, read as next_event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use ratatui::layout::Rect;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at};

use super::reading::{Reading, read};
use super::screen::Screen;
use super::{TopArgs, now};
use crate::cli::CliError;

/// A mount that does not answer for so long hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// A terminal that is given back as it was found.
struct Borrowed(DefaultTerminal);

impl Borrowed {
    /// Takes it; a panic gives it back too, before it is told.
    fn take() -> std::io::Result<Borrowed> {
        let taken = ratatui::try_init();
        if taken.is_err() {
            // what was changed before that failed
            let _ = ratatui::try_restore();
        }
        taken.map(Borrowed)
    }

    /// Stops the program as Ctrl-Z does anywhere else, with the terminal as it was; it is taken again when it goes on.
    fn stop(&mut self) -> std::io::Result<()> {
        self.0.show_cursor()?;
        ratatui::try_restore()?;
        raise(Signal::SIGTSTP)?;
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen)?;
        self.redraw()
    }

    /// Has everything drawn anew. To clear it would ask the terminal for its cursor, and whoever waits for keys would
    /// get the answer.
    fn redraw(&mut self) -> std::io::Result<()> {
        let size = self.0.size()?;
        self.0.resize(Rect::new(0, 0, size.width, size.height))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // nobody may be left who looks at it
        let _ = self.0.show_cursor();
        let _ = ratatui::try_restore();
    }
}

/// What a key has the program do.
enum Done {
    GoOn,
    End,
}

/// Draws the screen, which shows `first`, until a key or a signal ends it.
pub async fn show(mut screen: Screen, first: Reading, args: &TopArgs) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    screen.take(first, now());
    let mut terminal = Borrowed::take()?;
    let mut events = events()?;
    let mut ticks = interval_at((Instant::now() + args.interval).into(), args.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reading: Option<(JoinHandle<Result<Reading, CliError>>, Instant)> = None;
    loop {
        terminal.0.draw(|frame| frame.render_widget(&screen, frame.area()))?;
        let answered = async {
            match reading.as_mut() {
                Some((reading, _)) => reading.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            told = answered => {
                reading = None;
                match told.map_err(std::io::Error::from)? {
                    Ok(_) if screen.paused => {}
                    Ok(told) => screen.take(told, now()),
                    Err(error) => screen.lacks(&error.to_string(), now()),
                }
            }
            _ = ticks.tick() => match &reading {
                _ if screen.paused => {}
                None => reading = Some((look(&args.mountpoint), Instant::now())),
                Some((_, begun)) if begun.elapsed() >= PATIENCE => screen.lacks("it does not answer", now()),
                Some(_) => {}
            },
            event = events.recv() => match event {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    match press(key, &mut screen, &mut terminal)? {
                        Done::GoOn => {}
                        Done::End => return Ok(()),
                    }
                }
                // another size is drawn in
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
        }
    }
}

/// Reads what the mount tells, where it holds up nothing else: it may hang.
fn look(mountpoint: &Path) -> JoinHandle<Result<Reading, CliError>> {
    let mountpoint = mountpoint.to_owned();
    tokio::task::spawn_blocking(move || read(&mountpoint))
}

/// What happens at the terminal, as long as somebody listens.
fn events() -> std::io::Result<UnboundedReceiver<std::io::Result<Event>>> {
    let (sender, events) = unbounded_channel();
    std::thread::Builder::new().name("keys".into()).spawn(move || {
        loop {
            let event = next_event();
            let failed = event.is_err();
            if sender.send(event).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(events)
}

fn press(key: KeyEvent, screen: &mut Screen, terminal: &mut Borrowed) -> std::io::Result<Done> {
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Char('c'), true) => return Ok(Done::End),
        (KeyCode::Char('z'), true) => terminal.stop()?,
        (KeyCode::Char('l'), true) => terminal.redraw()?,
        (KeyCode::Char('q') | KeyCode::Esc, _) => return Ok(Done::End),
        (KeyCode::Tab, _) => screen.next_list(),
        (KeyCode::Char('s') | KeyCode::Right, _) => screen.turn_column(1),
        (KeyCode::Left, _) => screen.turn_column(-1),
        (KeyCode::Down, _) => screen.scroll(1),
        (KeyCode::Up, _) => screen.scroll(-1),
        (KeyCode::Char('p' | ' '), _) => screen.paused = !screen.paused,
        (KeyCode::Char('?' | 'h'), _) => screen.helping = !screen.helping,
        _ => {}
    }
    Ok(Done::GoOn)
}
