//! The elements of a stream while both ends live.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread::spawn;

use crate::stage::stream::in_a_stream;
use crate::stage::{explore, saw};

/// Two positions further on all 64 bits are zero again.
const LAST: u64 = u64::MAX - 1;

/// `COMMIT`: who sees elements written sees what was written.
pub(super) fn committed_elements_are_visible() {
    for start in [0, LAST] {
        explore(None, move || {
            in_a_stream(1, start, |stream| {
                let (mut tx, mut rx) = (stream.writer(), stream.reader());
                let writer = spawn(move || assert!(tx.write(&[1]) && tx.write(&[2])));
                let mut got: Vec<_> = rx.read(1).unwrap_or_default();
                saw(["empty", "one", "both"][got.len()]);
                got.extend(rx.read(1).unwrap_or_default());
                writer.join().unwrap();
                got.extend(rx.read(1).unwrap_or_default());
                assert_eq!(got, [1, 2]);
            });
        });
    }
}

/// `CONSUME`: who fills elements again does so after the reader has read them.
pub(super) fn an_element_is_not_reused_early() {
    for start in [0, LAST] {
        explore(None, move || {
            in_a_stream(1, start, |stream| {
                stream.fill(&[1, 2]);
                let (mut tx, mut rx) = (stream.writer(), stream.reader());
                let reader = spawn(move || {
                    let first = rx.read_part(1, 1, 1).expect("there are two");
                    let second = rx.read_part(1, 1, 1).expect("there is another");
                    assert_eq!([first, second], [[1], [2]]);
                    rx
                });
                let both = tx.write(&[3, 4]);
                let written = both || tx.write(&[3]);
                saw(match (both, written) {
                    (true, _) => "both",
                    (_, true) => "one",
                    _ => "full",
                });
                let mut rx = reader.join().unwrap();
                let got = rx.read(1).unwrap_or_default();
                assert_eq!(got, [3, 4][..usize::from(both) + usize::from(written)]);
            });
        });
    }
}

/// What is committed of a chunk comes all at once, in order, and the rest never; what is not consumed comes again.
pub(super) fn chunks_stay_whole_and_in_order() {
    for start in [0, LAST] {
        explore(None, move || {
            in_a_stream(2, start, |stream| {
                let (mut tx, mut rx) = (stream.writer(), stream.reader());
                let writer = spawn(move || {
                    assert!(tx.write_part(&[1, 2, 8], 2), "it is empty");
                    let second = tx.write_part(&[3, 4, 9], 2);
                    saw(if second { "room for the second" } else { "no room" });
                    (second, tx)
                });
                let mut consumed = Vec::new();
                for _ in 0..3 {
                    rx.end.refresh();
                    let Some(got) = rx.read_part(1, 4, 1) else {
                        saw("empty");
                        continue;
                    };
                    let before = consumed.len() as u32;
                    let (first, last) = (before + 1, before + got.len() as u32);
                    assert_eq!(got, (first..=last).collect::<Vec<_>>());
                    assert!(last == 2 || last == 4, "a chunk, whole");
                    saw(if last == 2 { "the first" } else { "both" });
                    consumed.push(got[0]);
                }
                let (second, mut tx) = writer.join().unwrap();
                consumed.extend(rx.read(1).unwrap_or_default());
                assert!(second || tx.write(&[3, 4]), "all has been read");
                consumed.extend(rx.read(1).unwrap_or_default());
                assert_eq!(consumed, [1, 2, 3, 4]);
            });
        });
    }
}

/// Who knows that there is something finds it, and who knows that there is room finds that.
pub(super) fn empty_and_full_of_a_stream_are_exact() {
    explore(None, || {
        in_a_stream(0, 0, |stream| {
            let (mut tx, mut rx) = (stream.writer(), stream.reader());
            let said = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
            let says = Arc::clone(&said);
            let reader = spawn(move || {
                let written = says[0].load(Ordering::Acquire);
                let got = rx.read(1);
                assert!(!written || got.is_some(), "empty, though it was written");
                saw(if written { "told of an element" } else { "not told" });
                if got.is_some() {
                    says[1].store(true, Ordering::Release);
                }
            });
            assert!(tx.write(&[1]));
            said[0].store(true, Ordering::Release);
            let read = said[1].load(Ordering::Acquire);
            let room = tx.write(&[2]);
            assert!(!read || room, "full, though it was read");
            saw(match (read, room) {
                (true, _) => "told of room",
                (_, true) => "room",
                _ => "full",
            });
            reader.join().unwrap();
        });
    });
}

/// Who looks on is never told of what cannot be.
pub(super) fn an_observer_sees_a_sound_stream() {
    for start in [0, LAST] {
        explore(3, move || {
            in_a_stream(1, start, |stream| {
                let (mut tx, mut rx) = (stream.writer(), stream.reader());
                let writer = spawn(move || {
                    assert!(tx.write(&[1]));
                    assert!(tx.write(&[2]));
                    tx.write(&[3]);
                });
                let reader = spawn(move || {
                    rx.read(1);
                    rx.read(1);
                });
                let levels = stream.span().levels().expect("a sound stream");
                let [tail, head] = [levels.tail, levels.head].map(|at| at.wrapping_sub(start));
                assert!(
                    head <= tail && tail <= 3 && tail - head == levels.len && levels.len <= 2,
                    "{levels:?}"
                );
                saw(["empty", "one", "full"][levels.len as usize]);
                if tail > 0 && levels.len == 0 {
                    saw("drained");
                }
                writer.join().unwrap();
                reader.join().unwrap();
            });
        });
    }
}
