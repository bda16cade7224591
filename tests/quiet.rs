//! What does it cost to have nothing to do, and to have nobody asleep?

mod support;

use std::time::Duration;

use annulus::{
    Channel, End, FenceMode, Kind, Multi, RecvTimeoutError, SendTimeoutError, Single, TryRecvError, TrySendError,
};
use nix::libc;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;
use nix::sys::wait::WaitStatus;
use support::filter::forbid_system_calls;
use support::{Peer, Words};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[],
        &support::tests!(
            plain:
                a_system_call_under_the_filter_is_fatal
                a_sleeping_receiver_wakes_for_its_ticks_alone
                a_sleeping_sender_wakes_for_its_ticks_alone;
            all:
                ten_thousand_messages_with_nobody_asleep_take_no_system_call
                ten_thousand_leases_with_nobody_asleep_take_no_system_call
                to_ask_in_vain_takes_no_system_call;
        ),
    )
}

// No system call.

/// exit(2), and not exit_group(2), which strict mode forbids. This process has one thread.
fn leave(code: i32) -> ! {
    // SAFETY: does not return, and touches no memory.
    unsafe { libc::syscall(libc::SYS_exit, code) };
    unreachable!("exit(2) does not return");
}

fn a_system_call_under_the_filter_is_fatal() {
    let mut child = Peer::fork("child", |_| {
        forbid_system_calls();
        nix::unistd::getppid();
        leave(0);
    });
    assert!(matches!(child.wait(), WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    let mut child = Peer::fork("child", |_| {
        forbid_system_calls();
        leave(7);
    });
    assert!(matches!(child.wait(), WaitStatus::Exited(_, 7)));
}

/// One endpoint at each end, in the child, and another at each multi end, in this process: attached, and not asleep.
fn under_the_filter<S: End, R: End>(traffic: impl Fn(&annulus::Sender<u64, S>, &annulus::Receiver<u64, R>)) {
    for mode in [FenceMode::Membarrier, FenceMode::Fenced] {
        let channel = Channel::<u64, S, R>::builder(8).fence_mode(mode).anonymous().unwrap();
        let words = Words::of(&channel);
        let kind = Channel::<u64, S, R>::kind();
        let _other_sender = matches!(kind, Kind::Mpsc | Kind::Mpmc).then(|| channel.sender().unwrap());
        let _other_receiver = matches!(kind, Kind::Spmc | Kind::Mpmc).then(|| channel.receiver().unwrap());
        let mut child = Peer::fork("child", |_| {
            let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
            forbid_system_calls();
            traffic(&tx, &rx);
            leave(0);
        });
        let end = child.wait();
        assert!(
            matches!(end, WaitStatus::Exited(_, 0)),
            "{mode:?}: {end:?}\n{}",
            words.text()
        );
        assert_eq!(
            (words.receivers(), words.senders()),
            (0, 0),
            "nobody has announced a sleep"
        );
    }
}

/// Fails without a system call of its own: its exit code is the line.
macro_rules! check {
    ($what:expr) => {
        if !$what {
            leave((line!() % 100) as i32 + 1);
        }
    };
}

fn ten_thousand_messages_with_nobody_asleep_take_no_system_call<S: End, R: End>() {
    under_the_filter::<S, R>(|tx, rx| {
        let mut batch = [0; 8];
        for number in 0..10_000 {
            check!(tx.send(number).is_ok());
            check!(rx.recv() == Ok(number));
            check!(tx.send_many(&[number; 8]).is_ok());
            check!(rx.recv_many(&mut batch) == Ok(8) && batch == [number; 8]);
            check!(tx.try_send(number).is_ok());
            check!(rx.try_recv() == Ok(number));
            check!(tx.is_empty() && rx.is_empty());
        }
    });
}

fn ten_thousand_leases_with_nobody_asleep_take_no_system_call<S: End, R: End>() {
    under_the_filter::<S, R>(|tx, rx| {
        for number in 0..10_000 {
            check!(tx.try_send_many(&[number, number + 1]) == Ok(2));
            let (first, second) = (rx.recv_lease(), rx.try_recv_lease());
            check!(first.as_deref() == Ok(&number) && second.as_deref() == Ok(&(number + 1)));
            // Not in order.
            check!(second.map(|lease| lease.ack()).is_ok());
            check!(first.map(|lease| lease.ack()).is_ok());
        }
    });
}

/// As often as nobody looks at the clock in between, by which it may be time to look after the dead.
fn to_ask_in_vain_takes_no_system_call<S: End, R: End>() {
    under_the_filter::<S, R>(|tx, rx| {
        for _ in 0..5 {
            check!(rx.try_recv() == Err(TryRecvError::Empty));
            check!(rx.try_recv_many(&mut [0; 2]) == Err(TryRecvError::Empty));
            check!(rx.try_recv_lease().err() == Some(TryRecvError::Empty));
        }
        check!(tx.send_many(&[1; 8]).is_ok());
        for _ in 0..7 {
            check!(tx.try_send(2) == Err(TrySendError::Full(2)));
            check!(tx.try_send_many(&[2]) == Err(TrySendError::Full(())));
        }
    });
}

// Asleep.

/// How long to sleep.
const SLEEP: Duration = Duration::from_secs(2);

/// Ticks in that time: the first after 50 ms or `longest`, each further one after twice as long, up to `longest`.
fn ticks(longest: Duration) -> i64 {
    let mut tick = longest.min(Duration::from_millis(50));
    let (mut at, mut count) = (tick, 0);
    while at < SLEEP {
        count += 1;
        tick = (tick * 2).min(longest);
        at += tick;
    }
    count
}

/// What a child that sleeps that long uses: context switches of its own will, and microseconds on a processor.
fn usage_of(sleep: impl FnOnce()) -> (i64, i64) {
    let cpu = |usage: &Usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let before = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    sleep();
    let after = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    (
        after.voluntary_context_switches() - before.voluntary_context_switches(),
        cpu(&after) - cpu(&before),
    )
}

/// A child that sleeps, and how long its ticks are at most.
type Sleeper = (Peer, Duration);

fn check(sleepers: impl IntoIterator<Item = Sleeper>) {
    for (mut child, longest) in sleepers {
        let heard = child.hear();
        let (switches, cpu) = heard.split_once(' ').unwrap();
        let (switches, cpu): (i64, i64) = (switches.parse().unwrap(), cpu.parse().unwrap());
        let ticks = ticks(longest);
        assert!(switches <= ticks + 5, "{switches} switches, {ticks} ticks");
        assert!(cpu <= SLEEP.as_micros() as i64 / 20, "{cpu} µs of {SLEEP:?}");
        child.join();
    }
}

/// The default, and ticks that come twenty times as often.
const TICKS: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(50)];

fn sleeping<S: End, R: End>(sleep: fn(&Channel<u64, S, R>) -> (i64, i64)) -> [Sleeper; 2] {
    TICKS.map(|tick| {
        let channel = Channel::<u64, S, R>::builder(8).tick(tick).anonymous().unwrap();
        let child = Peer::fork("sleeper", |link| {
            let (switches, cpu) = sleep(&channel);
            link.say(format!("{switches} {cpu}"));
        });
        (child, tick)
    })
}

fn a_sleeping_receiver_wakes_for_its_ticks_alone() {
    fn sleep<S: End, R: End>(channel: &Channel<u64, S, R>) -> (i64, i64) {
        let (_tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        usage_of(|| assert_eq!(rx.recv_timeout(SLEEP), Err(RecvTimeoutError::Timeout)))
    }
    let all = [
        sleeping::<Single, Single>(sleep),
        sleeping::<Multi, Single>(sleep),
        sleeping::<Single, Multi>(sleep),
        sleeping::<Multi, Multi>(sleep),
    ];
    check(all.into_iter().flatten());
}

fn a_sleeping_sender_wakes_for_its_ticks_alone() {
    fn sleep<S: End, R: End>(channel: &Channel<u64, S, R>) -> (i64, i64) {
        let (tx, _rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        tx.send_many(&[0; 8]).unwrap();
        usage_of(|| assert!(matches!(tx.send_timeout(9, SLEEP), Err(SendTimeoutError::Timeout(9)))))
    }
    let all = [
        sleeping::<Single, Single>(sleep),
        sleeping::<Multi, Single>(sleep),
        sleeping::<Single, Multi>(sleep),
        sleeping::<Multi, Multi>(sleep),
    ];
    check(all.into_iter().flatten());
}
