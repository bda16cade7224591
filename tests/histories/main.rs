//! Are histories of processes that run at the same time linearizable?
//!
//! Two to four senders and receivers, each a process of its own (this binary executed again), record for each operation
//! when it began, when it had its answer, and what that was. Short histories, of some dozen operations, are checked
//! exactly (`checker`: is there an order in which a bounded queue answers the same?); long ones, of a hundred thousand
//! messages, for the violations that a queue can show (`long`).
//!
//! Time is `CLOCK_MONOTONIC`, which all processes share, with a full fence between clock and operation on either side:
//! an operation is over when its effects are visible to everybody, not when they are still in the processor's store
//! buffer. (A channel promises happens-before, and so does the fence; it does not promise that a store is visible
//! nanoseconds after a `send` returned to somebody who has learned of it by the clock alone.)

#[path = "../support/mod.rs"]
mod support;

mod blocks;
mod checker;
mod long;
mod record;
mod self_test;

use annulus::{Channel, End, FenceMode, Kind};
use blocks::{long_histories_of_blocks_show_no_violation, short_histories_of_blocks_are_linearizable};
use checker::{Checker, Ends};
use long::long_histories_show_no_violation;
use record::{Operation, Recorder};
use support::message::{Huge, Message};
use support::{Link, Peer, Words};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[
            ("recorder", recorder),
            ("long", long::recorder),
            ("blocks", blocks::recorder),
            ("long blocks", blocks::long_recorder),
        ],
        &support::tests!(
            plain:
                the_checker_accepts_what_a_queue_does
                the_checker_accepts_what_the_documentation_allows
                the_checker_rejects_what_a_queue_does_not
                the_checker_rejects_corrupted_recordings
                the_check_of_long_histories_rejects_corrupted_ones
                the_checker_knows_what_blocks_do
                short_histories_of_blocks_are_linearizable
                long_histories_of_blocks_show_no_violation;
            all:
                short_histories_are_linearizable
                short_histories_of_large_messages_are_linearizable
                long_histories_show_no_violation;
        ),
    )
}

use self_test::{
    the_check_of_long_histories_rejects_corrupted_ones, the_checker_accepts_what_a_queue_does,
    the_checker_accepts_what_the_documentation_allows, the_checker_knows_what_blocks_do,
    the_checker_rejects_corrupted_recordings, the_checker_rejects_what_a_queue_does_not,
};

const PASSED: &str = "ring";

/// How many senders and receivers, at ends that admit so many.
const SHAPES: [(usize, usize); 4] = [(1, 1), (2, 1), (1, 2), (2, 2)];
/// Histories for each shape.
const ROUNDS: u64 = 480;

fn shapes(kind: Kind) -> Vec<(usize, usize)> {
    let most = match kind {
        Kind::Spsc => (1, 1),
        Kind::Mpsc => (3, 1),
        Kind::Spmc => (1, 3),
        _ => (2, 2),
    };
    let fits = |&(senders, receivers): &(usize, usize)| senders <= most.0 && receivers <= most.1;
    let mut shapes: Vec<_> = SHAPES.into_iter().filter(fits).collect();
    if most == (3, 1) || most == (1, 3) {
        shapes.push(most);
    }
    shapes
}

fn short_histories_are_linearizable<S: End, R: End>() {
    short::<u64, S, R>(ROUNDS);
}

/// Copying 64 KiB takes microseconds, so that others really meet a message that is being written or read.
fn short_histories_of_large_messages_are_linearizable<S: End, R: End>() {
    short::<Huge, S, R>(ROUNDS / 2);
}

fn short<T: Message, S: End, R: End>(rounds: u64) {
    for (senders, receivers) in shapes(Channel::<T, S, R>::kind()) {
        for capacity in [1, 2, 4] {
            for mode in [None, Some(FenceMode::Fenced)] {
                let builder = Channel::<T, S, R>::builder(capacity);
                let builder = if let Some(mode) = mode {
                    builder.fence_mode(mode)
                } else {
                    builder
                };
                let channel = builder.anonymous().expect("a channel");
                support::words::forget();
                let words = Words::of(&channel);
                words.wind(3 * words.capacity); // Over the wrap and on.
                record(&channel, senders, receivers, rounds / 6);
            }
        }
    }
}

fn start<T: Message, S: End, R: End>(channel: &Channel<T, S, R>, role: &str, sends: bool, number: usize) -> Peer {
    Peer::spawn(role, |command| {
        channel.pass_to(command, PASSED).unwrap();
        command.env("KIND", (Channel::<T, S, R>::kind() as usize).to_string());
        command.env("HUGE", (size_of::<T>() > 8).to_string());
        command.env("SENDS", sends.to_string());
        command.env("NUMBER", number.to_string());
    })
}

/// Records and checks `rounds` histories. Each begins and ends with an empty ring.
fn record<T: Message, S: End, R: End>(channel: &Channel<T, S, R>, senders: usize, receivers: usize, rounds: u64) {
    let mut peers: Vec<Peer> = (0..senders + receivers)
        .map(|number| start(channel, "recorder", number < senders, number))
        .collect();
    for peer in &mut peers {
        peer.expect("attached");
    }
    let kind = Channel::<T, S, R>::kind();
    let ends = Ends {
        many_senders: matches!(kind, Kind::Mpsc | Kind::Mpmc),
        many_receivers: matches!(kind, Kind::Spmc | Kind::Mpmc),
        capacity: channel.capacity(),
        blocks: false,
    };
    for round in 0..rounds {
        // Soon, for all at once: when the operations really begin is what is recorded.
        let begin = record::now() + 100_000;
        for peer in &mut peers {
            peer.tell(format!("round {round} {begin}"));
        }
        let mut histories: Vec<Vec<Operation>> = peers.iter_mut().map(hear).collect();
        peers[senders].tell("drain");
        histories[senders].extend(hear(&mut peers[senders]));
        if let Err(why) = Checker::new(ends).check(&histories) {
            panic!("{kind:?} with {} slots, round {round}: {why}", ends.capacity);
        }
    }
    for mut peer in peers {
        peer.tell("leave");
        peer.join();
    }
}

fn hear(peer: &mut Peer) -> Vec<Operation> {
    let line = peer.hear();
    line.split(';')
        .filter(|text| !text.is_empty())
        .map(Operation::parse)
        .collect()
}

/// A re-executed process: kind, payload and end come in the environment.
fn recorder(link: &mut Link) {
    with_kind(link, Serve);
}

/// What a re-executed process does once it knows the types.
trait Generic {
    fn run<T: Message, S: End, R: End>(self, link: &mut Link);
}

fn with_kind(link: &mut Link, generic: impl Generic) {
    use annulus::{Multi, Single};
    let huge = std::env::var("HUGE").unwrap() == "true";
    match (std::env::var("KIND").unwrap().as_str(), huge) {
        ("1", false) => generic.run::<u64, Single, Single>(link),
        ("2", false) => generic.run::<u64, Multi, Single>(link),
        ("3", false) => generic.run::<u64, Single, Multi>(link),
        ("4", false) => generic.run::<u64, Multi, Multi>(link),
        ("1", true) => generic.run::<Huge, Single, Single>(link),
        ("2", true) => generic.run::<Huge, Multi, Single>(link),
        ("3", true) => generic.run::<Huge, Single, Multi>(link),
        (_, _) => generic.run::<Huge, Multi, Multi>(link),
    }
}

struct Serve;

impl Generic for Serve {
    fn run<T: Message, S: End, R: End>(self, link: &mut Link) {
        let channel = Channel::<T, S, R>::inherited(PASSED).unwrap();
        let mut recorder = Recorder::attach(&channel);
        link.say("attached");
        while let Some(command) = link.hear() {
            let mut words = command.split(' ');
            let history = match words.next().unwrap() {
                "round" => {
                    let round = words.next().unwrap().parse().unwrap();
                    let begin = words.next().unwrap().parse().unwrap();
                    recorder.round(round, begin)
                }
                "drain" => recorder.drain(),
                _ => return,
            };
            let history: Vec<_> = history.iter().map(ToString::to_string).collect();
            link.say(history.join(";"));
        }
    }
}
