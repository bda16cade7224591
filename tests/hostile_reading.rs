//! What did a hostile reading find, and does it stay mended?
//!
//! One test for each finding. Where a death in the middle of an operation is needed, the words are written by hand, as in
//! `claims`; where a process must be slow, it is stopped.

mod support;

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use annulus::mpmc::Channel as Mpmc;
use annulus::{
    AttachError, Channel, End, Kind, Multi, RecvError, RecvTimeoutError, SendTimeoutError, Single, TryRecvError,
    TrySendError,
};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, fork, getpid, getppid, pause};
use support::message::{Message, Page};
use support::traffic::{channel, drain, go_on, idle, receive};
use support::trap::Trap;
use support::words::{Phase, State};
use support::{LONG, Link, Peer, Words, until};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[
            ("pass on", pass_on),
            ("open what was not passed", open_what_was_not_passed),
        ],
        &support::tests!(
            plain:
                a_stream_does_not_end_while_a_newcomer_sweeps
                a_wake_up_goes_on_behind_a_gap
                an_inherited_channel_takes_no_descriptor_of_its_own_process;
            all:
                a_sender_that_waits_a_little_at_a_time_learns_of_its_receivers_death
                a_receiver_that_waits_a_little_at_a_time_learns_of_its_senders_death
                who_polls_slowly_learns_of_a_death
                a_forked_copy_is_refused_whatever_the_life_word_says
                a_corrupt_endpoint_stays_so_whatever_the_life_word_says
                a_fork_beside_a_reservation_does_not_keep_the_attach_byte
                a_stale_copy_of_a_seat_does_not_take_a_later_one_with_its_id
                a_copy_of_a_seat_left_elsewhere_is_nobody_once_its_sender_is_dead
                a_copy_of_a_seat_left_elsewhere_is_nobody_once_its_receiver_is_dead;
            multi_senders:
                a_copy_of_a_seat_left_elsewhere_keeps_no_gap_from_being_made
                a_senders_seat_is_for_sitting_down_though_the_table_is_full;
            multi_receivers:
                a_copy_of_a_seat_left_elsewhere_keeps_no_message_from_being_delivered
                a_receivers_seat_is_for_sitting_down_though_the_table_is_full
                a_stream_does_not_end_while_somebody_holds_a_dead_receivers_id;
        ),
    )
}

const A_WHILE: Duration = Duration::from_millis(300);

// Looking after the dead, by who never waits long.

/// Shorter than a first tick, which is 50 ms: no single wait of these looks after the dead.
const LITTLE: [Duration; 3] = [
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(40),
];

/// With the tick that nobody has chosen, and asleep at once: spinning is polling, and fast.
fn usual<S: End, R: End>(capacity: usize) -> (Channel<u64, S, R>, Words) {
    let channel = Channel::builder(capacity).table_length(8).spin_time(Duration::ZERO);
    let channel = channel.anonymous().expect("a channel");
    let words = Words::of(&channel);
    (channel, words)
}

// Handles that are of no more use, while a corrupt peer has its way with the life word.

/// What a copy of the word might be compared with: nothing, everything, the bit that is never set.
const LIVES: [u64; 3] = [0, u64::MAX, 1 << 31];

fn a_forked_copy_is_refused_whatever_the_life_word_says<S: End, R: End>() {
    for life in LIVES {
        let (channel, words) = usual::<S, R>(8);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));
        words.set_life(life);
        Peer::fork("copy", |_| {
            assert_eq!(tx.try_send(2), Err(TrySendError::WrongProcess(2)));
            assert_eq!(rx.try_recv(), Err(TryRecvError::WrongProcess));
        })
        .join();
        assert!(words.all_free(), "life {life:#x}");
    }
}

fn a_corrupt_endpoint_stays_so_whatever_the_life_word_says<S: End, R: End>() {
    for life in LIVES {
        let (channel, words) = usual::<S, R>(8);
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let sound = words.state(0);
        words.spoil(0);
        assert_eq!(tx.try_send(1), Err(TrySendError::Corrupt(1)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Corrupt));
        words.set_state(0, sound);
        words.set_life(life);
        assert_eq!(tx.try_send(1), Err(TrySendError::Corrupt(1)), "life {life:#x}");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Corrupt), "life {life:#x}");
    }
}

/// Waits or tries until one is not refused for want of a place or a message. A number of times, not a time: each takes
/// some milliseconds at least, so a hundred are ample on any machine.
fn learns(mut refused: impl FnMut() -> bool) {
    assert!((0..100).any(|_| !refused()), "a hundred times refused");
}

fn a_sender_that_waits_a_little_at_a_time_learns_of_its_receivers_death<S: End, R: End>() {
    for little in LITTLE {
        let (channel, _words) = usual::<S, R>(2);
        let mut dead = idle("receiver", || channel.receiver().unwrap());
        let tx = channel.sender().unwrap();
        tx.send_many(&[1, 2]).unwrap();
        assert!(matches!(tx.send_timeout(3, little), Err(SendTimeoutError::Timeout(3))));
        dead.kill();
        learns(|| match tx.send_timeout(3, little) {
            Err(SendTimeoutError::Timeout(3)) => true,
            Err(SendTimeoutError::Disconnected(3)) => false,
            other => panic!("{other:?}"),
        });
    }
}

fn a_receiver_that_waits_a_little_at_a_time_learns_of_its_senders_death<S: End, R: End>() {
    for little in LITTLE {
        let (channel, _words) = usual::<S, R>(2);
        let mut dead = idle("sender", || channel.sender().unwrap());
        let rx = channel.receiver().unwrap();
        assert_eq!(rx.recv_timeout(little), Err(RecvTimeoutError::Timeout));
        dead.kill();
        learns(|| match rx.recv_timeout(little) {
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
            other => panic!("{other:?}"),
        });
    }
}

const SLOWLY: Duration = Duration::from_millis(5);

fn who_polls_slowly_learns_of_a_death<S: End, R: End>() {
    let (channel, _words) = usual::<S, R>(2);
    let mut dead = idle("receiver", || channel.receiver().unwrap());
    let tx = channel.sender().unwrap();
    tx.send_many(&[1, 2]).unwrap();
    dead.kill();
    learns(|| {
        thread::sleep(SLOWLY);
        match tx.try_send(3) {
            Err(TrySendError::Full(3)) => true,
            Err(TrySendError::Disconnected(3)) => false,
            other => panic!("{other:?}"),
        }
    });

    let (channel, _words) = usual::<S, R>(2);
    let mut dead = idle("sender", || channel.sender().unwrap());
    let rx = channel.receiver().unwrap();
    dead.kill();
    learns(|| {
        thread::sleep(SLOWLY);
        match rx.try_recv() {
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => false,
            other => panic!("{other:?}"),
        }
    });
}

// Seats.

/// A child of a process with threads, for as long as its parent: it makes system calls and nothing else.
fn child_that_lives_on() {
    let parent = getpid();
    // SAFETY: the child calls prctl(2), getppid(2), pause(2) and _exit(2), which are async-signal-safe, and no more.
    match unsafe { fork() }.expect("fork") {
        ForkResult::Parent { .. } => {}
        ForkResult::Child => {
            let _ = prctl::set_pdeathsig(Signal::SIGKILL);
            while getppid() == parent {
                pause();
            }
            support::peer::exit_now(0)
        }
    }
}

/// Forks while another thread reserves, until many have fallen among its attempts.
fn fork_beside_reservations<S: End, R: End>(channel: &Channel<u64, S, R>) {
    let (stop, attempts, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let reserving = scope.spawn(|| {
            while !stop.load(SeqCst) {
                match channel.reserve_sender() {
                    Ok(seat) => drop(seat),
                    // Ours, or one that a child has a copy of.
                    Err(AttachError::AlreadyAttached { .. } | AttachError::TableFull { .. }) => {
                        refused.fetch_add(1, SeqCst);
                    }
                    Err(error) => panic!("{error}"),
                }
                attempts.fetch_add(1, SeqCst);
            }
        });
        let fork_some = || {
            for _ in 0..50 {
                let before = attempts.load(SeqCst);
                child_that_lives_on();
                until("another attempt", || {
                    attempts.load(SeqCst) > before || reserving.is_finished()
                });
            }
        };
        fork_some();
        let ours = channel.reserve_sender();
        fork_some();
        drop(ours);
        stop.store(true, SeqCst);
        if let Err(panic) = reserving.join() {
            std::panic::resume_unwind(panic);
        }
    });
    if matches!(Channel::<u64, S, R>::kind(), Kind::Spsc | Kind::Spmc) {
        assert_ne!(refused.load(SeqCst), 0, "attempts that fail are among them");
    }
}

fn a_fork_beside_a_reservation_does_not_keep_the_attach_byte<S: End, R: End>() {
    let channel = Channel::<u64, S, R>::builder(4).table_length(1000);
    let channel = channel.anonymous().expect("a channel");
    let mut forker = Peer::fork("forker", |link| {
        fork_beside_reservations(&channel);
        link.say("forked");
        link.hear();
    });
    forker.expect("forked");
    channel.receiver().expect("the children live, and hold nothing up");
    match channel.sender() {
        Ok(_) => {}
        // A child may have a copy of the only sender's seat.
        Err(AttachError::AlreadyAttached { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    forker.kill();
    let mut tx = None;
    until("the children are gone", || {
        tx = channel.sender().ok();
        tx.is_some()
    });
    go_on(&tx.unwrap(), &channel.receiver().unwrap());
}

fn a_copy_of_a_seat_left_elsewhere_is_nobody_once_its_sender_is_dead<S: End, R: End>() {
    let (channel, _words) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    let mut copy = channel.reserve_sender().ok();
    let mut dead = idle("sender", || copy.take().unwrap().attach().unwrap());
    dead.kill();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    let tx = channel.sender().unwrap();
    go_on(&tx, &rx);
    drop(copy);
    go_on(&tx, &rx);
}

fn a_copy_of_a_seat_left_elsewhere_is_nobody_once_its_receiver_is_dead<S: End, R: End>() {
    let (channel, _words) = channel::<u64, S, R>(4);
    let tx = channel.sender().unwrap();
    let mut copy = channel.reserve_receiver().ok();
    let mut dead = idle("receiver", || copy.take().unwrap().attach().unwrap());
    tx.send_many(&[1, 2, 3, 4]).unwrap();
    dead.kill();
    let refused = tx.send_timeout(5, LONG);
    assert!(matches!(refused, Err(SendTimeoutError::Disconnected(5))), "{refused:?}");
    let rx = channel.receiver().unwrap();
    for number in 1..=4 {
        assert_eq!(receive(&rx), Ok(number));
    }
    go_on(&tx, &rx);
    drop(copy);
    go_on(&tx, &rx);
}

fn a_copy_of_a_seat_left_elsewhere_keeps_no_gap_from_being_made<R: End>() {
    let (channel, words) = channel::<u64, Multi, R>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut copy = channel.reserve_sender().ok();
    let mut dead = idle("sender", || copy.take().unwrap().attach().unwrap());
    let id = words.sender_of(dead.pid());
    dead.kill();
    words.claim(0, Phase::Writing, id);
    tx.send(7).unwrap();
    assert_eq!(receive(&rx), Ok(7));
    assert_eq!((words.state(0).lap, words.state(0).phase), (1, Phase::Free));
    assert!(matches!(copy.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    go_on(&tx, &rx);
}

fn a_copy_of_a_seat_left_elsewhere_keeps_no_message_from_being_delivered<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut copy = channel.reserve_receiver().ok();
    let mut dead = idle("receiver", || copy.take().unwrap().attach().unwrap());
    let id = words.receiver_of(dead.pid());
    tx.send_many(&[1, 2]).unwrap();
    dead.kill();
    words.claim(0, Phase::Reading, id);
    let mut received = [receive(&rx).unwrap(), receive(&rx).unwrap()];
    received.sort_unstable();
    assert_eq!(received, [1, 2]);
    assert!(matches!(copy.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    go_on(&tx, &rx);
}

fn a_stale_copy_of_a_seat_does_not_take_a_later_one_with_its_id<S: End, R: End>() {
    let (channel, _words) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    let mut stale = channel.reserve_sender().ok();
    let mut dead = idle("sender", || stale.take().unwrap().attach().unwrap());
    dead.kill();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    channel.recover().unwrap();
    let seat = channel.reserve_sender().unwrap();
    assert!(matches!(stale.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    go_on(&seat.attach().unwrap(), &rx);
}

/// A channel with as many records as its multi ends have endpoints here: one each.
fn one_record_each<S: End, R: End>() -> Channel<u64, S, R> {
    let multi_ends = match Channel::<u64, S, R>::kind() {
        Kind::Mpmc => 2,
        _ => 1,
    };
    let channel = Channel::builder(4).tick(Duration::from_millis(20));
    channel.table_length(multi_ends).anonymous().expect("a channel")
}

fn a_senders_seat_is_for_sitting_down_though_the_table_is_full<R: End>() {
    let channel = one_record_each::<Multi, R>();
    let rx = channel.receiver().unwrap();
    let to = channel.reserve_sender().unwrap();
    let full = || matches!(channel.sender(), Err(AttachError::TableFull { .. }));
    assert!(full());
    let mut child = Peer::fork("sender", |link| {
        let tx = to.attach().unwrap();
        tx.send(5).unwrap();
        link.say("sent");
        link.hear();
    });
    child.expect("sent");
    assert!(full());
    assert_eq!(receive(&rx), Ok(5));
    child.tell("leave");
    child.join();
    assert_eq!(drain(&rx), []);
    go_on(&channel.sender().unwrap(), &rx);
}

fn a_receivers_seat_is_for_sitting_down_though_the_table_is_full<S: End>() {
    let channel = one_record_each::<S, Multi>();
    let tx = channel.sender().unwrap();
    let from = channel.reserve_receiver().unwrap();
    let full = || matches!(channel.receiver(), Err(AttachError::TableFull { .. }));
    assert!(full());
    let mut child = Peer::fork("receiver", |link| {
        let rx = from.attach().unwrap();
        link.say(receive(&rx).unwrap());
        link.hear();
    });
    tx.send(5).unwrap();
    assert_eq!(child.hear_value::<u64>(), 5);
    assert!(full());
    child.tell("leave");
    child.join();
    go_on(&tx, &channel.receiver().unwrap());
}

// Programs.

/// The middle of three: opens what it was passed, and passes it on under another name. Its own variable goes along.
fn pass_on(link: &mut Link) {
    let channel = Mpmc::<u64>::inherited("a").unwrap();
    let mut grandchild = Peer::spawn("open what was not passed", |command| {
        channel.pass_to(command, "b").unwrap();
    });
    grandchild.expect("not passed");
    grandchild.join();
    link.say("passed on");
}

/// Every descriptor of this process, and what it is open on.
fn descriptors() -> Vec<(String, String)> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("/proc");
    let mut list: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let on = std::fs::read_link(&path).ok()?;
            Some((path.display().to_string(), on.display().to_string()))
        })
        .filter(|(_, on)| !on.starts_with("/proc/")) // The listing itself.
        .collect();
    list.sort_unstable();
    list
}

fn open_what_was_not_passed(link: &mut Link) {
    let stale = std::env::var("ANNULUS_CHANNEL_a").expect("goes along");
    let number: RawFd = stale.split(':').next().unwrap().parse().unwrap();
    let channel = Mpmc::<u64>::inherited("b").unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    // Sooner or later one of our own lands on the number, of the very file.
    let path = format!("/proc/self/fd/{number}");
    let mut copies = Vec::new();
    while !std::path::Path::new(&path).exists() {
        copies.push(channel.as_fd().try_clone_to_owned().unwrap());
    }
    let ours = format!("/proc/self/fd/{}", channel.as_fd().as_raw_fd());
    let on = |path: &str| std::fs::read_link(path).unwrap();
    assert_eq!(on(&path), on(&ours), "the number is a descriptor of the channel");
    let before = descriptors();
    match Mpmc::<u64>::inherited("a") {
        Err(AttachError::NotPassed { name }) => assert_eq!(name, "a"),
        other => panic!("taken: {other:?}"),
    }
    assert_eq!(descriptors(), before, "nothing is closed, nothing is left open");
    go_on(&tx, &rx);
    drop(copies);
    link.say("not passed");
}

fn an_inherited_channel_takes_no_descriptor_of_its_own_process() {
    let (channel, _words) = channel::<u64, Multi, Multi>(4);
    let mut child = Peer::spawn("pass on", |command| channel.pass_to(command, "a").unwrap());
    child.expect("passed on");
    child.join();
}

// Newcomers and the end of the stream.

/// The lock bytes of a region, through a description of our own.
struct LockBytes(std::fs::File);

impl LockBytes {
    fn of(channel: &impl AsFd) -> LockBytes {
        let path = format!("/proc/self/fd/{}", channel.as_fd().as_raw_fd());
        let file = std::fs::File::options().read(true).write(true).open(path);
        LockBytes(file.expect("the region's file again"))
    }

    /// LAYOUT.md: 2^62 + id.
    fn owner_byte(id: u16) -> nix::libc::flock {
        nix::libc::flock {
            l_type: nix::libc::F_WRLCK as nix::libc::c_short,
            l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
            l_start: (1 << 62) + nix::libc::off_t::from(id),
            l_len: 1,
            l_pid: 0,
        }
    }

    fn take(&self, id: u16) {
        let byte = Self::owner_byte(id);
        nix::fcntl::fcntl(&self.0, nix::fcntl::FcntlArg::F_OFD_SETLK(&byte)).expect("the byte is free");
    }

    fn is_held(&self, id: u16) -> bool {
        let mut byte = Self::owner_byte(id);
        nix::fcntl::fcntl(&self.0, nix::fcntl::FcntlArg::F_OFD_GETLK(&mut byte)).expect("a lock's holder");
        i32::from(byte.l_type) != nix::libc::F_UNLCK
    }
}

fn a_stream_does_not_end_while_somebody_holds_a_dead_receivers_id<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(4);
    let mut dead = idle("receiver", || channel.receiver().unwrap());
    let id = words.receiver_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(7).unwrap();
    dead.kill();
    words.claim(0, Phase::Reading, id);
    // A newcomer that has taken the id and not swept it yet, or another reaper.
    let mut holder = idle("holder", || {
        let bytes = LockBytes::of(&channel);
        bytes.take(id);
        bytes
    });
    drop(tx);
    assert_eq!(rx.recv_timeout(A_WHILE), Err(RecvTimeoutError::Timeout));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    holder.kill();
    assert_eq!(receive(&rx), Ok(7));
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
}

/// A real newcomer, stopped in its sweep of the dead receiver's id: the ring is so large that this takes milliseconds,
/// and the message stands in the slot that it comes to last.
fn a_stream_does_not_end_while_a_newcomer_sweeps() {
    let stopped_in_time = (0..100).any(|_| {
        let channel = Channel::<u64, Single, Multi>::builder(1 << 20);
        let channel = channel.tick(Duration::from_millis(20)).table_length(2);
        let channel = channel.anonymous().expect("a channel");
        let words = Words::of(&channel);
        let mut dead = idle("receiver", || channel.receiver().unwrap());
        let id = words.receiver_of(dead.pid());
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let mut newcomer = Peer::fork("newcomer", |link| {
            link.hear();
            let _rx = channel.receiver().unwrap();
            link.say("attached");
            link.hear();
        });
        tx.send(7).unwrap();
        dead.kill();
        words.claim(0, Phase::Reading, id);
        drop(tx);
        let bytes = LockBytes::of(&channel);
        newcomer.tell("attach");
        while !bytes.is_held(id) {
            std::hint::spin_loop();
        }
        newcomer.stop();
        let claim = State {
            lap: 0,
            owner: id,
            phase: Phase::Reading,
        };
        if words.state(0) != claim {
            return false; // It was quicker than we: once more.
        }
        assert_eq!(rx.recv_timeout(A_WHILE), Err(RecvTimeoutError::Timeout));
        assert_eq!(words.state(0), claim);
        newcomer.resume();
        newcomer.expect("attached");
        assert_eq!(words.receiver_of(newcomer.pid()), id, "the same id");
        assert_eq!(receive(&rx), Ok(7));
        assert_eq!(receive(&rx), Err(RecvError::Disconnected));
        true
    });
    assert!(stopped_in_time);
}

// Wake-ups.

/// A message being written, a gap, and a message; two receivers asleep. The first message wakes one of them: it takes it,
/// and wakes the other for the last.
fn a_wake_up_goes_on_behind_a_gap() {
    let channel = Mpmc::<Page>::builder(4).table_length(8).tick(Duration::from_secs(60));
    let channel = channel.spin_time(Duration::ZERO).anonymous().expect("a channel");
    let words = Words::of(&channel);
    let mut slow = Peer::fork("slow sender", |link| {
        let tx = channel.sender().unwrap();
        let trap = Trap::new(&[10], 0);
        link.say("attached");
        link.hear();
        tx.send_many(trap.messages()).unwrap();
        link.hear();
    });
    slow.expect("attached");
    let mut dead = idle("dead sender", || channel.sender().unwrap());
    let dead_id = words.sender_of(dead.pid());
    let mut receivers = [(); 2].map(|()| {
        let mut receiver = Peer::fork("receiver", |link| {
            let rx = channel.receiver().unwrap();
            link.say("attached");
            link.hear();
            link.say(rx.recv().unwrap().number());
            link.hear();
        });
        receiver.expect("attached");
        receiver
    });
    let tx = channel.sender().unwrap();
    slow.tell("send");
    until("the slow sender has stopped", || slow.state() == 'T');
    assert_eq!(words.claims(Phase::Writing, words.sender_of(slow.pid())), [0]);
    dead.kill();
    words.claim(1, Phase::Writing, dead_id);
    tx.send(Page::of(12)).unwrap();
    assert_eq!(channel.recover().unwrap(), 1);
    assert_eq!((words.state(1).lap, words.state(1).phase), (1, Phase::Free), "a gap");
    assert_eq!(words.state(2).phase, Phase::Full);
    for receiver in &mut receivers {
        receiver.tell("receive");
    }
    let ids = [&receivers[0], &receivers[1]].map(|receiver| words.receiver_of(receiver.pid()));
    for (receiver, id) in receivers.iter().zip(ids) {
        // Sleeps become longer, so that none ends by itself just when the wake-up comes.
        until("the receiver sleeps for long", || receiver.is_waiting(&words, id, 4));
    }
    slow.resume();
    let mut received = receivers.each_mut().map(|receiver| receiver.hear_value::<u64>());
    received.sort_unstable();
    assert_eq!(received, [10, 12]);
    // Its own tick would have brought the second one here, too: it is the count that tells.
    let wakes = ids.map(|id| words.record(id).wakes);
    assert_eq!(wakes.iter().sum::<u64>(), 1, "{wakes:?}: one receiver wakes the other");
}
