//! Changes, lookups and notices: the kernel ends up with nothing that is not true, and nobody waits for ever.

use std::io;
use std::sync::Arc;

use fuser::INodeNo;
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

use super::fs::notices::{Notice, Notices, Unsent};
use super::in_every_order;

/// A directory as the kernel knows it: who looks a name up in it, or drops one, holds its lock.
type Remembered = Mutex<Option<u64>>;

/// A tree of two directories with a name each, whose content is a number; the server that tells it, and the kernel.
struct World {
    truth: [Mutex<u64>; 2],
    remembered: [Remembered; 2],
    notices: Arc<Notices>,
    /// How many answers the server has given.
    answers: Mutex<usize>,
    answered: Condvar,
}

impl World {
    fn begin() -> Arc<World> {
        let (notices, unsent) = Notices::new();
        let world = Arc::new(World {
            truth: Default::default(),
            remembered: Default::default(),
            notices,
            answers: Mutex::new(0),
            answered: Condvar::new(),
        });
        let unsent = Arc::new(unsent);
        for _ in 0..2 {
            let (world, unsent) = (Arc::clone(&world), Arc::clone(&unsent));
            // detached, as they are in a mount: they wait for notices to its end
            drop(shuttle::future::spawn(async move { world.send(&unsent) }));
        }
        world
    }

    fn send(&self, unsent: &Unsent) {
        self.notices.send(unsent, |notice| {
            let (Notice::Name(directory, _) | Notice::Names(directory)) = notice;
            *self.remembered(directory.0).lock().expect("a lock") = None;
            io::Result::Ok(())
        });
    }

    fn remembered(&self, directory: u64) -> &Remembered {
        &self.remembered[usize::try_from(directory).expect("a directory")]
    }

    fn truth(&self, directory: u64) -> u64 {
        *self.truth[usize::try_from(directory).expect("a directory")].lock().expect("a lock")
    }

    /// Somebody looks a name up: the kernel holds the directory's lock until it has the reply.
    fn look_up(self: &Arc<Self>, directory: u64, must_ask: bool) {
        let mut remembered = self.remembered(directory).lock().expect("a lock");
        if remembered.is_some() {
            return;
        }
        if !must_ask {
            *remembered = Some(self.truth(directory));
            return;
        }
        let held = self.notices.hold(INodeNo(directory));
        let (world, reply) = (Arc::clone(self), Arc::new((Mutex::new(None), Condvar::new())));
        let there = Arc::clone(&reply);
        let runtime = thread::spawn(move || {
            let answers = world.answers.lock().expect("a lock");
            let answers = world.answered.wait_while(answers, |answers| *answers == 0).expect("a lock");
            drop(answers);
            *there.0.lock().expect("a lock") = Some(world.truth(directory));
            there.1.notify_one();
            drop(held);
        });
        let value = reply.1.wait_while(reply.0.lock().expect("a lock"), |value| value.is_none());
        *remembered = *value.expect("a lock");
        drop(remembered);
        runtime.join().expect("the runtime goes on");
    }

    /// Something changes: first for whoever asks, then for the kernel.
    fn change(&self, directory: u64) {
        *self.truth[usize::try_from(directory).expect("a directory")].lock().expect("a lock") += 1;
        self.notices.tell([Notice::Name(INodeNo(directory), "name".into())]);
    }

    fn answer(&self) {
        *self.answers.lock().expect("a lock") += 1;
        self.answered.notify_all();
    }
}

#[test]
fn the_kernel_remembers_nothing_that_is_not_true_and_nobody_waits_for_ever() {
    in_every_order(|| {
        let world = World::begin();
        let at = |work: fn(&Arc<World>)| {
            let world = Arc::clone(&world);
            thread::spawn(move || work(&world))
        };
        let threads = [
            at(|world| world.look_up(0, true)),
            at(|world| world.look_up(0, false)),
            at(|world| world.look_up(1, true)),
            // what makes the server's answers known also tells of changes: it must never wait for the kernel
            at(|world| {
                world.change(0);
                world.change(1);
                world.change(0);
                world.answer();
            }),
        ];
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        while world.notices.sent() < 3 {
            thread::yield_now();
        }
        for directory in 0..2 {
            let remembered = *world.remembered(directory).lock().expect("a lock");
            let truth = world.truth(directory);
            assert!(remembered.is_none_or(|value| value == truth), "{remembered:?} instead of {truth}");
        }
    });
}
