//! Does every name go when it should, and none before?
//!
//! `src/region/named`, and the start of a session in `src/channel/place.rs`. Every system call and every access to a
//! shared word is a step; a process may be killed before any of them, and the kernel closes its descriptors and drops its
//! locks. What is wrong begins with a word:
//!
//! | | |
//! |---|---|
//! | `STALE UNLINK` | somebody who means one object removes the name of another |
//! | `SPLIT` | an object that is in use loses its name, and not by hand or through its creator |
//! | `LOST` | a shared object loses its name with messages in it |
//! | `KEPT` | a kept one loses it |
//! | `LEFT` | all have gone, nobody was killed, and a name is left that nobody needs |
//! | `BLOCKED` | `create` says that a name is taken, and nobody lives who needs it |
//! | `FALSE END` | an end of the stream before a first peer |
//! | `WAITS` | somebody waits for what cannot come |
//! | `STUCK` | somebody can never finish |
//!
//! A process does one thing after another ([`Op`]). "Begin again" is without end here, and without a pause.

mod attach;
mod enter;
mod leave;
mod object;
mod rest;
mod rules;
pub mod scenarios;
mod turn;

use crate::explore::{Model, Step};

use object::{NO_OBJECT, OBJECTS, Object};
use turn::Turn;

pub use object::Policy;
pub use rules::Rule;

/// Processes at most.
const PROCESSES: usize = 4;

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// `create`.
    Create(Policy),
    /// `open_or_create`.
    OpenOrCreate,
    /// `open`, waiting for the name.
    Open,
    /// The same, and it is not what is expected.
    OpenMismatch,
    /// Becomes a sender.
    AttachSender,
    /// Becomes a receiver.
    AttachReceiver,
    /// `send`.
    Send,
    /// `recv`, until the end of the stream.
    Receive,
    /// `try_recv`, once.
    Take,
    /// Drops the `Channel`, not the endpoint.
    DropChannel,
    /// Drops all that is left.
    Leave,
    /// Passes a descriptor on.
    Pass,
    /// Takes one that was passed.
    Adopt,
    /// `unlink`.
    Unlink,
    /// `gc`.
    Gc,
    /// Waits until all others have finished or are dead.
    Last,
}

/// A few processes and a name.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What is looked at.
    pub name: &'static str,
    /// What each does.
    pub scripts: Vec<Vec<Op>>,
    /// How many are killed.
    pub kills: u8,
    /// The first so many may be.
    pub mortals: usize,
    /// The rule that is left out.
    pub without: Option<Rule>,
}

/// Everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The object that the name leads to; 0: none.
    name: u8,
    objects: [Object; OBJECTS],
    processes: [Local; PROCESSES],
    /// The object of a descriptor that travels.
    travels: u8,
    kills: u8,
    sent: u8,
    got: u8,
}

/// What a process knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Local {
    at: At,
    /// Which of the things that it does.
    op: u8,
    /// The object that it has opened.
    opened: u8,
    /// The object that it has made and that has no name yet.
    made: u8,
    /// It is the creator of what it has open.
    creator: bool,
    /// It has come in. Looked at from outside.
    inside: bool,
    /// It has had a peer, or could expect the end. Looked at from outside.
    had_a_peer: bool,
    /// It has found no live endpoint; or, too early, no message.
    fresh: bool,
    answer: Answer,
}

/// How it ended, where that matters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Answer {
    None,
    NameTaken,
}

/// Before which step a process is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Begin,
    /// A new object: its locks, its name.
    LockMade,
    Link,
    LockLinked,
    /// `create` has found the name taken.
    OpenTaken,
    Judge,
    JudgeUnread,
    JudgeOthers,
    /// Taken, if it still has its name.
    JudgeLinked,
    /// `open` has opened.
    Share,
    CheckLink,
    CheckCreator,
    Expect,
    /// The removal of a name.
    NameByte(Why),
    Compare(Why),
    Unlink(Why),
    /// Leaving.
    OutPolicy,
    OutAlone,
    OutDrained,
    OutClose,
    /// Attaching.
    Attach(u8),
    /// `recv` has found no sender.
    LastLook,
    /// `gc` has opened.
    GcPresence,
    GcClose,
    Finished,
    Dead,
}

/// Why a name is removed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Why {
    /// `create` and `open`: the creator is dead, or nobody has it and it is drained.
    Owed,
    /// The last one out, or the creator.
    Out,
    Gc,
    ByHand,
}

const NOWHERE: Local = Local {
    at: At::Begin,
    op: 0,
    opened: 0,
    made: 0,
    creator: false,
    inside: false,
    had_a_peer: false,
    fresh: false,
    answer: Answer::None,
};

impl Scenario {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}

impl Model for Scenario {
    type State = State;

    fn initial(&self) -> State {
        let mut processes = [NOWHERE; PROCESSES];
        for local in &mut processes[self.scripts.len()..] {
            local.at = At::Finished;
        }
        State {
            name: 0,
            objects: [NO_OBJECT; OBJECTS],
            processes,
            travels: 0,
            kills: self.kills,
            sent: 0,
            got: 0,
        }
    }

    fn steps(&self, state: &State, next: &mut Vec<Step<State>>) {
        for k in 0..self.scripts.len() {
            let turn = Turn {
                scenario: self,
                state: *state,
                k,
            };
            if !turn.lives(k) {
                continue;
            }
            next.extend(turn.step());
            if state.kills > 0 && k < self.mortals {
                next.push(turn.killed());
            }
        }
        if let Some(why) = self.blocked(state) {
            next.push(Step::Wrong((0, "and all others have finished"), why));
        }
    }

    fn good_end(&self, state: &State) -> bool {
        (0..self.scripts.len()).all(|k| self.rests(state, k))
    }

    fn at_rest(&self, state: &State) -> Option<String> {
        self.left_behind(state)
    }
}
