//! Sleepers and wake-ups around blocks: each message and each freed block wakes one, and nobody passes a wake-up on.
//!
//! `pool` and `wait` put together as `channel::blocks` does it, less what asks the kernel about the living.

use loom::thread::spawn;

use crate::layout::FenceMode;
use crate::stage::blocks::{Blocks, among_blocks};
use crate::stage::{explore, id, saw};
use crate::sync::AtomicU32;
use crate::wait::{self, Sleeper, Wait, Why};
use crate::weaken::Rule;

/// As `Attached::tell`.
fn tell(word: &AtomicU32) {
    wait::notifier_fence(FenceMode::Fenced);
    if wait::notify(word, 1) {
        saw("notified");
    }
}

fn wait_until<R>(word: &'static AtomicU32, mut attempt: impl FnMut() -> Option<R>) -> R {
    if let Some(answer) = attempt() {
        return answer;
    }
    let mut sleeper = Sleeper::new(Wait {
        word,
        mode: FenceMode::Fenced,
        tick: u64::MAX,
        deadline: None,
    });
    loop {
        let why = sleeper.next().expect("without a deadline");
        if let Some(answer) = attempt() {
            return answer;
        }
        if why == Why::Sleep {
            saw("about to sleep");
        }
    }
}

impl Blocks {
    fn send_and_tell(&'static self, n: u16) {
        assert!(self.send(id(n), u32::from(n)), "a block is free");
        tell(&self.lines.receivers.0);
    }

    fn recv_and_tell(&'static self, n: u16) -> Option<u32> {
        let got = self.recv(id(n))?;
        if Rule::ReleaseTells.kept() {
            tell(&self.lines.senders.0);
        }
        Some(got)
    }

    fn wait_and_send(&'static self, n: u16) {
        wait_until(&self.lines.senders.0, || self.send(id(n), u32::from(n)).then_some(()));
        tell(&self.lines.receivers.0);
    }

    fn wait_and_recv(&'static self, n: u16) -> u32 {
        let got = wait_until(&self.lines.receivers.0, || self.recv(id(n)));
        tell(&self.lines.senders.0);
        got
    }

    /// Begins with `count` sleepers on `word`.
    fn asleep(&self, word: &AtomicU32, count: u32) {
        word.futex.until_asleep(count);
        loom::explore();
    }
}

/// Two receivers sleep, or are about to, and two messages come from two senders.
pub(super) fn each_message_wakes_a_receiver() {
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            loom::stop_exploring();
            let receivers = [0, 1].map(|n| spawn(move || blocks.wait_and_recv(n)));
            blocks.asleep(&blocks.lines.receivers.0, 2);
            let other = spawn(move || blocks.send_and_tell(2));
            blocks.send_and_tell(3);
            other.join().unwrap();
            let got = receivers.map(|receiver| receiver.join().unwrap());
            assert_eq!(got[0] + got[1], 5);
        });
    });
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            let receivers = [0, 1].map(|n| spawn(move || blocks.wait_and_recv(n)));
            blocks.send_and_tell(2);
            blocks.send_and_tell(3);
            let got = receivers.map(|receiver| receiver.join().unwrap());
            assert_eq!(got[0] + got[1], 5);
        });
    });
}

/// Two senders sleep, or are about to, and two blocks are freed by two receivers.
pub(super) fn each_freed_block_wakes_a_sender() {
    explore(2, || {
        among_blocks(2, 0, |blocks| {
            loom::stop_exploring();
            blocks.fill([8, 9]);
            let senders = [0, 1].map(|n| spawn(move || blocks.wait_and_send(n)));
            blocks.asleep(&blocks.lines.senders.0, 2);
            let other = spawn(move || assert!(blocks.recv_and_tell(2).is_some()));
            assert!(blocks.recv_and_tell(3).is_some());
            other.join().unwrap();
            for sender in senders {
                sender.join().unwrap();
            }
            let mut got = blocks.drain();
            got.sort_unstable();
            assert_eq!(got, [0, 1]);
        });
    });
    explore(1, || {
        among_blocks(2, 0, |blocks| {
            blocks.fill([8, 9]);
            let senders = [0, 1].map(|n| spawn(move || blocks.wait_and_send(n)));
            for _ in 0..2 {
                assert!(blocks.recv_and_tell(2).is_some());
            }
            for sender in senders {
                sender.join().unwrap();
            }
        });
    });
    // One block, in turn.
    explore(1, || {
        among_blocks(1, 0, |blocks| {
            let receiver = spawn(move || [blocks.wait_and_recv(0), blocks.wait_and_recv(0)]);
            blocks.wait_and_send(1);
            blocks.wait_and_send(2);
            assert_eq!(receiver.join().unwrap(), [1, 2]);
        });
    });
}
