//! A message there and one back: how long does that take, spinning and asleep?

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Duration;

use annulus::{FenceMode, spsc};
use rustix::thread::futex;

use super::crew::{self, Order, Task};
use super::duel::{Question, Run, Side, Target};
use super::machine::{self, Lab};

const FIRST: &str = "round-trip-first";
const SECOND: &str = "round-trip-second";
const BALL_FIRST: &str = "ball-first";
const BALL_SECOND: &str = "ball-second";
const FUTEX_FIRST: &str = "futex-first";
const FUTEX_SECOND: &str = "futex-second";
const THERE: &str = "there";
const BACK: &str = "back";
const SLOTS: usize = 64;
/// Round trips a run: some 20 ms spinning, some 100 ms asleep.
const SPINNING: u64 = 200_000;
const ASLEEP: u64 = 2_000;

pub fn questions() -> Vec<Question> {
    let spinning = |name: &str, b, target| Question {
        name: name.to_owned(),
        operations: SPINNING,
        a: ours("send/recv", None, Duration::from_secs(1)),
        b,
        target,
    };
    let asleep = |mode: FenceMode, target| Question {
        name: format!(
            "round trip asleep, {}: vs bare futex",
            format!("{mode:?}").to_lowercase()
        ),
        operations: ASLEEP,
        a: ours("send/recv", Some(mode), Duration::ZERO),
        b: bare("futex ping-pong", [FUTEX_FIRST, FUTEX_SECOND]),
        target,
    };
    vec![
        spinning(
            "round trip spinning: vs bare atomic, one line",
            bare("ping-pong", [BALL_FIRST, BALL_SECOND]),
            Target::Slower(1.3),
        ),
        asleep(FenceMode::Fenced, Target::Slower(1.15)),
        asleep(FenceMode::Membarrier, Target::ToldSlower),
    ]
}

fn orders(roles: [&'static str; 2], messages: u64) -> [Order; 2] {
    roles.map(|role| Order {
        role,
        messages,
        batch: 1,
        senders: 1,
        receivers: 1,
    })
}

fn ours(name: &str, mode: Option<FenceMode>, spin: Duration) -> Side {
    let run = move |lab: &Lab, trips| {
        let channel = || {
            let builder = spsc::Channel::<u64>::builder(SLOTS).spin_time(spin);
            match mode {
                Some(mode) => builder.fence_mode(mode),
                None => builder,
            }
            .anonymous()
            .expect("a channel")
        };
        let (there, back) = (channel(), channel());
        let outcome = crew::processes(lab, &orders([FIRST, SECOND], trips), |command| {
            there.pass_to(command, THERE).expect("pass");
            back.pass_to(command, BACK).expect("pass");
        });
        // Asleep, being switched out is the point.
        Run::of(outcome, trips, if spin.is_zero() { usize::MAX } else { 2 })
    };
    Side {
        name: name.to_owned(),
        run: Box::new(run),
    }
}

fn bare(name: &str, roles: [&'static str; 2]) -> Side {
    let sleeps = roles[0] == FUTEX_FIRST;
    let run = move |lab: &Lab, trips| {
        let outcome = crew::processes(lab, &orders(roles, trips), |_| {});
        Run::of(outcome, trips, if sleeps { usize::MAX } else { 2 })
    };
    Side {
        name: name.to_owned(),
        run: Box::new(run),
    }
}

pub fn worker(task: &Task<'_>) -> Option<()> {
    let channel = |name| spsc::Channel::<u64>::inherited(name).expect("the channel");
    let trips = task.order.messages;
    let board = task.post.board;
    let (there, back) = (&board.there.0, &board.back.0);
    let perform = |work: &mut dyn FnMut()| {
        task.post.perform(|| {
            work();
            (0, 0, 0)
        });
    };
    match task.role {
        FIRST => {
            let tx = channel(THERE).sender().expect("a sender");
            let rx = channel(BACK).receiver().expect("a receiver");
            perform(&mut || {
                for i in 0..trips {
                    tx.send(i).expect("the other side");
                    assert_eq!(rx.recv().expect("the other side"), !i, "the answer to this message");
                }
            });
        }
        SECOND => {
            let rx = channel(THERE).receiver().expect("a receiver");
            let tx = channel(BACK).sender().expect("a sender");
            perform(&mut || {
                for i in 0..trips {
                    assert_eq!(rx.recv().expect("the other side"), i, "in order");
                    tx.send(!i).expect("the other side");
                }
            });
        }
        BALL_FIRST => perform(&mut || machine::ping(board, trips)),
        BALL_SECOND => perform(&mut || machine::pong(board, trips)),
        FUTEX_FIRST => perform(&mut || {
            for i in 1..=trips as u32 {
                throw(there, i);
                catch(back, i);
            }
        }),
        FUTEX_SECOND => perform(&mut || {
            for i in 1..=trips as u32 {
                catch(there, i);
                throw(back, i);
            }
        }),
        _ => return None,
    }
    Some(())
}

fn throw(word: &AtomicU32, value: u32) {
    word.store(value, Release);
    futex::wake(word, futex::Flags::empty(), 1).expect("wake");
}

fn catch(word: &AtomicU32, value: u32) {
    loop {
        let seen = word.load(Acquire);
        if seen == value {
            return;
        }
        // Woken, changed, interrupted: look again.
        let _ = futex::wait(word, futex::Flags::empty(), seen, None);
    }
}
