//! ami
