//! What does an honest process do with a channel that is being scribbled over?
//!
//! Whatever there is to do, at random, for a short time each; and it counts what it is answered. Who has answered
//! `Corrupt` answers nothing else from then on, and is dropped then.

use std::fmt::{Debug, Display};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use annulus::{Channel, End, Receiver, Sender};

use crate::scribbler::Dice;
use crate::support::guard::guarded;
use crate::support::log::Log;
use crate::{Message, SCHEMA};

/// A number for each answer, in memory that the processes share.
#[derive(Debug)]
pub struct Answers {
    pub values: Log,
    pub corrupt: Log,
    pub others: Log,
}

impl Answers {
    pub fn new() -> Answers {
        Answers {
            values: Log::new(0),
            corrupt: Log::new(0),
            others: Log::new(0),
        }
    }

    /// Counts an answer; whether it is `Corrupt`.
    pub fn noted<V, E: Display + Debug>(&self, answer: Result<V, E>) -> bool {
        match answer {
            Ok(_) => self.values.count(),
            Err(error) => {
                let text = format!("{error} {error:?}");
                assert!(!text.contains("WrongProcess"), "{text}");
                if text.contains("corrupt") {
                    self.corrupt.count();
                    return true;
                }
                self.others.count();
            }
        }
        false
    }
}

/// What a process has attached.
pub struct Victim<'a, S: End, R: End> {
    channel: &'a Channel<Message, S, R>,
    /// What it opens again.
    name: Option<&'a str>,
    answers: &'a Answers,
    tx: Option<Sender<Message, S>>,
    rx: Option<Receiver<Message, R>>,
}

impl<'a, S: End, R: End> Victim<'a, S, R> {
    pub fn new(channel: &'a Channel<Message, S, R>, name: Option<&'a str>, answers: &'a Answers) -> Self {
        Victim {
            channel,
            name,
            answers,
            tx: None,
            rx: None,
        }
    }

    /// Until it is told to `stop`. Nothing is left open or mapped.
    pub fn live(mut self, dice: &mut Dice, stop: &Log) {
        (self.tx, self.rx) = (None, None);
        let before = open_and_mapped();
        while stop.len() == 0 {
            self.act(dice);
        }
        (self.tx, self.rx) = (None, None);
        assert_eq!(open_and_mapped(), before, "descriptors and mappings of the region");
    }

    /// Something.
    pub fn act(&mut self, dice: &mut Dice) {
        match dice.roll(64) {
            0 => self.tx = None,
            1 => self.rx = None,
            2 => _ = self.noted(self.channel.recover()),
            3 => self.reopen(),
            4 if dice.roll(8) == 0 => self.close(),
            5 => _ = self.noted(self.channel.reserve_sender().and_then(|seat| seat.attach())),
            6 => _ = self.noted(self.channel.reserve_receiver().and_then(|seat| seat.attach())),
            7..36 => self.send(dice),
            _ => self.receive(dice),
        }
    }

    fn noted<V, E: Display + Debug>(&self, answer: Result<V, E>) -> bool {
        self.answers.noted(answer)
    }

    fn send(&mut self, dice: &mut Dice) {
        if self.tx.is_none() {
            let attached = self.channel.sender().map(|tx| self.tx = Some(tx));
            self.noted(attached);
        }
        let Some(tx) = &self.tx else {
            return;
        };
        let once = |dice: &mut Dice| {
            let value = [dice.any(); 3];
            let values = [value; 40];
            let values = &values[..1 + dice.roll(40) as usize];
            let a_while = Duration::from_micros(dice.roll(2000));
            match dice.roll(8) {
                0..3 => self.noted(tx.try_send(value)),
                3 => self.noted(tx.send_timeout(value, a_while)),
                4 => self.noted(tx.send_deadline(value, Instant::now() + a_while)),
                5..7 => self.noted(tx.try_send_many(values)),
                _ => {
                    looked(tx.len(), tx.capacity());
                    let _ = (tx.is_empty(), tx.is_full(), format!("{tx:?}"));
                    false
                }
            }
        };
        if once(dice) {
            assert!(self.noted(tx.try_send([0; 3])), "it stays corrupt");
            self.tx = None;
        }
    }

    fn receive(&mut self, dice: &mut Dice) {
        if self.rx.is_none() {
            let attached = self.channel.receiver().map(|rx| self.rx = Some(rx));
            self.noted(attached);
        }
        let Some(rx) = &self.rx else {
            return;
        };
        let mut room = [[0; 3]; 40];
        let once = |dice: &mut Dice, room: &mut [Message]| {
            let room = &mut room[..1 + dice.roll(40) as usize];
            let a_while = Duration::from_micros(dice.roll(2000));
            match dice.roll(10) {
                0..3 => self.noted(rx.try_recv()),
                3 => self.noted(rx.recv_timeout(a_while)),
                4 => self.noted(rx.recv_deadline(Instant::now() + a_while)),
                5..7 => self.noted(rx.try_recv_many(room)),
                7 => self.lease(rx, dice),
                8 => self.noted(rx.recv_lease_timeout(a_while).map(|lease| lease.ack())),
                _ => {
                    looked(rx.len(), rx.capacity());
                    let _ = (rx.is_empty(), rx.is_full(), format!("{rx:?}"));
                    false
                }
            }
        };
        if once(dice, &mut room) {
            assert!(self.noted(rx.try_recv()), "it stays corrupt");
            self.rx = None;
        }
    }

    /// Some leases, ended in some way after a while.
    fn lease(&self, rx: &Receiver<Message, R>, dice: &mut Dice) -> bool {
        let mut corrupt = false;
        let leases: Vec<_> = (0..dice.roll(6))
            .map_while(|_| match rx.try_recv_lease() {
                Ok(lease) => Some(lease),
                Err(error) => {
                    corrupt |= self.noted::<(), _>(Err(error));
                    None
                }
            })
            .collect();
        (0..dice.roll(2000)).for_each(|_| std::hint::spin_loop());
        for lease in leases {
            let _ = format!("{lease:?}");
            match dice.roll(4) {
                0 => std::mem::forget(lease),
                1 => drop(lease),
                _ => lease.ack(),
            }
        }
        corrupt
    }

    fn close(&self) {
        self.tx.as_ref().map(Sender::close);
        self.rx.as_ref().map(Receiver::close);
    }

    /// Opens the channel again, and attaches there.
    fn reopen(&self) {
        let opened = guarded(|| match self.name {
            Some(name) => Channel::<Message, S, R>::builder(0).schema(SCHEMA).open(name),
            None => {
                let fd = self.channel.as_fd().try_clone_to_owned().expect("a descriptor");
                Channel::<Message, S, R>::from_fd_as(fd, SCHEMA)
            }
        });
        match opened {
            Ok((again, _guards)) => {
                self.noted(again.sender().map(|tx| tx.try_send([1; 3])));
                self.noted(again.receiver().map(|rx| rx.try_recv()));
            }
            Err(error) => _ = self.noted::<(), _>(Err(error)),
        }
    }
}

fn looked(len: usize, capacity: usize) {
    assert!(len <= capacity, "{len} of {capacity}");
}

/// Descriptors of this process, and mappings of regions.
pub fn open_and_mapped() -> (usize, usize) {
    let open = std::fs::read_dir("/proc/self/fd").expect("/proc").count();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc");
    (open, maps.lines().filter(|line| line.contains("annulus")).count())
}
