//! Does what a sender writes come to a receiver as it was written?

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use annulus::blocks::{Channel, Receiver};
use annulus::bytemuck::{Pod, Zeroable};
use annulus::{RecvError, TryRecvError};

use crate::support::message::{Huge, Message, Page, Tick};
use crate::support::{LONG, Peer};
use crate::words::BlockWords;
use crate::world::{Numbers, Rx, channel, drain, fill, go_on, len_of, loan, next, number, receive, send};

/// A header that stands at its own alignment in a block, behind a gap.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Wide([u8; 128]);

impl Message for Wide {
    const NUMBERS: u64 = u64::MAX;
    const NAME: &'static str = "Wide";
}

/// Messages of lengths 0 to the most, to another process.
fn all_lengths_arrive<T: Message, H: Message>(length: usize, align: usize) {
    let channel = Channel::<[T], H>::builder(3, length).align(align).anonymous().unwrap();
    let most = channel.block_len();
    assert!(most >= length, "{most} of {length} items of {}", T::NAME);
    let mut lens = vec![0, 1, 2, most / 2, most - 1, most];
    lens.retain(|&len| len <= most);
    let receiver = channel.reserve_receiver().unwrap();
    let expected = lens.clone();
    let receiver = Peer::fork("receiver", |_| {
        let rx = receiver.attach().unwrap();
        for (first, len) in (100..).step_by(100).zip(expected.into_iter().cycle().take(20)) {
            let block = rx.recv_timeout(LONG).unwrap();
            let case = format!("{len} items of {}, header {}", T::NAME, H::NAME);
            assert_eq!(block.len(), len, "{case}");
            assert!(block.as_ptr().addr().is_multiple_of(align), "{case}");
            assert_eq!(block.header().number(), H::of(first).number(), "{case}");
            for (number, item) in (first..).zip(&*block) {
                assert_eq!(item.number(), T::of(number).number(), "{case}");
            }
            assert!(!block.redelivered());
        }
        assert!(matches!(rx.recv(), Err(RecvError::Disconnected)));
    });
    let tx = channel.sender().unwrap();
    for (first, len) in (100..).step_by(100).zip(lens.into_iter().cycle().take(20)) {
        let mut loan = tx.loan_timeout(len, LONG).unwrap();
        assert_eq!(loan.len(), len);
        assert!(loan.as_ptr().addr().is_multiple_of(align));
        for (number, item) in (first..).zip(&mut *loan) {
            *item = T::of(number);
        }
        loan.set_header(H::of(first));
        loan.send().unwrap();
    }
    drop(tx);
    receiver.join();
}

pub(crate) fn messages_of_all_lengths_types_and_headers_arrive_whole() {
    all_lengths_arrive::<u8, ()>(1, 64);
    all_lengths_arrive::<u8, u8>(1000, 64);
    all_lengths_arrive::<u64, u64>(100, 64);
    all_lengths_arrive::<[u8; 12], Tick>(33, 64);
    all_lengths_arrive::<Tick, [u8; 12]>(7, 128);
    all_lengths_arrive::<[u8; 100], [u8; 100]>(3, 256);
    all_lengths_arrive::<u64, Wide>(100, 64);
    all_lengths_arrive::<Page, u64>(2, 4096);
    all_lengths_arrive::<u8, Page>(10, 4096);
    all_lengths_arrive::<Huge, Tick>(5, 64);
}

/// Both as loans and as blocks, in either process: every block.
pub(crate) fn items_are_aligned_as_was_asked_for() {
    for align in [64, 128, 256, 512, 1024, 2048, 4096] {
        all_lengths_arrive::<u8, [u8; 12]>(3 * align + 1, align);
        let channel = Channel::<[u8]>::builder(4, align + 1).align(align).anonymous().unwrap();
        let tx = channel.sender().unwrap();
        let mut loans: Vec<_> = (0..4).map(|_| tx.try_loan(channel.block_len()).unwrap()).collect();
        for (fill, loan) in (1..).zip(&mut loans) {
            assert!(loan.as_ptr().addr().is_multiple_of(align));
            loan.fill(fill);
        }
        for (fill, loan) in (1..).zip(&loans) {
            assert!(loan.iter().all(|&byte| byte == fill), "no two share a byte");
        }
    }
}

pub(crate) fn a_header_is_zero_unless_it_is_set() {
    let (channel, _) = channel(1);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for header in [u64::MAX, 7] {
        let mut loan = tx.loan(1).unwrap();
        assert_eq!(*loan.header(), 0);
        loan.set_header(header);
        assert_eq!(*loan.header(), header);
        loan.send().unwrap();
        assert_eq!(*rx.recv().unwrap().header(), header);
        tx.loan(1).unwrap().send().unwrap();
        assert_eq!(*rx.recv().unwrap().header(), 0);
        tx.send_slice(&[9]).unwrap();
        assert_eq!(*rx.recv().unwrap().header(), 0);
    }
}

pub(crate) fn a_loan_is_zero_though_its_block_was_used() {
    let (channel, _) = channel(1);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let most = tx.block_len();
    tx.send_slice(&vec![u64::MAX; most]).unwrap();
    drop(rx.recv().unwrap());
    let used = tx.loan_uninit(most).unwrap();
    // SAFETY: the sender above has written all of it.
    assert!(unsafe { used.assume_init() }.iter().all(|&item| item == u64::MAX));
    let mut loan = tx.try_loan(most).unwrap();
    assert!(loan.iter().all(|&item| item == 0));
    loan.fill(1);
    drop(loan);
    let loan = tx.loan_deadline(most, Instant::now() + LONG).unwrap();
    assert!(loan.iter().all(|&item| item == 0));
    loan.send().unwrap();
    assert!(rx.recv().unwrap().iter().all(|&item| item == 0));
}

pub(crate) fn a_truncated_message_is_its_first_items() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for (len, cuts, left) in [
        (10, &[3][..], 3),
        (10, &[20], 10),
        (10, &[0], 0),
        (10, &[7, 9, 5], 5),
        (0, &[4], 0),
    ] {
        let mut loan = tx.loan_uninit(len).unwrap().fill_with(|i| i as u64);
        for &cut in cuts {
            loan.truncate(cut);
        }
        assert_eq!(loan.len(), left);
        loan.send().unwrap();
        let block = rx.recv().unwrap();
        assert_eq!(*block, Vec::from_iter(0..left as u64));
    }
    go_on(&tx, &rx, &words);
}

pub(crate) fn what_is_written_to_an_uninitialised_loan_arrives() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let items = [1, 2, 3];
    tx.loan_uninit(3).unwrap().copy_from_slice(&items).send().unwrap();
    assert_eq!(*rx.recv().unwrap(), items);
    let squares = tx.try_loan_uninit(4).unwrap().fill_with(|i| (i * i) as u64);
    squares.send().unwrap();
    assert_eq!(*rx.recv().unwrap(), [0, 1, 4, 9]);
    let mut loan = tx.loan_uninit(2).unwrap();
    assert_eq!(loan.len(), 2);
    loan[0].write(8);
    loan[1].write(9);
    // SAFETY: both were written.
    unsafe { loan.assume_init() }.send().unwrap();
    assert_eq!(*rx.recv().unwrap(), [8, 9]);
    // More items than the loan is long, and fewer.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for len in [2, 4] {
        let loan = tx.loan_uninit(len).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(loan.copy_from_slice(&items)))).is_err());
    }
    std::panic::set_hook(hook);
    drop(tx.loan_uninit(2).unwrap());
    go_on(&tx, &rx, &words);
}

pub(crate) fn the_order_is_that_of_sending_and_not_of_the_loans() {
    let (channel, words) = channel(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for round in 0..100 {
        let mut loans: Vec<_> = (0..4).map(|i| Some(loan(&tx, 4 * round + i))).collect();
        for order in [2, 0, 3, 1] {
            loans[order as usize].take().unwrap().send().unwrap();
            assert_eq!(rx.len(), 1);
            assert_eq!(next(&rx), Ok(4 * round + order));
        }
    }
    // And between two senders: the first to lend is the last to send.
    let other = channel.sender().unwrap();
    let first = loan(&other, 0);
    send(&tx, 1);
    send(&tx, 2);
    first.send().unwrap();
    assert_eq!([1, 2, 0].map(|_| next(&rx).unwrap()), [1, 2, 0]);
    go_on(&tx, &rx, &words);
}

pub(crate) fn a_loan_that_is_dropped_was_never_a_message() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for _ in 0..100 {
        let (a, b) = (loan(&tx, 1), loan(&tx, 2));
        assert!(tx.is_empty(), "a loan is no message");
        drop(a);
        assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
        send(&tx, 3);
        drop(b);
        assert_eq!(next(&rx), Ok(3));
        assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
    }
    assert_eq!(channel.stats().unwrap().sent, 100);
    go_on(&tx, &rx, &words);
}

pub(crate) fn slices_are_sent_in_every_way() {
    let (channel, words) = channel(4);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for len in [0, 1, tx.block_len()] {
        let items = |way: u64| (0..len as u64).map(|i| way << 32 | i).collect::<Vec<_>>();
        tx.send_slice(&items(0)).unwrap();
        tx.try_send_slice(&items(1)).unwrap();
        tx.send_slice_timeout(&items(2), LONG).unwrap();
        tx.send_slice_deadline(&items(3), Instant::now() + LONG).unwrap();
        for way in 0..4 {
            assert_eq!(*rx.recv().unwrap(), items(way));
        }
    }
    go_on(&tx, &rx, &words);
}

pub(crate) fn messages_are_received_in_every_way() {
    let (channel, words) = channel(8);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    type Way = fn(&Rx) -> u64;
    let ways: [Way; 7] = [
        |rx| number(&rx.recv().unwrap()),
        |rx| number(&rx.try_recv().unwrap()),
        |rx| number(&rx.recv_timeout(LONG).unwrap()),
        |rx| number(&rx.recv_deadline(Instant::now() + LONG).unwrap()),
        |rx| number(&rx.iter().next().unwrap()),
        |rx| number(&rx.try_iter().next().unwrap()),
        |rx| number(&rx.into_iter().next().unwrap()),
    ];
    for (expected, way) in (10..).zip(ways) {
        send(&tx, expected);
        assert_eq!(way(&rx), expected);
        assert!(words.all_free());
    }
    for number in 0..5 {
        send(&tx, number);
    }
    assert_eq!(
        rx.try_iter().map(|block| number(&block)).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    go_on(&tx, &rx, &words);
    for number in 0..5 {
        send(&tx, number);
    }
    drop(tx);
    let rest = |rx: Receiver<[u64], u64>| rx.into_iter().map(|block| number(&block)).collect::<Vec<_>>();
    assert_eq!(rest(rx.clone()), [0, 1, 2, 3, 4]);
    assert_eq!(rx.iter().count(), 0, "the end of the stream");
}

/// In the other process, too: nothing is copied when it is received.
pub(crate) fn a_message_stays_where_it_was_written() {
    let (channel, words) = channel(3);
    let tx = channel.sender().unwrap();
    let mut other = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        while let Ok((block, number, _)) = receive(&rx) {
            // The mapping is the parent's, inherited.
            link.say(format!("{number} {:x}", block.as_ptr().addr()));
        }
    });
    other.expect("attached");
    for number in 0..100 {
        let loan = loan(&tx, number);
        let place = loan.as_ptr().addr();
        loan.send().unwrap();
        other.expect(&format!("{number} {place:x}"));
    }
    drop(tx);
    other.join();
    assert!(words.all_free());
}

pub(crate) fn a_loan_and_a_block_keep_their_endpoints_attached() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let kept = loan(&tx, 5);
    drop(tx);
    assert_eq!(
        rx.try_recv().map(|_| ()),
        Err(TryRecvError::Empty),
        "it may still be sent"
    );
    kept.send().unwrap();
    let (block, five, _) = receive(&rx).unwrap();
    assert_eq!(
        next(&rx),
        Err(RecvError::Disconnected),
        "and with it the sender has gone"
    );
    let tx = channel.sender().unwrap();
    drop(rx);
    let mut late = loan(&tx, 6);
    assert_eq!(channel.stats().unwrap().endpoints.len(), 2);
    fill(&mut late, 6);
    late.send().expect("there is a receiver as long as a block is held");
    assert_eq!((number(&block), five), (5, 5));
    drop(block);
    assert_eq!(channel.stats().unwrap().endpoints.len(), 1);
    assert!(tx.loan(1).is_err());
    let rx = channel.receiver().unwrap();
    assert_eq!(next(&rx), Ok(6));
    go_on(&tx, &rx, &words);
}

pub(crate) fn a_channel_says_how_large_it_is() {
    for blocks in [1, 2, 3, 5, 64, 1000, 65_536] {
        let channel = Channel::<[u8]>::anonymous(blocks, 1).unwrap();
        let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
        assert_eq!((channel.blocks(), tx.blocks(), rx.blocks()), (blocks, blocks, blocks));
        assert_eq!(
            (channel.block_len(), tx.block_len()),
            (64, 64),
            "what alignment leaves is room"
        );
        let words = BlockWords::of(&channel);
        // Each of them can be had, twice, and there are no more.
        for _ in 0..2 {
            for message in 0..blocks {
                tx.try_send_slice(&[message as u8]).unwrap();
            }
            assert!(tx.try_loan(0).is_err());
            assert_eq!((tx.len(), channel.stats().unwrap().len), (blocks, blocks as u64));
            for message in 0..blocks {
                assert_eq!(*rx.try_recv().unwrap(), [message as u8]);
            }
        }
        assert!(words.all_free() && tx.is_empty() && rx.is_empty());
    }
    let numbers = Numbers::anonymous(2, 9).unwrap();
    assert_eq!(numbers.block_len(), 16, "128 bytes");
}

/// Tens of thousands of messages of all lengths, for more laps than there are blocks.
pub(crate) fn a_stream_to_another_process_arrives_in_order() {
    for blocks in [1, 2, 3, 7, 64] {
        let (channel, words) = channel(blocks);
        let seat = channel.reserve_receiver().unwrap();
        let receiver = Peer::fork("receiver", |_| {
            let rx = seat.attach().unwrap();
            assert_eq!(drain(&rx), Vec::from_iter(0..20_000));
        });
        let tx = channel.sender().unwrap();
        for number in 0..20_000 {
            let mut loan = tx.loan(len_of(number)).unwrap();
            fill(&mut loan, number);
            loan.send().unwrap();
        }
        drop(tx);
        receiver.join();
        assert!(words.all_free());
    }
}

/// Where a message goes is where one was a moment ago, and all blocks are there for those who keep some.
pub(crate) fn a_sender_goes_round_few_blocks_while_few_are_in_use() {
    const BLOCKS: usize = 64;
    let channel = Channel::<[u64]>::anonymous(BLOCKS, 8).unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let used = |rounds: usize| {
        let addresses = (0..rounds).map(|round| {
            tx.send_slice(&[round as u64]).unwrap();
            let block = rx.recv().unwrap();
            assert_eq!(*block, [round as u64]);
            block.as_ptr()
        });
        addresses.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert!(used(1000) <= 4);
    for _ in 0..3 {
        let all: Vec<_> = (0..BLOCKS).map(|_| tx.try_loan(1).unwrap()).collect();
        assert!(tx.try_loan(1).is_err());
        drop(all);
    }
    // It comes back to few.
    used(1000);
    assert!(used(100) <= 4);
}

pub(crate) fn an_unzeroed_loan_is_as_it_was_left() {
    let channel = Channel::<[u32], u64>::anonymous(1, 4).unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    assert_eq!(*tx.loan_unzeroed(4).unwrap(), [0; 4], "as the kernel gave it");
    tx.send_slice(&[1, 2, 3, 4]).unwrap();
    assert_eq!(*rx.recv().unwrap().header(), 0, "a slice has none");
    let mut loan = tx.loan_unzeroed(3).unwrap();
    assert_eq!(*loan, [1, 2, 3]);
    loan[1] = 9;
    loan.send().unwrap();
    assert_eq!(Vec::from_iter(&rx.recv().unwrap()), [&1, &9, &3]);
    let mut loan = tx.loan_uninit(1).unwrap();
    loan.set_header(7);
    loan.copy_from_slice(&[5]).send().unwrap();
    let block = rx.recv().unwrap();
    assert_eq!((*block.header(), &*block), (7, &[5][..]));
}
