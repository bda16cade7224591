//! Where are the elements of a stream? The twin of the crate's: watched, and mapped once, so that no chunk may go round the end.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::slice;
use std::sync::Arc;

use bytemuck::Pod;
use loom::cell::UnsafeCell;

use super::Region;
use crate::span::{Filled, Free};

/// Elements of four bytes, and what loom watches for each.
pub(crate) struct Memory {
    elements: Vec<std::cell::UnsafeCell<u32>>,
    watched: Vec<UnsafeCell<()>>,
}

impl Memory {
    pub(super) fn new(capacity: u64) -> Memory {
        Memory {
            elements: (0..capacity).map(|_| Default::default()).collect(),
            watched: (0..capacity).map(|_| UnsafeCell::new(())).collect(),
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} elements", self.elements.len())
    }
}

pub(crate) struct Elements<T> {
    region: Arc<Region>,
    element: PhantomData<T>,
}

impl<T: Pod> Elements<T> {
    pub(crate) fn new(region: &Arc<Region>) -> Elements<T> {
        assert_eq!(size_of::<T>(), size_of::<u32>());
        Elements {
            region: Arc::clone(region),
            element: PhantomData,
        }
    }

    pub(crate) fn free<'a>(&'a self, free: &'a Free<'_>) -> &'a [T] {
        self.read(free.index(), free.len())
    }

    pub(crate) fn free_mut<'a>(&'a self, free: &'a mut Free<'_>) -> &'a mut [T] {
        let (memory, range) = self.at(free.index(), free.len());
        for watched in &memory.watched[range.clone()] {
            watched.with_mut(|_| ());
        }
        let first = memory.elements[range.clone()].as_ptr().cast_mut().cast();
        // SAFETY: inside the memory, which the region keeps; loom has just seen that nobody else is there.
        unsafe { slice::from_raw_parts_mut(first, range.len()) }
    }

    pub(crate) fn filled<'a>(&'a self, filled: &'a Filled<'_>) -> &'a [T] {
        self.read(filled.index(), filled.len())
    }

    pub(crate) fn filled_to_the_end<'a>(&'a self, filled: Filled<'a>) -> &'a [T] {
        self.read(filled.index(), filled.len())
    }

    fn read(&self, index: u64, len: u64) -> &[T] {
        let (memory, range) = self.at(index, len);
        for watched in &memory.watched[range.clone()] {
            watched.with(|_| ());
        }
        let first = memory.elements[range.clone()].as_ptr().cast();
        // SAFETY: inside the memory, which the region keeps; loom has just seen that nobody writes there.
        unsafe { slice::from_raw_parts(first, range.len()) }
    }

    fn at(&self, index: u64, len: u64) -> (&Memory, Range<usize>) {
        let memory = self.region.elements.as_ref().expect("a stream");
        (memory, index as usize..(index + len) as usize)
    }
}
