//! What remains true when many open, create and drop one name, and are killed over it?

use std::time::Duration;

use annulus::{AttachError, CreateError, OpenOrCreateError, RecvTimeoutError, SendTimeoutError};

use crate::own::{Many, Numbers, Own};
use crate::steps::mistakes;
use crate::support::log::Log;
use crate::support::traffic::drain;
use crate::support::{LONG, Peer, until};

/// Numbers that are as good as any: xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Kills at this many moments.
const KILLS: u64 = 150;

/// Lets `count` processes do `run` again and again until `enough` of them have been killed in the middle of it and
/// replaced; `run` counts what it has done.
fn killing_spree(count: usize, kills: u64, run: impl Fn(usize, &Log)) {
    let progress: Vec<_> = (0..count).map(|_| Log::new(0)).collect();
    let start = |i: usize| Peer::fork("hammer", |_| run(i, &progress[i]));
    let mut peers: Vec<_> = (0..count).map(start).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..kills {
        let victim = dice.roll(count as u64) as usize;
        let (before, more) = (progress[victim].len(), 1 + dice.roll(4) as usize);
        until("the victim gets on", || {
            assert!(!peers[victim].has_ended(), "{:?}", peers[victim].hear());
            progress[victim].len() >= before + more
        });
        peers[victim].kill();
        peers[victim] = start(victim);
    }
}

pub fn names_withstand_kills() {
    let name = Own::new("hammer");
    killing_spree(4, KILLS, |i, progress| {
        let mut dice = Dice(0x1234_5678 + u64::from(std::process::id()) * 4 + i as u64);
        loop {
            match dice.roll(8) {
                0..3 => match Numbers::create(&name, 2) {
                    // Ours alone to remove: nobody takes it from us.
                    Ok(_channel) => assert!(name.exists(), "our name"),
                    Err(CreateError::NameTaken { .. } | CreateError::Busy { .. }) => {}
                    Err(error) => panic!("create: {error}"),
                },
                3..5 => match Numbers::open(&name) {
                    Ok(channel) => assert_eq!(channel.capacity(), 2),
                    Err(AttachError::NotFound { .. } | AttachError::Busy) => {}
                    Err(error) => panic!("open: {error}"),
                },
                5..7 => match Numbers::open_or_create(&name, 2) {
                    Ok(channel) => assert_eq!(channel.capacity(), 2),
                    Err(OpenOrCreateError::Open(AttachError::Busy)) => {}
                    Err(error) => panic!("open or create: {error}"),
                },
                _ => mistakes(&name),
            }
            progress.count();
        }
    });
    // Whatever the dead have left, the next one makes good.
    drop(Numbers::create(&name, 2).unwrap());
    assert!(!name.exists());
}

pub fn no_message_of_a_live_session_is_lost() {
    const SENDERS: usize = 3;
    let name = Own::new("session");
    let received = Log::new(1 << 20);
    // The receiver is not killed: with a message in hand it would take that along. It leaves and comes again.
    let stop = Log::new(0);
    let receiver = Peer::fork("receiver", |_| {
        loop {
            let done = stop.len() != 0;
            let rx = Many::open_or_create(&name, 8).unwrap().receiver().unwrap();
            loop {
                match rx.recv_timeout(Duration::from_millis(2)) {
                    Ok(number) => received.push(number),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            drop(rx);
            if done {
                break;
            }
        }
    });
    let logs: Vec<_> = (0..SENDERS).map(|_| Log::new(1 << 20)).collect();
    killing_spree(SENDERS, KILLS, |i, progress| {
        let mut number = (i as u64 + 1) << 56 | u64::from(std::process::id()) << 24;
        loop {
            let tx = Many::open_or_create(&name, 8).unwrap().sender().unwrap();
            for _ in 0..3 {
                number += 1;
                match tx.send_timeout(number, LONG) {
                    Ok(()) => logs[i].push(number),
                    // The receiver has just left.
                    Err(SendTimeoutError::Disconnected(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            drop(tx);
            progress.count();
        }
    });
    stop.count();
    receiver.join();
    let mut got = received.list();
    // What the last senders left after the receiver's last look.
    if let Ok(channel) = Many::open(&name) {
        got.extend(drain(&channel.receiver().unwrap()));
    }
    let count = got.len();
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), count, "none twice");
    let sent: Vec<_> = logs.iter().flat_map(Log::list).collect();
    assert!(sent.len() > 3 * KILLS as usize / 2);
    for number in sent {
        assert!(got.binary_search(&number).is_ok(), "{number:#x} is lost");
    }
    assert!(!name.exists());
}
