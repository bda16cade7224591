//! How is a model set up, run, and found to have seen enough?

pub(crate) mod blocks;
pub(crate) mod stream;

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::panic;
use std::process::ExitCode;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::layout::{Claimants, Kind, Laps, Lines, Owner, Phase, Slot, State};
use crate::ring::receiver::{MultiReceiver, ReceiveEnd, SingleReceiver};
use crate::ring::sender::{MultiSender, SendEnd, SingleSender};
use crate::ring::target::Target;
use crate::ring::{Claim, Refused, Ring};
use crate::sync::Relaxed;
use crate::weaken;

/// A model: a claim, and what its run must have come to.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
    /// The least number of interleavings: fewer, and loom has not really looked.
    pub(crate) least: usize,
    /// What must have happened in some interleaving each.
    pub(crate) saw: &'static [&'static str],
}

static ITERATIONS: AtomicUsize = AtomicUsize::new(0);
static SAW: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Notes that `outcome` has happened.
pub(crate) fn saw(outcome: &str) {
    let mut all = SAW.lock().unwrap();
    match all.get_mut(outcome) {
        Some(count) => *count += 1,
        None => drop(all.insert(outcome.to_owned(), 1)),
    }
}

/// Runs `model`; the first panic in it, other than a [`kill`](crate::kill), ends the process with status 101.
pub(crate) fn run(model: &Model) -> ExitCode {
    panic::set_hook(Box::new(|info| {
        println!(
            "violated after {} interleavings: {info}",
            ITERATIONS.load(Ordering::Relaxed)
        );
        std::process::exit(101);
    }));
    let started = Instant::now();
    (model.run)();
    let iterations = ITERATIONS.load(Ordering::Relaxed);
    let all = SAW.lock().unwrap();
    println!(
        "{iterations} interleavings, {:.1} s, {all:?}",
        started.elapsed().as_secs_f32()
    );
    let missed: Vec<_> = model
        .saw
        .iter()
        .filter(|outcome| !all.contains_key(**outcome))
        .collect();
    if !weaken::anything() && (iterations < model.least || !missed.is_empty()) {
        println!(
            "too little seen: at least {} interleavings, never {missed:?}",
            model.least
        );
        return ExitCode::from(3);
    }
    ExitCode::SUCCESS
}

/// Has loom run `body` in every interleaving with at most `preemptions` (all, if `None`).
pub(crate) fn explore(preemptions: impl Into<Option<usize>>, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.max_branches = 4_000;
    builder.check(move || {
        ITERATIONS.fetch_add(1, Ordering::Relaxed);
        body();
    });
}

/// One end or many?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Single,
    Multi,
}

/// The four kinds of ring: the senders' end, the receivers' end.
pub(crate) const MIXES: [(End, End); 4] = [
    (End::Single, End::Single),
    (End::Multi, End::Single),
    (End::Single, End::Multi),
    (End::Multi, End::Multi),
];

/// A message, torn if its halves differ.
pub(crate) type Message = [u32; 2];

pub(crate) const fn message(n: u32) -> Message {
    [n, n]
}

/// What it says, if it is whole.
pub(crate) fn whole(message: Message) -> u32 {
    assert_eq!(message[0], message[1], "a torn message");
    message[0]
}

/// The endpoint with id `3 + n`.
pub(crate) fn id(n: u16) -> Owner {
    assert!(n < 8);
    Owner::new(Owner::FIRST_MULTI + n).unwrap()
}

const fn claimants(kind: Kind) -> Claimants {
    Claimants::of(kind, 16)
}

/// The shared words and slots of a region.
pub(crate) struct Stage {
    pub(crate) lines: Lines,
    slots: Vec<Slot<Message>>,
    laps: Laps,
}

/// `2^shift` slots, all free in lap `lap` (taken modulo the laps), for `play`, which joins every thread that it starts.
pub(crate) fn on_stage(shift: u32, lap: i64, play: impl FnOnce(&'static Stage)) {
    let laps = Laps::new(shift);
    let lap = lap as u64 & (u64::MAX >> (64 - laps.lap_bits()));
    let slot = |_| Slot {
        state: crate::sync::AtomicU64::new(State::free(lap).bits()),
        payload: Default::default(),
    };
    let stage = Box::new(Stage {
        lines: Lines::default(),
        slots: (0..laps.capacity()).map(slot).collect(),
        laps,
    });
    stage.lines.tail.0.futex.mark_hint();
    stage.lines.head.0.futex.mark_hint();
    if lap != 0 {
        stage.lines.tail.0.store(laps.at(lap, 0), Relaxed);
        stage.lines.head.0.store(laps.at(lap, 0), Relaxed);
    }
    let stage = Box::into_raw(stage);
    // SAFETY: it lives until the box is back, when every thread that could use it has been joined.
    play(unsafe { &*stage });
    // SAFETY: from `Box::into_raw` above.
    drop(unsafe { Box::from_raw(stage) });
}

impl Stage {
    /// To somebody who takes neither end for a single one.
    pub(crate) fn ring(&'static self) -> Ring<Message> {
        self.ring_of(Kind::Mpmc)
    }

    fn ring_of(&'static self, kind: Kind) -> Ring<Message> {
        let slots = NonNull::from(self.slots.as_slice()).cast();
        // SAFETY: V1, V2: `'static` as `on_stage` sees to it, as many slots as `laps` says, and no `&mut` to any.
        unsafe {
            Ring::new(
                NonNull::from(&self.lines),
                slots,
                size_of::<Slot<Message>>(),
                self.laps,
                claimants(kind),
            )
        }
    }

    pub(crate) fn sender(&'static self, end: End, owner: Owner) -> Box<dyn SendEnd<Message>> {
        match end {
            End::Single => Box::new(SingleSender::new(self.ring_of(Kind::Spmc)).expect("a sound ring")),
            End::Multi => Box::new(MultiSender::new(self.ring(), owner)),
        }
    }

    pub(crate) fn receiver(&'static self, end: End, owner: Owner) -> Box<dyn ReceiveEnd<Message>> {
        match end {
            End::Single => Box::new(SingleReceiver::new(self.ring_of(Kind::Mpsc)).expect("a sound ring")),
            End::Multi => Box::new(MultiReceiver::new(self.ring(), owner)),
        }
    }

    /// Lap (counted from `from`) and phase of slot `index`.
    pub(crate) fn slot(&self, index: usize) -> (u64, Phase) {
        let state = State::from_bits(self.slots[index].state.load(Relaxed));
        state.decode(48, claimants(Kind::Mpmc)).expect("a possible word")
    }

    /// Sends by way of a claim that leaves nothing behind but the messages, before the others come.
    pub(crate) fn fill(&'static self, messages: impl IntoIterator<Item = u32>) {
        let sender = MultiSender::new(self.ring(), id(7));
        for n in messages {
            sender.try_push(&message(n)).expect("room");
        }
    }

    /// Receives what is there, in order.
    pub(crate) fn drain(&'static self) -> Vec<u32> {
        let receiver = MultiReceiver::new(self.ring(), id(7));
        std::iter::from_fn(|| received(receiver.try_pop())).collect()
    }
}

/// `false`: full.
pub(crate) fn sent<T>(result: Result<T, Refused>) -> bool {
    match result {
        Ok(_) => true,
        Err(Refused::Blocked) => false,
        Err(Refused::Corrupt) => panic!("a sender takes a sound ring for corrupt"),
    }
}

/// [`ReceiveEnd::try_pop_into`], by value.
pub(crate) trait TryPop {
    /// The message, and its position at a multi end.
    fn try_pop(&self) -> Result<(Message, Option<u64>), Refused>;
}

impl<E: ReceiveEnd<Message> + ?Sized> TryPop for E {
    fn try_pop(&self) -> Result<(Message, Option<u64>), Refused> {
        let mut place = MaybeUninit::uninit();
        let position = self.try_pop_into(&mut Target::new(&mut place))?;
        // SAFETY: `Ok` says that there is a message in it.
        Ok((unsafe { place.assume_init() }, position))
    }
}

/// What it is a claim to, if there is one; its slot is freed.
pub(crate) fn taken(claim: Option<Claim<Message>>) -> Option<u32> {
    let claim = claim?;
    let message = claim.read();
    claim.free();
    Some(whole(message))
}

/// `None`: empty.
pub(crate) fn received(result: Result<(Message, Option<u64>), Refused>) -> Option<u32> {
    match result {
        Ok((message, _)) => Some(whole(message)),
        Err(Refused::Blocked) => None,
        Err(Refused::Corrupt) => panic!("a receiver takes a sound ring for corrupt"),
    }
}
