//! Are the two ends of a duplex pair connected, however the other one is come by, and do both hear of the other's end?

use std::io::{BufRead, Read, Write};

use annulus::AttachError;
use annulus::stream::{Duplex, DuplexEnd, ReadError, WriteError, duplex};

use crate::support::{LONG, Link, Peer};
use crate::world::A_WHILE;

const CAPACITY: usize = 4096;
const NAME: &str = "duplex";
const LINES: usize = 2000;

/// A program that answers each line of the end that it inherits in capitals.
pub(crate) fn shout(link: &mut Link) {
    let end = DuplexEnd::inherited(NAME).unwrap();
    assert!(matches!(DuplexEnd::inherited(NAME), Err(AttachError::NotPassed { .. })));
    let end = end.attach().unwrap();
    link.say("attached");
    answer(end);
}

fn answer(mut end: Duplex) {
    let mut line = String::new();
    while end.read_line(&mut line).unwrap() != 0 {
        end.write_all(line.to_uppercase().as_bytes()).unwrap();
        line.clear();
    }
}

/// Asks, and hears the answers.
fn talk(end: &mut Duplex) {
    let mut line = String::new();
    for number in 0..LINES {
        writeln!(end, "line {number}{}", "x".repeat(number % 300)).unwrap();
        line.clear();
        end.read_line(&mut line).unwrap();
        assert_eq!(line, format!("LINE {number}{}\n", "X".repeat(number % 300)));
    }
}

pub(crate) fn two_threads_talk_both_ways() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let (mut near, far) = (near.attach().unwrap(), far.attach().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(move || answer(far));
        talk(&mut near);
        drop(near);
    });
}

pub(crate) fn a_spawned_program_has_the_other_end() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let mut far = Some(far);
    let mut child = Peer::spawn("shout", |command| far.take().unwrap().pass_to(command, NAME).unwrap());
    let mut near = near.attach().unwrap();
    child.expect("attached");
    talk(&mut near);
    drop(near);
    child.join();
}

pub(crate) fn a_forked_child_has_the_other_end() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let mut seat = Some(far.reserve().unwrap());
    let child = Peer::fork("child", |_| answer(seat.take().unwrap().attach().unwrap()));
    drop(seat);
    let mut near = near.attach().unwrap();
    talk(&mut near);
    drop(near);
    child.join();
}

pub(crate) fn a_child_that_dies_before_it_sits_down_hangs_up() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let mut seat = Some(far.reserve().unwrap());
    let mut child = Peer::fork("child", |link| {
        let _seat = seat.take();
        link.say("here");
        link.hear();
    });
    child.expect("here");
    drop(seat);
    let mut near = near.attach().unwrap();
    assert_eq!(near.poll(A_WHILE), Ok(false), "somebody may come");
    child.kill();
    assert_eq!(near.poll(LONG), Ok(true));
    assert_eq!(near.read(&mut [0; 8]).unwrap(), 0, "the end");
}

pub(crate) fn a_killed_end_is_the_end_to_the_other_one() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let mut seat = Some(far.reserve().unwrap());
    let mut child = Peer::fork("child", |link| {
        let mut end = seat.take().unwrap().attach().unwrap();
        end.write_all(b"last words").unwrap();
        link.say("said");
        link.hear();
    });
    drop(seat);
    child.expect("said");
    let mut near = near.attach().unwrap();
    child.kill();
    let mut words = String::new();
    near.read_to_string(&mut words).unwrap();
    assert_eq!(words, "last words");
    // What fits is written; who waits for room learns that there is nobody to make it.
    let refused = near.writer().write_all(&[0; 3 * CAPACITY]).unwrap_err();
    assert_eq!(refused.kind, WriteError::Disconnected);
}

/// As shutdown(2) does: the one way ends, the other goes on.
pub(crate) fn half_of_an_end_may_go() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let (near, mut far) = (near.attach().unwrap(), far.attach().unwrap());
    let (tx, mut rx) = near.into_halves();
    drop(tx);
    assert_eq!(far.read(&mut [0; 1]).unwrap(), 0);
    far.write_all(b"still here").unwrap();
    let mut bytes = [0; 10];
    rx.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"still here");
    assert_eq!(rx.poll(A_WHILE), Ok(false));
}

pub(crate) fn messages_of_any_size_go_both_ways() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let (near, far) = (near.attach().unwrap(), far.attach().unwrap());
    let (mut near, far) = (near.into_frames(), far.into_frames());
    assert_eq!(near.poll(A_WHILE), Ok(false));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut tx, mut rx) = far.into_halves();
            while let Ok(request) = rx.recv() {
                // The request is in hand, in place, while the answer is written.
                let mut reply = tx.frame(request.len()).unwrap();
                reply.copy_from_slice(&request);
                reply.reverse();
                reply.commit_all();
            }
        });
        for len in (0..CAPACITY - 7).step_by(13) {
            let request: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
            near.send(&request).unwrap();
            assert_eq!(near.poll(LONG), Ok(true));
            let reply = near.recv().unwrap();
            assert!(reply.iter().eq(request.iter().rev()), "a reply of {len} bytes");
        }
        drop(near);
    });
}

pub(crate) fn an_end_that_may_yet_be_attached_to_is_waited_for() {
    let (near, far) = duplex(CAPACITY).unwrap();
    let mut near = near.attach().unwrap();
    assert_eq!(near.poll(A_WHILE), Ok(false));
    drop(far);
    assert_eq!(near.poll(LONG), Ok(true));
    assert_eq!(
        near.reader().read_chunk(1).map(|chunk| chunk.len()),
        Err(ReadError::Disconnected)
    );
}
