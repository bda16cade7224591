//! What do threads that share one endpoint get?

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use annulus::{AttachError, RecvTimeoutError, SendError, TryRecvError, mpmc, mpsc, spmc};

#[test]
fn threads_that_share_clones_lose_and_double_nothing() {
    // Room for one sender and one receiver: clones take no record of their own.
    let channel = mpmc::Channel::<u64>::builder(8).table_length(2).anonymous().unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    assert!(matches!(channel.sender(), Err(AttachError::TableFull { length: 2 })));
    let senders: Vec<_> = (0..2u64)
        .map(|thread| {
            let tx = tx.clone();
            thread::spawn(move || {
                for number in 0..20_000u64 {
                    match number % 4 {
                        0 => tx.send_many(&[thread << 32 | number]).unwrap(),
                        _ => tx.send(thread << 32 | number).unwrap(),
                    }
                }
            })
        })
        .collect();
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let rx = rx.clone();
            thread::spawn(move || rx.into_iter().collect::<Vec<_>>())
        })
        .collect();
    drop((tx, rx));
    for sender in senders {
        sender.join().unwrap();
    }
    let lists: Vec<Vec<u64>> = receivers.into_iter().map(|r| r.join().unwrap()).collect();
    for list in &lists {
        for thread in 0..2 {
            let of_one: Vec<_> = list.iter().filter(|&&v| v >> 32 == thread).collect();
            assert!(of_one.is_sorted(), "each receiver sees each thread's order");
        }
    }
    assert_eq!(lists.iter().map(Vec::len).sum::<usize>(), 40_000);
    assert_eq!(lists.into_iter().flatten().collect::<BTreeSet<_>>().len(), 40_000);
}

#[test]
fn a_shared_reference_is_as_good_as_a_clone() {
    let channel = mpmc::Channel::<u64>::anonymous(4).unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let sum: u64 = thread::scope(|scope| {
        let receivers = [(); 2].map(|()| scope.spawn(|| (0..1000).map(|_| rx.recv().unwrap()).sum::<u64>()));
        for _ in 0..2 {
            scope.spawn(|| (0..1000).for_each(|number| tx.send(number).unwrap()));
        }
        receivers.map(|r| r.join().unwrap()).iter().sum()
    });
    assert_eq!(sum, 999_000);
}

#[test]
fn only_the_last_clone_detaches() {
    let channel = mpsc::Channel::<u64>::builder(2)
        .tick(Duration::from_millis(20))
        .anonymous()
        .unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let clone = tx.clone();
    drop(tx);
    assert_eq!(
        rx.recv_timeout(Duration::from_millis(100)),
        Err(RecvTimeoutError::Timeout)
    );
    clone.send(1).unwrap();
    drop(clone);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));

    let channel = spmc::Channel::<u64>::builder(2)
        .tick(Duration::from_millis(20))
        .anonymous()
        .unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let clone = rx.clone();
    drop(rx);
    tx.send(1).unwrap();
    assert_eq!(clone.recv(), Ok(1));
    drop(clone);
    assert!(matches!(tx.send(2), Err(SendError::Disconnected(2))));
}

#[test]
fn single_endpoints_move_between_threads() {
    let channel = annulus::spsc::Channel::<u64>::anonymous(4).unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let tx = thread::spawn(move || {
        tx.send(1).unwrap();
        tx
    })
    .join()
    .unwrap();
    tx.send(2).unwrap();
    drop(tx);
    let list = thread::spawn(move || rx.into_iter().collect::<Vec<_>>())
        .join()
        .unwrap();
    assert_eq!(list, [1, 2]);
}
