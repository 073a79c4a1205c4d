//! What several threads do at once, for every order in which they can: [shuttle](https://docs.rs/shuttle) runs each
//! model again and again, and switches between its threads wherever they lock, wait or count. The files are those of
//! astfs, with other locks under them.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]
#![allow(dead_code, reason = "a model needs a part of each file")]

/// What stands in the place of `src/sync.rs`.
mod sync {
    pub use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub use shuttle::sync::mpsc::{Receiver, Sender, channel};
    pub use shuttle::sync::{Mutex, MutexGuard};
    pub use std::sync::PoisonError;
}

mod parse {
    pub use astfs::parse::text;
}

mod language {
    pub use astfs::language::QueryId;
}

#[path = "."]
mod fs {
    #[path = "../src/fs/notices.rs"]
    pub mod notices;
}

#[path = "."]
mod query {
    pub mod error {
        pub use astfs::query::QueryError;
    }
    pub mod inquiry {
        pub use astfs::query::Inquiry;
    }
    pub mod snapshot {
        pub use astfs::query::Snapshot;
    }
    #[path = "../src/query/cell.rs"]
    pub mod cell;
    #[path = "../src/query/dependents.rs"]
    pub mod dependents;
}

#[path = "models/answers.rs"]
mod answers;
#[path = "models/kernel.rs"]
mod kernel;

/// Tries that many orders: those in which a few switches at bad moments do harm, and any.
fn in_every_order(model: impl Fn() + Send + Sync + Clone + 'static) {
    let told = std::env::var("ASTFS_MODEL_ORDERS").ok().and_then(|text| text.parse().ok());
    let orders = told.unwrap_or(2000);
    shuttle::check_pct(model.clone(), orders, 3);
    shuttle::check_random(model, orders);
}
