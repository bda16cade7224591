//! What can a hostile process do to the others?
//!
//! One process scribbles over everything that a channel's processes share while they use it: line 0, the shared words, the
//! endpoint table, the slots, a stream's cursors, marks and elements. The others are answered values or errors, within their time; they do not panic, they leave
//! nothing open, and they stay inside the mapping, for next to it are pages that kill who touches them (and under
//! AddressSanitizer their own memory is watched, too). Who waits without a limit may be stalled, but not for longer than
//! the words are wrong.

#[path = "../support/mod.rs"]
mod support;

mod scribbler;
mod streams;
mod victim;
mod walks;
mod words;

use std::os::fd::AsFd;
use std::time::Duration;

use annulus::{Builder, Channel, End, Multi, Single};
use nix::sys::wait::WaitStatus;
use scribbler::{Dice, MANNERS, Manner, Scribbler};
use streams::{a_scribbler_stalls_or_spoils_a_stream_and_no_more, a_streams_ends_go_on_when_the_words_are_sound_again};
use support::guard::{Guards, guarded};
use support::log::Log;
use support::own::Own;
use support::{Link, Peer, Words, until};
use victim::{Answers, Victim};
use walks::a_walk_that_every_word_sends_on_is_given_up;
use words::{
    a_claim_beside_the_only_sender_keeps_nobody_waiting, a_claim_of_nobodys_is_corrupt_to_whom_it_holds_up,
    a_dead_ones_claim_of_another_lap_is_corrupt_and_stays_as_it_is,
    a_dead_ones_claim_of_the_other_end_is_corrupt_and_stays_as_it_is,
    a_message_that_is_overwritten_on_lease_is_corrupt, a_message_that_nobody_holds_is_not_waited_for,
    a_newcomer_does_not_take_an_id_that_nobody_claims_under, an_impossible_life_word_is_corrupt_and_stays_as_it_is,
    an_impossible_role_is_corrupt_and_stays_as_it_is, an_impossible_seat_is_corrupt_and_stays_as_it_is,
    an_impossible_slot_is_corrupt_and_stays_as_it_is,
};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[("inherit", inherit)],
        &support::tests!(
            plain:
                a_step_over_the_edge_is_seen
                a_claim_beside_the_only_sender_keeps_nobody_waiting
                a_dead_ones_claim_of_the_other_end_is_corrupt_and_stays_as_it_is
                a_dead_ones_claim_of_another_lap_is_corrupt_and_stays_as_it_is
                a_newcomer_does_not_take_an_id_that_nobody_claims_under
                a_scribbler_stalls_or_spoils_a_stream_and_no_more
                a_streams_ends_go_on_when_the_words_are_sound_again;
            all:
                a_scribbler_stalls_or_spoils_and_no_more
                who_waits_goes_on_when_the_words_are_sound_again
                a_channel_is_inherited_under_a_scribbler
                an_impossible_slot_is_corrupt_and_stays_as_it_is
                an_impossible_life_word_is_corrupt_and_stays_as_it_is
                an_impossible_role_is_corrupt_and_stays_as_it_is
                an_impossible_seat_is_corrupt_and_stays_as_it_is
                a_message_that_is_overwritten_on_lease_is_corrupt
                a_claim_of_nobodys_is_corrupt_to_whom_it_holds_up
                a_walk_that_every_word_sends_on_is_given_up;
            multi_receivers:
                a_message_that_nobody_holds_is_not_waited_for;
        ),
    )
}

/// Three words: copied word by word, and torn by a scribbler without harm.
type Message = [u64; 3];
const SCHEMA: &str = "hostile";

/// Scribbles of one run.
const SCRIBBLES: u32 = 6000;
/// After so many the words are sound again for a while.
const SPELL: u32 = 24;

/// A small ring, which ends where its page ends: 768 + 128 × 24 + 32 × 8 bytes.
fn builder<S: End, R: End>() -> Builder<Message, S, R> {
    Channel::builder(8)
        .table_length(21)
        .tick(Duration::from_millis(20))
        .spin_time(Duration::from_micros(20))
        .schema(SCHEMA)
}

/// A small ring with pages around it.
fn channel<S: End, R: End>() -> (Channel<Message, S, R>, Guards) {
    guarded(|| builder().anonymous()).expect("a channel")
}

fn seed(which: u64) -> Dice {
    Dice(0x9e37_79b9_7f4a_7c15 ^ (which + 1) << 32 ^ u64::from(std::process::id()))
}

/// A process that scribbles for a while.
fn scribbler(channel: &impl AsFd, manner: Manner) -> Peer {
    let mut dice = seed(99);
    Peer::fork("scribbler", |link| {
        let mut scribbler = Scribbler::new(channel);
        link.say("ready");
        link.hear();
        for i in 0..SCRIBBLES {
            if i % SPELL == 0 {
                scribbler.restore();
                std::thread::sleep(Duration::from_micros(dice.roll(500)));
            }
            scribbler.scribble(manner, &mut dice);
            (0..dice.roll(400)).for_each(|_| std::hint::spin_loop());
        }
        scribbler.restore();
        link.say("done");
        link.hear();
    })
}

fn a_scribbler_stalls_or_spoils_and_no_more<S: End, R: End>() {
    let answers = Answers::new();
    for (i, manner) in (0..).zip(MANNERS) {
        let own = Own::new("hostile");
        let name = (i % 2 == 1).then_some(&*own);
        let created = name.map(|name| builder::<S, R>().create(name).expect("a channel"));
        let (channel, _guards) = match name {
            Some(name) => guarded(|| builder().open(name)).expect("the channel"),
            None => channel::<S, R>(),
        };
        Words::of(&channel);
        let stop = Log::new(0);
        let mut scribbler = scribbler(&channel, manner);
        scribbler.expect("ready");
        let mut victims: Vec<Peer> = (0..3)
            .map(|which| {
                let mut dice = seed(which);
                Peer::fork("victim", |link| {
                    Victim::new(&channel, name, &answers).live(&mut dice, &stop);
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
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

/// Waits without a limit, in both directions, until it is told that all is over.
fn wait<S: End, R: End>(channel: &Channel<Message, S, R>, sends: bool, begun: &Log, over: &Log) {
    while over.len() == 0 {
        begun.count();
        if sends {
            let _ = channel.sender().map(|tx| while tx.send([1; 3]).is_ok() {});
        } else {
            let _ = channel.receiver().map(|rx| rx.iter().for_each(drop));
        }
    }
}

fn who_waits_goes_on_when_the_words_are_sound_again<S: End, R: End>() {
    for manner in [Manner::Near, Manner::Random] {
        let (channel, _guards) = channel::<S, R>();
        Words::of(&channel);
        let (begun, over) = (Log::new(0), Log::new(0));
        let mut scribbler = scribbler(&channel, manner);
        scribbler.expect("ready");
        let mut waiting = [true, false].map(|sends| {
            Peer::fork("waiting", |link| {
                wait(&channel, sends, &begun, &over);
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

/// Closes the channel for whoever waits: the words are sound, and LAYOUT.md says how.
fn say_goodbye(channel: &impl AsFd) {
    let words = Words::of(channel);
    words.set_life(words.life() | 1);
    support::words::forget();
}

const PASSED: [&str; 2] = ["before", "during"];

/// A program that was started with the channel, twice.
fn inherit(link: &mut Link) {
    let kind: u32 = std::env::var("KIND").unwrap().parse().unwrap();
    match kind {
        1 => inherit_as::<Single, Single>(link),
        2 => inherit_as::<Multi, Single>(link),
        3 => inherit_as::<Single, Multi>(link),
        _ => inherit_as::<Multi, Multi>(link),
    }
}

fn inherit_as<S: End, R: End>(link: &mut Link) {
    let [before, during] = PASSED;
    let inherited = Channel::<Message, S, R>::inherited_as(before, SCHEMA).unwrap();
    let copy = || inherited.as_fd().try_clone_to_owned().expect("a descriptor");
    let (channel, _guards) = guarded(|| Channel::<Message, S, R>::from_fd_as(copy(), SCHEMA)).unwrap();
    let (answers, mut dice, stop) = (Answers::new(), seed(7), Log::new(0));
    link.say("ready");
    link.hear();
    // Once, as documented: an error is an answer.
    let again = Channel::<Message, S, R>::inherited_as(during, SCHEMA);
    let _ = again.map(|again| (again.sender().map(drop), again.receiver().map(drop)));
    let mut victim = Victim::new(&channel, None, &answers);
    (0..5000).for_each(|_| victim.act(&mut dice));
    stop.count();
    victim.live(&mut dice, &stop);
    link.say("unharmed");
    link.hear();
}

fn a_channel_is_inherited_under_a_scribbler<S: End, R: End>() {
    let (channel, _guards) = channel::<S, R>();
    Words::of(&channel);
    let mut scribbler = scribbler(&channel, Manner::Near);
    scribbler.expect("ready");
    let mut heir = Peer::spawn("inherit", |command| {
        for name in PASSED {
            channel.pass_to(command, name).unwrap();
        }
        command.env("KIND", (Channel::<Message, S, R>::kind() as u32).to_string());
    });
    heir.expect("ready");
    scribbler.tell("begin");
    heir.tell("go on");
    heir.expect("unharmed");
    scribbler.expect("done");
    for mut peer in [heir, scribbler] {
        peer.tell("leave");
        peer.join();
    }
}

/// The pages do what they are there for, on both sides.
fn a_step_over_the_edge_is_seen() {
    let (_channel, guards) = channel::<Single, Single>();
    for side in [0, 1] {
        let end = Peer::fork("too far", |_| guards.step_over(side)).wait();
        assert!(!matches!(end, WaitStatus::Exited(_, 0)), "{end:?}");
    }
}
