//! What do the survivors have when processes are killed at random in mid-traffic, again and again?
//!
//! Every process writes down what it has done in memory that outlives it: a sender counts the sends that have returned,
//! a receiver lists the messages that it was given. When all is over the lists are held against each other. Each killed
//! sender may have sent one batch more than it has counted, or a part of its beginning; each killed receiver may have
//! taken one message that it did not come to write down. Nothing else is missing, and nothing is there twice.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use annulus::{Channel, End, Multi, RecvError, SendError};
use support::log::Log;
use support::traffic::{channel, go_on, receive};
use support::words::Phase;
use support::{LONG, Peer, Words, until};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[],
        &support::tests!(
            all:
                a_killed_sender_loses_only_its_own_message
                a_killed_receiver_loses_only_its_own_message
                killed_senders_and_receivers_lose_only_their_own_messages;
            multi:
                a_thousand_endpoints_share_one_id;
        ),
    )
}

/// Kills in one storm.
const KILLS: u64 = 40;
/// Messages that the survivors exchange after the last kill.
const MORE: usize = 10_000;
/// Messages in a batch of every other sender.
const BATCH: u64 = 4;
/// Room in a receiver's list.
const ROOM: usize = 1 << 23;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victims {
    Senders,
    Receivers,
    Both,
}

fn a_killed_sender_loses_only_its_own_message<S: End, R: End>() {
    storm::<S, R>(Victims::Senders);
}

fn a_killed_receiver_loses_only_its_own_message<S: End, R: End>() {
    storm::<S, R>(Victims::Receivers);
}

fn killed_senders_and_receivers_lose_only_their_own_messages<S: End, R: End>() {
    storm::<S, R>(Victims::Both);
}

/// A sender's life: its number is in its messages.
struct Sending {
    peer: Peer,
    number: u64,
    killed: bool,
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    /// Below `n`. Marsaglia's xorshift64.
    fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn start_sender<S: End, R: End>(channel: &Channel<u64, S, R>, number: u64, returned: &Log, stop: &Log) -> Sending {
    let mut peer = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        link.say("attached");
        let batch = if number.is_multiple_of(2) { 1 } else { BATCH };
        let mut next = 0;
        while stop.len() == 0 {
            let values: Vec<u64> = (next..next + batch).map(|seq| number << 32 | seq).collect();
            let sent = match tx.send_many(&values) {
                Ok(()) => batch,
                // The only receiver is dead, and its successor has not come.
                Err(e) if e.kind == SendError::Disconnected(()) => {
                    std::thread::yield_now();
                    e.sent as u64
                }
                Err(e) => panic!("{e}"),
            };
            (0..sent).for_each(|_| returned.count());
            next += sent;
        }
        link.say(next);
    });
    peer.expect("attached");
    Sending {
        peer,
        number,
        killed: false,
    }
}

fn start_receiver<S: End, R: End>(channel: &Channel<u64, S, R>, log: &Log, finish: &Log) -> Peer {
    let mut peer = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        loop {
            match rx.recv() {
                Ok(value) => log.push(value),
                Err(RecvError::Disconnected) if finish.len() > 0 => break,
                // The only sender is dead, and its successor has not come.
                Err(RecvError::Disconnected) => std::thread::yield_now(),
                Err(e) => panic!("{e}"),
            }
        }
        link.say("drained");
    });
    peer.expect("attached");
    peer
}

fn storm<S: End, R: End>(victims: Victims) {
    let (channel, words) = channel::<u64, S, R>(16);
    let kind = Channel::<u64, S, R>::kind();
    let many_senders = matches!(kind, annulus::Kind::Mpsc | annulus::Kind::Mpmc);
    let many_receivers = matches!(kind, annulus::Kind::Spmc | annulus::Kind::Mpmc);
    let (stop, finish) = (Log::new(0), Log::new(0));
    let returned: Vec<Log> = (0..KILLS + 2).map(|_| Log::new(0)).collect();
    // One list a place: a successor goes on in the list of its predecessor.
    let lists: Vec<Log> = (0..if many_receivers { 2 } else { 1 })
        .map(|_| Log::new(ROOM))
        .collect();
    let mut senders: Vec<Sending> = (0..if many_senders { 2 } else { 1 })
        .map(|n| start_sender(&channel, n, &returned[n as usize], &stop))
        .collect();
    let mut next = senders.len() as u64;
    let mut receivers: Vec<Peer> = lists
        .iter()
        .map(|list| start_receiver(&channel, list, &finish))
        .collect();
    let received = || lists.iter().map(Log::len).sum::<usize>();
    let mut dead = Vec::new();
    let mut killed_receivers = 0;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()));
    for kill in 0..KILLS {
        let enough = received() + dice.roll(1500) as usize;
        until("the traffic flows", || received() >= enough);
        for _ in 0..dice.roll(20_000) {
            std::hint::spin_loop();
        }
        let a_sender = match victims {
            Victims::Senders => true,
            Victims::Receivers => false,
            Victims::Both => kill.is_multiple_of(2),
        };
        if a_sender {
            let mut victim = senders.remove(0);
            victim.peer.kill();
            victim.killed = true;
            dead.push(victim);
            senders.push(start_sender(&channel, next, &returned[next as usize], &stop));
            next += 1;
        } else {
            let place = dice.roll(receivers.len() as u64) as usize;
            receivers[place].kill();
            killed_receivers += 1;
            receivers[place] = start_receiver(&channel, &lists[place], &finish);
        }
    }
    let enough = received() + MORE;
    until("the survivors go on", || received() >= enough);
    stop.count();
    for sender in &mut senders {
        let sent: u64 = sender.peer.hear_value();
        assert_eq!(sent, returned[sender.number as usize].len() as u64);
    }
    finish.count();
    dead.extend(senders); // Their processes end by themselves.
    for mut receiver in receivers {
        receiver.expect("drained");
        receiver.join();
    }
    assert!(words.all_free(), "{}", words.text());
    let lists: Vec<Vec<u64>> = lists.iter().map(Log::list).collect();
    let killed = |number| dead.iter().any(|s| s.number == number && s.killed);
    check(&lists, &returned[..next as usize], killed, killed_receivers, victims);
}

fn check(
    lists: &[Vec<u64>],
    returned: &[Log],
    killed: impl Fn(u64) -> bool,
    killed_receivers: usize,
    victims: Victims,
) {
    let mut of: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for list in lists {
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for &value in list {
            let (number, seq) = (value >> 32, value & 0xffff_ffff);
            assert!(
                of.entry(number).or_default().insert(seq),
                "{number}: {seq} is there twice"
            );
            // What a dead receiver had claimed comes later; otherwise each receiver sees each sender's order.
            if victims == Victims::Senders
                && let Some(last) = last.insert(number, seq)
            {
                assert!(last < seq, "{number}: {last} before {seq}");
            }
        }
    }
    let mut missing = 0;
    for (number, returned) in (0u64..).zip(returned) {
        let returned = returned.len() as u64;
        let batch = if number.is_multiple_of(2) { 1 } else { BATCH };
        let surplus = if killed(number) { batch } else { 0 };
        let received = of.remove(&number).unwrap_or_default();
        let end = received.last().map_or(0, |last| last + 1);
        assert!(end <= returned + surplus, "{number}: {end} received of {returned}");
        missing += (0..end.max(returned)).filter(|seq| !received.contains(seq)).count();
    }
    assert!(of.is_empty(), "senders that never were: {of:?}");
    assert!(
        missing <= killed_receivers,
        "{missing} missing, {killed_receivers} receivers killed"
    );
}

/// One free id, a thousand processes that have it, one after the other, and leave it in every state that there is.
fn a_thousand_endpoints_share_one_id() {
    let channel = Channel::<u64, Multi, Multi>::builder(8)
        .tick(Duration::from_millis(20))
        .table_length(3);
    let channel = channel.anonymous().unwrap();
    let words = Words::of(&channel);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let id = 5;
    let mut position = 0;
    let mut expected = BTreeSet::new();
    for round in 0..1000u64 {
        let sends = round % 2 == 0;
        let mut peer = Peer::fork("newcomer", |link| {
            if sends {
                let tx = channel.sender().unwrap();
                tx.send(round).unwrap();
                link.say("sent");
                link.hear();
            } else {
                let rx = channel.receiver().unwrap();
                link.say("attached");
                link.hear();
                drop(rx);
            }
        });
        peer.hear();
        assert_eq!(words.id_of(peer.pid(), if sends { 1 } else { 2 }), id);
        if sends {
            assert!(expected.insert(round));
            position += 1;
        }
        let before = position;
        tx.send_timeout(10_000 + round, LONG).unwrap();
        assert!(expected.insert(10_000 + round));
        position += 1;
        match round / 2 % 3 {
            0 => {
                peer.tell("leave");
                peer.join();
            }
            1 => peer.kill(),
            _ => {
                peer.kill();
                if sends {
                    words.claim(position, Phase::Writing, id);
                    position += 1;
                } else {
                    words.claim(before, Phase::Reading, id);
                }
            }
        }
        // Half of the time the next one finds what this one has left, otherwise we do.
        if round / 6 % 2 == 0 {
            while !expected.is_empty() {
                let value = receive(&rx).unwrap();
                assert!(expected.remove(&value), "{value} twice, or never sent");
            }
        } else {
            // Never so full that the next round's three do not fit.
            while let Ok(value) = rx.try_recv() {
                assert!(expected.remove(&value), "{value} twice, or never sent");
            }
        }
    }
    while !expected.is_empty() {
        let value = receive(&rx).unwrap();
        assert!(expected.remove(&value), "{value} twice, or never sent");
    }
    assert_eq!(words.record(id).generation, 1000);
    channel.recover().unwrap();
    assert!(words.all_free());
    go_on(&tx, &rx);
}
