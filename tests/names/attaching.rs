//! What does somebody who attaches make of others who attach at the same time?

use std::fs;

use annulus::RecvTimeoutError;

use crate::steps::{ATTACH, is_held};
use crate::support::log::Log;
use crate::support::own::{Numbers, Own};
use crate::support::step::Stepped;
use crate::support::{LONG, until};

/// Wherever a receiver is in its attach when a sender attaches: that a sender has been there is not forgotten.
pub fn who_has_attached_meanwhile_has_been_there() {
    let name = Own::new("meanwhile");
    drop(Numbers::builder(4).keep_name().create(&name).unwrap());
    let attached = Log::new(0);
    let (mut stops, mut held_up) = (0, 0);
    loop {
        let before = attached.len();
        let mut receiver = Stepped::fork(|| {
            let rx = Numbers::open(&name).unwrap().receiver().unwrap();
            attached.count();
            assert_eq!(rx.recv_timeout(LONG), Ok(1));
            assert_eq!(rx.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
        });
        receiver.steps(stops);
        if attached.len() > before {
            break; // It waits for a message.
        }
        let channel = Numbers::open(&name).unwrap();
        // Else the sender would wait for a receiver that is stopped.
        let tx = (!is_held(&name, ATTACH)).then(|| channel.sender().unwrap());
        held_up += u32::from(tx.is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                until("the receiver has attached", || attached.len() > before);
                tx.unwrap_or_else(|| channel.sender().unwrap()).send(1).unwrap();
            });
            receiver.finish();
        });
        // A thread that has been joined is still on its way out of the process, which must have one to fork.
        until("the thread is gone", || {
            fs::read_dir("/proc/self/task").unwrap().count() == 1
        });
        stops += 1;
    }
    assert!(stops > 20 && held_up > 5, "{held_up} of {stops}");
    annulus::unlink(&name).unwrap();
}
