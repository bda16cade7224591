//! Who takes a name away, and who sees it?

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use annulus::{AttachError, CreateError, Kind, Observer, OpenOrCreateError, Region, TakenBy};
use nix::fcntl::{FallocateFlags, OFlag, fallocate, open};
use nix::sys::stat::Mode;
use nix::unistd::getpid;

use crate::own::{self, Own, holder, leave, not_found, taken};
use crate::support::{LONG, Peer};

/// A length that is no power of two.
const LENGTH: usize = 5000;

fn create(name: &str) -> Result<Region, CreateError> {
    Region::create(name, LENGTH)
}

fn open_or_create(name: &str) -> Region {
    Region::open_or_create(name, LENGTH).unwrap()
}

fn byte(region: &Region, at: usize) -> u8 {
    let mut byte = [0];
    region.read_at(at, &mut byte).unwrap();
    byte[0]
}

pub(crate) fn two_programs_find_each_other_by_name() {
    let name = Own::new("region-meet");
    let mut reader = Peer::fork("reader", |link| {
        let region = Region::open_timeout(&name, LONG).unwrap();
        link.say(region.len());
        link.expect("written");
        link.say(byte(&region, LENGTH - 1));
        region.write_at(0, &[8_u8]).unwrap();
    });
    let region = create(&name).unwrap();
    reader.expect(&LENGTH.to_string());
    region.write_at(LENGTH - 1, &[7_u8]).unwrap();
    reader.tell("written");
    reader.expect("7");
    reader.join();
    assert_eq!(byte(&region, 0), 8);
    drop(region);
    assert!(!name.exists(), "the creator takes it along");
    assert!(not_found(Region::open(&name)));
    assert!(not_found(Region::open_timeout(&name, Duration::from_millis(5))));
}

pub(crate) fn a_created_name_goes_with_its_creator() {
    let name = Own::new("region-creator");
    let creator = create(&name).unwrap();
    assert_eq!(taken(create(&name)), Some(TakenBy::Creator));
    let there = Region::open(&name).unwrap();
    drop(Region::open(&name).unwrap());
    assert!(name.exists(), "others come and go");
    drop(creator);
    assert!(!name.exists());
    // Who has it open goes on, with the next one under the name.
    there.write_at(0, &[1_u8]).unwrap();
    let next = create(&name).unwrap();
    assert_eq!((byte(&there, 0), byte(&next, 0)), (1, 0));
    drop(there);
    assert!(name.exists(), "who leaves the one before leaves this one alone");
    drop(next);
    // Killed: the next one is another region, and an opener removes the name.
    let killed = || holder(|| create(&name).unwrap()).kill();
    killed();
    assert!(name.exists());
    drop(create(&name).unwrap());
    killed();
    assert!(name.exists() && not_found(Region::open(&name)) && !name.exists());
}

pub(crate) fn a_shared_name_goes_with_the_last_one_out() {
    let name = Own::new("region-shared");
    let first = open_or_create(&name);
    first.write_at(0, &[9_u8]).unwrap();
    let second = holder(|| open_or_create(&name));
    let third = Region::open(&name).unwrap();
    assert_eq!(taken(create(&name)), Some(TakenBy::Users));
    drop(first);
    leave(second);
    assert!(name.exists());
    assert_eq!(byte(&third, 0), 9);
    drop(third);
    assert!(!name.exists(), "whatever is written in it");
    // Nobody's: the next one to come by it takes the name away.
    holder(|| open_or_create(&name)).kill();
    assert!(name.exists());
    drop(create(&name).unwrap());
    assert!(!name.exists());
    holder(|| open_or_create(&name)).kill();
    drop(Region::open(&name).unwrap());
    assert!(!name.exists());
}

/// As by `MADV_REMOVE`: the kernel has the pages back, and finds zeros there.
pub(crate) fn a_region_whose_pages_were_given_back_is_drained() {
    let name = Own::new("region-holes");
    let region = Region::open_or_create(&name, 1 << 20).unwrap();
    region.write_at(1 << 19, &[1_u8]).unwrap();
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(region.as_fd(), hole, 1 << 16, 1 << 19).unwrap();
    let there = Region::open(&name).unwrap();
    assert_eq!(byte(&there, 1 << 19), 0);
    drop((region, there));
    assert!(!name.exists());
}

pub(crate) fn whoever_opens_or_creates_joins_what_is_there() {
    let name = Own::new("region-join");
    let created = create(&name).unwrap();
    created.write_at(0, &[3_u8]).unwrap();
    let joined = Region::open_or_create(&name, 1).unwrap();
    assert_eq!((joined.len(), byte(&joined, 0)), (LENGTH, 3));
    let refused = Region::builder(1).schema("something else").open_or_create(&name);
    assert!(matches!(
        refused,
        Err(OpenOrCreateError::Open(AttachError::Schema { .. }))
    ));
    drop(created);
    assert!(!name.exists(), "it is the creator's");
    assert_eq!(byte(&joined, 0), 3);
}

pub(crate) fn a_kept_name_stays_until_it_is_removed() {
    let name = Own::new("region-kept");
    let build = || Region::builder(LENGTH).keep_name();
    let region = build().create(&name).unwrap();
    region.write_at(1, &[7_u8]).unwrap();
    drop(region);
    assert!(name.exists());
    assert_eq!(taken(create(&name)), Some(TakenBy::Kept));
    holder(|| Region::open(&name).unwrap()).kill();
    assert!(annulus::gc().unwrap().iter().all(|removed| removed.name != *name));
    let region = build().open_or_create(&name).unwrap();
    assert_eq!(byte(&region, 1), 7, "and so does what is in it");
    drop(region);
    assert!(name.exists());
    annulus::unlink(&name).unwrap();
    assert!(!name.exists());
}

pub(crate) fn gc_list_and_unlink_know_regions() {
    let (name, mine) = (Own::new("region-list"), Own::new("region-mine"));
    let find = |name: &str| annulus::list().unwrap().into_iter().find(|listed| listed.name == name);
    assert_eq!(find(&name), None);
    let mut other = holder(|| {
        Region::builder(LENGTH)
            .schema("table v1")
            .open_or_create(&name)
            .unwrap()
    });
    let region = create(&mine).unwrap();
    let listed = find(&name).unwrap();
    assert_eq!(
        (listed.kind, listed.capacity, &*listed.payload),
        (Kind::Region, LENGTH as u64, "table v1")
    );
    assert_eq!(listed.bytes, fs::metadata(name.path()).unwrap().len());
    assert!(listed.attached.is_empty() && !listed.orphaned && !listed.kept);
    assert_eq!(find(&mine).unwrap().payload, "u8");
    other.kill();
    assert!(find(&name).unwrap().orphaned);
    let removed = annulus::gc().unwrap();
    let removed = removed.iter().find(|removed| removed.name == *name).unwrap();
    assert_eq!((removed.bytes, removed.unread), (listed.bytes, Some(0)));
    assert!(!name.exists() && mine.exists());
    annulus::unlink(&mine).unwrap();
    assert_eq!(find(&mine), None);
    region.write_at(0, &[1_u8]).unwrap();
    assert!(matches!(annulus::unlink(&mine), Err(AttachError::NotFound { .. })));
}

pub(crate) fn an_observer_tells_kind_and_length() {
    let name = Own::new("region-observed");
    let region = Region::builder(LENGTH).schema("table v1").create(&name).unwrap();
    region.write_at(0, &[1_u8; LENGTH]).unwrap();
    let observer = Observer::open(&name).unwrap();
    assert_eq!((observer.kind(), observer.payload()), (Kind::Region, "table v1"));
    let stats = observer.stats().unwrap();
    assert_eq!((stats.kind, stats.capacity), (Kind::Region, LENGTH as u64));
    assert_eq!((stats.len, stats.sent, stats.received), (0, 0, 0));
    assert!(stats.endpoints.is_empty() && !stats.closed);
    assert_eq!(stats.to_string(), "region, 5000 bytes");
    drop(region);
    assert!(!name.exists(), "who looks on counts for nobody");
    assert!(observer.stats().is_ok());
}

pub(crate) fn a_region_has_the_mode_and_the_user_that_were_asked_for() {
    let name = Own::new("region-mode");
    for mode in [0o600, 0o640, 0o666] {
        let region = Region::builder(1).mode(mode).create(&name).unwrap();
        assert_eq!(fs::metadata(name.path()).unwrap().permissions().mode() & 0o777, mode);
        drop(region);
    }
    if own::is_two_users() {
        let region = Region::builder(1).mode(0o666).create(&name).unwrap();
        own::as_nobody(&|| {
            assert!(matches!(
                Region::open(&name),
                Err(AttachError::AnotherUser { owner: 0, .. })
            ));
            let there = Region::builder(0).allow_other_users().open(&name).unwrap();
            there.write_at(0, &[5_u8]).unwrap();
        });
        assert_eq!(byte(&region, 0), 5);
    }
}

pub(crate) fn a_file_outlives_its_processes() {
    let here = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let probe = open(here, OFlag::O_TMPFILE | OFlag::O_RDWR, Mode::empty());
    let here = if probe.is_ok() { here } else { Path::new("/dev/shm") };
    let path = here.join(format!("region-{}", getpid()));
    let build = |bytes| Region::builder(bytes).path(&path);
    assert!(matches!(build(0).open(), Err(AttachError::NotFound { .. })));
    let mut maker = holder(|| {
        let region = build(LENGTH).create().unwrap();
        region.write_at(LENGTH - 3, b"end").unwrap();
        region
    });
    assert!(matches!(
        build(1).create(),
        Err(CreateError::NameTaken { by: TakenBy::Kept, .. })
    ));
    maker.kill();
    assert!(path.exists());
    for open in [
        build(0).open().unwrap(),
        build(0).open_timeout(LONG).unwrap(),
        build(1).open_or_create().unwrap(),
    ] {
        let mut end = [0; 3];
        open.read_at(LENGTH - 3, &mut end).unwrap();
        assert_eq!((&end, open.len()), (b"end", LENGTH));
    }
    // It is its header, and the bytes from a page on.
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .unwrap()
        .unwrap() as u64;
    let mut end = [0; 3];
    File::open(&path)
        .unwrap()
        .read_exact_at(&mut end, page + LENGTH as u64 - 3)
        .unwrap();
    assert_eq!(&end, b"end");
    fs::remove_file(&path).unwrap();
}
