//! What does the channel look like in which somebody is about to die, and who else is there?
//!
//! This process holds every end that the victim leaves free. Of the dead that lie in the way, each was killed with two
//! claims in the slots, stopped there by the tracer while the victim attached, so that the victim's operation is the first
//! to find them.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use annulus::{Channel, End, FenceMode, Receiver, Sender, TrySendError};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::unistd::Pid;

use crate::deed::{At, Deed, many_receivers, many_senders};
use crate::support::Words;
use crate::support::message::Message;
use crate::support::words::{FIRST_MULTI, Phase};
use crate::trace::{Traced, begin, end};

/// `src/region/lock.rs`: held by an endpoint while it attaches.
const ATTACH: i64 = (1 << 62) + 3 * (1 << 16) + 3;

/// Slots.
pub const CAPACITY: usize = 8;

/// What is in the ring.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Messages, the oldest of which a dead receiver may have claimed.
    pub messages: u64,
    /// Behind them a dead sender has claimed two places, with one more message behind those.
    pub dead_sender: bool,
    /// A dead receiver has claimed the first two messages.
    pub dead_receiver: bool,
    /// What the dead have claimed has been repaired.
    pub buried: bool,
    /// All but one slot of the lap are behind, so that whoever goes on comes to the end of it; and fences are fences.
    pub turned: bool,
}

const fn situation(messages: u64, dead_sender: bool, dead_receiver: bool, buried: bool) -> Situation {
    Situation {
        messages,
        dead_sender,
        dead_receiver,
        buried,
        turned: false,
    }
}

const fn turned(messages: u64) -> Situation {
    Situation {
        turned: true,
        ..situation(messages, false, false, false)
    }
}

/// Empty; in part full; full; with one or both of the dead, before they have been repaired and after; at the end of a lap.
pub const SITUATIONS: [Situation; 12] = [
    situation(0, false, false, false),
    situation(3, false, false, false),
    situation(8, false, false, false),
    situation(0, true, false, false),
    situation(0, true, false, true),
    situation(3, true, false, false),
    situation(4, false, true, false),
    situation(4, false, true, true),
    situation(8, false, true, false),
    situation(4, true, true, false),
    turned(0),
    turned(3),
];

impl Situation {
    /// It can be, at these ends and before this deed.
    pub fn suits<S: End, R: End>(self, deed: Deed) -> bool {
        let dead = (!self.dead_sender || many_senders::<S, R>()) && (!self.dead_receiver || many_receivers::<S, R>());
        let lap = !self.turned || deed.moves_messages();
        dead && lap && (self.messages > 0 || !deed.needs_a_message())
    }

    /// How many have died in it.
    fn corpses(self) -> u32 {
        u32::from(self.dead_sender) + u32::from(self.dead_receiver)
    }
}

/// A channel, and what has gone through it.
pub struct World<T: Message, S: End, R: End> {
    pub channel: Channel<T, S, R>,
    pub words: Words,
    pub tx: Option<Sender<T, S>>,
    pub rx: Option<Receiver<T, R>>,
    /// What this process has sent.
    pub sent: BTreeSet<u64>,
    /// What it has received.
    pub got: BTreeSet<u64>,
    /// The next number that it sends.
    next: u64,
    /// It was told that nobody is left to send to.
    pub hung_up: bool,
    /// Who the others wait for while this world is made.
    victim: At,
    situation: Situation,
    corpses: Vec<Traced>,
}

impl<T: Message, S: End, R: End> World<T, S, R> {
    /// For a victim of `deed`.
    pub fn new(deed: Deed, situation: Situation) -> Self {
        let corpses = situation.corpses();
        let mine = u32::from(many_senders::<S, R>()) + u32::from(many_receivers::<S, R>());
        // Whoever attaches when somebody has died must take the dead one's id.
        let ids = if deed.attaches() && corpses > 0 {
            mine + corpses
        } else {
            8
        };
        let channel = Channel::<T, S, R>::builder(CAPACITY)
            .tick(Duration::from_millis(1))
            .spin_time(Duration::ZERO)
            .table_length(ids);
        let channel = if situation.turned {
            channel.fence_mode(FenceMode::Fenced)
        } else {
            channel
        };
        let channel = channel.anonymous().expect("a channel");
        let mut world = World {
            words: Words::of(&channel),
            tx: None,
            rx: None,
            channel,
            sent: BTreeSet::new(),
            got: BTreeSet::new(),
            next: 1,
            hung_up: false,
            victim: deed.at(),
            situation,
            corpses: Vec::new(),
        };
        world.fill();
        if deed.at() == At::Sender && !many_senders::<S, R>() {
            world.tx = None;
        }
        if deed.at() != At::Receiver || many_receivers::<S, R>() {
            world.attach_receiver();
        }
        world
    }

    fn attach_receiver(&mut self) {
        self.rx = Some(self.channel.receiver().expect("to attach"));
    }

    /// Brings the situation about.
    fn fill(&mut self) {
        self.tx = Some(self.channel.sender().expect("to attach"));
        if self.situation.turned {
            self.attach_receiver();
            for _ in 1..CAPACITY {
                assert!(self.send() && self.receive());
            }
        }
        for _ in 0..self.situation.messages {
            assert!(self.send());
        }
        self.rx = None;
        if self.situation.dead_receiver {
            self.die_receiving();
        }
        if self.situation.dead_sender {
            self.die_sending();
            assert!(self.send());
        }
    }

    /// Forked now, killed when the victim begins: whoever attaches in between finds it alive.
    fn die_sending(&mut self) {
        let channel = &self.channel;
        let mut dying = Traced::fork(|| {
            let tx = channel.sender().expect("to attach");
            begin();
            let _ = tx.try_send_many(&[T::of(800_001), T::of(800_002)]);
            end();
        });
        let id = self.words.sender_of(dying.pid());
        while self.words.claims(Phase::Writing, id).len() < 2 {
            assert!(dying.step(|| ()), "it claims both places first");
        }
        self.corpses.push(dying);
    }

    fn die_receiving(&mut self) {
        let channel = &self.channel;
        let mut dying = Traced::fork(|| {
            let rx = channel.receiver().expect("to attach");
            begin();
            let _ = rx.try_recv_many(&mut [T::of(0), T::of(0)]);
            end();
        });
        let id = self.words.receiver_of(dying.pid());
        while self.words.claims(Phase::Reading, id).len() < 2 {
            assert!(dying.step(|| ()), "it claims both messages first");
        }
        self.corpses.push(dying);
    }

    /// The victim is about to begin.
    pub fn begin(&mut self) {
        self.corpses.clear();
        if self.situation.buried {
            let repaired = self.channel.recover().expect("to recover");
            assert_eq!(repaired, 2 * self.situation.corpses() as usize);
        }
    }

    /// Sends one message, if there is room for it and an end to send it by.
    pub fn send(&mut self) -> bool {
        let Some(tx) = &self.tx else {
            return false;
        };
        let sent = tx.try_send(T::of(self.next));
        self.hung_up = matches!(sent, Err(TrySendError::Disconnected(_)));
        if sent.is_ok() {
            self.sent.insert(self.next);
            self.next += 1;
        }
        sent.is_ok()
    }

    /// Receives one message, if there is one and an end to receive it by.
    pub fn receive(&mut self) -> bool {
        let received = self.rx.as_ref().and_then(|rx| rx.try_recv().ok());
        if let Some(message) = &received {
            let number = message.number();
            assert!(self.got.insert(number), "{number} is there twice");
        }
        received.is_some()
    }

    /// The victim is about to sleep: gives it what it waits for, if nothing that is there can become that.
    pub fn serve(&mut self) {
        match self.victim {
            At::Sender => {
                self.receive();
            }
            At::Receiver => {
                let there = (0..CAPACITY as u64).any(|i| self.words.state(i).phase == Phase::Full);
                if !there {
                    self.send();
                }
            }
            At::Neither => {}
        }
    }

    /// Takes the ends that the victim has left.
    pub fn take_over(&mut self, case: &str) {
        if self.words.life() & 1 != 0 {
            // Closed, for as long as anybody is attached.
            self.tx = None;
            self.rx = None;
        }
        if self.tx.is_none() {
            let tx = self.channel.sender();
            self.tx = Some(tx.unwrap_or_else(|error| panic!("{case}: {error}")));
        }
        if self.rx.is_none() {
            let rx = self.channel.receiver();
            self.rx = Some(rx.unwrap_or_else(|error| panic!("{case}: {error}")));
        }
    }

    /// The id of the endpoint of process `pid`, if it is one by now, or still is.
    pub fn id_of(&self, pid: Pid) -> Option<u16> {
        let has = |&id: &u16| {
            let record = self.words.record(id);
            record.role != 0 && record.pid == pid.as_raw() as u32
        };
        (1..self.words.table_length).find(has)
    }

    /// Every id at the ends that admit many is somebody's.
    pub fn is_full(&self) -> bool {
        (FIRST_MULTI..self.words.table_length).all(|id| self.words.record(id).role != 0)
    }

    /// Somebody has the byte that an endpoint holds while it attaches.
    pub fn somebody_attaches(&self) -> bool {
        has_attach_byte(&self.channel)
    }

    /// What this process has sent and not received.
    pub fn outstanding(&self) -> BTreeSet<u64> {
        self.sent.difference(&self.got).copied().collect()
    }
}

/// Somebody has the byte that an endpoint of `channel` holds while it attaches.
pub fn has_attach_byte(channel: &impl AsFd) -> bool {
    let path = format!("/proc/self/fd/{}", channel.as_fd().as_raw_fd());
    let file = File::options().read(true).write(true).open(path).expect("the region");
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: ATTACH,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)).expect("to ask for a lock");
    libc::c_int::from(lock.l_type) != libc::F_UNLCK
}
