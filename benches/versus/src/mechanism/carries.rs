//! Does a mechanism carry what it says, between two threads of the test?

use std::thread;

use crate::ask::Wait;
use crate::message::Message;

use super::{Link, Mechanism, Rx, Shape, Tx};

/// For one sender and one receiver, under a name that only this test has.
pub fn shape(wait: Wait, test: &str) -> Shape {
    Shape {
        slots: 16,
        senders: 1,
        receivers: 1,
        wait,
        name: format!("versus-{}-{test}", std::process::id()),
    }
}

/// A thousand messages of this type, or 64 MiB of them, in order, however it waits.
pub fn carries<K: Mechanism, M: Message>(test: &str) {
    let count = 1000.min((64 << 20) / size_of::<M>() as u64);
    for &wait in K::WAITS {
        let link = K::Link::<M>::open(&shape(wait, test)).expect("a link");
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut tx = link.tx().expect("a sending end");
                let mut message = M::new();
                for number in 0..count {
                    message.number(number);
                    tx.send(&message).expect("sent");
                }
            });
            let mut rx = link.rx().expect("a receiving end");
            let mut message = M::new();
            for number in 0..count {
                rx.recv(&mut message).expect("received");
                assert_eq!(message.checked().expect("whole"), number);
            }
        });
    }
}
