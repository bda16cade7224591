//! Ends of a stream that stop for good, and those that go on at that very element.
//!
//! The dead one's owner byte is its thread, as in [`death`](super::death): who joins it may attach.

use loom::thread::spawn;

use crate::kill;
use crate::stage::saw;
use crate::stage::stream::in_a_stream;

/// One position further on all 64 bits are zero again.
const LAST: u64 = u64::MAX;

/// A chunk is there, or was never written, and the next writer goes on behind the last that is there.
pub(super) fn a_streams_writer_may_be_killed_anywhere() {
    for start in [0, LAST] {
        kill::everywhere(3, move |accesses| {
            in_a_stream(2, start, |stream| {
                let victim = spawn(move || {
                    let dying = || {
                        let mut tx = stream.writer();
                        assert!(tx.write(&[1, 2]) && tx.write_part(&[3, 8], 1));
                    };
                    kill::after(accesses, dying).is_some()
                });
                let mut rx = stream.reader();
                let reader = spawn(move || {
                    let got = rx.read(1).unwrap_or_default();
                    (got, rx)
                });
                let returned = victim.join().unwrap();
                let mut next = stream.writer();
                let written = next.write(&[11, 12]);
                let (mut got, mut rx) = reader.join().unwrap();
                got.extend(rx.read(1).unwrap_or_default());
                assert!(written || next.write(&[11, 12]), "all has been read");
                got.extend(rx.read(1).unwrap_or_default());
                let (low, high) = got.split_at(got.len() - 2);
                assert_eq!(high, [11, 12], "the successor's elements");
                assert!(
                    [&[][..], &[1, 2], &[1, 2, 3]].contains(&low),
                    "{low:?}: a part of a chunk"
                );
                assert!(!returned || low.len() == 3, "its elements were written");
                saw(["none", "", "the first chunk", "both"][low.len()]);
                stream.as_good_as_new();
            });
        });
    }
}

/// What a dead reader has not consumed comes to the next one, from the first of it on.
pub(super) fn a_streams_reader_may_be_killed_anywhere() {
    for start in [0, LAST] {
        kill::everywhere(3, move |accesses| {
            in_a_stream(2, start, |stream| {
                stream.fill(&[1, 2, 3, 4]);
                let victim = spawn(move || {
                    // What it has dealt with, and said so.
                    let mut done = 0;
                    kill::after(accesses, || {
                        let mut rx = stream.reader();
                        assert_eq!(rx.read_part(2, 2, 2), Some(vec![1, 2]));
                        done = 2;
                        assert_eq!(rx.read_part(2, 2, 1), Some(vec![3, 4]));
                        done = 3;
                    });
                    done
                });
                let mut tx = stream.writer();
                let writer = spawn(move || {
                    let written = tx.write(&[5, 6]);
                    (written, tx)
                });
                let done = victim.join().unwrap();
                let mut next = stream.reader();
                // Looked at, and not consumed.
                let left = next.read_part(1, 4, 0).expect("one is left");
                let consumed = left[0] - 1;
                assert!([0, 2, 3].contains(&consumed), "{consumed} consumed: a part of a chunk");
                // It may have been killed between saying so and knowing that it did.
                assert!(consumed >= done, "read again, though consumed");
                saw(["none", "", "two", "three"][consumed as usize]);
                let (written, mut tx) = writer.join().unwrap();
                assert!(consumed > 0 || !written, "written over what was to be read");
                if written {
                    saw("written");
                }
                let mut got = next.read(1).expect("it comes again");
                got.extend(next.read(1).unwrap_or_default());
                assert!(written || tx.write(&[5, 6]), "all has been read");
                got.extend(next.read(1).unwrap_or_default());
                assert_eq!(
                    got,
                    (consumed + 1..=6).collect::<Vec<_>>(),
                    "from where the dead one stopped"
                );
                stream.as_good_as_new();
            });
        });
    }
}
