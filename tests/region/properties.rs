//! Does it all answer as a model does, with others at work on the same words?
//!
//! The model is an array of bytes. Two processes write and read in turn, as a case says, while a third writes without a pause to
//! every byte that is not theirs: it is in the same words, and must see its own bytes as it has written them.

use std::sync::atomic::Ordering::Relaxed;

use annulus::{Region, ViewError};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Link, Peer, runner};

/// Bytes of the region; the case's are those from `OURS.0` to `OURS.1`, in the middle of words.
const LENGTH: usize = 107;
const OURS: (usize, usize) = (13, 86);
/// The word that tells the third when it is over: the bytes from 96 on.
const OVER: usize = 12;
const THEIRS_END: usize = 96;

#[derive(Clone, Debug)]
enum Step {
    /// Copies bytes in, or says that they do not fit.
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    /// Copies bytes out, likewise.
    Read {
        offset: usize,
        count: usize,
    },
    /// The same in items of three bytes, and of eight.
    ReadTriples {
        offset: usize,
        count: usize,
    },
    ReadWords {
        offset: usize,
        count: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Inside what is ours, or near the end of the region and beyond: in between it is the third's.
    let inside = OURS.0..OURS.1;
    let beyond = LENGTH - 3..LENGTH + 10;
    let offset = prop_oneof![8 => inside, 1 => beyond];
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    (offset, bytes, 0..4_u8).prop_map(|(offset, mut bytes, which)| {
        if offset < OURS.1 {
            bytes.truncate(OURS.1 - offset);
        } else if which == 0 {
            // All of it is beyond, whatever it is.
            bytes.resize(bytes.len() + LENGTH, 0);
        }
        let count = bytes.len();
        match which {
            0 => Step::Write { offset, bytes },
            1 => Step::Read { offset, count },
            2 => Step::ReadTriples {
                offset,
                count: count / 3,
            },
            _ => Step::ReadWords {
                offset,
                count: count / 8,
            },
        }
    })
}

/// Does a step, and says what it has answered, in a line.
fn perform(region: &Region, step: &Step) -> String {
    fn said<T: std::fmt::Debug>(result: Result<T, ViewError>) -> String {
        match result {
            Ok(value) => format!("{value:?}"),
            Err(ViewError::OutOfBounds { .. }) => "beyond".to_owned(),
            Err(error) => panic!("{error}"),
        }
    }
    match step {
        Step::Write { offset, bytes } => said(region.write_at(*offset, bytes)),
        Step::Read { offset, count } => {
            let mut items = vec![0_u8; *count];
            said(region.read_at(*offset, &mut items).map(|()| items))
        }
        Step::ReadTriples { offset, count } => {
            let mut items = vec![[0_u8; 3]; *count];
            said(region.read_at(*offset, &mut items).map(|()| items.into_flattened()))
        }
        Step::ReadWords { offset, count } => {
            let mut items = vec![0_u64; *count];
            let read = region.read_at(*offset, &mut items);
            said(read.map(|()| items.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>()))
        }
    }
}

/// What the model answers.
fn predict(model: &mut [u8], step: &Step) -> String {
    let part = |offset: usize, count: usize| offset..offset + count;
    let (range, written) = match step {
        Step::Write { offset, bytes } => (part(*offset, bytes.len()), Some(bytes)),
        Step::Read { offset, count } => (part(*offset, *count), None),
        Step::ReadTriples { offset, count } => (part(*offset, 3 * count), None),
        Step::ReadWords { offset, count } => (part(*offset, 8 * count), None),
    };
    let Some(part) = model.get_mut(range.clone()) else {
        return "beyond".to_owned();
    };
    match written {
        Some(bytes) => {
            part.copy_from_slice(bytes);
            "()".to_owned()
        }
        None => format!("{part:?}"),
    }
}

/// Writes to all that is not the case's, and reads it back.
fn third(region: &Region, link: &mut Link) {
    link.say("here");
    for round in (0..251_u8).cycle() {
        for (from, to) in [(0, OURS.0), (OURS.1, THEIRS_END)] {
            let bytes = vec![round; to - from];
            region.write_at(from, &bytes).unwrap();
            let mut read = vec![0; to - from];
            region.read_at(from, &mut read).unwrap();
            assert_eq!(read, bytes, "from {from}, in round {round}");
        }
        if region.words()[OVER].load(Relaxed) != 0 {
            return;
        }
    }
}

fn holds(steps: &[(bool, Step)]) {
    let region = Region::anonymous(LENGTH).unwrap();
    let mut third = Peer::fork("third", |link| third(&region, link));
    let mut other = Peer::fork("other", |link| {
        for (_, step) in steps.iter().filter(|(by_other, _)| *by_other) {
            link.expect("step");
            link.say(perform(&region, step));
        }
    });
    third.expect("here");
    let mut model = vec![0; LENGTH];
    for (nth, (by_other, step)) in steps.iter().enumerate() {
        let expected = predict(&mut model, step);
        let answer = if *by_other {
            other.ask("step")
        } else {
            perform(&region, step)
        };
        assert_eq!(answer, expected, "step {nth}: {step:?}");
    }
    region.words()[OVER].store(1, Relaxed);
    other.join();
    third.join();
}

pub(crate) fn copies_between_processes_behave_as_the_model() {
    let config = Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec((any::<bool>(), step()), 1..60);
    TestRunner::new(config)
        .run(&steps, |steps| {
            runner::gets_on();
            holds(&steps);
            Ok(())
        })
        .unwrap();
}
