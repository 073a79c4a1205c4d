//! A reader who reads everything that a tree asks its server, again and again: what he keeps is kept fresh.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::overheard::Heard;
use crate::ami::Action;
use crate::language::{QueryId, ServerId, Variable};
use crate::query::{Bindings, Dependent, Keeper, Manner, Outdated, Queries, Reads, Unready, Used};

/// What failed is asked again after so long at the earliest.
const FAILURE: Duration = Duration::from_secs(10);

/// Nothing is looked at again because of its age sooner.
const SOONEST: Duration = Duration::from_millis(200);

/// What is asked again because of its age takes at most one part in so many of the time.
const DUTY: u32 = 10;

/// So long after records went, it is looked which questions went with them.
const SWEEP: Duration = Duration::from_secs(5);

/// What is read.
#[derive(Clone)]
enum What {
    /// For which records a query is asked.
    Records(QueryId),
    /// The result of a query for one of them.
    Result(QueryId, Bindings),
}

/// Something that is read, and what it was made of.
struct Entry {
    what: What,
    used: Used,
    /// Since when its answers are asked for; none if they are here.
    asked: Option<Instant>,
    /// When it is looked at again because of its age.
    due: Option<Instant>,
}

/// Everything that a tree asks its server.
pub struct Everything {
    queries: Arc<Queries>,
    tell: UnboundedSender<Heard>,
    entries: HashMap<u32, Entry>,
    /// The entries of a query's records, by the keys of these.
    of_records: HashMap<QueryId, HashMap<Vec<Arc<str>>, u32>>,
    next: u32,
    due: BinaryHeap<Reverse<(Instant, u32)>>,
    waiting: HashSet<u32>,
    whole: bool,
    sweep: Option<Instant>,
}

impl Everything {
    /// Everything that these queries ask. What is to be known of it is told, besides what was answered.
    pub fn new(queries: Arc<Queries>, tell: UnboundedSender<Heard>) -> Everything {
        let (entries, of_records, due, waiting) = Default::default();
        Everything { queries, tell, entries, of_records, next: 0, due, waiting, whole: false, sweep: None }
    }

    /// Reads all of it, and again whenever it is another, for ever.
    pub async fn keep(mut self) {
        let (sender, mut outdated) = unbounded_channel();
        let keeper: Keeper = Box::new(move |what| {
            // ends with this
            let _ = sender.send(what);
            false
        });
        // ends with this
        let mut following = JoinSet::new();
        following.spawn(Arc::clone(&self.queries).follow(keeper));
        self.begin();
        loop {
            let next = self.next_due();
            self.look_on(&mut outdated, next).await;
        }
    }

    fn begin(&mut self) {
        let model = Arc::clone(self.queries.model());
        let asked = model.queries.iter().enumerate();
        // what stands in for `data get` is asked where that is lacking, by whoever reads it
        let asked = asked.filter(|(_, query)| query.question.is_of_server() && !query.added);
        for (id, query) in asked.map(|(index, query)| (QueryId(index), query)) {
            let what = match query.parameters.is_empty() {
                true => What::Result(id, self.queries.home(id)),
                false => What::Records(id),
            };
            let number = self.add(what);
            self.look(number);
        }
        self.tell_whole();
    }

    fn next_due(&self) -> Option<Instant> {
        let first = self.due.peek().map(|Reverse((at, _))| *at);
        first.into_iter().chain(self.sweep).min()
    }

    /// Waits for something to look at, and looks.
    async fn look_on(&mut self, outdated: &mut UnboundedReceiver<Outdated>, next: Option<Instant>) {
        let sleep = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            what = outdated.recv() => match what {
                Some(Outdated::Some(numbers)) => numbers.into_iter().for_each(|number| self.look(number)),
                Some(Outdated::All) => {
                    let numbers: Vec<u32> = self.entries.keys().copied().collect();
                    numbers.into_iter().for_each(|number| self.look(number));
                }
                None => std::future::pending().await,
            },
            () = sleep => self.look_at_due(),
        }
        self.tell_whole();
    }

    fn look_at_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, number))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            if self.entries.get(&number).is_some_and(|entry| entry.due == Some(at)) {
                self.look(number);
            }
        }
        if self.sweep.is_some_and(|at| at <= now) {
            self.sweep = None;
            self.tell_asked();
        }
    }

    fn add(&mut self, what: What) -> u32 {
        let number = self.next;
        self.next += 1;
        self.entries.insert(number, Entry { what, used: Used::default(), asked: None, due: None });
        number
    }

    fn remove(&mut self, number: u32) {
        if let Some(entry) = self.entries.remove(&number) {
            self.queries.remove_dependent(Dependent::Kept(number), &entry.used);
            self.waiting.remove(&number);
            self.sweep.get_or_insert_with(|| Instant::now() + SWEEP);
        }
    }

    /// Reads something, and has asked what is lacking.
    fn look(&mut self, number: u32) {
        let Some(what) = self.entries.get(&number).map(|entry| entry.what.clone()) else { return };
        let reads = Reads::new(Manner::of_reader());
        let done = match &what {
            What::Result(id, bindings) => self.queries.read(*id, bindings, &reads).map(drop),
            What::Records(id) => self.records(*id, &reads).map(|records| self.set_records(*id, records)),
        };
        let dependent = Dependent::Kept(number);
        let Some(entry) = self.entries.get_mut(&number) else { return };
        if matches!(done, Err(Unready::Wanted)) {
            entry.asked.get_or_insert_with(Instant::now);
            self.waiting.insert(number);
            return self.queries.ask_and_mark(reads.wanted(), Some(dependent));
        }
        self.waiting.remove(&number);
        let used = reads.used();
        let before = std::mem::replace(&mut entry.used, used);
        self.queries.remove_dependent(dependent, &before);
        self.queries.add_dependent(dependent, &entry.used);
        let now = Instant::now();
        let took = entry.asked.take().map_or(Duration::ZERO, |asked| asked.elapsed());
        let soonest = now + SOONEST.max(took * DUTY).max(if done.is_err() { FAILURE } else { SOONEST });
        entry.due = self.queries.until(&entry.used).map(|until| until.max(soonest));
        self.due.extend(entry.due.map(|at| Reverse((at, number))));
        if let What::Result(id, _) = what
            && self.queries.model().query(id).refresh.one.is_some()
        {
            let mut lists = HashSet::new();
            entry.used.add_actions(&mut lists);
            // ends with whoever listens
            let _ = self.tell.send(Heard::Lists(lists));
        }
    }

    /// Every combination of records that a query is asked for.
    fn records(&self, id: QueryId, reads: &Reads) -> Result<Vec<Bindings>, Unready> {
        let mut all = vec![self.queries.home(id)];
        let mut bound = HashSet::new();
        for parameter in &self.queries.model().query(id).parameters {
            all = self.bound(all, parameter, &mut bound, reads)?;
        }
        Ok(all)
    }

    /// These with the records of one variable more, and of those that it ranges over.
    fn bound<'a>(
        &'a self,
        mut all: Vec<Bindings>,
        binding: &'a str,
        bound: &mut HashSet<&'a str>,
        reads: &Reads,
    ) -> Result<Vec<Bindings>, Unready> {
        if !bound.insert(binding) {
            return Ok(all);
        }
        let variables = &self.queries.model().variables;
        let own: Vec<&Variable> = variables.iter().filter(|variable| variable.binding == binding).collect();
        for name in own.iter().flat_map(|variable| variable.mentioned()) {
            if variables.iter().any(|variable| variable.binding == *name) {
                all = self.bound(all, name, bound, reads)?;
            }
        }
        let mut next = Vec::new();
        let mut lacks = false;
        for variable in &own {
            // whose records come and go with its list
            if let Some(list) = self.queries.named_table(&variable.records, Some(ServerId(0))) {
                let _ = self.queries.read(list, &self.queries.home(list), reads);
            }
        }
        for (outer, variable) in
            all.iter().flat_map(|outer| own.iter().map(move |variable| (outer, variable)))
        {
            match self.queries.records(variable, outer, reads) {
                Ok(records) => {
                    next.extend(records.into_iter().map(|record| outer.with(record.binding(variable))));
                }
                Err(Unready::Wanted) => lacks = true,
                // another variable of that name may have some
                Err(Unready::Failed(error)) => tracing::debug!("no records of `{}`: {error}", variable.name),
            }
        }
        if lacks { Err(Unready::Wanted) } else { Ok(next) }
    }

    /// Reads a query for these records, and for no others any more.
    fn set_records(&mut self, id: QueryId, records: Vec<Bindings>) {
        let mut before = self.of_records.remove(&id).unwrap_or_default();
        let mut now = HashMap::with_capacity(records.len());
        let mut news = Vec::new();
        for bindings in records {
            let keys: Vec<Arc<str>> = bindings.all_keys().collect();
            if now.contains_key(&keys) {
                continue;
            }
            let number = match before.remove(&keys) {
                Some(number) => {
                    if let Some(Entry { what: What::Result(_, known), .. }) = self.entries.get_mut(&number)
                        && !known.same_records(&bindings)
                    {
                        *known = bindings;
                        news.push(number);
                    }
                    number
                }
                None => {
                    let number = self.add(What::Result(id, bindings));
                    news.push(number);
                    number
                }
            };
            now.insert(keys, number);
        }
        self.of_records.insert(id, now);
        before.into_values().for_each(|number| self.remove(number));
        news.into_iter().for_each(|number| self.look(number));
    }

    /// Tells, once, that everything has been asked.
    fn tell_whole(&mut self) {
        if self.whole || !self.waiting.is_empty() {
            return;
        }
        self.whole = true;
        self.tell_asked();
        let _ = self.tell.send(Heard::Whole);
        // records were asked for after their lists: these are to be later, or whoever reads both puts each record
        // over its list
        let lists = self.queries.model().queries.iter().enumerate();
        let lists = lists.filter(|(_, query)| query.refresh.one.is_some());
        lists.for_each(|(index, _)| self.queries.invalidate(QueryId(index)));
    }

    /// Tells which questions are asked.
    fn tell_asked(&self) {
        let mut asked: HashSet<Action> = HashSet::new();
        self.entries.values().for_each(|entry| entry.used.add_actions(&mut asked));
        let _ = self.tell.send(Heard::Asked(asked));
    }
}
