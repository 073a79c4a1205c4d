//! What happens on the server while the tree is mounted: how soon it shows, one change at a time and a
//! thousand a second.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::figures::{Latency, Storm, quantile};
use crate::loops::Loop;
use crate::mounted::{Meter, Mounted};
use crate::processors::{Processors, pin};
use crate::server::Server;

/// After so long a change counts as missed.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long one of many changes counts as late.
const LATE: Duration = Duration::from_secs(1);
/// Between two looks at the tree, so that the observer leaves the processor to the server.
const LOOK: Duration = Duration::from_micros(100);
/// Between two events, so that each meets a mount at rest.
const REST: Duration = Duration::from_millis(3);
/// No series of events lasts longer, even if it has to end early.
const SERIES: Duration = Duration::from_secs(30);
/// Neighbours in the list of friends share pages and messages; one after the other is far from it.
const STRIDE: usize = 7919;

/// Lets one friend after the other come or go, and waits each time until its link says so. After each,
/// the questions that follow from the event are asked over another connection: what the server itself
/// takes. With `walking`, somebody walks the tree meanwhile.
pub fn latency(
    server: &Server,
    mounted: &Mounted,
    processors: Processors,
    trials: usize,
    walking: bool,
) -> Latency {
    let walk = walking.then(|| Loop::WalkOn.start(&mounted.path()));
    let observe = || {
        pin(processors.other);
        let mut connection = server.connect();
        let (mut visible, mut answers) = (Vec::new(), Vec::new());
        let started = Instant::now();
        for trial in (0..trials).take_while(|_| started.elapsed() < SERIES) {
            let mover = trial * STRIDE % server.movers().len();
            let name = &server.movers()[mover];
            let online = !mounted.shows_online(name);
            let began = server.change(mover, online);
            if shows(mounted, name, online, began + PATIENCE) {
                visible.push(began.elapsed().as_secs_f64() * 1e3);
            }
            answers.push(connection.fetch(&server.questions_about(name)).as_secs_f64() * 1e3);
            std::thread::sleep(REST);
        }
        (visible, answers)
    };
    let (visible, answers) =
        std::thread::scope(|scope| scope.spawn(observe).join()).expect("an observer that ends");
    walk.map(Loop::finish);
    let of = |times: &[f64], part| quantile(times.iter().copied(), part);
    Latency {
        trials: answers.len(),
        missed: answers.len() - visible.len(),
        p50_ms: of(&visible, 0.5),
        p99_ms: of(&visible, 0.99),
        answer_p50_ms: of(&answers, 0.5),
        answer_p99_ms: of(&answers, 0.99),
    }
}

/// Looks again and again until a friend's link is where it should be; whether it was, in time.
fn shows(mounted: &Mounted, name: &str, online: bool, deadline: Instant) -> bool {
    while mounted.shows_online(name) != online {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// One of many changes: which friend, to what, since when.
struct Change {
    mover: usize,
    online: bool,
    at: Instant,
}

/// Holds that many changes a second, and looks at each once, a second later. `None` where there are too
/// few friends for each to stay as it is until then, twice over.
pub fn storm(
    server: &Server,
    mounted: &Mounted,
    processors: Processors,
    rate: usize,
    held: Duration,
) -> Option<Storm> {
    let movers = server.movers();
    if movers.len() < 2 * rate {
        return None;
    }
    let mut online: Vec<bool> = movers.iter().map(|name| mounted.shows_online(name)).collect();
    let (meter, time) = (Meter::start(mounted, server), mounted.processor_time());
    let walk = Loop::WalkOn.start(&mounted.path());
    let (send, receive) = mpsc::channel::<Change>();
    let started = Instant::now();
    let change = || {
        pin(processors.other);
        let send = send;
        let interval = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX);
        let mut due = started;
        for mover in (0..movers.len()).cycle().take_while(|_| started.elapsed() < held) {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            online[mover] = !online[mover];
            let at = server.change(mover, online[mover]);
            let _ = send.send(Change { mover, online: online[mover], at });
            due += interval;
        }
        (started.elapsed(), mounted.processor_time())
    };
    let look = || {
        pin(processors.other);
        let (mut changes, mut late, mut lag) = (0, Vec::new(), Duration::ZERO);
        for change in receive {
            std::thread::sleep((change.at + LATE).saturating_duration_since(Instant::now()));
            changes += 1;
            let shown = mounted.shows_online(&movers[change.mover]) == change.online;
            // a look that lasts holds up those behind it
            let behind = (change.at + LATE).elapsed();
            lag = lag.max(behind);
            if !shown || behind > LATE {
                late.push(change.mover);
            }
        }
        (changes, late, lag)
    };
    let ((lasted, time_then), (changes, mut late, lag)) = std::thread::scope(|scope| {
        let (change, look) = (scope.spawn(change), scope.spawn(look));
        (change.join().expect("changes that end"), look.join().expect("an observer that ends"))
    });
    let slowest = Loop::finish(walk).slowest;
    let caused = meter.stop();
    let late_changes = late.len();
    late.sort_unstable();
    late.dedup();
    let deadline = Instant::now() + PATIENCE;
    late.retain(|mover| !shows(mounted, &movers[*mover], online[*mover], deadline));
    Some(Storm {
        rate,
        seconds: lasted.as_secs_f64(),
        changes,
        late: late_changes,
        missed: late.len(),
        processor_percent: (time_then - time).as_secs_f64() / lasted.as_secs_f64() * 100.0,
        slowest_step_ms: slowest.as_secs_f64() * 1e3,
        observer_lag_ms: lag.as_secs_f64() * 1e3,
        messages: caused.messages,
        questions: caused.questions,
    })
}
