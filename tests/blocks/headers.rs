//! What if line 0 of a region says what cannot be, or what is not?

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use annulus::blocks::Channel;
use annulus::{AttachError, Observer};

use crate::support::guard::guarded;

/// What a region of blocks of words is made of; `change` it, and see what becomes of it.
fn changed<X>(change: impl FnOnce(&File) -> X) -> X {
    let channel = Channel::<[u64], u64>::builder(3, 8)
        .schema("words")
        .table_length(4)
        .anonymous()
        .unwrap();
    change(&File::from(channel.as_fd().try_clone_to_owned().unwrap()))
}

fn set(file: &File, offset: u64, bytes: &[u8]) {
    file.write_all_at(bytes, offset).unwrap();
}

/// Fields of two, four and eight bytes, by their offsets.
const FIELDS: [(u64, usize); 18] = [
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
    (72, 8),
    (80, 8),
    (88, 2),
    (90, 2),
];

/// Whoever opens it is refused, or uses it within its bounds: before and behind the mapping are pages that nobody may touch.
pub(crate) fn a_field_that_says_otherwise_is_refused_or_harmless() {
    let mut refused = 0;
    let mut opened = 0;
    for (offset, size) in FIELDS {
        let powers = (0..8 * size as u32).map(|bit| 1_u64 << bit);
        let near = powers.flat_map(|power| [power - 1, power, power + 1]);
        for value in near.chain([u64::MAX, u64::MAX - 1, 0]) {
            changed(|file| {
                set(file, offset, &value.to_ne_bytes()[..size]);
                let fd = || file.try_clone().unwrap().into();
                let open = || Channel::<[u64], u64>::builder(0, 0).schema("words").from_fd(fd());
                let _ = Observer::from_fd(file).map(|observer| observer.stats());
                let Ok((channel, _guards)) = guarded(open) else {
                    refused += 1;
                    return;
                };
                opened += 1;
                assert!(
                    channel.blocks() <= 3 && channel.block_len() <= 8,
                    "field {offset} is {value:#x}"
                );
                let (Ok(tx), Ok(rx)) = (channel.sender(), channel.receiver()) else {
                    return;
                };
                for _ in 0..2 * channel.blocks() {
                    let mut loan = tx.try_loan(channel.block_len()).unwrap();
                    loan.fill(value);
                    loan.send().unwrap();
                    assert!(rx.try_recv().unwrap().iter().all(|&item| item == value));
                }
            });
        }
    }
    assert!(refused > 1000 && opened > 100, "{refused} refused, {opened} opened");
}

/// To a program whose items are nothing they fit.
pub(crate) fn a_region_of_items_that_are_nothing_is_refused() {
    changed(|file| {
        set(file, 28, &0_u32.to_ne_bytes());
        let fd = file.try_clone().unwrap().into();
        let opened = Channel::<[()], u64>::builder(0, 0).schema("words").from_fd(fd);
        assert!(matches!(opened, Err(AttachError::Geometry { .. })), "{opened:?}");
        assert!(matches!(Observer::from_fd(file), Err(AttachError::Geometry { .. })));
    });
}

/// As of a file that was written by another version, or by hand.
pub(crate) fn a_layout_that_no_plan_makes_does_not_add_up() {
    // Blocks further apart than their items need; a total that is a block more, or less.
    for (offset, change) in [(24, 1_u64), (24, u64::MAX), (56, 64), (56, u64::MAX - 63), (36, 1)] {
        changed(|file| {
            let mut bytes = [0; 8];
            let size = if offset == 56 { 8 } else { 4 };
            file.read_exact_at(&mut bytes[..size], offset).unwrap();
            let value = u64::from_ne_bytes(bytes).wrapping_add(change);
            set(file, offset, &value.to_ne_bytes()[..size]);
            let fd = file.try_clone().unwrap().into();
            let opened = Channel::<[u64], u64>::builder(0, 0).schema("words").from_fd(fd);
            assert!(
                matches!(opened, Err(AttachError::Geometry { .. })),
                "{offset}: {opened:?}"
            );
        });
    }
}

/// The header would be looked for where it is not.
pub(crate) fn headers_of_another_alignment_are_refused() {
    #[derive(Clone, Copy)]
    #[repr(C, align(64))]
    struct Wide([u8; 128]);
    // SAFETY: bytes without padding, of which any are a value.
    unsafe impl annulus::bytemuck::Zeroable for Wide {}
    // SAFETY: as above.
    unsafe impl annulus::bytemuck::Pod for Wide {}
    let channel = Channel::<[u64], Wide>::builder(1, 8)
        .schema("wide")
        .anonymous()
        .unwrap();
    let fd = channel.as_fd().try_clone_to_owned().unwrap();
    let error = Channel::<[u64], [u8; 128]>::builder(0, 0).schema("wide").from_fd(fd);
    assert!(matches!(
        error.unwrap_err(),
        AttachError::HeaderAlign {
            expected: 1,
            actual: 64
        }
    ));
    assert_eq!(Wide([0; 128]).0.len(), size_of::<Wide>());
}
