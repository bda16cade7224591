//! Does LAYOUT.md say what the code does with streams?

use std::mem::offset_of;

use super::spec::{SPEC, fields_of, rows};
use super::{Expected, Plan, Region, Sealing, memory};
use crate::error::{AttachError, CreateError};
use crate::layout::flat::{MARKS, PAGE};
use crate::layout::geometry::Arrangement;
use crate::layout::{Element, FenceMode, FlatPlan, Geometry, Kind, Marks, Payload};
use crate::sync::AtomicU64;

#[test]
fn layout_md_says_where_the_marks_are() {
    let table = rows("A stream");
    let word = size_of::<AtomicU64>().to_string();
    for (name, offset) in [
        ("writer", offset_of!(Marks, writer)),
        ("reader", offset_of!(Marks, reader)),
    ] {
        assert_eq!(fields_of(&table, name), (offset.to_string().as_str(), word.as_str()));
    }
    assert_eq!(size_of::<Marks>(), MARKS);
    assert_eq!(
        fields_of(&table, "marks offset"),
        (MARKS.to_string().as_str(), "the marks, two lines")
    );
    assert!(SPEC.contains("The marks offset is 768 + 128 × table length."));
}

#[test]
fn layout_md_says_where_the_elements_are() {
    assert!(SPEC.contains("the end of the marks, rounded up to a page"));
    for page in [PAGE, 1 << 16] {
        for (capacity, holds) in [
            (1, page as u64 / 4),
            (page as u64 / 4 + 1, page as u64 / 2),
            (1 << 20, 1 << 20),
        ] {
            let plan = FlatPlan {
                element: Element { size: 4, align: 4 },
                page,
            };
            let geometry = Geometry::arrange(Kind::Stream, capacity, Arrangement::Flat(plan), 1).unwrap();
            let flat = geometry.flat().unwrap();
            assert_eq!(geometry.capacity(), holds);
            assert_eq!(flat.marks_offset, 768 + 128 * 4);
            assert_eq!(flat.offset, (flat.marks_offset + MARKS).next_multiple_of(page));
            assert_eq!(flat.bytes, 4 * holds as usize);
            assert!(flat.bytes.is_multiple_of(page));
            assert_eq!(geometry.total, flat.offset + flat.bytes);
            assert_eq!(geometry.stride_field() as usize, page);
        }
    }
}

fn plan(element: Element, capacity: u64) -> Plan {
    Plan {
        kind: Kind::Stream,
        capacity,
        arrangement: Arrangement::Flat(FlatPlan {
            element,
            page: memory::page(),
        }),
        name: "u32".to_owned(),
        endpoints: 1,
        fence_mode: Some(FenceMode::Fenced),
        spin_ns: 100_000,
        tick_ms: 1000,
        max_bytes: None,
    }
}

const WORDS: Element = Element { size: 4, align: 4 };

#[test]
fn what_no_stream_can_be_is_refused_by_name() {
    let create = |plan: &Plan| Region::create(plan).map(|_| ()).unwrap_err();
    for asked in [0, (1 << 32) + 1] {
        assert!(matches!(
            create(&plan(WORDS, asked)),
            CreateError::StreamCapacity { asked: a } if a == asked
        ));
    }
    for size in [0, 3, 12, 8192] {
        let error = create(&plan(Element { size, align: 1 }, 1));
        assert!(matches!(error, CreateError::ElementSize { size: s, page: PAGE } if s == size));
    }
}

#[test]
fn another_stream_is_refused_by_what_differs() {
    let region = Region::create(&plan(WORDS, 4096)).unwrap();
    let attach = |element: Element, name: &str| {
        let expected = Expected {
            kind: Kind::Stream,
            payload: Payload::Element(element),
            name: name.to_owned(),
            sealing: Sealing::Required,
        };
        Region::attach(region.file().try_clone_to_owned().unwrap(), &expected).map(|_| ())
    };
    attach(WORDS, "u32").unwrap();
    assert!(matches!(
        attach(Element { size: 8, align: 4 }, "u32").unwrap_err(),
        AttachError::PayloadSize { expected: 8, actual: 4 }
    ));
    assert!(matches!(
        attach(Element { size: 4, align: 2 }, "u32").unwrap_err(),
        AttachError::PayloadAlign { expected: 2, actual: 4 }
    ));
    assert!(matches!(attach(WORDS, "f32").unwrap_err(), AttachError::Schema { .. }));
}
