//! Which messages has the only receiver taken and not freed?
//!
//! It claims nothing: a message that it holds looks like any other, and is whoever's who takes the end over from the head
//! hint, which therefore passes none of them. That they are held stands here, in the receiver's own memory.

use std::cell::RefCell;
use std::collections::VecDeque;

/// The positions of messages that are held, or have been and are to be received again.
#[derive(Default)]
pub(super) struct Held {
    /// In the order in which they were sent, as they were taken.
    messages: RefCell<VecDeque<Message>>,
}

struct Message {
    position: u64,
    /// Handed back: nobody holds it.
    back: bool,
}

impl Held {
    /// The first position that must not be passed.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.messages.borrow().front().map(|message| message.position)
    }

    /// Holds the message at `position`, the last that was sent of all that are here.
    pub(super) fn hold(&self, position: u64) {
        self.messages.borrow_mut().push_back(Message { position, back: false });
    }

    /// Its slot is about to be freed.
    pub(super) fn remove(&self, position: u64) {
        let mut messages = self.messages.borrow_mut();
        if let Some(index) = messages.iter().position(|message| message.position == position) {
            messages.remove(index);
        }
    }

    /// It is to be received again.
    pub(super) fn hand_back(&self, position: u64) {
        let mut messages = self.messages.borrow_mut();
        if let Some(message) = messages.iter_mut().find(|message| message.position == position) {
            message.back = true;
        }
    }

    /// Something is to be received again.
    pub(super) fn any_back(&self) -> bool {
        self.messages.borrow().iter().any(|message| message.back)
    }

    /// The oldest of what is to be received again is held again.
    pub(super) fn take_back(&self) -> Option<u64> {
        let mut messages = self.messages.borrow_mut();
        let message = messages.iter_mut().find(|message| message.back)?;
        message.back = false;
        Some(message.position)
    }
}
