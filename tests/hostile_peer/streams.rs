//! What can a hostile process do to a stream's two ends?
//!
//! As to the others: they are answered elements or errors, within their time, and stay inside the mapping, both halves of it.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use annulus::stream::{Builder, Channel, Reader, Writer};

use crate::scribbler::{Dice, MANNERS, Manner};
use crate::support::guard::guarded;
use crate::support::log::Log;
use crate::support::own::Own;
use crate::support::{Peer, Words, until};
use crate::victim::{Answers, open_and_mapped};
use crate::{SCHEMA, say_goodbye, scribbler, seed};

/// Four words: 128 of them fill a page.
type Element = [u64; 4];

fn builder() -> Builder<Element> {
    Channel::builder(1)
        .tick(Duration::from_millis(20))
        .spin_time(Duration::from_micros(20))
        .schema(SCHEMA)
}

/// What a process has attached.
struct Victim<'a> {
    channel: &'a Channel<Element>,
    /// What it opens again.
    name: Option<&'a str>,
    answers: &'a Answers,
    tx: Option<Writer<Element>>,
    rx: Option<Reader<Element>>,
}

impl Victim<'_> {
    /// Until it is told to `stop`. Nothing is left open or mapped.
    fn live(mut self, dice: &mut Dice, stop: &Log) {
        let before = open_and_mapped();
        while stop.len() == 0 {
            self.act(dice);
        }
        (self.tx, self.rx) = (None, None);
        assert_eq!(open_and_mapped(), before, "descriptors and mappings of the region");
    }

    fn act(&mut self, dice: &mut Dice) {
        match dice.roll(64) {
            0 | 1 => self.tx = None,
            2 | 3 => self.rx = None,
            4 => self.reopen(),
            5 if dice.roll(8) == 0 => {
                self.tx.as_ref().map(Writer::close);
                self.rx.as_ref().map(Reader::close);
            }
            6 => {
                let seat = self.channel.reserve_writer().and_then(|seat| seat.attach());
                _ = self.answers.noted(seat);
            }
            7 => {
                let seat = self.channel.reserve_reader().and_then(|seat| seat.attach());
                _ = self.answers.noted(seat);
            }
            8 => {
                _ = self
                    .answers
                    .noted(self.channel.stats().map(|stats| assert!(stats.len <= stats.capacity)))
            }
            9..36 => self.write(dice),
            _ => self.read(dice),
        }
    }

    fn write(&mut self, dice: &mut Dice) {
        if self.tx.is_none() {
            let attached = self.channel.writer().map(|tx| self.tx = Some(tx));
            self.answers.noted(attached);
        }
        let Some(tx) = &mut self.tx else {
            return;
        };
        let (capacity, answers) = (tx.capacity(), self.answers);
        assert_eq!(capacity, 128);
        let len = dice.roll(capacity as u64 + 2) as usize;
        let a_while = Duration::from_micros(dice.roll(2000));
        let fill = |chunk: annulus::stream::WriteChunk<'_, Element>, dice: &mut Dice| {
            let mut chunk = chunk;
            assert_eq!(chunk.len(), len);
            chunk.fill([dice.any(); 4]);
            (0..dice.roll(500)).for_each(|_| std::hint::spin_loop());
            match dice.roll(4) {
                0 => drop(chunk),
                1 => chunk.commit(dice.roll(len as u64 + 1) as usize),
                _ => chunk.commit_all(),
            }
        };
        let corrupt = match dice.roll(6) {
            0 | 1 => answers.noted(tx.try_write_chunk(len).map(|chunk| fill(chunk, dice))),
            2 => answers.noted(tx.write_chunk_timeout(len, a_while).map(|chunk| fill(chunk, dice))),
            3 => {
                let deadline = Instant::now() + a_while;
                answers.noted(tx.write_chunk_deadline(len, deadline).map(|chunk| fill(chunk, dice)))
            }
            4 => answers.noted(
                tx.try_write(&vec![[dice.any(); 4]; len])
                    .map(|count| assert!(count <= len)),
            ),
            _ => {
                assert!(tx.free() <= capacity);
                let _ = format!("{tx:?}");
                answers.noted(tx.poll(a_while))
            }
        };
        if corrupt {
            assert!(answers.noted(tx.try_write_chunk(1).map(drop)), "it stays corrupt");
            self.tx = None;
        }
    }

    fn read(&mut self, dice: &mut Dice) {
        if self.rx.is_none() {
            let attached = self.channel.reader().map(|rx| self.rx = Some(rx));
            self.answers.noted(attached);
        }
        let Some(rx) = &mut self.rx else {
            return;
        };
        let (capacity, answers) = (rx.capacity(), self.answers);
        assert_eq!(capacity, 128);
        let len = dice.roll(capacity as u64 + 2) as usize;
        let a_while = Duration::from_micros(dice.roll(2000));
        let look = |chunk: annulus::stream::ReadChunk<'_, Element>, dice: &mut Dice| {
            let there = chunk.len();
            assert!(there <= len);
            // All of it, whatever it says.
            std::hint::black_box(chunk.iter().flatten().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
            match dice.roll(4) {
                0 => drop(chunk),
                1 => chunk.consume(dice.roll(there as u64 + 1) as usize),
                _ => chunk.consume_all(),
            }
        };
        let corrupt = match dice.roll(6) {
            0 | 1 => answers.noted(rx.try_read_chunk(len).map(|chunk| look(chunk, dice))),
            2 => answers.noted(rx.read_chunk_timeout(len, a_while).map(|chunk| look(chunk, dice))),
            3 => {
                let deadline = Instant::now() + a_while;
                answers.noted(rx.read_chunk_deadline(len, deadline).map(|chunk| look(chunk, dice)))
            }
            4 => answers.noted(rx.try_read(&mut vec![[0; 4]; len]).map(|count| assert!(count <= len))),
            _ => {
                assert!(rx.len() <= capacity);
                let _ = (rx.is_empty(), format!("{rx:?}"));
                answers.noted(rx.poll(a_while))
            }
        };
        if corrupt {
            assert!(answers.noted(rx.try_read_chunk(1).map(drop)), "it stays corrupt");
            self.rx = None;
        }
    }

    /// Opens the stream again, and attaches there.
    fn reopen(&self) {
        let opened = guarded(|| match self.name {
            Some(name) => Channel::<Element>::builder(0).schema(SCHEMA).open(name),
            None => {
                let fd = self.channel.as_fd().try_clone_to_owned().expect("a descriptor");
                Channel::<Element>::builder(0).schema(SCHEMA).from_fd(fd)
            }
        });
        match opened {
            Ok((again, _guards)) => {
                self.answers.noted(again.writer().map(|mut tx| tx.try_write(&[[1; 4]])));
                self.answers
                    .noted(again.reader().map(|mut rx| rx.try_read(&mut [[0; 4]])));
            }
            Err(error) => _ = self.answers.noted::<(), _>(Err(error)),
        }
    }
}

pub fn a_scribbler_stalls_or_spoils_a_stream_and_no_more() {
    let answers = Answers::new();
    for (i, manner) in (0..).zip(MANNERS) {
        let own = Own::new("hostile-stream");
        let name = (i % 2 == 1).then_some(&*own);
        let created = name.map(|name| builder().create(name).expect("a stream"));
        let (channel, _guards) = match name {
            Some(name) => guarded(|| builder().open(name)).expect("the stream"),
            None => guarded(|| builder().anonymous()).expect("a stream"),
        };
        Words::of(&channel);
        let stop = Log::new(0);
        let mut scribbler = scribbler(&channel, manner);
        scribbler.expect("ready");
        let mut victims: Vec<Peer> = (0..3)
            .map(|which| {
                let mut dice = seed(which);
                Peer::fork("victim", |link| {
                    let victim = Victim {
                        channel: &channel,
                        name,
                        answers: &answers,
                        tx: None,
                        rx: None,
                    };
                    victim.live(&mut dice, &stop);
                    link.say("unharmed");
                })
            })
            .collect();
        scribbler.tell("begin");
        scribbler.expect("done");
        stop.count();
        for victim in &mut victims {
            victim.expect("unharmed");
        }
        scribbler.tell("leave");
        victims.into_iter().for_each(Peer::join);
        scribbler.join();
        drop(created);
    }
    let counts = [&answers.values, &answers.corrupt, &answers.others].map(Log::len);
    assert!(counts.iter().all(|&count| count > 100), "{counts:?}");
}

/// Waits without a limit, until it is told that all is over.
fn wait(channel: &Channel<Element>, writes: bool, begun: &Log, over: &Log) {
    while over.len() == 0 {
        begun.count();
        if writes {
            let _ = channel
                .writer()
                .map(|mut tx| while tx.write_all(&[[1; 4]; 100]).is_ok() {});
        } else {
            let _ = channel
                .reader()
                .map(|mut rx| while rx.read_exact(&mut [[0; 4]; 70]).is_ok() {});
        }
    }
}

pub fn a_streams_ends_go_on_when_the_words_are_sound_again() {
    for manner in [Manner::Near, Manner::Random, Manner::Ones] {
        let (channel, _guards) = guarded(|| builder().anonymous()).expect("a stream");
        Words::of(&channel);
        let (begun, over) = (Log::new(0), Log::new(0));
        let mut scribbler = scribbler(&channel, manner);
        scribbler.expect("ready");
        let mut waiting = [true, false].map(|writes| {
            Peer::fork("waiting", |link| {
                wait(&channel, writes, &begun, &over);
                link.say("over");
            })
        });
        until("they have begun", || begun.len() >= 2);
        scribbler.tell("begin");
        scribbler.expect("done");
        over.count();
        // Each of them may have attached since the last goodbye.
        until("they have come to the end", || {
            say_goodbye(&channel);
            waiting.iter_mut().all(Peer::has_spoken)
        });
        scribbler.tell("leave");
        scribbler.join();
        for mut peer in waiting {
            peer.expect("over");
            peer.join();
        }
    }
}
