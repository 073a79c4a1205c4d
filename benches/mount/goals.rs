//! What the figures are to be, and whether they are.

use crate::figures::{Column, Cost, Growth, Latency};

/// All goals.
pub struct Goals {
    /// The numbers of friends from which on the commands' ratios count: below, starting a program is
    /// most of what is measured.
    pub from_friends: usize,
    /// The most that a warm command may take beside tmpfs, without any message or question.
    pub warm_ratio: f64,
    /// The most that a cold command may take beside tmpfs.
    pub cold_ratio: f64,
    /// The most that listing all friends may take beside one connection's fetch, on a real server.
    pub populated_ratio: f64,
    /// The most that an event may take to be seen beyond the server's own answer: the median, in ms.
    pub p50_ms: f64,
    /// The same for the slowest hundredth.
    pub p99_ms: f64,
    /// The most that a file may cost, with the most friends, beside what it costs with 1,000.
    pub growth: f64,
    /// The most resident memory in MB, by numbers of friends, growing.
    pub memory_mb: [(usize, f64); 2],
}

/// The goals of this project.
pub const GOALS: Goals = Goals {
    from_friends: 10_000,
    warm_ratio: 1.2,
    cold_ratio: 4.0,
    populated_ratio: 3.0,
    p50_ms: 5.0,
    p99_ms: 50.0,
    growth: 1.2,
    memory_mb: [(10_000, 150.0), (100_000, 1024.0)],
};

impl Goals {
    /// Whether a warm command is as cheap as it should be; what is not counted is not judged.
    pub fn warm(&self, friends: usize, cost: &Cost) -> bool {
        let silent = cost.messages.unwrap_or(0) == 0 && cost.questions.unwrap_or(0) == 0;
        friends < self.from_friends || (silent && cost.ratio <= self.warm_ratio)
    }

    /// Whether a cold command is.
    pub fn cold(&self, friends: usize, cost: &Cost) -> bool {
        friends < self.from_friends || cost.ratio <= self.cold_ratio
    }

    /// Whether a mount was populated soon enough.
    pub fn populated(&self, column: &Column) -> bool {
        let populated = &column.populated;
        let ratio = populated.seconds / populated.one_connection_seconds;
        !column.server.ends_with("real") || ratio <= self.populated_ratio
    }

    /// Whether events are seen soon enough, and all of them.
    pub fn latency(&self, latency: &Latency) -> bool {
        latency.missed == 0
            && latency.p50_ms - latency.answer_p50_ms <= self.p50_ms
            && latency.p99_ms - latency.answer_p99_ms <= self.p99_ms
    }

    /// Whether a mount holds no more memory than it may.
    pub fn memory(&self, friends: usize, resident_mb: f64) -> bool {
        let limit = self.memory_mb.iter().find(|(size, _)| friends <= *size);
        limit.is_none_or(|(_, limit)| resident_mb <= *limit)
    }

    /// Whether cost grows as the number of files does.
    pub fn growth(&self, growth: &Growth) -> bool {
        growth.cold <= self.growth && growth.warm <= self.growth
    }
}
