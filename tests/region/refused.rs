//! Is what cannot be refused, and how?

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use annulus::{AttachError, CreateError, Observer, Region, ViewError, blocks, mpmc, spsc, stream};

use crate::support::guard::guarded;

pub(crate) fn what_is_beyond_the_region_is_refused() {
    let mut region = Region::anonymous(100).unwrap();
    for (offset, count) in [
        (0, 26),
        (97, 1),
        (100, 1),
        (101, 0),
        (usize::MAX, 1),
        (usize::MAX, usize::MAX),
    ] {
        let expected = ViewError::OutOfBounds {
            offset,
            count,
            size: 4,
            length: 100,
        };
        if count < 100 {
            assert_eq!(region.read_at(offset, &mut vec![0_u32; count]), Err(expected));
            assert_eq!(region.write_at(offset, &vec![1_u32; count]), Err(expected));
        }
        // SAFETY: nobody else has the region.
        assert_eq!(unsafe { region.slice_at::<u32>(offset, count) }, Err(expected));
        // SAFETY: as above.
        assert_eq!(unsafe { region.slice_mut_at::<u32>(offset, count) }, Err(expected));
    }
    let mut all = [1_u8; 100];
    region.read_at(0, &mut all).unwrap();
    assert_eq!(all, [0; 100], "nothing was written");
    let text = region.write_at(97, &[1_u32]).unwrap_err().to_string();
    assert!(text.contains("byte 97") && text.contains("100 bytes"), "{text}");
}

pub(crate) fn items_that_do_not_fit_the_length_are_refused() {
    let mut region = Region::anonymous(100).unwrap();
    // SAFETY: nobody else has the region.
    assert_eq!(unsafe { region.as_slice::<u32>() }.unwrap().len(), 25);
    // SAFETY: as above.
    let refused = unsafe { region.as_slice::<u64>() };
    assert_eq!(refused, Err(ViewError::Length { length: 100, size: 8 }));
    // SAFETY: as above.
    let refused = unsafe { region.as_mut_slice::<[u8; 101]>() };
    assert_eq!(refused, Err(ViewError::Length { length: 100, size: 101 }));
    // SAFETY: as above.
    let refused = unsafe { region.as_slice::<()>() };
    assert_eq!(refused, Err(ViewError::Length { length: 100, size: 0 }));
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("100 bytes") && text.contains("type's 0"), "{text}");
}

/// More than a page guarantees.
#[derive(Clone, Copy)]
#[repr(C, align(2097152))]
struct Huge([u8; 2 << 20]);

// SAFETY: zeros are one.
unsafe impl annulus::bytemuck::Zeroable for Huge {}
// SAFETY: bytes, and no padding.
unsafe impl annulus::bytemuck::Pod for Huge {}

pub(crate) fn items_that_would_not_be_aligned_are_refused() {
    let mut region = Region::anonymous(4 << 20).unwrap();
    for offset in [1, 2, 3, 4, 6, 8, 12] {
        // SAFETY: nobody else has the region.
        let seen = unsafe { region.slice_at::<u64>(offset, 1) }.map(|items| items.len());
        if offset.is_multiple_of(8) {
            assert_eq!(seen, Ok(1));
        } else {
            assert_eq!(seen, Err(ViewError::Align { offset, align: 8 }));
            // SAFETY: as above.
            let seen = unsafe { region.slice_mut_at::<u64>(offset, 1) };
            assert_eq!(seen, Err(ViewError::Align { offset, align: 8 }));
            // Copies do not care.
            region.write_at(offset, &[offset as u64]).unwrap();
            let mut copy = [0_u64];
            region.read_at(offset, &mut copy).unwrap();
            assert_eq!(copy, [offset as u64]);
        }
    }
    // Aligned by chance, or refused: of two neighbouring pages one at least is not.
    let align = align_of::<Huge>();
    // SAFETY: as above.
    let refused = [0, 4096].map(|offset| unsafe { region.slice_at::<Huge>(offset, 1) }.err());
    assert!(
        refused.contains(&Some(ViewError::Align { offset: 0, align }))
            || refused.contains(&Some(ViewError::Align { offset: 4096, align }))
    );
}

pub(crate) fn what_no_region_can_be_is_not_made() {
    assert!(matches!(Region::anonymous(0), Err(CreateError::EmptyRegion)));
    let name = crate::own::Own::new("region-nothing");
    assert!(matches!(Region::create(&name, 0), Err(CreateError::EmptyRegion)));
    assert!(!name.exists());
    for bytes in [usize::MAX, isize::MAX as usize, 1 << 60] {
        let refused = Region::anonymous(bytes);
        assert!(
            matches!(refused, Err(CreateError::TooLarge { .. })),
            "{bytes}: {refused:?}"
        );
    }
    let build = |limit| Region::builder(10_000).max_bytes(limit);
    // A page of header, and three of bytes.
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .unwrap()
        .unwrap() as u64;
    let needed = page + 10_000_u64.next_multiple_of(page);
    assert_eq!(build(needed).anonymous().unwrap().len(), 10_000);
    let refused = build(needed - 1).create(&name);
    assert!(matches!(refused, Err(CreateError::TooLarge { wanted, limit })
        if (wanted, limit) == (needed, needed - 1)));
    assert!(matches!(
        Region::builder(8).mode(0o400).create(&name),
        Err(CreateError::Mode { mode: 0o400 })
    ));
    assert!(!name.exists());
    assert!(matches!(Region::create("a/b", 8), Err(CreateError::Name(_))));
}

pub(crate) fn a_channel_is_no_region_and_a_region_no_channel() {
    fn fd(of: &impl AsFd) -> OwnedFd {
        of.as_fd().try_clone_to_owned().unwrap()
    }
    let kind = |error: AttachError| match error {
        AttachError::Kind { expected, actual } => (expected, actual),
        other => panic!("{other}"),
    };
    let region = Region::anonymous(8 * 1024).unwrap();
    let ring = spsc::Channel::<u8>::anonymous(1024).unwrap();
    let pool = blocks::Channel::<[u8]>::anonymous(4, 1024).unwrap();
    let pipe = stream::Channel::<u8>::anonymous(1024).unwrap();
    let opened = |fd| Region::from_fd(fd).unwrap_err();
    assert_eq!(kind(opened(fd(&ring))), ("region", "spsc"));
    assert_eq!(kind(opened(fd(&pool))), ("region", "blocks"));
    assert_eq!(kind(opened(fd(&pipe))), ("region", "stream"));
    let opened = mpmc::Channel::<u8>::from_fd(fd(&region)).unwrap_err();
    assert_eq!(kind(opened), ("mpmc", "region"));
    let opened = blocks::Channel::<[u8]>::from_fd(fd(&region)).unwrap_err();
    assert_eq!(kind(opened), ("blocks", "region"));
    let opened = stream::Channel::<u8>::from_fd(fd(&region)).unwrap_err();
    assert_eq!(kind(opened), ("stream", "region"));
    // By name, and nothing happens to the name.
    let name = crate::own::Own::new("region-kind");
    let here = Region::open_or_create(&name, 1024).unwrap();
    let opened = spsc::Channel::<u8>::open(&name).unwrap_err();
    assert_eq!(kind(opened), ("spsc", "region"));
    assert!(name.exists());
    drop(here);
    let here = spsc::Channel::<u8>::create(&name, 16).unwrap();
    assert_eq!(kind(Region::open(&name).unwrap_err()), ("region", "spsc"));
    let opened = Region::open_or_create(&name, 1024).unwrap_err();
    assert!(
        opened.to_string().contains("is spsc, this program expects region"),
        "{opened}"
    );
    assert!(name.exists());
    drop(here);
    assert!(!name.exists());
}

pub(crate) fn a_schema_must_be_the_same_on_both_sides() {
    let region = Region::builder(100).schema("table v1").anonymous().unwrap();
    let fd = || region.as_fd().try_clone_to_owned().unwrap();
    assert!(Region::builder(0).schema("table v1").from_fd(fd()).is_ok());
    for error in [
        Region::builder(0).schema("table v2").from_fd(fd()).unwrap_err(),
        Region::from_fd(fd()).unwrap_err(),
    ] {
        assert!(
            matches!(&error, AttachError::Schema { actual, .. } if actual == "table v1"),
            "{error}"
        );
    }
}

/// Fields of four and eight bytes, by their offsets.
const FIELDS: [(u64, usize); 16] = [
    (0, 8),
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 4),
    (28, 4),
    (32, 4),
    (36, 4),
    (40, 4),
    (44, 4),
    (48, 4),
    (52, 4),
    (56, 8),
    (64, 8),
    (80, 8),
    (88, 4),
];

/// Whoever opens it is refused, or stays within its bounds: before and behind the mapping are pages that nobody may touch.
pub(crate) fn a_field_that_says_otherwise_is_refused_or_harmless() {
    let (mut refused, mut opened) = (0, 0);
    for (offset, size) in FIELDS {
        let powers = (0..8 * size as u32).map(|bit| 1_u64 << bit);
        let near = powers.flat_map(|power| [power - 1, power, power + 1]);
        for value in near.chain([u64::MAX, u64::MAX - 1, 4999]) {
            let region = Region::anonymous(5000).unwrap();
            let file = File::from(region.as_fd().try_clone_to_owned().unwrap());
            file.write_all_at(&value.to_ne_bytes()[..size], offset).unwrap();
            let _ = Observer::from_fd(&file).map(|observer| observer.stats());
            let open = || Region::from_fd(file.try_clone().unwrap().into());
            let Ok((region, _guards)) = guarded(open) else {
                refused += 1;
                continue;
            };
            opened += 1;
            assert!(region.len() <= 5000, "field {offset} is {value:#x}");
            let mut all = vec![0_u8; region.len()];
            region.read_at(0, &mut all).unwrap();
            region.write_at(0, &vec![0xff_u8; region.len()]).unwrap();
            assert!(region.read_at(1, &mut all).is_err());
            assert_eq!(region.words().len(), region.len() / 8);
        }
    }
    assert!(refused > 800 && opened > 300, "{refused} refused, {opened} opened");
}

pub(crate) fn a_file_that_is_no_region_is_refused() {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    let memfd = || memfd_create("annulus-region-test", MFdFlags::MFD_CLOEXEC).unwrap();
    assert!(matches!(
        Region::builder(0).allow_unsealed().from_fd(memfd()),
        Err(AttachError::Empty { .. })
    ));
    let file = File::from(memfd());
    file.set_len(8192).unwrap();
    let opened = Region::builder(0).allow_unsealed().from_fd(file.into());
    assert!(matches!(opened, Err(AttachError::NotARegion { .. })), "{opened:?}");
    assert!(matches!(
        Region::from_fd(File::open("/").unwrap().into()),
        Err(AttachError::NotAFile { .. })
    ));
    // A copy, which anybody could truncate, and one that has been.
    let region = Region::anonymous(5000).unwrap();
    region.write_at(4990, b"0123456789").unwrap();
    let original = File::from(region.as_fd().try_clone_to_owned().unwrap());
    let mut bytes = vec![0; original.metadata().unwrap().len() as usize];
    original.read_exact_at(&mut bytes, 0).unwrap();
    let copy = File::from(memfd());
    copy.write_all_at(&bytes, 0).unwrap();
    let fd = || OwnedFd::from(copy.try_clone().unwrap());
    assert!(matches!(Region::from_fd(fd()), Err(AttachError::Unsealed { .. })));
    let allowed = || Region::builder(0).allow_unsealed().from_fd(fd());
    let mut end = [0; 10];
    allowed().unwrap().read_at(4990, &mut end).unwrap();
    assert_eq!(&end, b"0123456789");
    copy.set_len(4096 + 4999).unwrap();
    assert!(matches!(allowed(), Err(AttachError::Truncated { .. })));
    copy.set_len(4096 + 5000).unwrap();
    assert_eq!(allowed().unwrap().len(), 5000);
}
