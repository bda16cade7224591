//! What does the channel of blocks look like in which somebody is about to die, and who else is there?
//!
//! This process has a sender and a receiver of its own. Of the dead that lie in the way, each is killed at the very point
//! that its [`Dead`] says, stopped there by the tracer while the victim attached, so that the victim's operation is the
//! first to find them.

use std::collections::BTreeSet;
use std::time::Duration;

use annulus::FenceMode;
use annulus::blocks::TryLoanError;
use annulus::crash::Access;
use nix::unistd::Pid;

use super::deed::{Deed, write};
use crate::support::pool::{Phase, Pool};
use crate::support::stock::{self, Channel, Picture, ROOM, Rx, Tx};
use crate::trace::{Did, Traced, begin, end};
use crate::world::has_attach_byte;

/// Blocks: not a power of two, so that there are more entries.
pub const BLOCKS: usize = 6;

/// How somebody has died.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dead {
    /// With a block on loan, half written.
    Loaning,
    /// With a block that it had staged, before the entry named it.
    Staged,
    /// Right after its message was published.
    Published,
    /// With a message that it had received.
    Receiving,
    /// With two.
    ReceivingTwo,
}

impl Dead {
    /// What is to be repaired.
    fn holds(self) -> usize {
        match self {
            Dead::Published => 0,
            Dead::Loaning | Dead::Staged | Dead::Receiving => 1,
            Dead::ReceivingTwo => 2,
        }
    }

    fn receives(self) -> usize {
        match self {
            Dead::Receiving | Dead::ReceivingTwo => self.holds(),
            _ => 0,
        }
    }
}

/// What is in the channel.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Messages, the oldest of which dead receivers may have.
    pub messages: usize,
    /// Who has died.
    pub dead: &'static [Dead],
    /// What the dead had has been repaired.
    pub buried: bool,
    /// All but one entry of the lap are behind, so that whoever goes on comes to the end of it; and fences are fences.
    pub turned: bool,
    /// Another is faster by one message: the victim's first compare-and-swap of an entry, or of a message, is lost.
    pub rival: bool,
}

/// Who has died, before they are repaired.
pub const fn unburied(messages: usize, dead: &'static [Dead]) -> Situation {
    Situation {
        messages,
        dead,
        buried: false,
        turned: false,
        rival: false,
    }
}

const fn buried(messages: usize, dead: &'static [Dead]) -> Situation {
    Situation {
        buried: true,
        ..unburied(messages, dead)
    }
}

const fn turned(messages: usize) -> Situation {
    Situation {
        turned: true,
        ..unburied(messages, &[])
    }
}

const fn rivalled(messages: usize) -> Situation {
    Situation {
        rival: true,
        ..unburied(messages, &[])
    }
}

/// Empty, in part used, all in use; with each of the dead and with several, before they have been repaired and after, and
/// with all blocks in use so that whoever wants one must repair first; at the end of a lap;
/// and with a rival.
const SITUATIONS: [Situation; 15] = {
    use Dead::*;
    [
        unburied(0, &[]),
        unburied(3, &[]),
        unburied(BLOCKS, &[]),
        unburied(0, &[Loaning]),
        unburied(BLOCKS - 1, &[Staged]),
        unburied(2, &[Published]),
        unburied(1, &[Receiving]),
        unburied(4, &[ReceivingTwo]),
        buried(4, &[ReceivingTwo]),
        unburied(BLOCKS, &[ReceivingTwo]),
        unburied(4, &[Loaning, Staged, ReceivingTwo]),
        buried(2, &[Loaning, Staged, ReceivingTwo]),
        turned(0),
        turned(3),
        rivalled(4),
    ]
};

impl Situation {
    /// It can be before this deed.
    fn suits(self, deed: Deed) -> bool {
        let sent = self.messages + usize::from(self.dead.contains(&Dead::Published));
        let received: usize = self.dead.iter().map(|dead| dead.receives()).sum();
        let in_use = self.messages + self.dead.iter().map(|dead| dead.holds()).sum::<usize>() - received;
        (!(self.turned || self.rival) || deed.moves_messages())
            && (sent > received || !deed.needs_a_message())
            && (in_use < BLOCKS || deed != Deed::Abort)
    }
}

/// The situations before `deed`, and which of its points to go to in each: from the first number on, one in so many. Who
/// attaches comes by many points that a death at others' blocks has nothing to do with: of these each situation has some, and
/// all have all.
pub fn situations(deed: Deed) -> impl Iterator<Item = (Situation, usize, usize)> {
    let stride = stride(deed);
    let suiting = SITUATIONS.into_iter().filter(move |situation| situation.suits(deed));
    suiting
        .zip((0..stride).cycle())
        .map(move |(situation, first)| (situation, first, stride))
}

/// One point in so many.
pub fn stride(deed: Deed) -> usize {
    if deed.attaches() || deed.sits_down() { 3 } else { 1 }
}

/// A channel, and what has gone through it.
pub struct World {
    pub channel: Channel,
    pub pool: Pool,
    pub tx: Option<Tx>,
    pub rx: Option<Rx>,
    /// What has been sent by this process, and by the dead.
    pub sent: BTreeSet<u64>,
    /// What this process has received.
    pub got: BTreeSet<u64>,
    /// What the dead had received: it says so when it comes.
    pub again: BTreeSet<u64>,
    /// The next number that this process sends.
    next: u64,
    /// It was told that nobody is left to send to.
    pub hung_up: bool,
    situation: Situation,
    /// The rival has been faster.
    overtaken: bool,
    corpses: Vec<Traced>,
}

impl World {
    /// For a victim of `deed`.
    pub fn new(deed: Deed, situation: Situation) -> World {
        // Whoever attaches when somebody has died must take the dead one's id.
        let ids = match situation.dead.len() {
            corpses @ 1.. if deed.attaches() => 2 + corpses as u32,
            _ => 8,
        };
        let mut channel = Channel::builder(BLOCKS, ROOM)
            .tick(Duration::from_millis(1))
            .spin_time(Duration::ZERO)
            .table_length(ids);
        if situation.turned {
            channel = channel.fence_mode(FenceMode::Fenced);
        }
        let channel = channel.anonymous().expect("a channel");
        let mut world = World {
            pool: Pool::of(&channel),
            tx: Some(channel.sender().expect("to attach")),
            rx: Some(channel.receiver().expect("to attach")),
            channel,
            sent: BTreeSet::new(),
            got: BTreeSet::new(),
            again: BTreeSet::new(),
            next: 1,
            hung_up: false,
            situation,
            overtaken: false,
            corpses: Vec::new(),
        };
        if situation.turned {
            for _ in 1..world.pool.entries() {
                assert!(world.send() && world.receive());
            }
        }
        for _ in 0..situation.messages {
            assert!(world.send());
        }
        for (&dead, number) in situation.dead.iter().zip(800_001..) {
            world.die(dead, number);
        }
        world
    }

    /// Forked now, killed when the victim begins: whoever attaches in between finds it alive.
    fn die(&mut self, dead: Dead, number: u64) {
        let channel = &self.channel;
        let mut dying = Traced::fork(|| match dead {
            Dead::Loaning | Dead::Staged | Dead::Published => {
                let tx = channel.sender().expect("to attach");
                begin();
                let mut loan = tx.loan(stock::items(number).len()).expect("a block");
                write(&mut loan, number);
                let _ = loan.send();
            }
            Dead::Receiving | Dead::ReceivingTwo => {
                let rx = channel.receiver().expect("to attach");
                begin();
                let blocks = [0; 2].map(|_| rx.try_recv());
                end();
                drop(blocks);
            }
        });
        let id = self.id_of(dying.pid()).expect("it has attached");
        while !self.has_come_to(dead, id, number) {
            assert!(dying.step(|| ()), "it comes to {dead:?} first");
        }
        if dead == Dead::Loaning {
            // Another step, and it has begun to write.
            while !matches!(dying.did(), Did::Access(Access::CopyIn, _)) {
                assert!(dying.step(|| ()));
            }
        }
        let picture = Picture::of(&self.pool);
        self.again.extend(picture.held(id).filter_map(|seen| seen.number));
        if dead == Dead::Published {
            self.sent.insert(number);
        }
        self.corpses.push(dying);
    }

    fn has_come_to(&self, dead: Dead, id: u16, number: u64) -> bool {
        let phase = match dead {
            Dead::Loaning => Phase::Loaned,
            Dead::Staged => Phase::Staged,
            Dead::Receiving | Dead::ReceivingTwo => Phase::Reading,
            Dead::Published => return Picture::of(&self.pool).messages().contains(&number),
        };
        let held = (0..self.pool.blocks()).map(|index| self.pool.block(index));
        held.filter(|block| (block.phase, block.owner) == (phase, id)).count() == dead.holds()
    }

    /// The victim is about to begin.
    pub fn begin(&mut self) {
        self.corpses.clear();
        if self.situation.buried {
            let repaired = self.channel.recover().expect("to recover");
            assert_eq!(
                repaired,
                self.situation.dead.iter().map(|dead| dead.holds()).sum::<usize>()
            );
        }
    }

    /// Sends one message, if there is a block for it and an end to send it by.
    pub fn send(&mut self) -> bool {
        let Some(tx) = &self.tx else {
            return false;
        };
        let sent = stock::try_send(tx, self.next);
        self.hung_up = sent == Err(TryLoanError::Disconnected);
        let sent = sent == Ok(true);
        if sent {
            self.sent.insert(self.next);
            self.next += 1;
        }
        sent
    }

    /// Receives one message, if there is one and an end to receive it by.
    pub fn receive(&mut self) -> bool {
        let received = self.rx.as_ref().and_then(|rx| rx.try_recv().ok());
        let Some(block) = received else {
            return false;
        };
        self.came(stock::number_of(&block), block.redelivered());
        true
    }

    /// A message has come to this process, for the first time or, as it says itself, `again`.
    pub fn came(&mut self, number: u64, again: bool) {
        assert!(self.got.insert(number), "{number} is there twice");
        assert_eq!(
            again,
            self.again.contains(&number),
            "{number}: of the dead's {:?}",
            self.again
        );
    }

    /// The victim goes on to what it does next; `false` if it has come to its end instead.
    pub fn lead(&mut self, victim: &mut Traced) -> bool {
        let pid = victim.pid();
        let on_the_way = victim.step(|| self.serve(pid));
        if on_the_way && self.situation.rival && !self.overtaken {
            self.overtake(victim);
        }
        on_the_way
    }

    /// If there is a rival, it has been faster.
    pub fn was_overtaken(&self) -> bool {
        self.overtaken || !self.situation.rival
    }

    /// Sends, or receives, if the victim has made up its mind on where to do that, and has not done it.
    fn overtake(&mut self, victim: &Traced) {
        let id = self.id_of(victim.pid()).expect("it has attached");
        if self.pool.record(id).role == 1 {
            let staged = Picture::of(&self.pool)
                .held(id)
                .any(|seen| seen.block.phase == Phase::Staged);
            self.overtaken = staged && self.send();
        } else if let Did::Access(Access::Load, place) = victim.did() {
            // It has looked at a block's word.
            self.overtaken = place.file().ends_with("pool/mod.rs") && self.receive();
        }
    }

    /// The victim, in process `pid`, is about to sleep, or on its way to its end: gives it what it waits for, if nothing that is there can become that.
    pub fn serve(&mut self, pid: Pid) {
        let Some(id) = self.id_of(pid) else {
            return; // It has detached since.
        };
        let picture = Picture::of(&self.pool);
        let sends = self.pool.record(id).role == 1;
        if sends && !picture.others_send(id) {
            self.receive();
        } else if !sends && !picture.others_have_messages(id) {
            self.send();
        }
    }

    /// Takes the ends anew, if the channel was closed: for as long as anybody is attached.
    pub fn take_over(&mut self, case: &str) {
        if self.pool.life() & 1 != 0 {
            self.tx = None;
            self.rx = None;
            let tx = self.channel.sender();
            let rx = self.channel.receiver();
            self.tx = Some(tx.unwrap_or_else(|error| panic!("{case}: {error}")));
            self.rx = Some(rx.unwrap_or_else(|error| panic!("{case}: {error}")));
        }
    }

    /// The id of the endpoint of process `pid`, if it is one by now, or still is.
    pub fn id_of(&self, pid: Pid) -> Option<u16> {
        let has = |&id: &u16| {
            let record = self.pool.record(id);
            record.role != 0 && record.pid == pid.as_raw() as u32
        };
        (1..self.pool.table_length).find(has)
    }

    /// Every id is somebody's.
    pub fn is_full(&self) -> bool {
        (crate::support::words::FIRST_MULTI..self.pool.table_length).all(|id| self.pool.record(id).role != 0)
    }

    /// Somebody has the byte that an endpoint holds while it attaches.
    pub fn somebody_attaches(&self) -> bool {
        has_attach_byte(&self.channel)
    }

    /// What has been sent and not received here.
    pub fn outstanding(&self) -> BTreeSet<u64> {
        self.sent.difference(&self.got).copied().collect()
    }
}
