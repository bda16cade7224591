//! What do the criterion benches have in common? Two threads on two processors, and payloads that are checked.
#![allow(dead_code, reason = "each bench uses a part")]

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use annulus::{Channel, End, Receiver};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Sends `messages` through `channel`; how long that took the receiver.
pub fn one_way<S: End, R: End>(messages: u64, channel: &Channel<u64, S, R>) -> Duration {
    let [first, second] = two_processors();
    let ready = &Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(move || {
            pin(first);
            let tx = channel.sender().expect("a sender");
            ready.wait();
            for i in 0..messages {
                tx.send(i).expect("a receiver");
            }
            ready.wait();
        });
        let receiver = scope.spawn(move || {
            pin(second);
            let rx = channel.receiver().expect("a receiver");
            ready.wait();
            let start = Instant::now();
            expect(&rx, messages);
            let took = start.elapsed();
            ready.wait();
            took
        });
        receiver.join().expect("all messages")
    })
}

/// Sends `trips` messages there and back; how long that took.
pub fn round_trips<S: End, R: End>(trips: u64, there: &Channel<u64, S, R>, back: &Channel<u64, S, R>) -> Duration {
    let [first, second] = two_processors();
    let ready = &Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(move || {
            pin(second);
            let rx = there.receiver().expect("a receiver");
            let tx = back.sender().expect("a sender");
            ready.wait();
            for i in 0..trips {
                assert_eq!(rx.recv(), Ok(i), "in order");
                tx.send(!i).expect("the other side");
            }
            ready.wait();
        });
        let first = scope.spawn(move || {
            pin(first);
            let tx = there.sender().expect("a sender");
            let rx = back.receiver().expect("a receiver");
            ready.wait();
            let start = Instant::now();
            for i in 0..trips {
                tx.send(i).expect("the other side");
                assert_eq!(rx.recv(), Ok(!i), "the answer to this message");
            }
            let took = start.elapsed();
            ready.wait();
            took
        });
        first.join().expect("all round trips")
    })
}

fn expect<R: End>(rx: &Receiver<u64, R>, messages: u64) {
    for i in 0..messages {
        assert_eq!(rx.recv(), Ok(i), "in order");
    }
}

fn two_processors() -> [usize; 2] {
    let allowed = sched_getaffinity(None).expect("an affinity");
    let mut cpus = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
    let first = cpus.next().expect("a processor");
    [first, cpus.next().unwrap_or(first)]
}

fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).expect("pin to a processor that this process may use");
}
