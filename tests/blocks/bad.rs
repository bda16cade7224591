//! Is what cannot be refused, and does the refusal say what to do?

use annulus::blocks::{Channel, LoanError, LoanTimeoutError, TryLoanError};
use annulus::{AttachError, CreateError, Multi};
use nix::unistd::getpid;

use crate::support::LONG;
use crate::support::message::{Huge, Page};
use crate::world::{A_WHILE, Numbers, ROOM, channel, go_on, holding, lending, loan, receive, send, try_send};

pub(crate) fn a_loan_larger_than_a_block_says_both_sizes() {
    let (channel, words) = channel(2);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let most = tx.block_len();
    assert_eq!(most, ROOM);
    for len in [most + 1, usize::MAX / 8, usize::MAX / 8 + 1, usize::MAX] {
        let text = format!("a block of this channel has room for {most} items, {len} were asked for");
        let error = tx.loan(len).unwrap_err();
        assert_eq!(
            (error, error.to_string()),
            (LoanError::TooLong { len, max: most }, text.clone())
        );
        assert_eq!(tx.loan_uninit(len).unwrap_err(), error);
        let tried = tx.try_loan(len).unwrap_err();
        assert_eq!((&tried, tried.to_string()), (&TryLoanError::from(error), text.clone()));
        assert_eq!(tx.try_loan_uninit(len).unwrap_err(), tried);
        let timed = tx.loan_timeout(len, LONG).unwrap_err();
        assert_eq!((&timed, timed.to_string()), (&LoanTimeoutError::from(error), text));
    }
    let items = vec![0; most + 1];
    assert_eq!(
        tx.send_slice(&items),
        Err(LoanError::TooLong {
            len: most + 1,
            max: most
        })
    );
    assert!(matches!(tx.try_send_slice(&items), Err(TryLoanError::TooLong { .. })));
    assert!(matches!(
        tx.send_slice_timeout(&items, LONG),
        Err(LoanTimeoutError::TooLong { .. })
    ));
    go_on(&tx, &rx, &words);
}

/// Senders, receivers, the dead, and what nobody has received: by role, number, process and count.
pub(crate) fn an_exhausted_pool_says_who_has_the_blocks() {
    let (channel, words) = channel(7);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for number in 0..4 {
        send(&tx, number);
    }
    let mut holder = holding(&channel, 0, 2);
    let mut lender = lending(&channel, 10, 3);
    let id = |role, pid| words.id_of(pid, role);
    let (reader, writer, us) = (id(2, holder.pid()), id(1, lender.pid()), id(1, getpid()));
    let Err(TryLoanError::Exhausted(holders)) = tx.try_loan(1) else {
        panic!("2 received, 3 lent, 2 unread");
    };
    assert_eq!((holders.blocks, holders.unread, holders.orphaned), (7, 2, 0));
    let mut seen: Vec<_> = holders
        .endpoints
        .iter()
        .map(|holder| (holder.role, holder.id, holder.pid, holder.blocks, holder.alive))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("receiver", reader, holder.pid().as_raw() as u32, 2, true),
            ("sender", writer, lender.pid().as_raw() as u32, 3, true),
        ]
    );
    let text = TryLoanError::Exhausted(holders.clone()).to_string();
    let process = &holders.endpoints[0].process;
    assert!(!process.is_empty());
    for part in [
        "no block is free: 2 of 7 blocks unread".to_owned(),
        format!("2 with receiver {reader} ({process}, {})", holder.pid()),
        format!("3 with sender {writer} ({process}, {})", lender.pid()),
    ] {
        assert!(text.contains(&part), "{part:?} in {text:?}");
    }
    let Err(LoanTimeoutError::Timeout(late)) = tx.loan_timeout(1, A_WHILE) else {
        panic!("they hold them");
    };
    assert_eq!(late, holders);
    let text = LoanTimeoutError::Timeout(late).to_string();
    assert!(
        text.starts_with("timed out waiting for a block: 2 of 7 blocks unread"),
        "{text}"
    );
    assert!(text.contains(&format!("({process}, {})", holder.pid())), "{text}");
    assert_eq!((channel.holders(), tx.holders()), (holders.clone(), holders));

    // The dead are told from the living, until somebody has dealt with them.
    holder.kill();
    lender.kill();
    let text = channel.holders().to_string();
    for peer in [&holder, &lender] {
        assert!(text.contains(&format!(", {}, dead)", peer.pid())), "{text}");
    }
    channel.recover().unwrap();
    let left = channel.holders();
    assert_eq!((left.unread, left.orphaned, left.endpoints.len()), (2, 2, 0));
    assert_eq!(left.to_string(), "2 of 7 blocks unread, 2 a dead receiver's");
    // And we, among them.
    let ours: Vec<_> = (0..3).map(|number| loan(&tx, number)).collect();
    let Err(TryLoanError::Exhausted(holders)) = try_send(&tx, 0) else {
        panic!("4 are still to be received");
    };
    let told: Vec<_> = holders
        .endpoints
        .iter()
        .map(|holder| (holder.role, holder.id, holder.blocks))
        .collect();
    assert_eq!(told, [("sender", us, 3)]);
    drop(ours);
    for _ in 0..4 {
        receive(&rx).unwrap();
    }
    let none = channel.holders();
    assert_eq!((none.unread, none.orphaned, none.endpoints.len()), (0, 0, 0));
    go_on(&tx, &rx, &words);
}

fn refused<T>(made: Result<T, CreateError>) -> (CreateError, String) {
    let error = made.err().expect("it cannot be");
    let text = error.to_string();
    (error, text)
}

pub(crate) fn what_no_channel_can_be_says_what_it_could_be() {
    for asked in [0, 65_537, usize::MAX] {
        let (error, text) = refused(Channel::<[u8]>::anonymous(asked, 1));
        assert!(matches!(error, CreateError::BlockCount { asked: a, max: 65_536 } if a == asked as u64));
        assert_eq!(text, format!("a channel has 1 to 65536 blocks, {asked} were asked for"));
    }
    let (error, text) = refused(Channel::<[u32]>::anonymous(4, 0));
    assert!(matches!(error, CreateError::BlockLength { length: 0, item: 4 }));
    assert_eq!(
        text,
        "a block has room for at least one item of at least one byte, 0 of 4 bytes were asked for"
    );
    let (error, _) = refused(Channel::<[()]>::anonymous(4, 10));
    assert!(matches!(error, CreateError::BlockLength { length: 10, item: 0 }));
    for align in [0, 1, 32, 65, 96, 8192] {
        let (error, text) = refused(Channel::<[u8]>::builder(4, 10).align(align).anonymous());
        assert!(matches!(error, CreateError::BlockAlign { align: a, .. } if a == align));
        assert!(
            text.contains("from 64 to 4096") && text.ends_with(&format!("{align} was asked for")),
            "{text}"
        );
    }
    // Less than the items or the header need.
    for error in [
        refused(Channel::<[Page]>::builder(4, 1).align(2048).anonymous()),
        refused(Channel::<[u8], Page>::builder(4, 1).align(2048).anonymous()),
    ] {
        assert!(matches!(
            error.0,
            CreateError::BlockAlign {
                align: 2048,
                needed: 4096
            }
        ));
        assert!(
            error.1.contains("at least 4096 here, 2048 was asked for"),
            "{}",
            error.1
        );
    }
    let (error, text) = refused(Channel::<[u8], [u8; 4097]>::anonymous(4, 1));
    assert!(matches!(error, CreateError::HeaderSize { size: 4097, max: 4096 }));
    assert_eq!(
        text,
        "the header of a message has at most 4096 bytes, this type has 4097"
    );
    for asked in [0, 8189] {
        let (error, _) = refused(Channel::<[u8]>::builder(4, 1).table_length(asked).anonymous());
        assert!(matches!(error, CreateError::TableLength { asked: a, max: 8188 } if a == asked));
    }
}

pub(crate) fn what_is_larger_than_allowed_is_not_made() {
    let limit = 1 << 20;
    let (error, text) = refused(Channel::<[u8]>::builder(4, 1 << 18).max_bytes(limit).anonymous());
    let CreateError::TooLarge { wanted, limit: allowed } = error else {
        panic!("{error}");
    };
    assert!(wanted > limit && allowed == limit);
    assert!(
        text.contains(&format!("would take {wanted} bytes, at most {limit} are allowed")),
        "{text}"
    );
    assert!(
        Channel::<[u8]>::builder(4, 1 << 18)
            .max_bytes(wanted)
            .anonymous()
            .is_ok()
    );
    let (error, _) = refused(Channel::<[u8]>::builder(4, 1 << 18).max_bytes(wanted - 1).anonymous());
    assert!(matches!(error, CreateError::TooLarge { wanted: w, .. } if w == wanted));
    // More than there are numbers for, in every step of the sum.
    for (blocks, length) in [
        (1, usize::MAX),
        (65_536, usize::MAX / 65_536),
        (65_536, 1 << 44),
        (2, 1 << 60),
        (1, 1 << 50),
    ] {
        let (error, _) = refused(Channel::<[u8]>::anonymous(blocks, length));
        assert!(
            matches!(error, CreateError::TooLarge { .. } | CreateError::BlockSize { .. }),
            "{blocks} of {length}: {error}"
        );
        let (error, _) = refused(Channel::<[Huge]>::anonymous(blocks, length));
        assert!(
            matches!(error, CreateError::TooLarge { .. } | CreateError::BlockSize { .. }),
            "{blocks} of {length}: {error}"
        );
    }
}

/// Through the descriptor, as a program would that was rebuilt and its peer was not.
pub(crate) fn who_expects_something_else_is_told_both_sides() {
    let channel = Channel::<[u32], [u8; 20]>::builder(4, 100).anonymous().unwrap();
    let fd = || {
        use std::os::fd::AsFd;
        channel.as_fd().try_clone_to_owned().unwrap()
    };
    assert!(Channel::<[u32], [u8; 20]>::from_fd(fd()).is_ok());
    let told = |error: AttachError, text: &str| assert_eq!(error.to_string(), text);
    told(
        Channel::<[u64], [u8; 20]>::from_fd(fd()).unwrap_err(),
        "the channel has 4-byte messages, this program expects 8: was one side rebuilt, do both mean the same type?",
    );
    told(
        Channel::<[u32], [u8; 24]>::from_fd(fd()).unwrap_err(),
        "the channel's messages have headers of 20 bytes, this program's of 24: do both mean the same type?",
    );
    told(
        Channel::<[f32], [u8; 20]>::from_fd(fd()).unwrap_err(),
        "the channel carries \"[u32], [u8; 20]\", this program expects \"[f32], [u8; 20]\": give both sides one `schema` if they mean the same",
    );
    told(
        annulus::Channel::<u32, Multi, Multi>::from_fd(fd()).unwrap_err(),
        "the channel is blocks, this program expects mpmc: both sides use one and the same module",
    );
    let ring = annulus::Channel::<u32, Multi, Multi>::anonymous(4).unwrap();
    let ring = std::os::fd::AsFd::as_fd(&ring).try_clone_to_owned().unwrap();
    told(
        Channel::<[u32]>::from_fd(ring).unwrap_err(),
        "the channel is mpmc, this program expects blocks: both sides use one and the same module",
    );
    let bytes = Channel::<[[u8; 4096]]>::builder(2, 1)
        .schema("pages")
        .align(64)
        .anonymous()
        .unwrap();
    let bytes = std::os::fd::AsFd::as_fd(&bytes).try_clone_to_owned().unwrap();
    let error = Channel::<[Page]>::builder(0, 0)
        .schema("pages")
        .from_fd(bytes)
        .unwrap_err();
    assert!(matches!(
        error,
        AttachError::BlockAlign {
            needed: 4096,
            actual: 64
        }
    ));
    told(
        error,
        "the channel's blocks are aligned to 64 bytes, this program's items need 4096: do both mean the same type?",
    );
}

pub(crate) fn a_full_table_says_how_long_it_is() {
    let channel = Numbers::builder(4, 1).table_length(2).anonymous().unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    for error in [channel.sender().map(drop), channel.receiver().map(drop)] {
        assert!(matches!(error, Err(AttachError::TableFull { length: 2 })), "{error:?}");
    }
    // A loan keeps its place, and gives it back.
    let loan = tx.loan(1).unwrap();
    drop(tx);
    assert!(channel.sender().is_err());
    drop(loan);
    channel.sender().unwrap().send_slice(&[1]).unwrap();
    assert_eq!(*rx.recv().unwrap(), [1]);
}
