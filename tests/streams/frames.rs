//! Are frames what was written, whole and in one piece, and is what is no frame refused?

use std::time::Duration;

use annulus::frames::{Reader, Writer};
use annulus::stream::{
    Channel, ReadError, ReadTimeoutError, TryReadError, TryWriteError, WriteError, WriteTimeoutError,
};

use crate::support::{LONG, Peer};
use crate::words::StreamWords;
use crate::world::{A_WHILE, panics};

/// Bytes of [`stream`]: a page.
const CAPACITY: usize = 4096;

fn stream() -> (Channel<u8>, StreamWords) {
    let channel = Channel::<u8>::builder(1)
        .tick(Duration::from_millis(20))
        .schema("frames");
    let channel = channel.anonymous().expect("a stream");
    assert_eq!(channel.capacity(), CAPACITY);
    let words = StreamWords::of(&channel);
    (channel, words)
}

fn ends(channel: &Channel<u8>) -> (Writer, Reader) {
    (
        Writer::new(channel.writer().unwrap()),
        Reader::new(channel.reader().unwrap()),
    )
}

/// Frame `number`, of a length that it has alone for a while.
fn frame(number: u64) -> Vec<u8> {
    let len = (number * 37 % 1500) as usize;
    (0..len as u64).map(|i| (number.wrapping_mul(31) ^ i) as u8).collect()
}

pub(crate) fn frames_come_as_they_were_written_wherever_they_lie() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = ends(&channel);
    // They wrap at every multiple of eight.
    for number in 0..5000 {
        let bytes = frame(number);
        tx.try_send(&bytes).unwrap();
        let read = rx.try_recv().unwrap();
        assert_eq!(*read, *bytes, "frame {number}");
        assert!(read.is_empty() || read.as_ptr().addr().is_multiple_of(8));
        drop(read);
        assert_eq!(rx.try_recv().map(|frame| frame.len()), Err(TryReadError::Empty));
    }
}

pub(crate) fn a_frame_is_as_long_as_it_was_committed_for() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = ends(&channel);
    for len in [0, 1, 7, 8, 9, 1000] {
        let mut room = tx.frame(1000).unwrap();
        assert_eq!(room.len(), 1000);
        room.fill(len as u8);
        room.commit(len);
        assert_eq!(words.len(), 8 + len.next_multiple_of(8) as u64, "length and padding");
        let read = rx.recv().unwrap();
        assert_eq!(*read, *vec![len as u8; len]);
    }
    // One that is dropped was never written.
    tx.frame(10).unwrap().fill(1);
    assert_eq!(words.len(), 0);
    let refused = panics(|| tx.frame(10).unwrap().commit(11));
    assert!(refused.contains("10 bytes cannot be committed for 11"), "{refused}");
    assert_eq!(words.len(), 0);
}

pub(crate) fn the_longest_frame_fills_the_stream_and_no_longer_one_is_written() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = ends(&channel);
    let most = tx.max_len();
    assert_eq!(most, CAPACITY - 8);
    // At any offset.
    for number in 0..600u64 {
        tx.send(&vec![1; (number % 40) as usize]).unwrap();
        rx.recv().map(drop).unwrap();
        let bytes = vec![number as u8; most];
        tx.try_send(&bytes).unwrap();
        assert_eq!(words.len(), CAPACITY as u64);
        assert_eq!(tx.try_send(&[]), Err(TryWriteError::Full));
        assert_eq!(*rx.try_recv().unwrap(), *bytes);
    }
    for len in [most + 1, CAPACITY, CAPACITY + 1, usize::MAX - 16, usize::MAX] {
        let max = most;
        assert_eq!(tx.frame(len).map(drop), Err(WriteError::TooLong { len, max }));
        assert_eq!(tx.try_frame(len).map(drop), Err(TryWriteError::TooLong { len, max }));
        let timed = tx.frame_timeout(len, LONG).map(drop);
        assert_eq!(timed, Err(WriteTimeoutError::TooLong { len, max }));
    }
}

pub(crate) fn a_frame_that_is_kept_comes_again() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = ends(&channel);
    tx.send(b"one").unwrap();
    tx.send(b"two").unwrap();
    for _ in 0..3 {
        let one = rx.recv().unwrap();
        assert_eq!(&*one, b"one");
        one.keep();
    }
    assert_eq!(words.len(), 32);
    assert_eq!(&*rx.recv().unwrap(), b"one");
    assert_eq!(&*rx.recv().unwrap(), b"two");
    assert_eq!(words.len(), 0);
}

pub(crate) fn who_waits_for_a_frame_or_for_room_is_told() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = ends(&channel);
    assert_eq!(rx.poll(A_WHILE), Ok(false));
    assert_eq!(
        rx.recv_timeout(A_WHILE).map(|frame| frame.len()),
        Err(ReadTimeoutError::Timeout)
    );
    tx.send(&[1; 4000]).unwrap();
    assert_eq!(rx.poll(Duration::ZERO), Ok(true));
    assert_eq!(
        (tx.poll(80, Duration::ZERO), tx.poll(81, A_WHILE)),
        (Ok(true), Ok(false))
    );
    assert_eq!(
        tx.frame_timeout(200, A_WHILE).map(drop),
        Err(WriteTimeoutError::Timeout)
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..20_000 {
                tx.send(&frame(number)).unwrap();
            }
        });
        assert_eq!(*rx.recv().unwrap(), [1; 4000]);
        for number in 0..20_000 {
            assert_eq!(*rx.recv().unwrap(), *frame(number), "frame {number}");
        }
    });
}

pub(crate) fn the_frames_of_the_dead_are_whole_or_never_were() {
    let (channel, words) = stream();
    let mut rx = Reader::new(channel.reader().unwrap());
    let mut writer = Peer::fork("writer", |link| {
        let mut tx = Writer::new(channel.writer().unwrap());
        tx.send(b"whole").unwrap();
        let mut frame = tx.frame(100).unwrap();
        frame.fill(9);
        link.say("filled");
        link.hear();
    });
    writer.expect("filled");
    writer.kill();
    assert_eq!(&*rx.recv_timeout(LONG).unwrap(), b"whole");
    assert_eq!(
        rx.recv_timeout(LONG).map(|frame| frame.len()),
        Err(ReadTimeoutError::Disconnected)
    );
    // The next one writes over what the dead one has not.
    let mut tx = Writer::new(channel.writer().unwrap());
    tx.send(b"next").unwrap();
    drop(rx);
    let mut reader = Peer::fork("reader", |link| {
        let mut rx = Reader::new(channel.reader().unwrap());
        let frame = rx.recv_timeout(LONG).unwrap();
        assert_eq!(&*frame, b"next");
        link.say("in hand");
        link.hear();
    });
    reader.expect("in hand");
    reader.kill();
    assert_eq!(words.len(), 16);
    // What a dead reader had in hand comes to the next.
    let mut rx = Reader::new(channel.reader().unwrap());
    assert_eq!(&*rx.recv_timeout(LONG).unwrap(), b"next");
    assert_eq!(words.len(), 0);
}

pub(crate) fn what_is_no_frame_is_corrupt_for_good() {
    let whole = |len: u64, bytes: usize| {
        let mut all = len.to_ne_bytes().to_vec();
        all.resize(8 + bytes, 7);
        all
    };
    for (bytes, what) in [
        (whole(CAPACITY as u64 - 7, 100), "longer than the stream"),
        (whole(u64::MAX, 100), "longer than anything"),
        (whole(u64::MAX - 7, 8), "around the end of the numbers"),
        (whole(101, 100), "longer than what is there"),
        (whole(1, 0), "without its bytes"),
        (vec![0; 3], "no length, at the end of the stream"),
    ] {
        let (channel, words) = stream();
        let mut raw = channel.writer().unwrap();
        let mut rx = Reader::new(channel.reader().unwrap());
        raw.write_all(&bytes).unwrap();
        drop(raw);
        for _ in 0..3 {
            let refused = rx.recv_timeout(LONG).map(|frame| frame.len());
            assert_eq!(refused, Err(ReadTimeoutError::Corrupt), "{what}");
            assert_eq!(
                rx.try_recv().map(|frame| frame.len()),
                Err(TryReadError::Corrupt),
                "{what}"
            );
            assert_eq!(rx.recv().map(|frame| frame.len()), Err(ReadError::Corrupt), "{what}");
        }
        assert_eq!(words.len(), bytes.len() as u64, "nothing is repaired: {what}");
    }
}

pub(crate) fn a_forked_childs_copy_of_a_frame_does_nothing() {
    let (channel, words) = stream();
    let (mut tx, mut rx) = ends(&channel);
    let mut frame = tx.frame(1000).unwrap();
    frame.fill(5);
    let mut parents = Some(frame);
    let mut child = Peer::fork("child", |link| {
        let copy = parents.take().unwrap();
        link.say("has a copy");
        link.hear();
        copy.commit(4);
    });
    child.expect("has a copy");
    parents.take().unwrap().commit(1000);
    child.tell("commit");
    child.join();
    assert_eq!(words.len(), 1008);
    assert_eq!(*rx.try_recv().unwrap(), [5; 1000]);
    assert_eq!(rx.try_recv().map(|frame| frame.len()), Err(TryReadError::Empty));
}

pub(crate) fn a_frame_in_hand_survives_a_panic() {
    let (channel, _words) = stream();
    let (mut tx, mut rx) = ends(&channel);
    tx.send(b"poison").unwrap();
    let refused = panics(|| {
        let frame = rx.recv().unwrap();
        panic!("{} bytes", frame.len());
    });
    assert_eq!(refused, "6 bytes");
    assert_eq!(&*rx.recv().unwrap(), b"poison");
}
