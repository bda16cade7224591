//! How is it seen that a process reads or writes outside of a region?
//!
//! Before and behind its mapping there are pages that nobody may touch, so whoever does is killed by `SIGSEGV`. The
//! mapping is the library's: it is found in /proc/self/maps by its file. Children that are forked inherit the pages.

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use nix::libc::c_void;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use nix::sys::stat::fstat;

/// Attempts at a mapping with room on both sides.
const ATTEMPTS: usize = 32;

/// Pages around a mapping. They go with the value.
#[derive(Debug)]
pub struct Guards {
    pages: Vec<Page>,
    /// The last byte before the mapping, and the first one behind it.
    edges: Vec<usize>,
    /// Something else is mapped there, and may be touched.
    missing: usize,
}

/// What `open` makes and maps, guarded: it is asked again until there is room on both sides.
pub fn guarded<X: AsFd, E>(mut open: impl FnMut() -> Result<X, E>) -> Result<(X, Guards), E> {
    let mut others = Vec::new();
    for _ in 0..ATTEMPTS {
        // The kernel maps one thing below the other, so this page is likely to be the one behind the mapping.
        let spacer = Page::anywhere();
        let before = maps();
        let opened = open()?;
        let mut guards = Guards::around(&opened, &before);
        if guards.missing == 0 {
            guards.pages.push(spacer);
            return Ok((opened, guards));
        }
        others.push((opened, spacer, guards));
    }
    panic!("in {ATTEMPTS} attempts, something is mapped next to the region each time");
}

impl Guards {
    /// Around the mapping of `file` that was not there `before`.
    fn around(file: &impl AsFd, before: &[Map]) -> Guards {
        let maps = maps();
        let status = fstat(file).expect("the status of the file");
        let new = |map: &&Map| {
            (map.inode, map.device) == (status.st_ino, status.st_dev) && before.iter().all(|b| b.start != map.start)
        };
        let mut new = maps.iter().filter(new);
        let first = new.next().expect("the file is mapped");
        // Parts of it may be mapped again, right behind.
        let end = new.fold(first.end, |end, map| if map.start == end { map.end } else { end });
        let mut guards = Guards {
            pages: Vec::new(),
            edges: vec![first.start - 1, end],
            missing: 0,
        };
        for address in [first.start - PAGE, end] {
            match maps.iter().find(|map| (map.start..map.end).contains(&address)) {
                Some(neighbour) if neighbour.closed => {}
                Some(_) => guards.missing += 1,
                None => guards.pages.push(Page::at(address)),
            }
        }
        guards
    }

    /// Reads one byte too far, before the mapping or behind it, as `side` says: the last that this process does.
    pub fn step_over(&self, side: usize) {
        let byte = std::ptr::with_exposed_provenance::<u8>(self.edges[side]);
        // SAFETY: the page is mapped and may not be read: the processor raises a fault, and nothing else happens.
        unsafe { byte.read_volatile() };
    }
}

const PAGE: usize = 4096;

/// A page that may not be touched.
#[derive(Debug)]
struct Page(NonNull<c_void>);

// SAFETY: an address that nobody may touch.
unsafe impl Send for Page {}

impl Page {
    fn anywhere() -> Page {
        Page::map(None, MapFlags::MAP_PRIVATE)
    }

    fn at(address: usize) -> Page {
        let address = NonZeroUsize::new(address);
        Page::map(address, MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED_NOREPLACE)
    }

    fn map(address: Option<NonZeroUsize>, flags: MapFlags) -> Page {
        let length = NonZeroUsize::new(PAGE).expect("not zero");
        // SAFETY: a new mapping that replaces none disturbs nothing.
        let page = unsafe { mmap_anonymous(address, length, ProtFlags::PROT_NONE, flags) };
        Page(page.expect("a page"))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`; nobody has a reference into it.
        let _ = unsafe { munmap(self.0, PAGE) };
    }
}

/// A line of /proc/self/maps, proc(5).
struct Map {
    start: usize,
    end: usize,
    /// Neither read, nor written, nor executed.
    closed: bool,
    device: u64,
    inode: u64,
}

fn maps() -> Vec<Map> {
    let text = std::fs::read_to_string("/proc/self/maps").expect("/proc");
    text.lines()
        .map(|line| parse(line).unwrap_or_else(|| panic!("{line:?}")))
        .collect()
}

fn parse(line: &str) -> Option<Map> {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let access = fields.next()?;
    let (major, minor) = fields.nth(1)?.split_once(':')?;
    Some(Map {
        start: number(start)? as usize,
        end: number(end)? as usize,
        closed: access.starts_with("---"),
        device: nix::libc::makedev(number(major)? as u32, number(minor)? as u32),
        inode: fields.next()?.parse().ok()?,
    })
}
