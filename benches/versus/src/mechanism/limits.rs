//! What can nobody beat? The bare machine, asked by the same crew, clock and checks.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use rustix::thread::futex;

use crate::ask::{Ask, Question, Wait};
use crate::board::{Board, now};
use crate::crew::{Crew, Done, Failure, Outcome, Post, Work};
use crate::message::Message;
use crate::question::{
    self, Run, WARM_UP, beats, extent, histogram, manner, percentiles, sleep_until, together, until,
};

use super::{About, Entry, Reach, Skip};

/// All of them.
pub fn entries() -> [Entry; 4] {
    [
        ping_pong::<OneLine>("atomics, one line"),
        ping_pong::<TwoLines>("atomics, two lines"),
        ping_pong::<Futex>("futex"),
        Entry {
            name: "memcpy, in and out",
            reach: Reach::Limit,
            about: About {
                framing: "memory",
                persistence: "none",
                relation: "one process with itself",
                death: "nobody else is there",
            },
            refuses: |ask| (ask.question != Question::OneWay).then(|| Skip::because("it goes to nobody")),
            run: question::run::<Memcpy>,
        },
    ]
}

fn ping_pong<B: Ball>(name: &'static str) -> Entry {
    Entry {
        name,
        reach: Reach::Limit,
        about: About {
            framing: "a number",
            persistence: "none",
            relation: "a shared mapping",
            death: "the others wait for ever",
        },
        refuses: |ask| match ask.question {
            _ if ask.size > 8 => Some(Skip::because("no more than a number")),
            Question::RoundTrip if ask.wait.is_none_or(|wait| wait == B::WAIT) => None,
            Question::RoundTrip => Some(Skip(format!("it can {}", B::WAIT))),
            Question::Idle if B::WAIT == Wait::Sleep => None,
            _ => Some(Skip::because("it holds one number")),
        },
        run: |ask, crew| match ask.question {
            Question::Idle => crew_of(ask, crew, [serve::<B>, wait_for_serves::<B>]),
            _ => crew_of(ask, crew, [ping::<B>, pong::<B>]),
        },
    }
}

/// What one worker does.
type Role = fn(&Post<'_>) -> Result<Done, Skip>;

fn crew_of(ask: &Ask, crew: &Crew, roles: [Role; 2]) -> Result<Outcome, Failure> {
    let works = roles.map(|role| -> Work<'_> { Box::new(role) });
    finish(crew, ask, &works)
}

fn finish(crew: &Crew, ask: &Ask, works: &[Work<'_>]) -> Result<Outcome, Failure> {
    let (all, calls) = crew.run(manner(Reach::Limit, ask), extent(ask), works)?;
    together(Reach::Limit, 0, &all, calls)
}

/// A number that goes there and back.
trait Ball {
    /// How one waits for it.
    const WAIT: Wait;
    /// Where it goes, and where it comes back.
    fn words(board: &Board) -> [&AtomicU32; 2];
    /// Puts a value down.
    fn hit(word: &AtomicU32, value: u32);
    /// Waits for a value that is wanted.
    fn wait(word: &AtomicU32, wanted: impl Fn(u32) -> bool) -> u32;
}

/// One word for both ways: its line moves twice a round trip.
struct OneLine;

/// A word each way, each on a line of its own.
struct TwoLines;

/// A word each way, on which the other sleeps.
struct Futex;

impl Ball for OneLine {
    const WAIT: Wait = Wait::Spin;

    fn words(board: &Board) -> [&AtomicU32; 2] {
        [&board.ball.0, &board.ball.0]
    }

    #[inline(always)]
    fn hit(word: &AtomicU32, value: u32) {
        // [BALL] Release: as a message would have to be published.
        word.store(value, Release);
    }

    #[inline(always)]
    fn wait(word: &AtomicU32, wanted: impl Fn(u32) -> bool) -> u32 {
        loop {
            // [BALL] Acquire: as a message would have to be seen.
            let value = word.load(Acquire);
            if wanted(value) {
                return value;
            }
            spin_loop();
        }
    }
}

impl Ball for TwoLines {
    const WAIT: Wait = Wait::Spin;

    fn words(board: &Board) -> [&AtomicU32; 2] {
        [&board.there.0, &board.back.0]
    }

    #[inline(always)]
    fn hit(word: &AtomicU32, value: u32) {
        OneLine::hit(word, value);
    }

    #[inline(always)]
    fn wait(word: &AtomicU32, wanted: impl Fn(u32) -> bool) -> u32 {
        OneLine::wait(word, wanted)
    }
}

impl Ball for Futex {
    const WAIT: Wait = Wait::Sleep;

    fn words(board: &Board) -> [&AtomicU32; 2] {
        TwoLines::words(board)
    }

    fn hit(word: &AtomicU32, value: u32) {
        // [SLEEP] Release: seen by who wakes, or finds it before sleeping.
        word.store(value, Release);
        futex::wake(word, futex::Flags::empty(), 1).expect("a word that is mapped");
    }

    fn wait(word: &AtomicU32, wanted: impl Fn(u32) -> bool) -> u32 {
        loop {
            // [SLEEP] Acquire: the kernel sleeps only while the word is still this.
            let value = word.load(Acquire);
            if wanted(value) {
                return value;
            }
            // Changed already, interrupted or woken: the loop looks again.
            let _ = futex::wait(word, futex::Flags::empty(), value, None);
        }
    }
}

/// The value that ends a game; above it none is played.
const OVER: u32 = u32::MAX;

/// Round trip `number`: odd there, even back, so that one word serves both ways.
fn values(number: u64) -> (u32, u32) {
    let there = number as u32 * 2 + 1;
    (there, there + 1)
}

fn ping<B: Ball>(post: &Post<'_>) -> Result<Done, Skip> {
    const MOST: u64 = (OVER / 2 - 1) as u64;
    let measured_from = WARM_UP.min(post.extent.count.unwrap_or(u64::MAX) / 2);
    let mut trips = histogram();
    let arrived = post.arrive();
    let [there, back] = B::words(post.board);
    let begun = post.begin(arrived)?;
    let (mut number, mut sum, mut before) = (0, 0u64, begun.at);
    until(post.extent, &begun, || {
        if number == MOST {
            return Ok(());
        }
        let (question, answer) = values(number);
        B::hit(there, question);
        B::wait(back, |value| value == answer);
        let after = now();
        if number >= measured_from {
            trips.saturating_record(after - before);
        }
        sum += number;
        number += 1;
        before = after;
        Ok(())
    })?;
    B::hit(there, OVER);
    Ok(Done {
        sent: number,
        sent_sum: sum,
        latency: Some(percentiles(&trips)),
        ..post.done(&begun)
    })
}

fn pong<B: Ball>(post: &Post<'_>) -> Result<Done, Skip> {
    let arrived = post.arrive();
    let [there, back] = B::words(post.board);
    let begun = post.begin(arrived)?;
    let (mut number, mut sum) = (0, 0u64);
    loop {
        let (question, answer) = values(number);
        if B::wait(there, |value| value == question || value == OVER) == OVER {
            break;
        }
        B::hit(back, answer);
        sum += number;
        number += 1;
    }
    Ok(Done {
        received: number,
        received_sum: sum,
        ..post.done(&begun)
    })
}

/// Set in the word when no more come.
const LAST: u32 = 1 << 31;

/// A thousand numbers a second that nobody answers: the word says how many there have been, so that a late receiver, who
/// finds two at once, still knows.
fn serve<B: Ball>(post: &Post<'_>) -> Result<Done, Skip> {
    let arrived = post.arrive();
    let [there, _] = B::words(post.board);
    let begun = post.begin(arrived)?;
    let mut count = 0;
    for at in beats(post.extent, &begun) {
        sleep_until(at);
        count += 1;
        B::hit(there, count);
    }
    B::hit(there, count | LAST);
    Ok(Done {
        sent: count.into(),
        sent_sum: numbers(count),
        ..post.done(&begun)
    })
}

fn wait_for_serves<B: Ball>(post: &Post<'_>) -> Result<Done, Skip> {
    let arrived = post.arrive();
    let [there, _] = B::words(post.board);
    let begun = post.begin(arrived)?;
    let mut word = 0;
    while word & LAST == 0 {
        word = B::wait(there, |value| value != word);
    }
    let count = word & !LAST;
    Ok(Done {
        received: count.into(),
        received_sum: numbers(count),
        ..post.done(&begun)
    })
}

/// The sum of the first `count` numbers.
fn numbers(count: u32) -> u64 {
    (0..u64::from(count)).sum()
}

/// Into a ring that is in the caches as far as it fits, and out again: what the two copies of a message cost at least.
struct Memcpy;

impl Run for Memcpy {
    fn run<M: Message>(ask: &Ask, crew: &Crew) -> Result<Outcome, Failure> {
        let works: [Work<'_>; 1] = [Box::new(|post| copy::<M>(ask.slots, post))];
        finish(crew, ask, &works)
    }
}

fn copy<M: Message>(slots: usize, post: &Post<'_>) -> Result<Done, Skip> {
    let (mut from, mut into) = (M::new(), M::new());
    let mut ring: Vec<M> = bytemuck::allocation::zeroed_vec(slots);
    for slot in &mut ring {
        // The first touch of a page is not what is asked for.
        slot.words_mut().copy_from_slice(from.words());
    }
    let arrived = post.arrive();
    let begun = post.begin(arrived)?;
    let (mut number, mut sum, mut place) = (0, 0u64, 0);
    until(post.extent, &begun, || {
        from.number(number);
        let slot = &mut ring[place];
        slot.words_mut().copy_from_slice(from.words());
        // Whoever receives cannot know what was sent.
        black_box(&mut *slot);
        into.words_mut().copy_from_slice(slot.words());
        let came = into.checked().expect("a whole message");
        assert_eq!(came, number, "in order");
        sum = sum.wrapping_add(came);
        number += 1;
        place = if place + 1 == slots { 0 } else { place + 1 };
        Ok(())
    })?;
    Ok(Done {
        sent: number,
        sent_sum: sum,
        received: number,
        received_sum: sum,
        ..post.done(&begun)
    })
}
