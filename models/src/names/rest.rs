//! Nobody can go on: is anything left that should not be?

use super::{Answer, At, Local, Op, Policy, Scenario, State};

impl Scenario {
    fn op(&self, local: &Local, k: usize) -> Option<Op> {
        self.scripts[k].get(usize::from(local.op)).copied()
    }

    /// Process `k` has finished, or waits for what may come.
    pub(super) fn rests(&self, state: &State, k: usize) -> bool {
        let local = &state.processes[k];
        let object = &state.objects[usize::from(local.opened)];
        match (local.at, self.op(local, k)) {
            (At::Finished | At::Dead, _) => true,
            (At::Begin, None) => local.inside,
            (At::Begin, Some(Op::Receive)) => {
                let apart = !object.linked || object.orphaned();
                let mut others = state.processes.iter().enumerate().filter(|&(other, _)| other != k);
                let others = others.any(|(_, other)| other.opened == local.opened && other.at != At::Dead);
                !object.sender_seen && object.messages == 0 && (!apart || others)
            }
            (At::Begin, Some(Op::Open | Op::OpenMismatch)) => state.name == 0,
            (At::Begin, Some(Op::Last)) => true,
            _ => false,
        }
    }

    /// Nobody was killed.
    fn unharmed(&self, state: &State) -> bool {
        state.kills == self.kills
    }

    /// Why it must not stay as it is.
    pub(super) fn left_behind(&self, state: &State) -> Option<String> {
        if let Some(k) = (0..self.scripts.len()).find(|&k| !self.rests(state, k)) {
            return Some(format!("WAITS: P{k} waits for what cannot come"));
        }
        if !self.unharmed(state) {
            return None;
        }
        let object = &state.objects[usize::from(state.name)];
        let inside = |local: &Local| local.inside && local.opened == state.name;
        let needed = match object.policy {
            Policy::Created => false,
            Policy::Shared => object.messages > 0,
            Policy::Kept => true,
        };
        if state.name != 0 && !needed && !state.processes.iter().any(inside) {
            return Some("LEFT: a name is left that nobody needs, and nobody was killed".to_owned());
        }
        self.lost(state)
    }

    /// Messages have gone with their object, though nobody has removed it who may.
    fn lost(&self, state: &State) -> Option<String> {
        let removes = |op: &Op| matches!(op, Op::Gc | Op::Unlink | Op::Create(_));
        if self.scripts.iter().flatten().any(removes) {
            return None;
        }
        let left: u8 = state.objects.iter().map(|object| object.messages).sum();
        let lost = state.sent - state.got - left;
        (lost > 0).then(|| format!("LOST: {lost} messages"))
    }

    /// A `create` or a `gc` when all others have gone does what it is there for.
    pub(super) fn blocked(&self, state: &State) -> Option<String> {
        let object = &state.objects[usize::from(state.name)];
        for (k, script) in self.scripts.iter().enumerate() {
            let local = &state.processes[k];
            if script.first() != Some(&Op::Last) || local.at != At::Finished {
                continue;
            }
            let needed = match object.policy {
                Policy::Created => false,
                Policy::Shared => object.messages > 0,
                Policy::Kept => true,
            };
            if local.answer == Answer::NameTaken && !(state.name != 0 && needed) {
                return Some("BLOCKED: create says that the name is taken, and nobody lives".to_owned());
            }
            if script.get(1) == Some(&Op::Gc) && state.name != 0 && object.policy != Policy::Kept {
                return Some("LEFT: gc leaves a name that nobody has open".to_owned());
            }
        }
        None
    }
}
