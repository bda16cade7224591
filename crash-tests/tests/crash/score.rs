//! How many points were there, and are there as many as there must be?

use std::collections::BTreeSet;

use crate::support::Peer;
use crate::support::log::Log;
use crate::trace::Did;

/// Visits that a child can report.
const ROOM: usize = 1 << 14;

/// What a grid has come to.
pub struct Score {
    name: String,
    situations: usize,
    visits: usize,
    points: BTreeSet<Did>,
}

impl Score {
    /// Nothing yet.
    pub fn new(name: String) -> Score {
        Score {
            name,
            situations: 0,
            visits: 0,
            points: BTreeSet::new(),
        }
    }

    /// Another situation.
    pub fn enter(&mut self) {
        self.situations += 1;
    }

    /// Another visit, to the point right after `did`.
    pub fn count(&mut self, did: Did) {
        self.visits += 1;
        self.points.insert(did);
    }

    /// Visits the points after 0, 1, 2, … steps, until `visit` says that there are no more. A forked child takes every other
    /// one, since there are two processors nearly everywhere.
    pub fn visit_all(&mut self, visit: impl Fn(usize) -> Option<Did>) {
        let log = Log::new(2 * ROOM);
        let other = Peer::fork("who takes every other point", |_| {
            every_other(1, &visit, |did| {
                did.numbers().into_iter().for_each(|number| log.push(number))
            });
        });
        every_other(0, &visit, |did| self.count(did));
        other.join();
        for numbers in log.list().as_chunks().0 {
            self.count(Did::from_numbers(*numbers));
        }
    }

    /// Prints it; panics if there are fewer than `least` points: the grid has shrunk, or the door is open.
    pub fn settle(self, least: usize) {
        let (name, points, visits) = (&self.name, self.points.len(), self.visits);
        match self.situations {
            1 => println!("{name}: {points} points, {visits} visits"),
            n => println!("{name}: {points} points, {visits} visits in {n} situations"),
        }
        assert!(
            self.points.len() >= least,
            "{}: only {} points: {:#?}",
            self.name,
            self.points.len(),
            self.points
        );
    }
}

fn every_other(first: usize, visit: impl Fn(usize) -> Option<Did>, mut count: impl FnMut(Did)) {
    for steps in (first..).step_by(2) {
        match visit(steps) {
            Some(did) => count(did),
            None => break,
        }
    }
}
