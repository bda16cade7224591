//! Sleepers and wake-ups in a stream: who sleeps says how far the other has to get. A lost wake-up is a deadlock.
//!
//! `span` and `wait` put together as `channel::stream` does it, less what asks the kernel about the living.

use loom::thread::spawn;

use crate::kill;
use crate::layout::FenceMode;
use crate::stage::stream::{Reader, Stream, Writer, in_a_stream};
use crate::stage::{explore, saw};
use crate::sync::AtomicU32;
use crate::wait::{self, Sleeper, Wait, Why};
use crate::weaken::Rule;

/// A stream in which a quarter is more than one.
const EIGHT: u32 = 3;

/// As `Gate::tell_if`.
fn tell_if(word: &AtomicU32, due: impl FnOnce() -> bool) {
    wait::notifier_fence(FenceMode::Fenced);
    if wait::sleepers(word) && due() && wait::notify(word, 1) {
        saw("notified");
    }
}

/// Who sleeps at a mark of its own is to be told now.
fn due(below: impl FnOnce() -> bool) -> bool {
    Rule::MarkWakes.kept() && (!below() || !Rule::MarkSpares.kept())
}

/// Sets the mark, and tries until it is not refused.
fn wait_until<R>(
    word: &'static AtomicU32,
    mark: impl Fn(&mut R),
    who: &mut R,
    mut attempt: impl FnMut(&mut R) -> bool,
) {
    if attempt(who) {
        return;
    }
    if Rule::MarkFirst.kept() {
        mark(who);
    }
    let mut sleeper = Sleeper::new(Wait {
        word,
        mode: FenceMode::Fenced,
        tick: u64::MAX,
        deadline: None,
    });
    loop {
        let why = sleeper.next().expect("without a deadline");
        if why == Why::Sleep && !Rule::MarkFirst.kept() {
            mark(who);
        }
        if attempt(who) {
            return;
        }
        if why == Why::Sleep {
            saw("about to sleep");
        }
    }
}

impl Writer {
    /// As `WriteChunk::commit`.
    fn try_write(&mut self, numbers: &[u32]) -> bool {
        let written = self.write(numbers);
        if written {
            let reader = &self.stream.lines.receivers.0;
            tell_if(reader, || due(|| self.end.below_the_readers_mark()));
        }
        written
    }

    fn wait_and_write(&mut self, numbers: &[u32]) {
        let word = &self.stream.lines.senders.0;
        let mark = |tx: &mut Writer| tx.end.mark(numbers.len() as u64);
        wait_until(word, mark, self, |tx| tx.try_write(numbers));
    }
}

impl Reader {
    /// As `Attached::filled`, and `ReadChunk::consume`.
    fn try_read(&mut self, wanted: u64, count: u64) -> Option<Vec<u32>> {
        let got = self.read_part(wanted, wanted, count);
        let writer = &self.stream.lines.senders.0;
        if got.is_some() {
            tell_if(writer, || due(|| self.end.below_the_writers_mark()));
        } else if Rule::RefusedWakes.kept() && self.end.owes_a_wake() {
            tell_if(writer, || true);
        }
        got
    }

    fn wait_and_read(&mut self, wanted: u64) -> Vec<u32> {
        let word = &self.stream.lines.receivers.0;
        let mark = |rx: &mut Reader| rx.end.mark(wanted);
        let mut got = None;
        wait_until(word, mark, self, |rx| {
            got = rx.try_read(wanted, wanted);
            got.is_some()
        });
        got.expect("it was not refused")
    }
}

impl Stream {
    /// Begins with somebody asleep on `word`.
    fn asleep(&self, word: &AtomicU32) {
        word.futex.until_asleep(1);
        loom::explore();
    }
}

/// Whether somebody was asleep at a word.
struct Asleep(&'static AtomicU32, bool);

impl Asleep {
    fn at(word: &'static AtomicU32) -> Asleep {
        Asleep(word, word.futex.sleeping() == 1)
    }

    /// If so, he still is.
    fn still(&self) {
        let Asleep(word, was) = *self;
        assert!(!was || word.futex.sleeping() == 1, "woken before the mark");
        saw(if was { "left alone" } else { "still up" });
    }
}

/// Each end waits for as much as it wants, and the other comes to that by steps.
pub(super) fn no_wake_of_a_stream_is_lost() {
    explore(3, || {
        in_a_stream(2, 0, |stream| {
            let (mut tx, mut rx) = (stream.writer(), stream.reader());
            // It has waited for more than that before, and has given up.
            rx.end.mark(4);
            let reader = spawn(move || rx.wait_and_read(2));
            assert!(tx.try_write(&[1]));
            assert!(tx.try_write(&[2]));
            assert_eq!(reader.join().unwrap(), [1, 2]);
        });
    });
    explore(2, || {
        in_a_stream(EIGHT, 0, |stream| {
            stream.fill(&[1, 2, 3, 4, 5, 6, 7, 8]);
            let (mut tx, mut rx) = (stream.writer(), stream.reader());
            // As above.
            tx.end.mark(4);
            let writer = spawn(move || tx.wait_and_write(&[9]));
            assert_eq!(rx.try_read(1, 1), Some(vec![1]));
            assert_eq!(rx.try_read(1, 1), Some(vec![2]));
            writer.join().unwrap();
            assert_eq!(rx.read(7), Some(vec![3, 4, 5, 6, 7, 8, 9]));
        });
    });
    // In turn.
    explore(2, || {
        in_a_stream(1, u64::MAX, |stream| {
            let (mut tx, mut rx) = (stream.writer(), stream.reader());
            let reader = spawn(move || [rx.wait_and_read(1), rx.wait_and_read(2)].concat());
            tx.wait_and_write(&[1, 2]);
            tx.wait_and_write(&[3]);
            assert_eq!(reader.join().unwrap(), [1, 2, 3]);
        });
    });
}

/// With too little for the reader, and less than a quarter free for a writer that needs no more than one, both go on.
pub(super) fn a_reader_that_is_refused_wakes_the_writer() {
    for begins_asleep in [true, false] {
        explore(3, move || {
            in_a_stream(EIGHT, 0, |stream| {
                if begins_asleep {
                    loom::stop_exploring();
                }
                stream.fill(&[1, 2, 3, 4, 5, 6, 7, 8]);
                let (mut tx, mut rx) = (stream.writer(), stream.reader());
                let writer = spawn(move || tx.wait_and_write(&[9]));
                if begins_asleep {
                    stream.asleep(&stream.lines.senders.0);
                }
                assert_eq!(rx.try_read(1, 1), Some(vec![1]));
                // Once at each head: the next look, which may come after the writer sleeps, wakes nobody.
                let at_once = rx.try_read(8, 8);
                saw(if at_once.is_some() { "at once" } else { "refused" });
                let got = at_once.unwrap_or_else(|| rx.wait_and_read(8));
                assert_eq!(got, [2, 3, 4, 5, 6, 7, 8, 9]);
                writer.join().unwrap();
            });
        });
    }
}

/// A writer that sleeps is left alone until a quarter is free, or as much as it waits for, if that is more; a reader until
/// there is what it waits for.
pub(super) fn a_wake_comes_at_the_mark() {
    for (numbers, mark) in [(&[9][..], 2), (&[9, 10, 11], 3)] {
        explore(3, move || {
            in_a_stream(EIGHT, 0, |stream| {
                stream.fill(&[1, 2, 3, 4, 5, 6, 7, 8]);
                let (mut tx, mut rx) = (stream.writer(), stream.reader());
                let writer = spawn(move || tx.wait_and_write(numbers));
                let asleep = Asleep::at(&stream.lines.senders.0);
                for _ in 1..mark {
                    assert!(rx.try_read(1, 1).is_some());
                    asleep.still();
                }
                assert!(rx.try_read(1, 1).is_some());
                writer.join().unwrap();
            });
        });
    }
    explore(3, || {
        in_a_stream(2, 0, |stream| {
            let (mut tx, mut rx) = (stream.writer(), stream.reader());
            let reader = spawn(move || rx.wait_and_read(3));
            let asleep = Asleep::at(&stream.lines.receivers.0);
            assert!(tx.try_write(&[1, 2]));
            asleep.still();
            assert!(tx.try_write(&[3]));
            assert_eq!(reader.join().unwrap(), [1, 2, 3]);
        });
    });
}

/// A reader dies before it wakes the writer whose mark it has come to: the next one does so, if it goes on or has too little.
pub(super) fn the_next_reader_wakes_the_dead_ones_writer() {
    for goes_on in [true, false] {
        kill::everywhere(2, move |accesses| {
            in_a_stream(EIGHT, 0, |stream| {
                loom::stop_exploring();
                stream.fill(&[1, 2, 3, 4, 5, 6, 7, 8]);
                let mut tx = stream.writer();
                let writer = spawn(move || tx.wait_and_write(&[9]));
                stream.asleep(&stream.lines.senders.0);
                let victim = spawn(move || {
                    kill::after(accesses, || stream.reader().try_read(2, 2));
                });
                victim.join().unwrap();
                let mut next = stream.reader();
                let read = next.end.known();
                saw(if read == 8 { "nothing read" } else { "two read" });
                if goes_on {
                    // To the mark, or beyond it.
                    assert!(next.try_read(2, 2).is_some());
                    writer.join().unwrap();
                } else {
                    let got = next.wait_and_read(if read == 8 { 8 } else { 7 });
                    assert_eq!(got.last(), Some(&if read == 8 { 8 } else { 9 }));
                    writer.join().unwrap();
                }
            });
        });
    }
}

/// The next writer hears of room, and the next reader of elements, whatever marks the dead have left.
pub(super) fn the_marks_of_the_dead_do_no_harm() {
    kill::everywhere(2, |accesses| {
        in_a_stream(2, 0, |stream| {
            let victim = spawn(move || {
                kill::after(accesses, || {
                    let rx = stream.reader();
                    // About to sleep.
                    rx.end.mark(4);
                    let mut sleeper = Sleeper::new(Wait {
                        word: &stream.lines.receivers.0,
                        mode: FenceMode::Fenced,
                        tick: u64::MAX,
                        deadline: None,
                    });
                    sleeper.next();
                });
            });
            let mut tx = stream.writer();
            let writer = spawn(move || assert!(tx.try_write(&[1]) && tx.try_write(&[2])));
            victim.join().unwrap();
            assert_eq!(stream.reader().wait_and_read(2), [1, 2]);
            writer.join().unwrap();
        });
    });
}
