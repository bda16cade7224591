//! What is behind a name, and what does the kernel know of it?

use super::State;

/// Objects at most: each process has opened one and is making another.
pub(super) const OBJECTS: usize = 8;
/// Presence that travels, held by no process.
pub(super) const TRAVELS: u8 = 1 << 7;

/// Who may remove the name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Policy {
    /// The creator, and who finds it dead.
    Created,
    /// The last one out.
    Shared,
    /// Whoever asks for it.
    Kept,
}

/// A region, and its lock bytes: those that many may hold as a set of processes, the others as one process plus one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Object {
    /// There is one.
    pub(super) exists: bool,
    pub(super) policy: Policy,
    pub(super) linked: bool,
    pub(super) messages: u8,
    /// Presence, shared.
    pub(super) present: u8,
    /// Presence, alone.
    pub(super) alone: u8,
    pub(super) name: u8,
    pub(super) creator: u8,
    pub(super) attach: u8,
    /// Role bytes.
    pub(super) senders: u8,
    pub(super) receivers: u8,
    /// The life word: a sender has been seen, a receiver has.
    pub(super) sender_seen: bool,
    pub(super) receiver_seen: bool,
    /// Who has come in this session. Only looked at from outside.
    pub(super) session: u8,
}

pub(super) const NO_OBJECT: Object = Object {
    exists: false,
    policy: Policy::Kept,
    linked: false,
    messages: 0,
    present: 0,
    alone: 0,
    name: 0,
    creator: 0,
    attach: 0,
    senders: 0,
    receivers: 0,
    sender_seen: false,
    receiver_seen: false,
    session: 0,
};

impl Object {
    /// The creator is dead: for good.
    pub(super) fn orphaned(&self) -> bool {
        self.policy == Policy::Created && self.creator == 0
    }

    /// Process `k` closes its description.
    pub(super) fn close(&mut self, k: usize) {
        let others = !(1 << k);
        for set in [
            &mut self.present,
            &mut self.senders,
            &mut self.receivers,
            &mut self.session,
        ] {
            *set &= others;
        }
        for holder in [&mut self.alone, &mut self.name, &mut self.creator, &mut self.attach] {
            if *holder == k as u8 + 1 {
                *holder = 0;
            }
        }
    }

    /// Nobody but `k` holds presence in any way.
    pub(super) fn nobody_else(&self, k: usize) -> bool {
        self.present & !(1 << k) == 0 && (self.alone == 0 || self.alone == k as u8 + 1)
    }
}

impl State {
    /// A new object.
    pub(super) fn make(&mut self, policy: Policy) -> u8 {
        let free = (1..OBJECTS).find(|&x| !self.objects[x].exists);
        let x = free.expect("there are as many as can be in use");
        self.objects[x] = Object {
            exists: true,
            policy,
            ..NO_OBJECT
        };
        x as u8
    }

    /// Numbers the objects in the order in which they are referred to, and drops the others: states that differ only in
    /// that are one.
    pub(super) fn settle(&mut self) {
        let mut settling = Settling {
            from: self.objects,
            map: [0; OBJECTS],
            next: 1,
            to: [NO_OBJECT; OBJECTS],
        };
        settling.refer(&mut self.name);
        for local in &mut self.processes {
            settling.refer(&mut local.opened);
            settling.refer(&mut local.made);
        }
        settling.refer(&mut self.travels);
        self.objects = settling.to;
    }
}

struct Settling {
    from: [Object; OBJECTS],
    map: [u8; OBJECTS],
    next: u8,
    to: [Object; OBJECTS],
}

impl Settling {
    fn refer(&mut self, x: &mut u8) {
        let old = usize::from(*x);
        if old == 0 {
            return;
        }
        if self.map[old] == 0 {
            self.map[old] = self.next;
            self.to[usize::from(self.next)] = self.from[old];
            self.next += 1;
        }
        *x = self.map[old];
    }
}
