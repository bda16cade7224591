//! What is read, and what is written, by each way to the bytes?

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use annulus::Region;

use crate::support::{Peer, until};

pub(crate) fn a_fresh_region_is_zeros_of_the_length_that_was_asked_for() {
    for length in [1, 7, 8, 9, 100, 4096, 4097, 1 << 20] {
        let region = Region::anonymous(length).unwrap();
        assert_eq!((region.len(), region.is_empty()), (length, false));
        let mut bytes = vec![1_u8; length];
        region.read_at(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|&byte| byte == 0));
        assert_eq!(region.words().len(), length / 8);
        assert!(region.as_ptr().addr().is_multiple_of(4096));
        let text = format!("{region:?}");
        assert!(text.contains(&format!("len: {length}")), "{text}");
    }
}

pub(crate) fn what_is_written_is_read_at_any_offset() {
    let length = 61;
    let here = Region::anonymous(length).unwrap();
    let there = Region::from_fd(std::os::fd::AsFd::as_fd(&here).try_clone_to_owned().unwrap()).unwrap();
    let mut model = vec![0; length];
    for offset in 0..=length {
        for count in 0..=length - offset {
            let fill: Vec<u8> = (0..count).map(|at| (offset * 7 + count * 3 + at) as u8).collect();
            here.write_at(offset, &fill).unwrap();
            model[offset..offset + count].copy_from_slice(&fill);
            let mut all = vec![0; length];
            there.read_at(0, &mut all).unwrap();
            assert_eq!(all, model, "{count} at {offset}");
            let mut part = vec![0; count];
            there.read_at(offset, &mut part).unwrap();
            assert_eq!(part, fill, "{count} at {offset}");
        }
    }
    // Items of any type, and of none.
    here.write_at(5, &[(1.5_f32), -2.5]).unwrap();
    let mut floats = [0.0_f32; 2];
    there.read_at(5, &mut floats).unwrap();
    assert_eq!(floats, [1.5, -2.5]);
    here.write_at(length, &[(), ()]).unwrap();
    there.read_at(length, &mut [(); 3]).unwrap();
}

/// Two processes write to bytes of the same words, each to its own, and neither undoes what the other does.
pub(crate) fn a_write_leaves_its_neighbours_to_others() {
    const ROUNDS: u32 = 200_000;
    let region = Region::anonymous(16).unwrap();
    // Bytes 0 to 2 and 7 to 9 are the child's, 3 to 6 the parent's.
    let write = |mine: &[(usize, usize)], round: u32| {
        for &(at, count) in mine {
            let bytes = [round as u8; 4];
            region.write_at(at, &bytes[..count]).unwrap();
            let mut read = [0; 4];
            region.read_at(at, &mut read[..count]).unwrap();
            assert_eq!(read[..count], bytes[..count], "{at}, in round {round}");
        }
    };
    let mut child = Peer::fork("child", |link| {
        link.say("here");
        (0..ROUNDS).for_each(|round| write(&[(0, 3), (7, 3)], round));
    });
    child.expect("here");
    (0..ROUNDS).for_each(|round| write(&[(3, 4)], round));
    child.join();
}

pub(crate) fn a_word_is_never_seen_in_two_halves() {
    let region = Region::anonymous(4096).unwrap();
    let child = Peer::fork("child", |_| {
        for round in 1_u64.. {
            // From the middle of a word on: all but the first and the last are whole.
            let bytes = [round.to_ne_bytes()[0]; 8 * 9 + 4];
            region.write_at(4, &bytes).unwrap();
            if region.words()[511].load(Relaxed) != 0 {
                return;
            }
        }
    });
    let mut changed = 0;
    let mut last = [0_u64; 9];
    while changed < 1000 {
        let mut words = [0_u64; 9];
        region.read_at(8, &mut words).unwrap();
        for word in words {
            assert_eq!(word, u64::from(word as u8) * 0x0101_0101_0101_0101);
        }
        changed += usize::from(words != last);
        last = words;
    }
    region.words()[511].store(1, Relaxed);
    child.join();
}

pub(crate) fn words_are_the_bytes() {
    let region = Region::anonymous(8 * 4 + 5).unwrap();
    let words = region.words();
    assert_eq!(words.len(), 4);
    words[3].store(0x0102_0304_0506_0708, Relaxed);
    let mut bytes = [0; 8];
    region.read_at(24, &mut bytes).unwrap();
    assert_eq!(bytes, 0x0102_0304_0506_0708_u64.to_ne_bytes());
    region.write_at(0, &[u64::MAX]).unwrap();
    assert_eq!(words[0].load(Relaxed), u64::MAX);
    assert_eq!(words.as_ptr().cast(), region.as_ptr().cast_const());
    // A counter of several processes.
    let peers = [(); 3].map(|()| {
        Peer::fork("counter", |_| {
            for _ in 0..10_000 {
                region.words()[1].fetch_add(1, Relaxed);
            }
        })
    });
    peers.into_iter().for_each(Peer::join);
    assert_eq!(words[1].load(Relaxed), 30_000);
}

pub(crate) fn what_was_written_before_a_release_is_seen_after_the_acquire() {
    let region = Region::anonymous(1 << 16).unwrap();
    let (turn, from) = (0, 64);
    let child = Peer::fork("child", |_| {
        for round in (1..=1000_u64).step_by(2) {
            until("the parent has written", || region.words()[turn].load(Acquire) == round);
            let mut all = vec![0_u32; 10_000];
            region.read_at(from, &mut all).unwrap();
            assert!(all.iter().all(|&item| u64::from(item) == round), "round {round}");
            region.words()[turn].store(round + 1, Release);
        }
    });
    for round in (1..=1000_u64).step_by(2) {
        region.write_at(from, &vec![round as u32; 10_000]).unwrap();
        region.words()[turn].store(round, Release);
        until("the child has read", || region.words()[turn].load(Acquire) == round + 1);
    }
    child.join();
}

pub(crate) fn slices_are_the_bytes() {
    let mut region = Region::anonymous(8 * 100).unwrap();
    // SAFETY: nobody else has the region.
    let all = unsafe { region.as_mut_slice::<u64>() }.unwrap();
    assert_eq!(all.len(), 100);
    all.iter_mut().zip(1..).for_each(|(item, number)| *item = number);
    let mut copy = [0_u64; 100];
    region.read_at(0, &mut copy).unwrap();
    assert!(copy.iter().copied().eq(1..=100));
    // SAFETY: as above.
    let middle = unsafe { region.slice_mut_at::<u32>(8 * 50, 2) }.unwrap();
    middle.copy_from_slice(&[7, 7]);
    // SAFETY: as above.
    let around = unsafe { region.slice_at::<u64>(8 * 49, 3) };
    assert_eq!(around, Ok(&[50, 7 << 32 | 7, 52][..]));
    // SAFETY: as above.
    assert_eq!(unsafe { region.as_slice::<[u64; 50]>() }.unwrap().len(), 2);
    // SAFETY: as above.
    assert_eq!(unsafe { region.slice_at::<u8>(800, 0) }, Ok(&[][..]));
}

pub(crate) fn two_processes_fill_halves_that_a_third_checks() {
    const ITEMS: usize = 100_000;
    let mut region = Region::anonymous(8 * ITEMS).unwrap();
    let fillers = [0, 1].map(|half| {
        Peer::fork("filler", |_| {
            // SAFETY: of this half nobody else knows until this process has ended.
            let items = unsafe { region.slice_mut_at::<u64>(8 * half * ITEMS / 2, ITEMS / 2) }.unwrap();
            for (at, item) in items.iter_mut().enumerate() {
                *item = ((half * ITEMS / 2 + at) as u64).pow(2);
            }
        })
    });
    fillers.into_iter().for_each(Peer::join);
    Peer::fork("checker", |_| {
        // SAFETY: who wrote to it has ended.
        let items = unsafe { region.as_slice::<u64>() }.unwrap();
        assert!((0..ITEMS as u64).map(|at| at.pow(2)).eq(items.iter().copied()));
    })
    .join();
}
