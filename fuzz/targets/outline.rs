//! The outline that `data get` prints.

use astfs::parse::Parser;

use super::parsers::judge;

pub fn check(bytes: &[u8]) {
    if let Some(extent) = judge(&Parser::Outline, bytes) {
        // of each of its 64 levels a name that comes again makes a list
        assert!(extent.depth <= 130, "nested {} deep", extent.depth);
        assert!(extent.values <= 4 + 2 * bytes.len(), "{} values of {} bytes", extent.values, bytes.len());
    }
}
