//! What FUSE itself costs: the same files out of memory, by a filesystem that does nothing but hand them out, with
//! the kernel's caches used as astfs uses them. No filesystem of this kind can be faster, whatever it serves.
//! It runs in a child, this same program with other arguments.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    AccessFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyXattr, Request, Session,
};
use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

/// The argument that makes this program such a child; a directory to copy and a mount point follow.
pub const ARGUMENT: &str = "--floor";

const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A mount of a copy; dropping it unmounts.
pub struct Floor {
    process: Child,
    folder: TempDir,
}

impl Floor {
    /// Mounts a copy of that directory.
    pub fn start(directory: &Path) -> Floor {
        let folder = tempfile::tempdir().expect("a folder");
        let program = std::env::current_exe().expect("this program's path");
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(directory).arg(folder.path());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a child");
        // it says a byte when it is mounted
        let mut stdout = process.stdout.take().expect("a pipe");
        stdout.read_exact(&mut [0]).expect("the copy is mounted");
        Floor { process, folder }
    }

    /// Its root.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = umount2(self.folder.path(), MntFlags::MNT_DETACH);
        let _ = self.process.wait();
    }
}

/// The child's whole life: mounts, says so, and serves until it is unmounted.
pub fn run(mut arguments: impl Iterator<Item = String>) {
    let mut next = || PathBuf::from(arguments.next().expect("a directory and a mount point"));
    let (directory, mountpoint) = (next(), next());
    let mut copy = Copy { inodes: Vec::new() };
    copy.take(&directory, None);
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::DefaultPermissions, MountOption::NoAtime];
    let session = Session::new(copy, &mountpoint, &config).expect("a mount");
    println!("m");
    session.run().expect("it is served until it is unmounted");
}

/// What is served; an inode's number is its place, counted from 1.
struct Copy {
    inodes: Vec<Inode>,
}

struct Inode {
    attributes: FileAttr,
    /// Of a file, its bytes; of a link, its target.
    content: Vec<u8>,
    names: BTreeMap<OsString, INodeNo>,
    /// The names once more, in the order of a listing.
    listing: Vec<(OsString, INodeNo)>,
}

impl Copy {
    /// Copies what stands at a path and all below; its number.
    fn take(&mut self, path: &Path, parent: Option<INodeNo>) -> INodeNo {
        let metadata = fs::symlink_metadata(path).expect("what is copied stays");
        let number = INodeNo(self.inodes.len() as u64 + 1);
        let (kind, content) = match metadata.file_type() {
            kind if kind.is_dir() => (FileType::Directory, Vec::new()),
            kind if kind.is_symlink() => {
                (FileType::Symlink, fs::read_link(path).expect("a link").into_os_string().into_vec())
            }
            _ => (FileType::RegularFile, fs::read(path).expect("a file")),
        };
        let attributes = FileAttr {
            ino: number,
            size: content.len() as u64,
            blocks: content.len().div_ceil(512) as u64,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm: if kind == FileType::RegularFile { 0o444 } else { 0o555 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        };
        self.inodes.push(Inode { attributes, content, names: BTreeMap::new(), listing: Vec::new() });
        if kind == FileType::Directory {
            let dots = [(".".into(), number), ("..".into(), parent.unwrap_or(number))];
            let mut listing: Vec<(OsString, INodeNo)> = dots.into();
            for entry in fs::read_dir(path).expect("a directory") {
                let entry = entry.expect("its names");
                listing.push((entry.file_name(), self.take(&entry.path(), Some(number))));
            }
            let inode = &mut self.inodes[place(number)];
            inode.names = listing.iter().skip(2).cloned().collect();
            inode.listing = listing;
        }
        number
    }

    fn inode(&self, number: INodeNo) -> &Inode {
        &self.inodes[place(number)]
    }
}

fn place(number: INodeNo) -> usize {
    usize::try_from(number.0 - 1).expect("a number that was given out")
}

impl Filesystem for Copy {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let wanted = InitFlags::FUSE_NO_OPEN_SUPPORT
            | InitFlags::FUSE_NO_OPENDIR_SUPPORT
            | InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_CACHE_SYMLINKS
            | InitFlags::FUSE_PARALLEL_DIROPS;
        let _ = config.add_capabilities(wanted);
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.inode(parent).names.get(name) {
            Some(number) => reply.entry(&FOR_EVER, &self.inode(*number).attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _request: &Request, number: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&FOR_EVER, &self.inode(number).attributes);
    }

    fn readlink(&self, _request: &Request, number: INodeNo, reply: ReplyData) {
        reply.data(&self.inode(number).content);
    }

    fn open(&self, _request: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn opendir(&self, _request: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::ENOSYS);
    }

    fn read(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let content = &self.inode(number).content;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        reply.data(&content[start..content.len().min(start + size as usize)]);
    }

    fn readdirplus(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let names = self.inode(number).listing.iter().zip(1..);
        for ((name, number), next) in names.skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            if reply.add(*number, next, name, &FOR_EVER, &self.inode(*number).attributes, Generation(0)) {
                break;
            }
        }
        reply.ok();
    }

    fn access(&self, _request: &Request, _number: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn getxattr(&self, _request: &Request, _number: INodeNo, _name: &OsStr, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::EOPNOTSUPP);
    }

    fn listxattr(&self, _request: &Request, _number: INodeNo, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::EOPNOTSUPP);
    }
}
