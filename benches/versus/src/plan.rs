//! Which questions are asked, with which parameters?

use std::time::Duration;

use crate::ask::{Ask, Question, Wait};
use crate::options::Options;
use crate::question::SIZES;

/// What a channel holds at most by default, in bytes: larger ones leave the caches, and all are slow.
const MOST_BYTES: usize = 8 << 20;
/// The size that questions are asked with which do not compare sizes.
const SMALL: usize = 8;
/// Senders and receivers, and whether on one processor.
const CROWDS: [(usize, usize, bool); 7] = [
    (1, 1, false),
    (2, 2, false),
    (4, 4, false),
    (1, 4, false),
    (4, 1, false),
    (8, 8, false),
    (1, 1, true),
];

/// All of them.
pub fn asks(options: &Options) -> Vec<Ask> {
    let base = Ask {
        question: Question::OneWay,
        size: SMALL,
        wait: None,
        senders: 1,
        receivers: 1,
        slots: options.slots,
        one_cpu: false,
        time: options.time(),
        count: options.count,
    };
    let sizes: &[usize] = if !options.size.is_empty() {
        &options.size
    } else if options.quick {
        &[8, 4096]
    } else {
        &SIZES
    };
    let mut asks: Vec<Ask> = sizes
        .iter()
        .map(|&size| Ask {
            size,
            slots: options.slots.min((MOST_BYTES / size).max(8)),
            ..base.clone()
        })
        .collect();
    asks.extend([Wait::Spin, Wait::Adaptive, Wait::Sleep].map(|wait| Ask {
        question: Question::RoundTrip,
        wait: Some(wait),
        ..base.clone()
    }));
    let crowds = if options.quick { &CROWDS[..3] } else { &CROWDS };
    asks.extend(crowds.iter().map(|&(senders, receivers, one_cpu)| Ask {
        question: Question::Many,
        senders,
        receivers,
        one_cpu,
        ..base.clone()
    }));
    asks.push(Ask {
        question: Question::Idle,
        // At a thousand messages a second.
        time: (options.time() * 4).max(Duration::from_millis(50)),
        ..base.clone()
    });
    asks.push(Ask {
        question: Question::SystemCalls,
        count: Some(2_000),
        ..base
    });
    asks.retain(|ask| options.question.is_empty() || options.question.contains(&ask.question));
    asks
}
