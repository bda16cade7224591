//! What crosses a fork or an exec, and what does not?
//!
//! [`Peer::fork`] drops in the parent what its closure owns: a seat that moves into the closure is the child's alone from
//! then on. A test that keeps its copy lends it instead ([`Option::take`] in the child leaves the parent's untouched).

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use annulus::{
    AttachError, Channel, End, Kind, Multi, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Single,
    TryRecvError, TrySendError,
};
use support::traffic::{channel, drain, go_on, receive};
use support::{LONG, Link, Peer};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[
            ("send three", send_three),
            ("attach nothing", attach_nothing),
            ("expect otherwise", expect_otherwise),
        ],
        &support::tests!(
            plain:
                a_spawned_program_opens_what_it_was_passed
                a_program_that_expects_otherwise_is_told_so
                a_command_that_could_still_be_spawned_is_somebody_who_could_come;
            all:
                a_seat_becomes_the_childs_endpoint
                a_seat_is_taken_once
                a_child_that_is_killed_before_it_sits_down_ends_the_stream
                a_child_that_leaves_before_it_sits_down_ends_the_stream
                a_child_that_is_killed_after_it_sat_down_ends_the_stream
                a_seat_counts_as_attached
                a_seat_that_nobody_uses_leaves_its_place
                a_forked_child_cannot_use_its_parents_endpoints
                what_a_forked_child_drops_disturbs_nobody
                a_forked_child_attaches_through_its_inherited_channel
                the_wait_for_a_first_peer_ends_when_nobody_can_come;
            multi:
                a_clone_made_by_a_forked_child_is_the_parents;
        ),
    )
}

const A_WHILE: Duration = Duration::from_millis(100);

fn timeout<R: End>(rx: &annulus::Receiver<u64, R>) -> bool {
    rx.recv_timeout(A_WHILE) == Err(RecvTimeoutError::Timeout)
}

fn own_pid() -> nix::unistd::Pid {
    nix::unistd::getpid()
}

// Seats.

fn a_seat_becomes_the_childs_endpoint<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let (to, from) = (channel.reserve_sender().unwrap(), channel.reserve_receiver().unwrap());
    let mut to = Some(to);
    let mut receiver = Peer::fork("receiver", |link| {
        drop(to.take()); // As with a pipe: whoever does not send drops the sending end.
        let rx = from.attach().unwrap();
        link.say("attached");
        assert_eq!(drain(&rx), Vec::from_iter(0..1000));
    });
    receiver.expect("attached");
    assert_eq!(
        words.record(words.receiver_of(receiver.pid())).seat,
        2,
        "taken, and signed by who took it"
    );
    let sender = Peer::fork("sender", |_| {
        let tx = to.take().unwrap().attach().unwrap();
        for number in 0..1000 {
            tx.send(number).unwrap();
        }
    });
    drop(to);
    sender.join();
    receiver.join();
}

fn a_seat_is_taken_once<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let (mut to, mut from) = (channel.reserve_sender().ok(), channel.reserve_receiver().ok());
    let mut child = Peer::fork("child", |link| {
        let tx = to.take().unwrap().attach().unwrap();
        let rx = from.take().unwrap().attach().unwrap();
        link.say("attached");
        link.hear();
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Ok(1));
        link.say("went through");
    });
    child.expect("attached");
    assert!(matches!(to.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    assert!(matches!(from.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    // Being refused has taken nothing from who sits there.
    assert_eq!(words.record(words.sender_of(child.pid())).role, 1);
    child.tell("go");
    child.expect("went through");
    child.join();
    // And a copy in a third process is refused likewise.
    let mut seat = channel.reserve_sender().ok();
    let mut third = Peer::fork("third", |link| {
        link.expect("now");
        assert!(matches!(seat.take().unwrap().attach(), Err(AttachError::SeatTaken)));
    });
    let tx = seat.take().unwrap().attach().unwrap();
    third.tell("now");
    third.join();
    go_on(&tx, &channel.receiver().unwrap());
}

/// Both ends: a receiver drains and hears of the end, a sender gets its message back.
fn a_child_ends_the_stream<S: End, R: End>(sits_down: bool, end: impl Fn(&mut Peer)) {
    let (channel, _) = channel::<u64, S, R>(4);
    let (rx, to) = (channel.receiver().unwrap(), channel.reserve_sender().unwrap());
    let mut child = Peer::fork("sender", |link| {
        let seat = to;
        if sits_down {
            let tx = seat.attach().unwrap();
            tx.send(5).unwrap();
            link.say("here");
            link.hear();
        } else {
            link.say("here");
            link.hear();
        }
    });
    child.expect("here");
    if sits_down {
        assert_eq!(receive(&rx), Ok(5));
    }
    assert!(timeout(&rx), "while the child lives, somebody may come");
    end(&mut child);
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    drop(rx);

    let (tx, from) = (channel.sender().unwrap(), channel.reserve_receiver().unwrap());
    let mut child = Peer::fork("receiver", |link| {
        let _end = if sits_down {
            Ok(from.attach().unwrap())
        } else {
            Err(from)
        };
        link.say("here");
        link.hear();
    });
    child.expect("here");
    for number in 0..4 {
        tx.send(number).unwrap();
    }
    assert!(matches!(tx.send_timeout(4, A_WHILE), Err(SendTimeoutError::Timeout(4))));
    end(&mut child);
    assert!(matches!(
        tx.send_timeout(4, LONG),
        Err(SendTimeoutError::Disconnected(4))
    ));
    // The places are free again.
    let rx = channel.receiver().unwrap();
    for number in 0..4 {
        assert_eq!(receive(&rx), Ok(number));
    }
    go_on(&tx, &rx);
}

fn leave(child: &mut Peer) {
    child.tell("leave");
    assert!(matches!(child.wait(), nix::sys::wait::WaitStatus::Exited(_, 0)));
}

fn a_child_that_is_killed_before_it_sits_down_ends_the_stream<S: End, R: End>() {
    a_child_ends_the_stream::<S, R>(false, Peer::kill);
}

fn a_child_that_leaves_before_it_sits_down_ends_the_stream<S: End, R: End>() {
    a_child_ends_the_stream::<S, R>(false, leave);
}

fn a_child_that_is_killed_after_it_sat_down_ends_the_stream<S: End, R: End>() {
    a_child_ends_the_stream::<S, R>(true, Peer::kill);
}

fn a_seat_counts_as_attached<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let (to, from) = (channel.reserve_sender().unwrap(), channel.reserve_receiver().unwrap());
    let kind = Channel::<u64, S, R>::kind();
    if matches!(kind, Kind::Spsc | Kind::Spmc) {
        match channel.sender() {
            Err(AttachError::AlreadyAttached { role: "sender", pid }) => assert_eq!(pid, own_pid().as_raw() as u32),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            channel.reserve_sender(),
            Err(AttachError::AlreadyAttached { .. })
        ));
    }
    if matches!(kind, Kind::Spsc | Kind::Mpsc) {
        assert!(matches!(
            channel.receiver(),
            Err(AttachError::AlreadyAttached { role: "receiver", .. })
        ));
    }
    assert_eq!(words.record(words.sender_of(own_pid())).seat, 1, "reserved");
    let rx = from.attach().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(timeout(&rx));
    drop(to);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

fn a_seat_that_nobody_uses_leaves_its_place<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    for _ in 0..20 {
        drop(channel.reserve_sender().unwrap());
        drop(channel.reserve_receiver().unwrap());
    }
    assert!(
        (1..words.table_length).all(|id| words.record(id).role == 0),
        "{}",
        words.text()
    );
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    go_on(&tx, &rx);
}

// Forks.

fn a_forked_child_cannot_use_its_parents_endpoints<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send(1).unwrap();
    let before = words.text();
    let child = Peer::fork("child", |_| {
        let soon = || Instant::now() + A_WHILE;
        assert!(matches!(tx.send(7), Err(SendError::WrongProcess(7))));
        assert!(matches!(tx.try_send(7), Err(TrySendError::WrongProcess(7))));
        assert!(matches!(
            tx.send_timeout(7, A_WHILE),
            Err(SendTimeoutError::WrongProcess(7))
        ));
        assert!(matches!(
            tx.send_deadline(7, soon()),
            Err(SendTimeoutError::WrongProcess(7))
        ));
        let many = tx.send_many(&[7, 8]).unwrap_err();
        assert!(many.sent == 0 && matches!(many.kind, SendError::WrongProcess(())));
        assert!(matches!(tx.try_send_many(&[7, 8]), Err(TrySendError::WrongProcess(()))));
        tx.close();

        assert_eq!(rx.recv(), Err(RecvError::WrongProcess));
        assert_eq!(rx.try_recv(), Err(TryRecvError::WrongProcess));
        assert_eq!(rx.recv_timeout(A_WHILE), Err(RecvTimeoutError::WrongProcess));
        assert_eq!(rx.recv_deadline(soon()), Err(RecvTimeoutError::WrongProcess));
        assert_eq!(rx.recv_many(&mut [0; 2]), Err(RecvError::WrongProcess));
        assert_eq!(rx.try_recv_many(&mut [0; 2]), Err(TryRecvError::WrongProcess));
        assert_eq!(rx.iter().next(), None);
        assert_eq!(rx.try_iter().next(), None);
        rx.close();

        assert_eq!((tx.capacity(), tx.len(), rx.len()), (4, 1, 1), "to look is no offence");
    });
    child.join();
    assert_eq!(words.text(), before, "not a word has changed");
    assert_eq!(receive(&rx), Ok(1));
    go_on(&tx, &rx);
}

fn what_a_forked_child_drops_disturbs_nobody<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let mut ours = Some((channel.sender().unwrap(), channel.receiver().unwrap()));
    ours.as_ref().unwrap().0.send(1).unwrap();
    let mut channel = Some(channel);
    let before = words.text();
    for drops in [true, false] {
        let mut child = Peer::fork("child", |link| {
            let pair = ours.take();
            if drops {
                drop(pair);
                drop(channel.take());
            } else {
                std::mem::forget(pair); // And one that just ends.
            }
            link.say("done");
        });
        child.expect("done");
        child.join();
        assert_eq!(words.text(), before, "not a word has changed");
    }
    let (tx, rx) = ours.take().unwrap();
    assert_eq!(receive(&rx), Ok(1));
    assert!(timeout(&rx), "the sender is still attached");
    for number in 0..4 {
        tx.send(number).unwrap();
    }
    assert!(
        matches!(tx.send_timeout(4, A_WHILE), Err(SendTimeoutError::Timeout(4))),
        "and so is the receiver"
    );
    for number in 0..4 {
        assert_eq!(receive(&rx), Ok(number));
    }
    let channel = channel.unwrap();
    // Their locks are still held: nobody else gets a single end's place.
    if matches!(Channel::<u64, S, R>::kind(), Kind::Spsc | Kind::Spmc) {
        assert!(matches!(channel.sender(), Err(AttachError::AlreadyAttached { .. })));
    }
    go_on(&tx, &rx);
}

fn a_forked_child_attaches_through_its_inherited_channel<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut ours = Some((tx, rx));
    let kind = Channel::<u64, S, R>::kind();
    let mut child = Peer::fork("child", |link| {
        // The parent's are alive: only a multi end has room for more.
        assert_eq!(channel.sender().is_ok(), matches!(kind, Kind::Mpsc | Kind::Mpmc));
        assert_eq!(channel.receiver().is_ok(), matches!(kind, Kind::Spmc | Kind::Mpmc));
        link.say("tried");
        link.expect("again");
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        go_on(&tx, &rx);
        link.say("went through");
        link.hear();
    });
    child.expect("tried");
    drop(ours.take());
    child.tell("again");
    child.expect("went through");
    // From the child, across: it sends what a grandchild receives.
    child.kill();
    let rx = channel.receiver().unwrap();
    let sender = Peer::fork("sender", |_| {
        let mut grandchild = Peer::fork("grandchild", |_| {
            let tx = channel.sender().unwrap();
            tx.send_many(&[1, 2, 3]).unwrap();
        });
        assert!(matches!(grandchild.wait(), nix::sys::wait::WaitStatus::Exited(_, 0)));
    });
    sender.join();
    assert_eq!(drain(&rx), [1, 2, 3]);
}

fn a_clone_made_by_a_forked_child_is_the_parents() {
    let (channel, words) = channel::<u64, Multi, Multi>(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let before = words.text();
    Peer::fork("child", |_| {
        let (tx, rx) = (tx.clone(), rx.clone());
        assert!(matches!(tx.send(1), Err(SendError::WrongProcess(1))));
        assert_eq!(rx.recv(), Err(RecvError::WrongProcess));
    })
    .join();
    assert_eq!(words.text(), before);
    go_on(&tx, &rx);
}

/// A receiver, then a sender, in a process of its own, that waits for a peer that nobody is left to be.
fn the_wait_for_a_first_peer_ends_when_nobody_can_come<S: End, R: End>() {
    // The channel of the process itself.
    let (channel, _) = channel::<u64, S, R>(2);
    let rx = channel.receiver().unwrap();
    assert!(timeout(&rx), "a sender may come from here");
    drop(channel);
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));

    let channel = Channel::<u64, S, R>::builder(2)
        .tick(Duration::from_millis(20))
        .anonymous()
        .unwrap();
    let tx = channel.sender().unwrap();
    tx.send_many(&[1, 2]).unwrap();
    assert!(
        matches!(tx.send_timeout(3, A_WHILE), Err(SendTimeoutError::Timeout(3))),
        "a receiver may come from here"
    );
    drop(channel);
    assert!(matches!(
        tx.send_timeout(3, LONG),
        Err(SendTimeoutError::Disconnected(3))
    ));

    // And another process that has it.
    let (channel, _) = support::traffic::channel::<u64, S, R>(2);
    let mut child = Peer::fork("child", |link| {
        link.say("here");
        link.hear();
    });
    child.expect("here");
    let rx = channel.receiver().unwrap();
    drop(channel);
    assert!(timeout(&rx), "a sender may come from the child");
    child.kill();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
}

// Programs.

const PASSED: &str = "numbers";

fn send_three(link: &mut Link) {
    let channel = Channel::<u64, Single, Single>::inherited(PASSED).unwrap();
    assert!(matches!(
        Channel::<u64, Single, Single>::inherited(PASSED),
        Err(AttachError::NotPassed { name }) if name == PASSED
    ));
    let tx = channel.sender().unwrap();
    tx.send_many(&[1, 2, 3]).unwrap();
    link.say("sent");
}

fn a_spawned_program_opens_what_it_was_passed() {
    let (channel, _) = channel::<u64, Single, Single>(4);
    let rx = channel.receiver().unwrap();
    for _ in 0..2 {
        let mut sender = Peer::spawn("send three", |command| channel.pass_to(command, PASSED).unwrap());
        sender.expect("sent");
        sender.join();
        assert_eq!(drain(&rx), [1, 2, 3]);
    }
    let mut passed = Command::new("true");
    channel.pass_to(&mut passed, PASSED).unwrap();
    for bad in ["", "a b", "a=b", "ü", &"n".repeat(65)] {
        assert!(
            matches!(channel.pass_to(&mut passed, bad), Err(AttachError::InvalidName { .. })),
            "{bad:?}"
        );
    }
    assert!(matches!(
        Channel::<u64, Single, Single>::inherited("never-passed"),
        Err(AttachError::NotPassed { name }) if name == "never-passed"
    ));
}

fn attach_nothing(link: &mut Link) {
    let _channel = Channel::<u64, Single, Single>::inherited(PASSED).unwrap();
    link.say("here");
    link.hear();
}

fn expect_otherwise(link: &mut Link) {
    use support::message::Tick;
    // Each under a name of its own: a channel can be opened once.
    let kind = Channel::<u64, Multi, Single>::inherited("a").unwrap_err();
    assert_eq!(
        kind.to_string(),
        "the channel is spsc, this program expects mpsc: both sides use one and the same module"
    );
    let size = Channel::<u32, Single, Single>::inherited("b").unwrap_err();
    assert!(
        matches!(size, AttachError::PayloadSize { expected: 4, actual: 8 }),
        "{size}"
    );
    let align = Channel::<[u8; 8], Single, Single>::inherited("c").unwrap_err();
    assert!(
        matches!(align, AttachError::PayloadAlign { expected: 1, actual: 8 }),
        "{align}"
    );
    let name = Channel::<i64, Single, Single>::inherited("d").unwrap_err();
    match &name {
        AttachError::Schema { expected, actual } => assert_eq!((&**expected, &**actual), ("i64", "u64")),
        other => panic!("{other}"),
    }
    let schema = Channel::<u64, Single, Single>::inherited_as("e", "prices").unwrap_err();
    assert!(matches!(schema, AttachError::Schema { .. }), "{schema}");
    let tick = Channel::<Tick, Single, Single>::inherited("f").unwrap_err();
    assert!(
        matches!(
            tick,
            AttachError::PayloadSize {
                expected: 24,
                actual: 8
            }
        ),
        "{tick}"
    );
    Channel::<u64, Single, Single>::inherited("g").unwrap();
    link.say("was told");
}

fn a_program_that_expects_otherwise_is_told_so() {
    let (channel, _) = channel::<u64, Single, Single>(4);
    let mut child = Peer::spawn("expect otherwise", |command| {
        for name in ["a", "b", "c", "d", "e", "f", "g"] {
            channel.pass_to(command, name).unwrap();
        }
    });
    child.expect("was told");
    child.join();
}

fn a_command_that_could_still_be_spawned_is_somebody_who_could_come() {
    let (channel, _) = channel::<u64, Single, Single>(4);
    let rx = channel.receiver().unwrap();
    let mut command = Command::new("true");
    channel.pass_to(&mut command, PASSED).unwrap();
    let mut child = Peer::spawn("attach nothing", |command| channel.pass_to(command, PASSED).unwrap());
    child.expect("here");
    drop(channel);
    assert!(timeout(&rx));
    drop(command);
    assert!(timeout(&rx), "the child is here");
    child.kill();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
}
