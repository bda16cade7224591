//! Aeron where it was not compiled: there is none.

use crate::mechanism::{Link, Rx, Shape, Skip, Tx};
use crate::message::Message;

/// None.
#[derive(Debug)]
pub enum Driver {}

impl<M: Message> Link<M> for Driver {
    type Tx = Driver;
    type Rx = Driver;

    fn open(_: &Shape) -> Result<Self, Skip> {
        Err(Skip::because(
            "was built without it: see the feature `aeron`, which needs CMake 3.30, libclang, libbsd and libuuid",
        ))
    }

    fn tx(&self) -> Result<Driver, Skip> {
        match *self {}
    }

    fn rx(&self) -> Result<Driver, Skip> {
        match *self {}
    }
}

impl<M: Message> Tx<M> for Driver {
    fn send(&mut self, _: &M) -> Result<(), Skip> {
        match *self {}
    }
}

impl<M: Message> Rx<M> for Driver {
    fn recv(&mut self, _: &mut M) -> Result<(), Skip> {
        match *self {}
    }
}
