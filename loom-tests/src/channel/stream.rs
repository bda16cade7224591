//! What do users hold of a stream? The crate's own writers and readers.

#[path = "../../../src/channel/stream/attached.rs"]
mod attached;
#[path = "../../../src/channel/stream/error.rs"]
mod error;
#[path = "../../../src/channel/stream/reader.rs"]
mod reader;
#[path = "../../../src/channel/stream/writer.rs"]
mod writer;

use std::sync::Arc;

use crate::layout::Role;
use crate::region::Region;

use super::{Single, attach};
use attached::Attached;

pub(crate) use error::*;
pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// A writer at `region`.
pub(crate) fn writer(region: &Arc<Region>) -> Writer<u32> {
    Writer::new(attach::<Single>(region, Role::Sender)).expect("a sound region")
}

/// A reader at `region`.
pub(crate) fn reader(region: &Arc<Region>) -> Reader<u32> {
    Reader::new(attach::<Single>(region, Role::Receiver)).expect("a sound region")
}

/// As few at a time as can be.
fn piece(_capacity: usize) -> usize {
    1
}
