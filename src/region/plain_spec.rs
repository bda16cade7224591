//! Does LAYOUT.md say what the code does with plain regions?

use std::os::fd::AsFd;

use super::spec::{rows, section};
use super::{Expected, Plan, Region, Sealing, lock, memory};
use crate::error::{AttachError, CreateError};
use crate::layout::geometry::{Arrangement, GeometryError, TABLE_OFFSET};
use crate::layout::{FenceMode, Geometry, Header, Kind, Payload, PlainPlan};

fn plan(length: u64) -> Plan {
    Plan {
        kind: Kind::Region,
        capacity: length,
        arrangement: Arrangement::Plain(PlainPlan { page: memory::page() }),
        name: "u8".to_owned(),
        endpoints: 0,
        fence_mode: Some(FenceMode::Fenced),
        spin_ns: 0,
        tick_ms: 0,
        max_bytes: None,
    }
}

fn line(region: &Region) -> Header {
    let mut line = <Header as bytemuck::Zeroable>::zeroed();
    memory::read_at(region.file(), bytemuck::bytes_of_mut(&mut line), 0).unwrap();
    line
}

#[test]
fn layout_md_says_where_the_bytes_of_a_plain_region_stand() {
    assert_eq!(rows("A plain region")[0][..2], ["bytes offset", "capacity"]);
    let text: String = section("A plain region").collect::<Vec<_>>().join(" ");
    assert!(text.contains("768 + 128 × 3, rounded up to the page"));
    assert!(text.contains("from 4,096 to 2^20"));
    assert!(text.contains("The whole ends with the last byte, rounded up to 8"));
    for length in [1, 7, 8, 9, 4095, 4096, 4097, 1 << 20, (1 << 20) + 13] {
        for page in [4096, 1 << 14, 1 << 16, 1 << 20] {
            let geometry = PlainPlan { page }.geometry(Kind::Region, length, 0).unwrap();
            let plain = geometry.plain().unwrap();
            assert_eq!(plain.offset, (TABLE_OFFSET + 128 * 3_usize).next_multiple_of(page));
            assert_eq!(
                (plain.length as u64, geometry.capacity(), geometry.table_length),
                (length, length, 3)
            );
            assert_eq!(geometry.total, plain.offset + (length as usize).next_multiple_of(8));
            assert_eq!(geometry.stride_field(), page as u32);
        }
        let region = Region::create(&plan(length)).unwrap();
        let line = line(&region);
        assert_eq!((line.kind, line.capacity, line.table_length), (7, length, 3));
        assert_eq!((line.payload_size, line.payload_align, line.header_size), (1, 1, 0));
        assert_eq!((line.stride as usize, line.fence_mode), (memory::page(), 1));
        assert_eq!(line.total, region.geometry().total as u64);
        // All but the header is zeros.
        let mut rest = vec![1; region.geometry().total - size_of::<Header>()];
        memory::read_at(region.file(), &mut rest, size_of::<Header>() as u64).unwrap();
        assert!(rest.iter().all(|&byte| byte == 0));
    }
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    let geometry = |length, endpoints| PlainPlan { page: 4096 }.geometry(Kind::Region, length, endpoints).err();
    assert_eq!(geometry(0, 0), Some(GeometryError::Capacity));
    assert_eq!(geometry(1, 1), Some(GeometryError::TableLength));
    for length in [u64::MAX, u64::MAX - 7, isize::MAX as u64, isize::MAX as u64 - 4096] {
        assert_eq!(geometry(length, 0), Some(GeometryError::Overflow), "{length}");
        assert!(matches!(
            Region::create(&plan(length)),
            Err(CreateError::TooLarge { .. })
        ));
    }
    assert_eq!(geometry(isize::MAX as u64 - 4096 - 7, 0), None);
    assert!(matches!(Region::create(&plan(0)), Err(CreateError::EmptyRegion)));
}

#[test]
fn only_what_a_plan_makes_adds_up() {
    let region = Region::create(&plan(5000)).unwrap();
    let expected = Expected {
        kind: Kind::Region,
        payload: Payload::Plain,
        name: "u8".to_owned(),
        sealing: Sealing::Required,
    };
    let again = || Region::attach(lock::reopen(region.file().as_fd()).unwrap(), &expected);
    assert_eq!(again().unwrap().geometry().total, region.geometry().total);
    let right = line(&region);
    assert!(Geometry::described(&right).is_some());
    let wrong: [fn(&mut Header); 12] = [
        |line| line.capacity = 0,
        |line| line.capacity = 5001,
        |line| line.capacity = u64::MAX,
        |line| line.stride = 0,
        |line| line.stride = 2048,
        |line| line.stride = 4096 + 1,
        |line| line.stride = 1 << 21,
        |line| line.table_length = 0,
        |line| line.table_length = 4,
        |line| line.total += 8,
        |line| line.total = u64::MAX,
        |line| (line.payload_size, line.payload_align) = (8, 8),
    ];
    for (nth, change) in wrong.into_iter().enumerate() {
        let mut line = right;
        change(&mut line);
        assert!(Geometry::described(&line).is_none(), "{nth}");
        memory::write_at(region.file(), bytemuck::bytes_of(&line), 0).unwrap();
        let error = again().unwrap_err();
        assert!(
            matches!(error, AttachError::Geometry { .. } | AttachError::PayloadSize { .. }),
            "{nth}: {error}"
        );
    }
    // As long as before to the word: so many bytes are there.
    memory::write_at(
        region.file(),
        bytemuck::bytes_of(&Header {
            capacity: 4999,
            ..right
        }),
        0,
    )
    .unwrap();
    assert_eq!(again().unwrap().geometry().capacity(), 4999);
}
