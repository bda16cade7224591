//! What is left of an operation on a stream that is killed after any of its instructions?
//!
//! All of it or nothing: a chunk is committed, or was never written; it is consumed, or comes again. Whoever takes the dead one's
//! end goes on at that very element.

use std::time::Duration;

use crate::stepping::{At, Walker, mark};
use crate::support::Test;
use crate::support::flow::{self, Channel, Flow, SMALL, Tx, element, try_read, try_write};
use crate::tally::{Stage, at_each_instruction};

/// Elements that go through before the operation: by then everything that it touches is mapped, and its chunk goes round the
/// end.
const WARM_UP: [u64; SMALL - 1] = [1; SMALL - 1];
/// The operation's chunk.
const STAKE: [u64; 2] = [101, 102];
/// An element that comes behind it.
const BEHIND: u64 = 103;
/// What the dead writer has filled, and not committed.
const NEVER: u64 = 109;

/// Each at the one kind of channel that there is.
pub fn tests() -> [Test; 2] {
    [
        Test::new(
            "streams::a_try_write_chunk_and_its_commit_killed_anywhere_have_written_it_or_not",
            a_try_write_chunk_and_its_commit_killed_anywhere_have_written_it_or_not,
        ),
        Test::new(
            "streams::a_try_read_chunk_and_its_consume_killed_anywhere_have_consumed_it_or_not",
            a_try_read_chunk_and_its_consume_killed_anywhere_have_consumed_it_or_not,
        ),
    ]
}

fn channel() -> (Channel, Flow) {
    let channel = Channel::builder(SMALL)
        .spin_time(Duration::ZERO)
        .tick(Duration::from_millis(1));
    let channel = channel.anonymous().expect("a stream");
    let flow = Flow::of(&channel);
    assert_eq!(flow.capacity(), SMALL as u64, "pages of the usual size");
    (channel, flow)
}

fn warm_up(tx: &mut Tx) {
    assert_eq!(try_write(tx, &WARM_UP), Ok(()));
}

fn a_try_write_chunk_and_its_commit_killed_anywhere_have_written_it_or_not() {
    at_each_instruction("streams: try_write_chunk, filled, and commit", Stage::Done, |count| {
        let (channel, flow) = channel();
        let mut rx = channel.reader().unwrap();
        let mut writer = Walker::fork(|| {
            let mut tx = channel.writer().unwrap();
            warm_up(&mut tx);
            let elements = [STAKE[0], STAKE[1], NEVER].map(element); // Made before they are written.
            mark();
            let mut chunk = tx.try_write_chunk(3).unwrap();
            chunk.copy_from_slice(&elements);
            chunk.commit(2);
            mark();
        });
        writer.go_to_mark();
        // Room for three is room that it has to look for.
        assert_eq!(try_read(&mut rx, WARM_UP.len()), Ok(WARM_UP.to_vec()));
        let reached = writer.steps(count);
        drop(writer); // Killed there.
        let there = flow.there();
        let stage = if there.is_empty() { Stage::NotDone } else { Stage::Done };
        assert!(there.is_empty() || there == STAKE, "a part of a chunk: {there:?}");
        let mut tx = channel.writer().unwrap();
        assert_eq!(try_write(&mut tx, &[BEHIND]), Ok(()));
        let came = flow::sound(&flow, &mut tx, &mut rx, "after the death");
        assert_eq!(came, [&there[..], &[BEHIND]].concat());
        (reached, stage)
    });
}

fn a_try_read_chunk_and_its_consume_killed_anywhere_have_consumed_it_or_not() {
    at_each_instruction("streams: try_read_chunk, read, and consume", Stage::Done, |count| {
        let (channel, flow) = channel();
        let mut tx = channel.writer().unwrap();
        warm_up(&mut tx);
        let mut reader = Walker::fork(|| {
            let mut rx = channel.reader().unwrap();
            assert_eq!(try_read(&mut rx, WARM_UP.len()), Ok(WARM_UP.to_vec()));
            mark();
            let chunk = rx.try_read_chunk(3).unwrap();
            let read = [chunk[0][0], chunk[1][0], chunk[2][0]]; // The first word of each.
            chunk.consume(2);
            mark();
            assert_eq!(read, [STAKE[0], STAKE[1], BEHIND]);
            mark();
        });
        reader.go_to_mark();
        assert_eq!(try_write(&mut tx, &[STAKE[0], STAKE[1], BEHIND]), Ok(()));
        let reached = reader.steps(count);
        if reached.at == At::Mark {
            reader.go_to_mark(); // And it knows what it has read.
        }
        drop(reader); // Killed there.
        let there = flow.there();
        let stage = match there.len() {
            1 => Stage::Done,
            _ => Stage::NotDone,
        };
        let left = [STAKE[0], STAKE[1], BEHIND];
        assert!(there == left || there == left[2..], "a part of a chunk: {there:?}");
        let mut rx = channel.reader().unwrap();
        let came = flow::sound(&flow, &mut tx, &mut rx, "after the death");
        assert_eq!(came, there);
        (reached, stage)
    });
}
