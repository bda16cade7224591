//! How does a round go, and how does it end?
//!
//! The campaign's own process forks workers, kills, stops and continues them as the dice will, and sees to it that there
//! are always some of either sort. Then it tells everybody to finish: senders leave, receivers drain until the end of the
//! stream and leave. When all are gone, what is still there is drained by the campaign itself, and the diaries are audited.

use std::time::Duration;

use annulus::{Channel, Kind, stream};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::audit::{Findings, audit};
use super::blocks::Frames;
use super::dice::Dice;
use super::ledger::{Killed, Life};
use super::medium::Medium;
use super::parcel::{Carrier, Parcel};
use super::plan::Plan;
use super::worker::{Common, Side, Worker, live};
use super::yard::{LIVES, State, Yard, now};
use crate::support::own::Own;
use crate::support::peer::{fork_alone, state};
use crate::support::{WATCHDOG, Words, until, words};

/// What came of a round.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the diaries say.
    pub findings: Findings,
    /// The diaries.
    pub lives: Vec<Life>,
    /// Operations, refused ones too.
    pub operations: u64,
    /// Processes killed.
    pub kills: u64,
    /// Processes stopped, and continued if they were not killed.
    pub stops: u64,
    /// Children that workers forked.
    pub forks: u64,
    /// Workers that the campaign forked in place of others.
    pub respawns: u64,
    /// It did not end.
    pub hung: bool,
    /// Processes that ended otherwise than they should have, and what else is left.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Nothing went wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.faults.is_empty() && self.failures.is_empty() && !self.hung
    }
}

/// A round by its plan.
pub fn play(plan: &Plan) -> Outcome {
    if plan.kind == Kind::Blocks {
        return play_on::<Frames>(plan);
    }
    if plan.kind == Kind::Stream {
        return match plan.words {
            4 => play_on::<stream::Channel<Parcel<4>>>(plan),
            32 => play_on::<stream::Channel<Parcel<32>>>(plan),
            _ => play_on::<stream::Channel<Parcel<512>>>(plan),
        };
    }
    match plan.words {
        3 => of_size::<Parcel<3>>(plan),
        32 => of_size::<Parcel<32>>(plan),
        _ => of_size::<Parcel<512>>(plan),
    }
}

fn of_size<T: Carrier>(plan: &Plan) -> Outcome {
    use annulus::{Multi, Single};
    match plan.kind {
        Kind::Spsc => play_on::<Channel<T, Single, Single>>(plan),
        Kind::Mpsc => play_on::<Channel<T, Multi, Single>>(plan),
        Kind::Spmc => play_on::<Channel<T, Single, Multi>>(plan),
        _ => play_on::<Channel<T, Multi, Multi>>(plan),
    }
}

fn play_on<C: Medium>(plan: &Plan) -> Outcome {
    let name = Own::new("campaign");
    let yard = Yard::new();
    let channel = C::make(plan, &name);
    let words = Words::of(&channel);
    let mut round = Round {
        common: Common {
            plan,
            yard: &yard,
            channel: &channel,
            name: &name,
        },
        dice: Dice::new(plan.seed, u64::MAX),
        fates: vec![Fate::default(); LIVES],
        outcome: Outcome::default(),
    };
    round.fight();
    round.finish(&words);
    let mut outcome = round.report();
    drop(channel);
    words::forget();
    if name.exists() {
        outcome.failures.push("the name is left".to_owned());
    }
    outcome
}

/// What the campaign has done to a life.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    killed: Option<Killed>,
    /// Stopped, until then.
    stopped: Option<u64>,
    /// Waited for.
    buried: bool,
}

struct Round<'a, C> {
    common: Common<'a, C>,
    dice: Dice,
    fates: Vec<Fate>,
    outcome: Outcome,
}

impl<C: Medium> Round<'_, C> {
    /// Blows at random, until time or lives run out.
    fn fight(&mut self) {
        self.populate();
        self.outcome.respawns = 0;
        let end = now() + self.common.plan.time.as_nanos() as u64;
        while now() < end && usize::from(self.common.yard.begun()) < LIVES - 20 {
            let pause = self.dice.roll(self.common.plan.pause.as_micros() as u64);
            std::thread::sleep(Duration::from_micros(pause));
            self.resume(now());
            match self.dice.roll(8) {
                _ if self.common.plan.peaceful => {}
                0..=2 => self.kill(false),
                3 => self.kill(true),
                4..=6 => self.stop(),
                _ => {}
            }
            self.populate();
        }
    }

    /// Lives that can be struck.
    fn living(&self) -> Vec<u16> {
        let yard = self.common.yard;
        let lives =
            |&life: &u16| matches!(yard.state(life), State::Sends | State::Receives) && yard.pid(life).is_some();
        (1..yard.begun()).filter(lives).collect()
    }

    /// Forks as many as are missing.
    fn populate(&mut self) {
        let yard = self.common.yard;
        for (state, wanted) in [
            (State::Sends, self.common.plan.senders),
            (State::Receives, self.common.plan.receivers),
        ] {
            let there = self.living().iter().filter(|&&life| yard.state(life) == state).count();
            for _ in there..wanted {
                self.fork(state == State::Sends);
            }
        }
    }

    fn fork(&mut self, sends: bool) {
        let Some(life) = self.common.yard.begin(sends) else {
            return;
        };
        if fork_alone().is_some() {
            self.outcome.respawns += 1;
            let yard = self.common.yard;
            until("the child is born", || yard.pid(life).is_some());
        } else if sends {
            live::<C::Sends, C>(&self.common, life);
        } else {
            live::<C::Receives, C>(&self.common, life);
        }
    }

    fn kill(&mut self, stopped_ones: bool) {
        let mut victims = self.living();
        if stopped_ones {
            victims.retain(|&life| self.fates[usize::from(life)].stopped.is_some());
        }
        if !victims.is_empty() {
            let life = self.dice.pick(&victims);
            self.kill_one(life);
        }
    }

    fn kill_one(&mut self, life: u16) {
        let yard = self.common.yard;
        let pid = Pid::from_raw(yard.pid(life).expect("born"));
        let from = now();
        let _ = kill(pid, Signal::SIGKILL);
        until("the child is dead", || state(pid) == 'Z');
        yard.end(life);
        self.fates[usize::from(life)].killed = Some(Killed { from, by: now() });
        self.outcome.kills += 1;
    }

    fn stop(&mut self) {
        let mut victims = self.living();
        victims.retain(|&life| self.fates[usize::from(life)].stopped.is_none());
        if victims.is_empty() {
            return;
        }
        let life = self.dice.pick(&victims);
        // Mostly for a short while, sometimes for as long as the round goes on.
        let most = if self.dice.once_in(4) { 400_000_000 } else { 20_000_000 };
        self.fates[usize::from(life)].stopped = Some(now() + self.dice.roll(most));
        self.signal(life, Signal::SIGSTOP);
        self.outcome.stops += 1;
    }

    /// Continues those whose time has come.
    fn resume(&mut self, time: u64) {
        for life in 1..self.common.yard.begun() {
            let stopped = &mut self.fates[usize::from(life)].stopped;
            if stopped.take_if(|until| *until <= time).is_some() {
                self.signal(life, Signal::SIGCONT);
            }
        }
    }

    fn signal(&self, life: u16, signal: Signal) {
        if let Some(pid) = self.common.yard.pid(life) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Everybody is told to end, and does.
    fn finish(&mut self, words: &Words) {
        self.populate();
        self.resume(u64::MAX);
        let Common { channel, yard, .. } = self.common;
        yard.finish();
        let deadline = now() + WATCHDOG.as_nanos() as u64;
        let (mut sender_came, mut receiver_came) = (false, false);
        let mut drainer = Worker::new(yard, 0, 0);
        while !(self.bury() && sender_came && receiver_came) {
            // Whoever has attached before the end was announced has had a peer then, one that has gone again: it waits
            // for no first one.
            sender_came = sender_came || C::Sends::attach(channel).is_ok();
            if !receiver_came && let Ok(rx) = C::Receives::attach(channel) {
                C::drain_what_is_there(&mut drainer, &rx);
                receiver_came = true;
            }
            if now() > deadline {
                self.give_up(words);
                return;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        let rx = C::Receives::attach(channel).expect("everybody is gone");
        drop(C::Sends::attach(channel).expect("everybody is gone"));
        if !C::drain(&mut drainer, &rx) {
            self.give_up(words);
        } else if !channel.all_free() {
            self.outcome
                .failures
                .push(format!("something is left: {}", words.text()));
        }
    }

    /// Waits for those who are dead; `true`: there is nobody any more.
    fn bury(&mut self) -> bool {
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return false,
                Err(Errno::ECHILD) => return true,
                Err(Errno::EINTR) => continue,
                status => status.expect("children of ours"),
            };
            let yard = self.common.yard;
            let pid = status.pid().map(Pid::as_raw);
            let life = (1..yard.begun()).find(|&life| yard.pid(life) == pid && !self.fates[usize::from(life)].buried);
            let killed = life.is_some_and(|life| {
                let fate = &mut self.fates[usize::from(life)];
                fate.buried = true;
                fate.killed.is_some()
            });
            match status {
                WaitStatus::Exited(_, 0) => {}
                WaitStatus::Signaled(_, Signal::SIGKILL, _) if killed => {}
                how => self.outcome.failures.push(format!("life {life:?}: {how:?}")),
            }
        }
    }

    /// It hangs: says where, and ends everybody.
    fn give_up(&mut self, words: &Words) {
        self.outcome.hung = true;
        let yard = self.common.yard;
        eprintln!("hung: {}", self.common.plan);
        eprint!("{}", words.text());
        for life in 1..yard.begun() {
            let last = yard.entries(life);
            let process = yard.pid(life).map(|pid| (pid, state(Pid::from_raw(pid))));
            if process.is_some_and(|(_, state)| state != 'Z') {
                eprintln!("  life {life} {:?} {process:?}: {:?}", yard.state(life), last.last());
            }
        }
        for life in 1..yard.begun() {
            if !self.fates[usize::from(life)].buried {
                self.signal(life, Signal::SIGKILL);
            }
        }
        until("everybody is dead", || self.bury());
    }

    fn report(mut self) -> Outcome {
        let yard = self.common.yard;
        let lives = 0..yard.begun();
        self.outcome.operations = lives.clone().map(|life| yard.operations(life)).sum();
        self.outcome.forks = lives.clone().map(|life| yard.forked(life)).sum();
        self.outcome.lives = lives
            .map(|life| Life {
                entries: yard.entries(life),
                killed: self.fates[usize::from(life)].killed,
            })
            .collect();
        if !self.outcome.hung {
            let many = C::Receives::MULTI;
            self.outcome.findings = audit(many, &self.outcome.lives);
        }
        self.outcome
    }
}
