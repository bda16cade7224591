//! Does LAYOUT.md say what the code does with blocks?

use std::mem::offset_of;
use std::os::fd::AsFd;

use super::spec::{SPEC, bits, fields, fields_of, rows, section};
use super::{Expected, Plan, Region, Sealing, lock};
use crate::error::{AttachError, CreateError};
use crate::layout::block::{BlockPhase, BlockWord, Entry, Head, in_word, words_apart};
use crate::layout::geometry::Arrangement;
use crate::layout::{BlockLayout, BlockPlan, Blocks, FenceMode, Geometry, Kind, Laps, Owner};
use crate::sync::AtomicU64;

#[test]
fn layout_md_says_what_a_block_begins_with() {
    #[repr(C, align(64))]
    struct Wide([u8; 64]);
    let word = size_of::<AtomicU64>();
    let table = rows("Blocks");
    assert_eq!(fields_of(&table, "word"), ("0", "8"));
    assert_eq!(fields_of(&table, "length"), ("8", "8"));
    assert_eq!(
        fields_of(&table, "header"),
        ("16, or the header's alignment if larger", "header_size")
    );
    assert_eq!((offset_of!(Head<u8>, word), offset_of!(Head<u8>, length)), (0, word));
    assert_eq!(offset_of!(Head<u8>, header), 16);
    assert_eq!(offset_of!(Head<u128>, header), 16);
    assert_eq!(offset_of!(Head<Wide>, header), 64);
    assert!(fields("Line 0").contains(&("header_size", 88, 2)));
}

#[test]
fn layout_md_says_what_words_and_entries_mean() {
    let word = bits("A block's word is ", 64);
    let put = |name: &str, value: u64| {
        let (shift, bits) = word[name];
        assert!(value >> bits == 0);
        value << shift
    };
    let text = section("Blocks").collect::<Vec<_>>().join(" ");
    let (_, phases) = text.split_once("Phases:").expect("a list");
    let named = |name: &str| {
        let at = phases.find(&format!(" `{name}`")).expect("a phase");
        let number = phases[..at].rsplit(' ').next().expect("a word");
        number.parse::<u64>().expect("its number")
    };
    let all = |position: u64, owner: u16, phase: &str| {
        put("position", position) | put("owner", owner.into()) | put("phase", named(phase))
    };
    let owner = Owner::new(0x1555).unwrap();
    // More bits than the word has.
    let position = 0xabcd_8123_4567_89ab;
    assert_eq!(in_word(position), 0x8123_4567_89ab);
    assert_eq!(BlockWord::FREE.bits(), all(0, 0, "FREE"));
    assert_eq!(BlockWord::loaned(owner).bits(), all(0, owner.id(), "LOANED"));
    let staged = BlockWord::staged(owner, position);
    assert_eq!(staged.bits(), all(in_word(position), owner.id(), "STAGED"));
    let orphan = BlockWord::reading(Owner::ORPHAN, position);
    assert_eq!(orphan.bits(), all(in_word(position), 8191, "READING"));
    assert!(text.contains("8,191 (`ORPHAN`)"));

    let entry = bits("An entry is ", 64);
    assert_eq!((entry["index"], entry["lap"]), ((0, Entry::INDEX_BITS), (16, 48)));
    assert_eq!(Entry::new(3, 5).bits(), 3 << 16 | 5);
    assert_eq!((Entry::new(3, 5).lap(), Entry::new(3, 5).index()), (3, 5));
}

#[test]
fn a_word_of_a_block_that_nobody_stores_is_none() {
    let owner = Owner::new(3).unwrap();
    let decode = |bits| BlockWord::from_bits(bits).decode(5);
    assert_eq!(decode(0), Some(BlockPhase::Free));
    assert_eq!(decode(BlockWord::loaned(owner).bits()), Some(BlockPhase::Loaned(owner)));
    assert_eq!(
        decode(BlockWord::staged(owner, 7).bits()),
        Some(BlockPhase::Staged(owner, 7))
    );
    for impossible in [
        // FREE with an owner or a position; LOANED with a position.
        3 << 3,
        1 << 16,
        BlockWord::loaned(owner).bits() | 1 << 16,
        // Nobody, the single ends, an id that there is not, an orphan that is not being read.
        BlockWord::loaned(Owner::SINGLE_SENDER).bits(),
        BlockWord::reading(Owner::SINGLE_RECEIVER, 1).bits(),
        BlockWord::staged(Owner::new(5).unwrap(), 1).bits(),
        BlockWord::staged(Owner::ORPHAN, 1).bits(),
        1,
        2,
        3,
        // Phases that there are not.
        4 | 3 << 3,
        7,
    ] {
        assert_eq!(decode(impossible), None, "{impossible:#x}");
    }
}

#[test]
fn positions_of_words_wrap() {
    assert_eq!(words_apart(5, 7), 2);
    assert_eq!(words_apart(7, 5), -2);
    assert_eq!(words_apart((1 << 48) - 1, 1), 2);
    // Of an entry's lap a word has as much as fits.
    for shift in [0, 3, 16] {
        let laps = Laps::new(shift);
        for p in [laps.capacity(), 1 << 40, u64::MAX >> 1, u64::MAX] {
            let p = laps.position(p);
            let entry = Entry::new(laps.lap(p), 9);
            assert!(entry.names(laps, in_word(p), 9));
            assert!(!entry.names(laps, in_word(p), 8));
            let later = laps.add(p, laps.capacity());
            assert!(!entry.names(laps, in_word(later), 9));
        }
    }
}

fn plan(count: u64, length: u64, align: usize) -> Plan {
    Plan {
        kind: Kind::Blocks,
        capacity: count,
        arrangement: Arrangement::Blocks(BlockPlan {
            layout: BlockLayout::of::<u32, [u8; 20]>(),
            length,
            align,
        }),
        name: "[u32], [u8; 20]".to_owned(),
        endpoints: 2,
        fence_mode: Some(FenceMode::Fenced),
        spin_ns: 100_000,
        tick_ms: 1000,
        max_bytes: None,
    }
}

fn geometry(plan: &Plan) -> Geometry {
    Geometry::arrange(plan.kind, plan.capacity, plan.arrangement, plan.endpoints as u16).expect("possible")
}

#[test]
fn layout_md_says_where_blocks_stand() {
    let text = section("Blocks").collect::<Vec<_>>().join(" ");
    assert!(text.contains("The entries offset is 768 + 128 × table length;"));
    assert!(text.contains("rounded up to the larger of 128 and the items' alignment"));
    assert_eq!(Blocks::UNIT, 64);
    assert!(SPEC.contains("from one block to the next, in units of 64"));
    for (count, entries) in [(1, 1), (3, 4), (4, 4), (65_536, 65_536)] {
        for align in [64, 128, 4096] {
            for length in [1, 9, 1000] {
                let geometry = geometry(&plan(count, length, align));
                let blocks = geometry.blocks().unwrap();
                assert_eq!(geometry.laps.capacity(), entries);
                assert_eq!(geometry.capacity(), count);
                assert_eq!(geometry.slots_offset, 768 + 128 * 5);
                let end = geometry.slots_offset + 8 * entries as usize;
                assert_eq!(blocks.offset, end.next_multiple_of(align.max(128)));
                // 16 bytes of words, 20 of a header.
                assert_eq!(blocks.items_offset, align);
                assert_eq!(blocks.stride, align + (4 * length as usize).next_multiple_of(align));
                assert_eq!(blocks.room, blocks.stride - blocks.items_offset);
                assert_eq!(geometry.total, blocks.offset + blocks.stride * count as usize);
            }
        }
    }
}

#[test]
fn a_region_of_blocks_is_attached_as_it_was_planned_and_no_other() {
    let plan = plan(3, 100, 128);
    let region = Region::create(&plan).unwrap();
    let attach = |layout, name: &str| {
        let expected = Expected {
            kind: Kind::Blocks,
            payload: crate::layout::Payload::Block(layout),
            name: name.to_owned(),
            sealing: Sealing::Required,
        };
        Region::attach(lock::reopen(region.file().as_fd()).unwrap(), &expected)
    };
    let again = attach(BlockLayout::of::<u32, [u8; 20]>(), &plan.name).unwrap();
    assert_eq!(again.geometry().total, region.geometry().total);
    assert_eq!(again.geometry().capacity(), 3);
    #[repr(C, align(256))]
    struct Page([u8; 4]);
    assert!(matches!(
        attach(BlockLayout::of::<u64, [u8; 20]>(), &plan.name).unwrap_err(),
        AttachError::PayloadSize { expected: 8, actual: 4 }
    ));
    assert!(matches!(
        attach(BlockLayout::of::<u32, [u8; 24]>(), &plan.name).unwrap_err(),
        AttachError::HeaderSize {
            expected: 24,
            actual: 20
        }
    ));
    #[repr(C, align(32))]
    struct Wide([u8; 20]);
    let wide = BlockLayout {
        header: 20,
        ..BlockLayout::of::<u32, Wide>()
    };
    assert!(matches!(
        attach(wide, &plan.name).unwrap_err(),
        AttachError::HeaderAlign {
            expected: 32,
            actual: 1
        }
    ));
    let aligned = BlockLayout {
        item: 4,
        ..BlockLayout::of::<Page, [u8; 20]>()
    };
    assert!(matches!(
        attach(aligned, &plan.name).unwrap_err(),
        AttachError::BlockAlign {
            needed: 256,
            actual: 128
        }
    ));
    assert!(matches!(
        attach(BlockLayout::of::<u32, [u8; 20]>(), "[f32]").unwrap_err(),
        AttachError::Schema { .. }
    ));
}

#[test]
fn what_no_region_of_blocks_can_be_is_refused_by_name() {
    let create = |plan: &Plan| Region::create(plan).map(|_| ()).unwrap_err();
    for asked in [0, 65_537] {
        assert!(matches!(
            create(&plan(asked, 1, 64)),
            CreateError::BlockCount { asked: a, max: 65_536 } if a == asked
        ));
    }
    assert!(matches!(
        create(&plan(1, 0, 64)),
        CreateError::BlockLength { length: 0, item: 4 }
    ));
    for align in [0, 32, 96, 8192] {
        assert!(matches!(create(&plan(1, 1, align)), CreateError::BlockAlign { align: a, needed: 4 } if a == align));
    }
    for length in [u64::MAX, 1 << 62] {
        assert!(matches!(create(&plan(1, length, 64)), CreateError::TooLarge { .. }));
    }
    // Of four bytes each, after the head.
    let most = (Blocks::MAX - 64) as u64 / 4;
    assert!(matches!(create(&plan(1, most + 1, 64)), CreateError::BlockSize { max } if max == Blocks::MAX));
    assert!(matches!(create(&plan(1, most, 64)), CreateError::TooLarge { wanted, .. } if wanted > Blocks::MAX as u64));
    let with_header = Plan {
        arrangement: Arrangement::Blocks(BlockPlan {
            layout: BlockLayout::of::<u8, [u8; 4097]>(),
            length: 1,
            align: 64,
        }),
        ..plan(1, 1, 64)
    };
    assert!(matches!(
        create(&with_header),
        CreateError::HeaderSize { size: 4097, max: 4096 }
    ));
    let limited = Plan {
        max_bytes: Some(1 << 20),
        ..plan(4, 1 << 18, 64)
    };
    assert!(matches!(create(&limited), CreateError::TooLarge { limit, .. } if limit == 1 << 20));
}
