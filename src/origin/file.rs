//! The text of a file.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::OFlag;

use super::LIMIT;
use super::error::OriginError;

/// Reads a file. Only regular files are opened: to open a device can do something, and a pipe may never
/// be written to.
pub fn read(path: &Path) -> Result<Vec<u8>, OriginError> {
    let failed = |error| OriginError::File { path: path.to_owned(), error: Arc::new(error) };
    let regular = |metadata: Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(OriginError::NotAFile { path: path.to_owned() }),
    };
    regular(std::fs::metadata(path).map_err(failed)?)?;
    // what stands there may be another thing by now
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file: File = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    regular(file.metadata().map_err(failed)?)?;
    let mut bytes = Vec::new();
    file.take(LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() > LIMIT {
        true => Err(OriginError::TooLong { what: path.display().to_string(), limit: LIMIT }),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_no_more_than_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("text"), "a\r\nb").unwrap();
        std::os::unix::fs::symlink("text", at("link")).unwrap();
        assert_eq!(read(&at("link")).unwrap(), b"a\r\nb");
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for other in [at("pipe"), folder.path().to_owned(), "/dev/zero".into()] {
            assert!(matches!(read(&other), Err(OriginError::NotAFile { .. })), "{}", other.display());
        }
        File::create(at("large")).unwrap().set_len(LIMIT as u64 + 1).unwrap();
        assert!(matches!(read(&at("large")), Err(OriginError::TooLong { .. })));
        assert!(matches!(read(&at("none")), Err(OriginError::File { .. })));
    }
}
