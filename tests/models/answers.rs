//! Readers, events and a question: one of the readers asks, all get the answer, and what is kept of an answer that
//! is no longer true is told of.

use std::sync::Arc;
use std::time::Instant;

use astfs::ami::Action;
use astfs::language::QueryId;
use astfs::parse::value::Value;
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use shuttle::thread;

use super::in_every_order;
use super::query::cell::{Cell, Conditions, Look};
use super::query::dependents::Dependent;
use super::query::inquiry::Inquiry;
use super::query::snapshot::Snapshot;

const SESSION: Option<u64> = Some(1);
/// What is kept: a file that shows the answer.
const FILE: Dependent = Dependent::Kept(7);

struct World {
    cell: Cell,
    /// What is true at the server.
    truth: AtomicI64,
    /// The latest of which an event has told.
    told: AtomicI64,
    /// How often it was asked, and how many asked at once at most.
    asked: AtomicUsize,
    asking: AtomicUsize,
    /// What the file shows.
    file: Mutex<Option<i64>>,
}

impl World {
    fn begin() -> Arc<World> {
        let inquiry = Inquiry::Action(Action::new("Ping").expect("an action"));
        Arc::new(World {
            cell: Cell::new(QueryId(0), inquiry, Vec::new()),
            truth: AtomicI64::new(0),
            told: AtomicI64::new(0),
            asked: AtomicUsize::new(0),
            asking: AtomicUsize::new(0),
            file: Mutex::new(None),
        })
    }

    /// Reads, as a reader of the file does: what is known if it is true, else what the server says.
    fn read(&self) -> (i64, u64) {
        let since = Instant::now();
        loop {
            let conditions = Conditions {
                session: SESSION,
                down_since: None,
                lives: None,
                stale_for: None,
                since,
                patient: false,
            };
            match self.cell.look(&conditions) {
                Look::Use { outcome, stamp } => {
                    let snapshot = outcome.expect("the server answers");
                    let Value::Integer(value) = snapshot.value else { panic!("another value") };
                    return (value, stamp);
                }
                Look::Ask => self.ask(),
            }
        }
    }

    /// Asks, or waits for who asks; the dependents of a changed answer are told.
    fn ask(&self) {
        match self.cell.join() {
            Ok(mut waiting) => while shuttle::future::block_on(waiting.changed()).is_ok() {},
            Err(done) => {
                assert_eq!(self.asking.fetch_add(1, Ordering::SeqCst), 0, "two ask the same at once");
                self.asked.fetch_add(1, Ordering::SeqCst);
                let asked = Instant::now();
                let value = Value::Integer(self.truth.load(Ordering::SeqCst));
                let snapshot = Arc::new(Snapshot::new(value, bytes::Bytes::new(), None));
                self.asking.fetch_sub(1, Ordering::SeqCst);
                let told = self.cell.settle(Ok(snapshot), asked, SESSION);
                drop(done);
                self.tell(&told);
            }
        }
    }

    /// What is kept is made anew.
    fn tell(&self, dependents: &[Dependent]) {
        if dependents.contains(&FILE) {
            self.show();
        }
    }

    /// Shows the file and keeps it, as somebody does who looks it up.
    fn show(&self) {
        loop {
            let (value, stamp) = self.read();
            let mut file = self.file.lock().expect("a lock");
            *file = Some(value);
            if self.cell.add_dependent(FILE, stamp) && !self.cell.is_invalidated() {
                return;
            }
        }
    }

    /// The server's truth changes, and its event comes: what is kept is asked for again.
    fn event(&self) {
        let value = self.truth.fetch_add(1, Ordering::SeqCst) + 1;
        self.cell.invalidate(Instant::now());
        self.told.fetch_max(value, Ordering::SeqCst);
        if !self.cell.dependents().is_empty() {
            self.ask();
            while self.cell.is_invalidated() {
                self.ask();
            }
        }
    }
}

#[test]
fn one_reader_asks_for_all_and_what_is_kept_is_what_is_true_in_the_end() {
    in_every_order(|| {
        let world = World::begin();
        let at = |work: fn(&World)| {
            let world = Arc::clone(&world);
            thread::spawn(move || work(&world))
        };
        let threads = [
            at(World::show),
            at(World::show),
            at(World::event),
            at(|world| {
                let told = world.told.load(Ordering::SeqCst);
                let (value, _) = world.read();
                assert!(value >= told, "an answer from before the event: {value}, not {told}");
            }),
            at(World::event),
        ];
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        let (file, truth) = (*world.file.lock().expect("a lock"), world.truth.load(Ordering::SeqCst));
        assert_eq!(file, Some(truth), "what is kept");
        assert_eq!(world.read().0, truth);
        assert!(world.asked.load(Ordering::SeqCst) <= 6, "each looks, and each event asks once more");
    });
}
