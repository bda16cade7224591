//! What is an end of a stream to the others, whatever it reads or writes?

use crate::error::AttachError;
use crate::span::Span;

use super::super::endpoint::{Endpoint, Gate, Refusal};
use super::super::place::Place;

/// What either end is to the others, whatever it reads or writes.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) endpoint: Endpoint,
    pub(super) gate: Gate,
}

impl Attached {
    pub(super) fn new(place: Place) -> Result<Attached, AttachError> {
        let endpoint = Endpoint::new(place)?;
        Ok(Attached {
            gate: endpoint.gate(),
            endpoint,
        })
    }

    /// Nothing has happened that should be attended to first.
    #[inline(always)]
    pub(super) fn unremarkable(&self, span: &Span) -> bool {
        self.gate.unremarkable(&span.lines().life.0)
    }

    /// The dead have left nothing in a stream. Notes that they have been looked after.
    pub(super) fn look_after_the_dead(&self) -> Result<(), Refusal> {
        let contents = self.endpoint.region().contents();
        self.endpoint.reap(&contents, false).map(drop)
    }
}
