//! Does LAYOUT.md say what the code does? (Of blocks: `block_spec`; of streams: `stream_spec`; of plain regions: `plain_spec`.)
//!
//! Its tables are read and held against the compiled types, its bit fields against the encoders, its lock bytes against
//! locks that are really held, and a fresh region against a file of bytes. (Here and not in `layout`, which checkers
//! compile again with atomics of other sizes.)

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::offset_of;
use std::os::fd::AsFd;

use super::lock::{self, LockFile};
use super::{Expected, Plan, Region, Sealing, memory};
use crate::layout::geometry::{
    Arrangement, LINES_OFFSET, MAX_ALIGN, MAX_CAPACITY, MAX_PAYLOAD, PayloadLayout, TABLE_OFFSET,
};
use crate::layout::header::{ABI_VERSION, MAGIC, NAME_LEN, fingerprint, name_field, name_text, short_type_name};
use crate::layout::lines::LINE;
use crate::layout::table::SeatState;
use crate::layout::{
    Claimants, FenceMode, Header, Kind, Life, Lines, Owner, Phase, Policy, Record, Role, Slot, SlotPadding, State,
};
use crate::sync::{AtomicU32, AtomicU64, Relaxed};
use crate::wait::{self, Sleeper, Wait, Why};

pub(super) const SPEC: &str = include_str!("../layout/LAYOUT.md");

/// The lines of a section.
pub(super) fn section(title: &str) -> impl Iterator<Item = &'static str> {
    let heading = format!("# {title}");
    assert!(SPEC.lines().any(|line| line == heading), "no section {title:?}");
    SPEC.lines()
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("# "))
}

/// The rows of a section's table, without its head.
pub(super) fn rows(title: &str) -> Vec<Vec<&'static str>> {
    let rows = section(title).filter(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    rows.skip(2).map(cells).collect()
}

/// Offset and size, or what else is in the two cells after it, of the row that begins with `name`.
pub(super) fn fields_of(table: &[Vec<&'static str>], name: &str) -> (&'static str, &'static str) {
    let row = table.iter().find(|row| row[0] == name).expect("a row");
    (row[1], row[2])
}

/// Field, offset and size of each row.
pub(super) fn fields(title: &str) -> Vec<(&'static str, usize, usize)> {
    let number = |text: &str| {
        text.parse()
            .unwrap_or_else(|_| panic!("{title}: {text:?} is not a number"))
    };
    rows(title)
        .iter()
        .map(|row| (row[0], number(row[1]), number(row[2])))
        .collect()
}

/// `field` of `Type`, as compiled: its name, offset and size.
macro_rules! compiled {
    ($Type:ident: $($field:ident: $size:expr,)+) => {
        vec![$((stringify!($field), offset_of!($Type, $field), $size),)+]
    };
}

#[test]
fn layout_md_says_what_the_code_does() {
    let header = compiled! { Header:
        magic: 8, abi: 4, kind: 4, capacity: 8, stride: 4, payload_size: 4, payload_align: 4, table_length: 4,
        fence_mode: 4, tick_ms: 4, spin_ns: 4, policy: 4, total: 8, boot_id: 16, fingerprint: 8, header_size: 2, header_align: 2,
        name: NAME_LEN,
    };
    assert_eq!(fields("Line 0"), header);
    // No field is left out: each begins where the one before ends.
    let end = header.iter().fold(0, |end, &(name, offset, size)| {
        assert_eq!(offset, end, "{name}");
        offset + size
    });
    assert_eq!(end, size_of::<Header>());

    let word = size_of::<AtomicU64>();
    let half = size_of::<AtomicU32>();
    let lines = compiled! { Lines: tail: word, head: word, receivers: half, senders: half, life: word, };
    assert_eq!(fields("The shared words"), lines);
    assert_eq!(lines.len() * LINE, size_of::<Lines>());

    let record = compiled! { Record:
        role: half, generation: half, pid: half, seat: half, started: word, name: size_of::<[AtomicU64; 2]>(),
        waits: word, wakes: word, reaped: word, messages: word, redelivered: word, began: word,
    };
    assert_eq!(fields("The endpoint table"), record);

    let slot = rows("A slot");
    assert_eq!(slot[0][..3], ["state", "0", "8"]);
    assert_eq!(
        slot[1][..3],
        ["payload", "8, or the payload's alignment if larger", "payload size"]
    );
    fn check_slot<T>() {
        assert_eq!(offset_of!(Slot<T>, state), 0);
        assert_eq!(offset_of!(Slot<T>, payload), align_of::<T>().max(8));
        let end = offset_of!(Slot<T>, payload) + size_of::<T>();
        assert_eq!(
            PayloadLayout::of::<T>().slot,
            end.next_multiple_of(align_of::<T>().max(8))
        );
    }
    #[repr(C, align(4096))]
    struct Page([u8; 4096]);
    check_slot::<()>();
    check_slot::<u8>();
    check_slot::<u64>();
    check_slot::<[u8; 12]>();
    check_slot::<u128>();
    check_slot::<Page>();
}

#[test]
fn layout_md_says_where_everything_stands() {
    let region = rows("A region");
    assert_eq!(region[0][..2], ["0".to_owned(), size_of::<Header>().to_string()]);
    assert_eq!(
        region[1][..2],
        [LINES_OFFSET.to_string(), size_of::<Lines>().to_string()]
    );
    assert_eq!(region[2][0], TABLE_OFFSET.to_string());
    assert_eq!(region[2][1], format!("{} × table length", size_of::<Record>()));
    assert_eq!(region[3][..2], ["slots offset", "stride × capacity"]);
    let text: String = section("A region").collect::<Vec<_>>().join(" ");
    assert!(text.contains("768 + 128 × table length, rounded up to the larger of 128 and the payload's alignment"));
    for (align, endpoints) in [(1, 1), (8, 125), (256, 3), (4096, 40)] {
        let payload = PayloadLayout {
            size: align,
            align,
            slot: align.max(8) + align.next_multiple_of(8),
        };
        for (padding, unit) in [(SlotPadding::Packed, 1), (SlotPadding::Line, 128)] {
            let geometry = crate::layout::Geometry::plan(Kind::Spsc, 5, payload, padding, endpoints).unwrap();
            let table = usize::from(endpoints) + 3;
            assert_eq!(usize::from(geometry.table_length), table);
            assert_eq!(
                geometry.slots_offset,
                (768 + 128 * table).next_multiple_of(align.max(128))
            );
            assert_eq!(geometry.stride, payload.slot.next_multiple_of(unit));
            assert_eq!(geometry.total, geometry.slots_offset + 8 * geometry.stride);
        }
    }
    let meaning: BTreeMap<_, _> = rows("Line 0").into_iter().map(|row| (row[0], row[4])).collect();
    let thousands = |n: usize| format!("{},{:03}", n / 1000, n % 1000);
    assert_eq!(meaning["abi"], ABI_VERSION.to_string());
    assert!(SPEC.contains(&format!("ABI version {ABI_VERSION}.")));
    assert_eq!(&MAGIC, b"ANNULUS\0");
    for (field, part) in [
        ("capacity", format!("at most 2^{}", MAX_CAPACITY.trailing_zeros())),
        ("payload_size", format!("at most {}", thousands(MAX_PAYLOAD))),
        ("payload_align", format!("at most {}", thousands(MAX_ALIGN))),
        ("table_length", format!("4 to {}", thousands(Owner::LIMIT.into()))),
    ] {
        assert!(meaning[field].contains(&part), "{field}: {part:?}");
    }
}

#[test]
fn layout_md_says_what_the_numbers_mean() {
    let listed = |row: &str| -> Vec<String> { row.split([',', ':', ';']).map(|item| item.trim().to_owned()).collect() };
    let line: BTreeMap<_, _> = rows("Line 0").into_iter().map(|row| (row[0], row[4])).collect();
    let kinds = [
        Kind::Spsc,
        Kind::Mpsc,
        Kind::Spmc,
        Kind::Mpmc,
        Kind::Blocks,
        Kind::Stream,
        Kind::Region,
    ];
    let kinds = kinds.map(|kind| format!("{} {}", kind as u32, kind.name()));
    assert_eq!(listed(line["kind"]), kinds);
    let modes = [(FenceMode::Fenced, "fenced"), (FenceMode::Membarrier, "membarrier")];
    assert_eq!(
        listed(line["fence_mode"]),
        modes.map(|(mode, name)| format!("{} {name}", mode as u32))
    );
    let policies = [
        (Policy::Created, "created"),
        (Policy::Shared, "shared"),
        (Policy::Kept, "kept"),
    ];
    for (policy, name) in policies {
        assert!(listed(line["policy"]).contains(&format!("{} {name}", policy as u32)));
        assert_eq!(Policy::decode(policy as u32), Some(policy));
    }
    assert_eq!(listed(line["policy"])[0], "0 anonymous");
    assert_eq!(Policy::decode(0).or(Policy::decode(4)), None);
    let record: BTreeMap<_, _> = rows("The endpoint table")
        .into_iter()
        .map(|row| (row[0], row[4]))
        .collect();
    for role in [Role::Sender, Role::Receiver] {
        assert!(listed(record["role"]).contains(&format!("{} {}", role as u32, role.name())));
        assert_eq!(Role::decode(role as u32), Ok(Some(role)));
    }
    assert_eq!((Role::decode(0), Role::decode(3)), (Ok(None), Err(())));
    let seats = [
        (SeatState::None, "no seat"),
        (SeatState::Reserved, "reserved"),
        (SeatState::Taken, "taken"),
    ];
    assert_eq!(
        listed(record["seat"]),
        seats.map(|(seat, name)| format!("{} {name}", seat as u32))
    );
    for (seat, _) in seats {
        assert_eq!(SeatState::decode(seat as u32), Some(seat));
    }
    assert_eq!(SeatState::decode(3), None);
    assert_eq!(Kind::decode(0).or(Kind::decode(8)), None);
    assert_eq!(FenceMode::decode(0).or(FenceMode::decode(3)), None);
}

/// The fields of a word, as `name:bits | …` in the text after `before`: name → (lowest bit, bits).
pub(super) fn bits(before: &str, word: u32) -> BTreeMap<String, (u32, u32)> {
    let text = SPEC.replace('\n', " ");
    let after = &text[text.find(before).unwrap_or_else(|| panic!("{before:?}")) + before.len()..];
    let list = after.split('`').nth(1).expect("a list of fields");
    let mut end = word;
    let fields = list.split('|').map(|field| {
        let (name, bits) = field.trim().split_once(':').expect("name:bits");
        let bits = bits.parse::<u32>().expect("a number of bits");
        end -= bits;
        (name.to_owned(), (end, bits))
    });
    let fields = fields.collect();
    assert_eq!(end, 0, "{before}: all {word} bits");
    fields
}

#[test]
fn layout_md_says_what_the_bits_mean() {
    let state = bits("A state word is ", 64);
    let put = |name: &str, value: u64| {
        let (shift, bits) = state[name];
        assert!(value >> bits == 0);
        value << shift
    };
    let owner = Owner::new(0x1555).unwrap();
    let lap = 0x8123_4567_89ab;
    let named = |name: &str| {
        let text = section("A slot").collect::<Vec<_>>().join(" ");
        let at = text.find(&format!(" `{name}`")).expect("a phase");
        text[..at]
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<u64>()
            .expect("its number")
    };
    let word = |phase: &str, owner: u16| put("lap", lap) | put("owner", owner.into()) | put("phase", named(phase));
    assert_eq!(State::free(lap).bits(), word("FREE", 0));
    assert_eq!(State::full(lap).bits(), word("FULL", 0));
    assert_eq!(State::writing(lap, owner).bits(), word("WRITING", owner.id()));
    assert_eq!(State::reading(lap, owner).bits(), word("READING", owner.id()));
    assert_eq!(State::reading(lap, Owner::ORPHAN).bits(), word("READING", 8191));
    assert!(SPEC.contains("8,191 (`ORPHAN`)"));
    assert_eq!(
        State::from_bits(0).decode(48, Claimants::ANY),
        Some((0, Phase::Free)),
        "zeros are an empty ring"
    );

    let life = bits("The life word is ", 64);
    let bit = |name: &str| 1u64 << life[name].0;
    let fresh = Life::from_bits(0);
    assert_eq!(fresh.see_sender().bits(), bit("sender seen"));
    assert_eq!(fresh.see_receiver().bits(), bit("receiver seen"));
    assert_eq!(fresh.close().bits() ^ Life::EVENT, bit("closed"));
    assert_eq!(Life::EVENT, bit("events"));
    assert_eq!(fresh.begin().bits() & (bit("0") - 1), bit("session"));
    // A session begins with nobody seen and open, and the last is followed by the first.
    let (shift, width) = life["session"];
    let last = Life::from_bits(((1 << width) - 1) << shift)
        .see_sender()
        .see_receiver()
        .close();
    assert_eq!(last.begin().bits() & (bit("0") - 1), 0);
    assert_eq!(Life::NEVER.bits(), 0);
    assert_eq!(life["0"].1, 1, "a bit to spare");

    let wait = bits("A wait word is ", 32);
    let word = AtomicU32::new(0);
    let wait_once = Wait {
        word: &word,
        mode: FenceMode::Fenced,
        tick: u64::MAX,
        deadline: None,
    };
    // It announces itself, looks once more, and finds something.
    assert_eq!(Sleeper::new(wait_once).next(), Some(Why::Sleep));
    let announced = word.load(Relaxed);
    assert_eq!(announced, 1 << wait["SLEEPERS"].0 | 1 << wait["waiter epoch"].0);
    // Nobody sleeps: the waker turns its epoch and takes the bit away.
    assert!(wait::notify(&word, 1));
    assert_eq!(
        word.load(Relaxed),
        1 << wait["waiter epoch"].0 | 1 << wait["waker epoch"].0
    );
}

fn plan() -> Plan {
    Plan {
        kind: Kind::Mpmc,
        capacity: 3,
        arrangement: Arrangement::Slots(PayloadLayout::of::<[u32; 3]>(), SlotPadding::Packed),
        name: short_type_name::<[u32; 3]>(),
        endpoints: 2,
        fence_mode: Some(FenceMode::Fenced),
        spin_ns: 100_000,
        tick_ms: 1000,
        max_bytes: None,
    }
}

/// `2^62 + 3 · 2^16 + 3`, with a value for `id`.
fn evaluate(sum: &str, id: u64) -> u64 {
    let factor = |text: &str| match text.trim().split_once('^') {
        Some((base, power)) => base.parse::<u64>().unwrap().pow(power.parse().unwrap()),
        None if text.trim() == "id" => id,
        None => text.trim().parse().unwrap(),
    };
    sum.split('+')
        .map(|term| term.split('·').map(factor).product::<u64>())
        .sum()
}

#[test]
fn layout_md_says_which_bytes_are_locked() {
    let rows = rows("Lock bytes");
    let byte = |meaning: &str, id| {
        let row = rows.iter().find(|row| row[2] == meaning);
        evaluate(row.unwrap_or_else(|| panic!("{meaning:?}"))[0], id)
    };
    for id in [1, 3, 8190] {
        assert_eq!(
            lock::owner_byte(id),
            byte("the endpoint lives, or somebody repairs what it left", id.into())
        );
        assert_eq!(
            lock::role_byte(Role::Sender, id),
            byte("the endpoint lives and is a sender", id.into())
        );
        assert_eq!(
            lock::role_byte(Role::Receiver, id),
            byte("the endpoint lives and is a receiver", id.into())
        );
    }
    assert_eq!(lock::ATTACH, byte("an endpoint attaches", 0));
    assert_eq!(lock::NAME, byte("somebody removes the region's name", 0));
    assert_eq!(
        lock::CREATOR,
        byte(
            "the creator of a named region (policy 1) has it open; only taken before it has its name",
            0
        )
    );
    // All bytes are different ones: no row reaches into another's ids.
    let mut all: Vec<u64> = rows
        .iter()
        .flat_map(|row| [evaluate(row[0], 0), evaluate(row[0], 8191)])
        .collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(
        all.len(),
        rows.iter()
            .map(|row| if row[0].ends_with("id") { 2 } else { 1 })
            .sum::<usize>()
    );
    // Who has a region open is seen at the byte that the table names.
    let region = Region::create(&plan()).unwrap();
    let asker = LockFile::open(region.file()).unwrap();
    let present = byte("a process has the region open, or it is on its way to one", 0);
    assert!(asker.held_elsewhere(present..present + 1).unwrap());
    assert!(!asker.held_elsewhere(present + 1..present + 4).unwrap());
}

/// `hexdump -C`, more or less: 16 bytes a line, `*` for lines of zeros.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut zeros = false;
    for (i, line) in bytes.chunks(16).enumerate() {
        if line.iter().all(|&b| b == 0) {
            if !zeros {
                text.push_str("*\n");
            }
            zeros = true;
            continue;
        }
        zeros = false;
        let _ = write!(text, "{:06x} ", i * 16);
        for b in line {
            let _ = write!(text, " {b:02x}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{:06x}", bytes.len());
    text
}

#[test]
fn a_fresh_region_is_these_bytes() {
    let region = Region::create(&plan()).unwrap();
    let length = memory::file_len(region.file()).unwrap() as usize;
    let mut bytes = vec![0; length];
    memory::read_at(region.file(), &mut bytes, 0).unwrap();
    let boot_id = offset_of!(Header, boot_id);
    assert_ne!(bytes[boot_id..boot_id + 16], [0; 16]);
    bytes[boot_id..boot_id + 16].fill(0xbb);
    // The rest of the last page, whose size is the machine's.
    let total = region.geometry().total;
    assert!(bytes[total..].iter().all(|&b| b == 0) && length.is_multiple_of(4096));
    let dump = dump(&bytes[..total]);
    assert_eq!(dump, include_str!("fresh_region.hex"), "\n{dump}");
}

#[test]
fn a_region_is_attached_as_it_was_planned() {
    let plan = plan();
    let region = Region::create(&plan).unwrap();
    let expected = Expected {
        kind: plan.kind,
        payload: plan.arrangement.payload(),
        name: plan.name.clone(),
        sealing: Sealing::Required,
    };
    let again = Region::attach(lock::reopen(region.file().as_fd()).unwrap(), &expected).unwrap();
    assert_eq!(again.geometry().total, region.geometry().total);
    assert_eq!(again.geometry().laps.capacity(), 4);
    assert_eq!((again.tick_ns(), again.spin_ns()), (1_000_000_000, 100_000));
}

#[test]
fn two_programs_call_a_type_by_the_same_name() {
    mod inner {
        pub struct Price<T>(pub T);
        pub struct N<const LEN: usize>;
    }
    assert_eq!(short_type_name::<u64>(), "u64");
    assert_eq!(short_type_name::<()>(), "()");
    assert_eq!(short_type_name::<[f32; 4]>(), "[f32; 4]");
    assert_eq!(short_type_name::<inner::Price<u8>>(), "Price<u8>");
    assert_eq!(
        short_type_name::<inner::Price<(inner::Price<i16>, [std::num::Wrapping<u32>; 2])>>(),
        "Price<(Price<i16>, [Wrapping<u32>; 2])>"
    );
    assert_eq!(short_type_name::<inner::N<7>>(), "N<7>");
    type Nested = Option<BTreeMap<String, Vec<u8>>>;
    assert_eq!(short_type_name::<Nested>(), "Option<BTreeMap<String, Vec<u8>>>");
    // Which one it is, is told by a hash of the whole name (the reference values of draft-eastlake-fnv), ...
    assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(fingerprint("foobar"), 0x8594_4171_f739_67e8);
    // ... and people read as much of it as there is room for.
    let long = "ä".repeat(30);
    assert_eq!(name_text(&name_field(&long)), "ä".repeat(18));
    assert_eq!(
        name_text(&name_field(&format!("x{long}"))),
        format!("x{}", "ä".repeat(17)),
        "cut at a character"
    );
    assert_eq!(name_text(&name_field("u64")), "u64");
    assert_eq!(name_text(&[0xff; NAME_LEN]).chars().next(), Some('\u{fffd}'));
}
