//! Which programs are there?
//!
//! Processes and names are numbers modulo how many there are, channels and endpoints modulo how many are alive, so that
//! what is left of a program that shrinks is a program.

use std::fmt;

use proptest::prelude::*;

use crate::handles::KINDS;

/// How somebody comes by a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Create,
    Join,
    Open,
    OpenNow,
}

/// Of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Try,
    /// With a timeout of zero.
    Now,
    /// As long as it takes, if it ends.
    Wait,
}

/// A wish for a channel.
#[derive(Clone, Copy)]
pub struct Get {
    pub verb: Verb,
    pub name: usize,
    /// `None`: the kind that its name is for.
    pub kind: Option<usize>,
    pub capacity: usize,
    pub keep: bool,
}

/// One operation.
#[derive(Clone, Copy)]
pub enum Step {
    Get(usize, Get),
    Attach {
        channel: usize,
        sends: bool,
    },
    /// So many messages.
    Send(usize, Form, usize),
    Receive(usize, Form),
    DropChannel(usize),
    /// A process drops all that it has.
    Leave(usize),
    DropEndpoint {
        endpoint: usize,
        sends: bool,
    },
    Kill(usize),
    /// In the middle of its operation.
    KillIn {
        endpoint: usize,
        sends: bool,
    },
    Unlink(usize, usize),
    List(usize),
    Gc(usize),
    Recover(usize),
    /// Something that is no channel gets the name, if it is free.
    Foreign(usize),
}

fn get() -> impl Strategy<Value = Get> {
    let verb = prop_oneof![
        3 => Just(Verb::Create),
        4 => Just(Verb::Join),
        4 => Just(Verb::Open),
        1 => Just(Verb::OpenNow),
    ];
    let kind = prop_oneof![7 => Just(None), 1 => (0..4usize).prop_map(Some)];
    let name = prop_oneof![4 => Just(0usize), 2 => Just(1), 1 => Just(2)];
    let capacity = prop_oneof![2 => 1..=2usize, 1 => 3..=8usize];
    (verb, name, kind, capacity, prop::bool::weighted(0.1)).prop_map(|(verb, name, kind, capacity, keep)| Get {
        verb,
        name,
        kind,
        capacity,
        keep,
    })
}

/// An operation.
pub fn step() -> impl Strategy<Value = Step> {
    let who = 0..12usize;
    let form = || prop_oneof![4 => Just(Form::Try), 1 => Just(Form::Now), 2 => Just(Form::Wait)];
    let role = (who.clone(), any::<bool>());
    let name = || prop_oneof![4 => Just(0usize), 2 => Just(1), 1 => Just(2)];
    prop_oneof![
        14 => (who.clone(), get()).prop_map(|(process, get)| Step::Get(process, get)),
        12 => (who.clone(), prop::bool::weighted(0.6)).prop_map(|(channel, sends)| Step::Attach { channel, sends }),
        16 => (who.clone(), form(), 1..=3usize).prop_map(|(endpoint, form, count)| Step::Send(endpoint, form, count)),
        14 => (who.clone(), form()).prop_map(|(endpoint, form)| Step::Receive(endpoint, form)),
        4 => who.clone().prop_map(Step::DropChannel),
        4 => role.clone().prop_map(|(endpoint, sends)| Step::DropEndpoint { endpoint, sends }),
        3 => who.clone().prop_map(Step::Leave),
        2 => who.clone().prop_map(Step::Kill),
        2 => role.prop_map(|(endpoint, sends)| Step::KillIn { endpoint, sends }),
        1 => (who.clone(), name()).prop_map(|(process, name)| Step::Unlink(process, name)),
        2 => who.clone().prop_map(Step::List),
        2 => who.clone().prop_map(Step::Gc),
        1 => who.clone().prop_map(Step::Recover),
        1 => name().prop_map(Step::Foreign),
    ]
}

impl fmt::Debug for Get {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Get { verb, capacity, .. } = self;
        let kind = self.kind.map_or("", |kind| KINDS[kind]);
        let keep = if self.keep { " keep" } else { "" };
        write!(
            f,
            "{verb:?} {} {kind}x{capacity}{keep}",
            char::from(b'a' + self.name as u8)
        )
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = |sends| if sends { "sender" } else { "receiver" };
        match *self {
            Step::Get(process, get) => write!(f, "P{process} {get:?}"),
            Step::Attach { channel, sends } => write!(f, "{} of channel {channel}", role(sends)),
            Step::Send(who, form, count) => write!(f, "send {who} {form:?} x{count}"),
            Step::Receive(who, form) => write!(f, "receive {who} {form:?}"),
            Step::DropChannel(channel) => write!(f, "drop channel {channel}"),
            Step::Leave(process) => write!(f, "P{process} leaves"),
            Step::DropEndpoint { endpoint, sends } => write!(f, "drop {} {endpoint}", role(sends)),
            Step::Kill(process) => write!(f, "kill P{process}"),
            Step::KillIn { endpoint, sends } => write!(f, "kill in {} {endpoint}", role(sends)),
            Step::Unlink(process, name) => write!(f, "P{process} unlink {name}"),
            Step::List(process) => write!(f, "P{process} list"),
            Step::Gc(process) => write!(f, "P{process} gc"),
            Step::Recover(channel) => write!(f, "recover {channel}"),
            Step::Foreign(name) => write!(f, "foreign {name}"),
        }
    }
}
