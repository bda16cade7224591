//! Do calls end, whoever is stopped, and in how many steps?

use super::{Model, Walk, Wrong};

impl<M: Model> Walk<'_, M> {
    /// How many steps does anybody take alone to the end of a call? It must be so many at most; nobody may be unable to go
    /// on with a call, and there must be no circle in which no call ends.
    pub(super) fn calls_end(&self, most: u16) -> Result<u16, Wrong> {
        let held = |&&(_, to, who): &&(u32, u32, u8)| self.movers[to as usize] >> who & 1 == 0;
        if let Some(&(_, to, who)) = self.within.iter().find(held) {
            let what = format!("HELD UP: P{who} cannot go on with its call");
            return Err(self.wrong(to as usize, None, what));
        }
        let steps_from = self.steps_within();
        let steps = |state: u32| &self.within[steps_from[state as usize]..steps_from[state as usize + 1]];
        let mut into = vec![0_u32; self.states.len()];
        for &(_, to, _) in &self.within {
            into[to as usize] += 1;
        }
        let states = 0..self.states.len() as u32;
        let mut order: Vec<u32> = states.filter(|&state| into[state as usize] == 0).collect();
        let mut at = 0;
        while at < order.len() {
            for &(_, to, _) in steps(order[at]) {
                into[to as usize] -= 1;
                if into[to as usize] == 0 {
                    order.push(to);
                }
            }
            at += 1;
        }
        if let Some(round) = into.iter().position(|&into| into > 0) {
            return Err(self.wrong(round, None, "HELD UP: round and round, and no call ends".into()));
        }
        let mut longest = 0;
        let people = self.within.iter().map(|&(_, _, who)| who).max();
        for who in 0..=people.unwrap_or(0) {
            let mut alone = vec![1_u16; self.states.len()];
            for &state in order.iter().rev() {
                let own = steps(state).iter().filter(|step| step.2 == who);
                let behind = own.map(|&(_, to, _)| alone[to as usize] + 1).max();
                alone[state as usize] = behind.unwrap_or(1);
                if alone[state as usize] > most {
                    let what = format!("HELD UP: P{who} takes more than {most} steps although all others are stopped");
                    return Err(self.wrong(state as usize, None, what));
                }
            }
            longest = longest.max(alone.into_iter().max().unwrap_or(0));
        }
        Ok(longest)
    }

    /// Those of `within` that begin in state `s` are from the `s`th of these to the next.
    fn steps_within(&self) -> Vec<usize> {
        let mut first = vec![0; self.states.len() + 1];
        for &(from, _, _) in &self.within {
            first[from as usize + 1] += 1;
        }
        for state in 0..self.states.len() {
            first[state + 1] += first[state];
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use crate::explore::{Model, Step, explore};

    /// How somebody waits.
    #[derive(PartialEq)]
    enum Waits {
        Asleep,
        Going,
    }

    /// Two whose calls take four steps each, over and over.
    struct Two {
        most: u16,
        /// The first does not get on while the second is in a call.
        waits: Option<Waits>,
    }

    impl Model for Two {
        type State = [u8; 2];

        fn initial(&self) -> [u8; 2] {
            [0, 0]
        }

        fn steps(&self, state: &[u8; 2], next: &mut Vec<Step<[u8; 2]>>) {
            for k in 0..2 {
                let mut to = *state;
                let waits = k == 0 && state[1] != 0;
                to[k] = match state[k] {
                    3 => 0,
                    2 if waits && self.waits == Some(Waits::Going) => 1,
                    2 if waits && self.waits == Some(Waits::Asleep) => continue,
                    at => at + 1,
                };
                let label = (k as u8, "counts");
                next.push(match to[k] {
                    0 => Step::Ends(label, to),
                    _ => Step::Live(label, to),
                });
            }
        }

        fn good_end(&self, state: &[u8; 2]) -> bool {
            *state == [0, 0]
        }

        fn most_alone(&self) -> Option<u16> {
            Some(self.most)
        }
    }

    #[test]
    fn steps_are_counted_to_the_end_of_a_call() {
        let outcome = explore(&Two { most: 4, waits: None });
        assert!(outcome.wrong.is_none(), "{:?}", outcome.wrong);
        assert_eq!((outcome.states, outcome.alone), (16, Some(4)));
    }

    #[test]
    fn a_call_of_too_many_steps_is_found() {
        let wrong = explore(&Two { most: 3, waits: None }).wrong.expect("four steps");
        assert!(wrong.what.contains("more than 3 steps"), "{}", wrong.what);
    }

    #[test]
    fn who_waits_for_somebody_stopped_is_found() {
        for (waits, says) in [(Waits::Going, "round and round"), (Waits::Asleep, "P0 cannot go on")] {
            let waits = Some(waits);
            let wrong = explore(&Two { most: 4, waits }).wrong.expect("it waits");
            assert!(wrong.what.contains(says), "{}", wrong.what);
        }
    }
}
