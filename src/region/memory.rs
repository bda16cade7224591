//! Where do the bytes come from, and may we have so many?
//!
//! A memfd has no quota: reserving more than there is does not fail, it ends in the OOM killer, which may take somebody
//! else. So the size is compared with what is left *before* anything is allocated, and then all of it is allocated at
//! once: a lack of memory is an error here, and not a SIGBUS at some store later.

use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::fstat;
use nix::unistd::{SysconfVar, ftruncate, sysconf};

/// Why there is no memory for a region.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryError {
    /// Refused before anything was allocated.
    #[error("the region needs {wanted} bytes and may have {limit}: fewer or smaller slots, or a higher `max_bytes`")]
    TooLarge {
        /// Bytes, whole pages.
        wanted: u64,
        /// Bytes.
        limit: u64,
    },
    /// `RLIMIT_FSIZE`, before anything was allocated.
    #[error("the region needs {wanted} bytes, a file may have {limit}")]
    FileSizeLimit {
        /// Bytes, whole pages.
        wanted: u64,
        /// Bytes.
        limit: u64,
    },
    /// The file system is full.
    #[error("the region needs {wanted} bytes, which are not left")]
    NoSpace {
        /// Bytes, whole pages.
        wanted: u64,
    },
    /// The kernel said no.
    #[error("could not {what}")]
    Os {
        /// What was being done.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// How much one call of fallocate(2) reserves. A signal makes the call give back all it has done (tmpfs), so with a
/// periodic signal (a profiler's, say) one large call might never end; a few milliseconds' worth does (a guess).
const STEP: u64 = 4 << 20;

/// Bytes of a page of this machine.
pub(crate) fn page() -> usize {
    sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096) as usize
}

/// A new memfd of `len` bytes rounded up to pages, zeroed and allocated, not yet sealed; as [`create`].
///
/// # Errors
/// As [`create`].
pub(crate) fn create_memfd(len: usize, max_bytes: Option<u64>) -> Result<OwnedFd, MemoryError> {
    create(len, max_bytes, "create the channel's memory", || {
        memfd_create("annulus", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
    })
}

/// The file that `new` makes (`what` it does, in an error), with `len` bytes rounded up to pages, zeroed and allocated.
///
/// At most `max_bytes`; `None` is half of what is available. `RLIMIT_FSIZE` holds in any case: exceeding it is not an
/// error but a signal that kills.
///
/// # Errors
/// [`MemoryError::TooLarge`], before `new` is called, or what the kernel answers.
pub(crate) fn create(
    len: usize,
    max_bytes: Option<u64>,
    what: &'static str,
    new: impl FnOnce() -> nix::Result<OwnedFd>,
) -> Result<OwnedFd, MemoryError> {
    let page = page() as u64;
    let wanted = (len as u64).checked_next_multiple_of(page).unwrap_or(u64::MAX);
    let limit = max_bytes
        .unwrap_or_else(|| available() / 2)
        .min(libc::off_t::MAX as u64);
    if wanted > limit {
        return Err(MemoryError::TooLarge { wanted, limit });
    }
    let limit = getrlimit(Resource::RLIMIT_FSIZE).map_or(u64::MAX, |(soft, _)| soft);
    if wanted > limit {
        return Err(MemoryError::FileSizeLimit { wanted, limit });
    }
    let failed = |what| {
        move |errno: Errno| MemoryError::Os {
            what,
            source: errno.into(),
        }
    };
    let fd = new().map_err(failed(what))?;
    ftruncate(&fd, wanted as libc::off_t).map_err(failed("give the channel's memory its size"))?;
    let mut done = 0;
    while done < wanted {
        let step = STEP.min(wanted - done);
        match fallocate(&fd, FallocateFlags::empty(), done as libc::off_t, step as libc::off_t) {
            Ok(()) => done += step,
            Err(Errno::EINTR) => {}
            Err(Errno::ENOSPC) => return Err(MemoryError::NoSpace { wanted }),
            Err(errno) => return Err(failed("allocate the channel's memory")(errno)),
        }
    }
    Ok(fd)
}

/// Seals a memfd: nobody can shrink it, grow it or seal it further.
///
/// # Errors
/// Somebody has sealed it already (`EPERM`).
pub(crate) fn seal(fd: BorrowedFd<'_>) -> io::Result<()> {
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(fd, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(())
}

/// The seals of this file; none for one that cannot be sealed.
///
/// # Errors
/// What the kernel answers.
pub(crate) fn seals(fd: BorrowedFd<'_>) -> io::Result<Seals> {
    match fcntl(fd, FcntlArg::F_GET_SEALS) {
        Ok(seals) => Ok(Seals(SealFlag::from_bits_retain(seals))),
        // Not of a file system that knows seals.
        Err(Errno::EINVAL) => Ok(Seals(SealFlag::empty())),
        Err(errno) => Err(errno.into()),
    }
}

/// What nobody can do to a file any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seals(SealFlag);

impl Seals {
    /// Has it the length that it will always have?
    pub(crate) fn fix_the_length(self) -> bool {
        self.0.contains(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW)
    }

    /// Can it not be mapped for writing?
    pub(crate) fn forbid_writing(self) -> bool {
        self.0
            .intersects(SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_FUTURE_WRITE)
    }

    /// What its length is sealed against, for people.
    pub(crate) fn length_text(self) -> &'static str {
        match (
            self.0.contains(SealFlag::F_SEAL_SHRINK),
            self.0.contains(SealFlag::F_SEAL_GROW),
        ) {
            (true, true) => "shrinking and growing",
            (true, false) => "shrinking",
            (false, true) => "growing",
            (false, false) => "nothing",
        }
    }
}

/// Bytes of the file.
///
/// # Errors
/// What the kernel answers.
pub(crate) fn file_len(fd: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(fstat(fd)?.st_size as u64)
}

/// Bytes of the file that are really there. A region has all of its own from the first; what has less may say that it has
/// any number of slots, and cost nothing.
///
/// # Errors
/// What the kernel answers.
pub(crate) fn allocated(fd: BorrowedFd<'_>) -> io::Result<u64> {
    // stat(2): in units of 512 bytes, whatever the file system's block is.
    Ok(fstat(fd)?.st_blocks as u64 * 512)
}

/// Fills `bytes` from `offset` on, without a mapping: a file that shrinks meanwhile is an error and not a SIGBUS.
///
/// # Errors
/// `UnexpectedEof` if the file ends before; what the kernel answers.
pub(crate) fn read_at(fd: BorrowedFd<'_>, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pread(fd, &mut *bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                bytes = &mut bytes[n..];
                offset += n as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Writes `bytes` from `offset` on.
///
/// # Errors
/// What the kernel answers.
pub(crate) fn write_at(fd: BorrowedFd<'_>, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(fd, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = &bytes[n..];
                offset += n as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Bytes that this process can have without harm to others: the least of the machine's and its cgroups'. What cannot be
/// read does not limit.
fn available() -> u64 {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let meminfo = read(Path::new("/proc/meminfo")).and_then(|text| parse_meminfo(&text));
    let machine = meminfo.or_else(free_pages);
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let (v2, v1) = parse_cgroup(&groups);
    [
        machine,
        v2.and_then(|path| V2.headroom(path, read)),
        v1.and_then(|path| V1.headroom(path, read)),
    ]
    .into_iter()
    .flatten()
    .min()
    .unwrap_or(u64::MAX)
}

/// What sysinfo(2) says is free, where /proc says nothing: less than what is available.
fn free_pages() -> Option<u64> {
    let pages = sysconf(SysconfVar::_AVPHYS_PAGES).ok().flatten()? as u64;
    pages.checked_mul(sysconf(SysconfVar::PAGE_SIZE).ok().flatten()? as u64)
}

/// `MemAvailable` of proc(5) `/proc/meminfo`, in bytes.
fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

/// The paths of a process in the unified hierarchy and in version 1's memory hierarchy: cgroups(7),
/// `/proc/[pid]/cgroup`.
fn parse_cgroup(text: &str) -> (Option<&str>, Option<&str>) {
    let mut paths = (None, None);
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        if let (Some(id), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) {
            if id == "0" && controllers.is_empty() {
                paths.0 = Some(path);
            } else if controllers.split(',').any(|name| name == "memory") {
                paths.1 = Some(path);
            }
        }
    }
    paths
}

/// Where a version of cgroups keeps what.
struct Cgroups {
    /// The mount point of its memory controller.
    root: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// Lines of `memory.stat`, each with its space: pages of files, which the kernel gives up when it needs memory.
    /// Those of tmpfs and memfds are not among them.
    files: [&'static str; 2],
}

/// Kernel documentation, admin-guide/cgroup-v2.
const V2: Cgroups = Cgroups {
    root: "/sys/fs/cgroup",
    limit: "memory.max",
    usage: "memory.current",
    files: ["inactive_file ", "active_file "],
};

/// Kernel documentation, admin-guide/cgroup-v1/memory.
const V1: Cgroups = Cgroups {
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    files: ["total_inactive_file ", "total_active_file "],
};

impl Cgroups {
    /// What the group at `path` and those around it leave, in bytes.
    ///
    /// In a container `path` may be that of the host and lead nowhere; the container's own group is then the root of
    /// the mount, which the walk ends with.
    fn headroom(&self, path: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
        let root = Path::new(self.root);
        let group = root.join(path.trim_start_matches('/'));
        group
            .ancestors()
            .take_while(|group| group.starts_with(root))
            .filter_map(|group| {
                let limit = parse_bytes(&read(&group.join(self.limit))?)?;
                let usage = parse_bytes(&read(&group.join(self.usage))?)?;
                let files = read(&group.join("memory.stat")).map_or(0, |stat| self.parse_stat(&stat));
                Some(limit.saturating_sub(usage.saturating_sub(files)))
            })
            .min()
    }

    /// Bytes of files in `memory.stat`. Without them a group that has read large files would seem to be full.
    fn parse_stat(&self, stat: &str) -> u64 {
        stat.lines()
            .filter_map(|line| self.files.iter().find_map(|name| line.strip_prefix(name)))
            .filter_map(parse_bytes)
            .fold(0, u64::saturating_add)
    }
}

/// A number of bytes; `max` is none.
fn parse_bytes(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::os::fd::AsFd;

    #[test]
    fn meminfo_is_read_in_kib() {
        let text = "MemTotal:  16 kB\nMemFree: 1 kB\nMemAvailable:    24378404 kB\nBuffers: 656 kB\n";
        assert_eq!(parse_meminfo(text), Some(24_378_404 * 1024));
        for text in [
            "",
            "MemTotal: 16 kB",
            "MemAvailable: many kB",
            "MemAvailable: 18446744073709551615 kB",
        ] {
            assert_eq!(parse_meminfo(text), None, "{text}");
        }
    }

    #[test]
    fn a_process_is_found_in_both_versions() {
        let hybrid = "9:name=systemd:/\n5:cpu,memory:/a:b\n0::/user.slice\nnonsense\n";
        assert_eq!(parse_cgroup(hybrid), (Some("/user.slice"), Some("/a:b")));
        assert_eq!(parse_cgroup("0::/\n"), (Some("/"), None));
        assert_eq!(parse_cgroup(""), (None, None));
    }

    fn headroom(cgroups: &Cgroups, path: &str, files: &[(&str, &str)]) -> Option<u64> {
        let files: HashMap<_, _> = files.iter().copied().collect();
        cgroups.headroom(path, |file| {
            files.get(file.to_str().unwrap()).map(|text| String::from(*text))
        })
    }

    #[test]
    fn the_tightest_group_on_the_way_up_decides() {
        let files = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.current", "10\n"),
            ("/sys/fs/cgroup/a/memory.max", "1000\n"),
            ("/sys/fs/cgroup/a/memory.current", "900\n"),
            (
                "/sys/fs/cgroup/a/memory.stat",
                "anon 5\nfile 70\nactive_file 20\ninactive_file 30\n",
            ),
            ("/sys/fs/cgroup/memory.max", "5000\n"),
            ("/sys/fs/cgroup/memory.current", "6000\n"),
        ];
        assert_eq!(headroom(&V2, "/a/b", &files[..5]), Some(150));
        assert_eq!(headroom(&V2, "/a/b", &files), Some(0), "over the limit");
        assert_eq!(headroom(&V2, "/a/b", &files[..2]), None);
        assert_eq!(headroom(&V2, "/a/b", &[]), None);
        assert_eq!(headroom(&V2, "/../../elsewhere", &files[5..]), Some(0));
    }

    #[test]
    fn a_container_under_version_1_is_limited_by_the_root_that_it_sees() {
        let files = [
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "400\n"),
            (
                "/sys/fs/cgroup/memory/memory.stat",
                "active_file 7\ntotal_active_file 100\n",
            ),
        ];
        assert_eq!(headroom(&V1, "/docker/0123", &files), Some(700));
    }

    #[test]
    fn too_large_is_refused_before_anything_is_allocated() {
        let all = available();
        assert!(all > 0 && all < u64::MAX);
        match create_memfd(usize::MAX, None) {
            Err(MemoryError::TooLarge { wanted, limit }) => assert!(limit < wanted),
            other => panic!("{other:?}"),
        }
        match create_memfd(8193, Some(8192)) {
            Err(MemoryError::TooLarge { wanted, limit: 8192 }) => assert!(wanted > 8192),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_region_is_whole_pages_allocated_and_sealed() {
        let fd = create_memfd((9 << 20) + 1, None).unwrap();
        let fd = fd.as_fd();
        let len = file_len(fd).unwrap();
        assert!(len > 9 << 20 && len < 10 << 20 && len.is_multiple_of(4096));
        assert!(fstat(fd).unwrap().st_blocks as u64 * 512 >= len);
        assert!(!seals(fd).unwrap().fix_the_length());
        seal(fd).unwrap();
        assert!(seals(fd).unwrap().fix_the_length() && !seals(fd).unwrap().forbid_writing());
        assert_eq!(ftruncate(fd, 0), Err(Errno::EPERM));
        assert_eq!(seal(fd).unwrap_err().raw_os_error(), Some(libc::EPERM));
    }

    #[test]
    fn a_file_that_knows_no_seals_is_not_sealed() {
        let file = fs::File::open("/proc/self/exe").unwrap();
        let seals = seals(file.as_fd()).unwrap();
        assert_eq!((seals.fix_the_length(), seals.length_text()), (false, "nothing"));
    }

    #[test]
    fn bytes_come_back_and_the_end_of_the_file_is_an_error() {
        let fd = create_memfd(4096, None).unwrap();
        let mut bytes = [0; 8];
        write_at(fd.as_fd(), b"annulus!", 100).unwrap();
        read_at(fd.as_fd(), &mut bytes, 100).unwrap();
        assert_eq!(&bytes, b"annulus!");
        let end = file_len(fd.as_fd()).unwrap() - 4;
        let error = read_at(fd.as_fd(), &mut bytes, end).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
