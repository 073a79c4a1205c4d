//! Bytes a server printed, read into values.

pub mod text;
pub mod value;
