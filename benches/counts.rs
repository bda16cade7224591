//! How many instructions does an operation take?
//!
//! `cargo bench --bench counts --no-run`, then the binary under `valgrind --tool=callgrind`: what callgrind adds up for
//! each of the functions below, divided by [`CALLS`], is repeatable to the instruction. Also the place to read the
//! assembly of an operation on its own (`objdump -d`). The results stand in `NOTES.md`.

use annulus::{mpmc, spsc};

/// Calls of each function; the ring holds them all.
const CALLS: u64 = 4096;

fn main() {
    let single = spsc::Channel::<u64>::anonymous(CALLS as usize).expect("a channel");
    let (tx, rx) = (
        single.sender().expect("a sender"),
        single.receiver().expect("a receiver"),
    );
    let multi = mpmc::Channel::<u64>::anonymous(CALLS as usize).expect("a channel");
    let (mtx, mrx) = (multi.sender().expect("a sender"), multi.receiver().expect("a receiver"));
    let done = |whole: bool| assert!(whole, "a ring that takes every call");
    done((0..CALLS).all(|i| single_try_send(&tx, i)));
    done((0..CALLS).all(|i| single_try_recv(&rx) == Some(i)));
    done((0..CALLS).all(|i| single_send(&tx, i)));
    done((0..CALLS).all(|i| single_recv(&rx) == Some(i)));
    done((0..CALLS).all(|i| multi_try_send(&mtx, i)));
    done((0..CALLS).all(|i| multi_try_recv(&mrx) == Some(i)));
    println!("{CALLS} calls of each");
}

#[inline(never)]
fn single_try_send(tx: &spsc::Sender<u64>, value: u64) -> bool {
    tx.try_send(value).is_ok()
}

#[inline(never)]
fn single_try_recv(rx: &spsc::Receiver<u64>) -> Option<u64> {
    rx.try_recv().ok()
}

#[inline(never)]
fn single_send(tx: &spsc::Sender<u64>, value: u64) -> bool {
    tx.send(value).is_ok()
}

#[inline(never)]
fn single_recv(rx: &spsc::Receiver<u64>) -> Option<u64> {
    rx.recv().ok()
}

#[inline(never)]
fn multi_try_send(tx: &mpmc::Sender<u64>, value: u64) -> bool {
    tx.try_send(value).is_ok()
}

#[inline(never)]
fn multi_try_recv(rx: &mpmc::Receiver<u64>) -> Option<u64> {
    rx.try_recv().ok()
}
