//! What if process ids say nothing: two PID namespaces with one /dev/shm, pid_namespaces(7)?
//!
//! A process in a namespace of its own has there the id that a process out here has, living or dead.

use std::fs;
use std::time::Duration;

use annulus::{AttachError, Channel, Multi, RecvError, RecvTimeoutError, Single};
use nix::sched::CloneFlags;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, getpid};

use crate::support::message::{Message, Page};
use crate::support::own::{A_WHILE, Own};
use crate::support::traffic::{drain, receive};
use crate::support::trap::Trap;
use crate::support::words::Phase;
use crate::support::{Link, Peer, Words, peer, runner, until};
use crate::world::separate;

/// A process in another PID namespace.
struct Stranger {
    /// The process that has made the namespace, with the stranger's conversation.
    peer: Peer,
    /// Its id out here.
    outside: Pid,
}

impl Stranger {
    /// One whose id in its own namespace is `id`, and that does `run`. Where there can be none the test is skipped.
    fn called(id: Pid, run: impl FnOnce(&mut Link)) -> Option<Stranger> {
        let mut peer = Peer::fork("maker of a namespace", |link| {
            if let Err(errno) = separate(CloneFlags::CLONE_NEWPID) {
                return link.say(errno);
            }
            see_off(Peer::fork("init", |_| {
                if let Err(error) = fs::write("/proc/sys/kernel/ns_last_pid", (id.as_raw() - 1).to_string()) {
                    return link.say(error);
                }
                see_off(Peer::fork("stranger", |_| {
                    assert_eq!(getpid(), id);
                    // This /proc is that of the processes out here.
                    link.say(fs::read_link("/proc/self").unwrap().display());
                    run(link);
                }));
            }));
        });
        let first = peer.hear();
        let Ok(outside) = first.parse() else {
            runner::skip(format!("no PID namespace, or no id of choice in it: {first}"));
            return None;
        };
        let outside = Pid::from_raw(outside);
        assert_ne!(outside, id);
        Some(Stranger { peer, outside })
    }

    /// `SIGKILL`, and waits until it is gone.
    fn kill(self) {
        kill(self.outside, Signal::SIGKILL).unwrap();
        self.peer.join();
    }
}

/// Waits for it, which may be killed.
fn see_off(mut peer: Peer) {
    if !matches!(peer.wait(), WaitStatus::Signaled(_, Signal::SIGKILL, _)) {
        peer.join();
    }
}

/// The id of nobody out here: its process has ended.
fn of_a_dead_process() -> Pid {
    let peer = Peer::fork("short-lived", |_| {});
    let pid = peer.pid();
    peer.join();
    pid
}

type Pages = Channel<Page, Multi, Multi>;
type Line = Channel<u64, Single, Single>;

fn pages(name: &str) -> Pages {
    let builder = Pages::builder(8).table_length(8).tick(Duration::from_millis(20));
    builder.open_or_create(name).unwrap()
}

/// Role, id and life of the endpoints that are listed.
fn attached(name: &str) -> Vec<(&'static str, i32, bool)> {
    let listed = annulus::list().unwrap().into_iter().find(|listed| listed.name == name);
    let attached = listed.unwrap().attached.into_iter();
    let mut attached: Vec<_> = attached.map(|it| (it.role, it.pid as i32, it.alive)).collect();
    attached.sort();
    attached
}

pub fn processes_of_two_pid_namespaces_share_a_channel() {
    let me = getpid();
    for id in [me, of_a_dead_process()] {
        let (name, answers) = (Own::new("strangers"), Own::new("strangers-back"));
        let line = |name| {
            Line::builder(4)
                .tick(Duration::from_millis(20))
                .open_or_create(name)
                .unwrap()
        };
        let (numbers, back) = (line(&name), line(&answers));
        let (tx, rx) = (numbers.sender().unwrap(), back.receiver().unwrap());
        let both = [("receiver", id.as_raw(), true), ("sender", me.as_raw(), true)];
        let Some(mut stranger) = Stranger::called(id, |link| {
            let (numbers, back) = (line(&name), line(&answers));
            let (tx, rx) = (back.sender().unwrap(), numbers.receiver().unwrap());
            assert_eq!(attached(&name), both);
            // The end is taken, by the one with our id.
            let taken = numbers.sender().unwrap_err();
            assert!(
                matches!(taken, AttachError::AlreadyAttached { pid, .. } if pid == me.as_raw() as u32),
                "{taken}"
            );
            link.say("attached");
            for number in drain(&rx) {
                tx.send(number + 1).unwrap();
            }
            link.expect("go");
        }) else {
            return;
        };
        stranger.peer.expect("attached");
        assert_eq!(attached(&name), both);
        let taken = numbers.receiver().unwrap_err();
        assert!(
            matches!(taken, AttachError::AlreadyAttached { pid, .. } if pid == id.as_raw() as u32),
            "{taken}"
        );
        // Longer than a tick: it is taken to be alive, and so are we.
        assert_eq!(rx.recv_timeout(A_WHILE), Err(RecvTimeoutError::Timeout));
        assert!(annulus::gc().unwrap().iter().all(|removed| removed.name != *name));
        let numbers_to_send = Vec::from_iter(0..1000);
        drop(numbers);
        for &number in &numbers_to_send {
            tx.send(number).unwrap();
        }
        drop(tx);
        assert_eq!(
            Vec::from_iter((0..1000).map(|_| receive(&rx).unwrap())),
            Vec::from_iter(1..1001)
        );
        stranger.peer.tell("go");
        stranger.peer.join();
        assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    }
}

pub fn a_death_in_another_pid_namespace_is_noticed() {
    let name = Own::new("stranger-dies");
    // As a sender, in the middle of the third message of four.
    let channel = pages(&name);
    let words = Words::of(&channel);
    let rx = channel.receiver().unwrap();
    let id = getpid();
    let Some(mut stranger) = Stranger::called(id, |link| {
        let tx = pages(&name).sender().unwrap();
        link.say("attached");
        let trap = Trap::new(&[0, 1, 2, 3], 2);
        let _ = tx.send_many(trap.messages());
    }) else {
        return;
    };
    stranger.peer.expect("attached");
    until("the stranger has stopped", || peer::state(stranger.outside) == 'T');
    let sender = words.sender_of(id);
    assert_eq!(words.claims(Phase::Writing, sender), [2, 3]);
    assert_eq!((receive(&rx), receive(&rx)), (Ok(0), Ok(1)));
    let nothing = rx.recv_timeout(A_WHILE).map(|page| page.number());
    assert_eq!(nothing, Err(RecvTimeoutError::Timeout), "stopped is not dead");
    stranger.kill();
    let all = [("receiver", id.as_raw(), true), ("sender", id.as_raw(), false)];
    assert_eq!(attached(&name), all);
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    assert_eq!(attached(&name), all[..1], "it has been repaired");
    assert!(words.all_free());

    // As a receiver, in the middle of the third message of four.
    let tx = channel.sender().unwrap();
    drop(rx);
    let mut stranger = Stranger::called(id, |link| {
        let rx = pages(&name).receiver().unwrap();
        link.say("attached");
        link.expect("receive");
        let mut trap = Trap::new(&[0; 4], 2);
        let _ = rx.recv_many(trap.room());
    })
    .unwrap();
    stranger.peer.expect("attached");
    tx.send_many(&[4, 5, 6, 7].map(Page::of)).unwrap();
    stranger.peer.tell("receive");
    until("the stranger has stopped", || peer::state(stranger.outside) == 'T');
    // Position and number are the same.
    let in_hand = words.claims(Phase::Reading, words.receiver_of(id));
    assert!(in_hand.contains(&7), "{in_hand:?}");
    let rx = channel.receiver().unwrap();
    let nothing = rx.recv_timeout(A_WHILE).map(|page| page.number());
    assert_eq!(nothing, Err(RecvTimeoutError::Timeout), "stopped is not robbed");
    stranger.kill();
    drop(tx);
    let mut rest = drain(&rx);
    rest.sort();
    assert_eq!(rest, in_hand, "what it had in hand is delivered");
    assert!(words.all_free());
    drop((rx, channel));
    assert!(!name.exists());
}

pub fn who_is_in_another_pid_namespace_notices_a_death() {
    let name = Own::new("stranger-lives");
    let build = || Line::builder(4).tick(Duration::from_millis(20));
    let mut maker = Peer::fork("maker", |link| {
        let channel = build().create(&name).unwrap();
        let tx = channel.sender().unwrap();
        tx.send_many(&[1, 2, 3]).unwrap();
        link.say("sent");
        link.hear();
    });
    maker.expect("sent");
    let dead = maker.pid();
    let Some(mut stranger) = Stranger::called(dead, |link| {
        let channel = build().open(&name).unwrap();
        let rx = channel.receiver().unwrap();
        assert_eq!([1; 3].map(|_| receive(&rx).unwrap()), [1, 2, 3]);
        assert_eq!(rx.recv_timeout(A_WHILE), Err(RecvTimeoutError::Timeout));
        link.say("waits");
        assert_eq!(receive(&rx), Err(RecvError::Disconnected));
        // The name of the dead one with our id is for the taking.
        let own = build().create(&name).unwrap();
        assert_eq!(attached(&name), []);
        drop((rx, channel));
        own.sender().unwrap().send(4).unwrap();
        link.say("noticed");
        link.expect("go");
    }) else {
        return;
    };
    stranger.peer.expect("waits");
    maker.kill();
    stranger.peer.expect("noticed");
    let rx = build().open(&name).unwrap().receiver().unwrap();
    assert_eq!(receive(&rx), Ok(4));
    stranger.peer.tell("go");
    stranger.peer.join();
    assert!(!name.exists());
}
