//! What do a channel's statistics say, and does looking at them disturb anybody?

mod support;

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use annulus::{AttachError, Channel, End, EndpointStats, Kind, Multi, Observer, RecvError, RecvTimeoutError, Stats};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::getpid;
use support::own::{Many, Numbers, Own, is_two_users, turn};
use support::traffic::{channel, go_on, idle, receive};
use support::words::Phase;
use support::{LONG, Peer, runner};

fn main() -> std::process::ExitCode {
    let _turn = turn();
    runner::main(
        &[],
        &support::tests!(
            plain:
                an_observer_of_each_kind_of_file_sees_the_channel
                an_observer_writes_nothing_and_says_nothing
                an_observer_keeps_no_name_and_no_stream
                an_observer_outlives_what_it_sees
                what_is_no_channel_is_refused
                another_users_channel_is_seen_through_a_descriptor_only
                the_table_of_endpoints_is_read_to_its_end
                rates_are_those_between_two_looks;
            all:
                messages_are_counted_however_they_are_sent
                a_newcomer_counts_from_zero
                waits_and_wakes_are_counted
                the_dead_are_told_from_the_living
                a_seat_is_seen
                a_close_is_seen
                looks_during_traffic_make_sense
                impossible_words_are_corrupt;
            multi_senders: what_is_reaped_is_counted;
            multi_receivers: what_comes_again_is_counted;
        ),
    )
}

fn of<'a>(stats: &'a Stats, role: &str, pid: nix::unistd::Pid) -> &'a EndpointStats {
    let mut found = stats
        .endpoints
        .iter()
        .filter(|e| e.role == role && e.pid == pid.as_raw() as u32);
    let endpoint = found.next().expect("it is attached");
    assert_eq!(found.next(), None);
    endpoint
}

fn many_receive<S: End, R: End>() -> bool {
    matches!(Channel::<(), S, R>::kind(), Kind::Spmc | Kind::Mpmc)
}

fn messages_are_counted_however_they_are_sent<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(16);
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let look = || {
        let stats = channel.stats().unwrap();
        let sent = of(&stats, "sender", getpid()).messages;
        assert_eq!(stats.sent, sent, "the ring and its only sender agree");
        (sent, of(&stats, "receiver", getpid()).messages, stats.len)
    };
    assert_eq!(look(), (0, 0, 0));
    tx.send(0).unwrap();
    tx.try_send(1).unwrap();
    tx.send_timeout(2, LONG).unwrap();
    tx.send_many(&[3, 4, 5, 6, 7]).unwrap();
    assert_eq!(tx.try_send_many(&[8, 9]), Ok(2));
    assert_eq!(look(), (10, 0, 10));
    assert_eq!((rx.recv(), rx.try_recv()), (Ok(0), Ok(1)));
    assert_eq!(rx.recv_timeout(LONG), Ok(2));
    assert_eq!(rx.recv_many(&mut [0; 3]), Ok(3));
    assert_eq!(look(), (10, 6, 4));
    // On lease: not yet received.
    let (held, dropped) = (rx.recv_lease().unwrap(), rx.recv_lease().unwrap());
    assert_eq!(look().1, 6);
    held.ack();
    assert_eq!(look().1, 7);
    drop(dropped);
    assert_eq!(look().1, 7);
    assert_eq!(rx.iter().take(3).collect::<Vec<_>>(), [7, 8, 9]);
    assert_eq!(look(), (10, 10, 0));
    // What is refused is not counted.
    let messages: Vec<u64> = (0..16).collect();
    tx.send_many(&messages).unwrap();
    assert!(tx.try_send(16).is_err() && tx.send_timeout(17, Duration::from_millis(1)).is_err());
    assert_eq!(look(), (26, 10, 16));
    let stats = channel.stats().unwrap();
    assert_eq!(
        (stats.received, stats.capacity, stats.kind),
        (10, 16, Channel::<u64, S, R>::kind())
    );
}

fn a_newcomer_counts_from_zero<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(16);
    let rx = channel.receiver().unwrap();
    for generation in 1..4 {
        let tx = channel.sender().unwrap();
        tx.send_many(&[1, 2, 3]).unwrap();
        let stats = channel.stats().unwrap();
        let sender = of(&stats, "sender", getpid());
        assert_eq!((sender.messages, sender.generation), (3, generation));
        assert_eq!(stats.sent, 3 * u64::from(generation));
    }
    assert_eq!(rx.try_iter().count(), 9);
    let stats = channel.stats().unwrap();
    assert_eq!(stats.endpoints.len(), 1, "who has detached is not there: {stats}");
    assert_eq!(of(&stats, "receiver", getpid()).messages, 9);
}

fn waits_and_wakes_are_counted<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let tx = channel.sender().unwrap();
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        assert_eq!(rx.recv(), Ok(1));
        link.say("received");
        link.hear();
    });
    receiver.expect("attached");
    receiver.until_waiting(&words, words.receiver_of(receiver.pid()));
    tx.send(1).unwrap();
    receiver.expect("received");
    let stats = channel.stats().unwrap();
    assert!(of(&stats, "receiver", receiver.pid()).waits > 0);
    // A receiver that is awake for a tick just then needs no waking: its wait has ended all the same.
    assert!(of(&stats, "sender", getpid()).wakes <= 1);
    receiver.tell("leave");
    receiver.join();
}

fn the_dead_are_told_from_the_living<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(4);
    let mut dead = idle("a sender", || channel.sender().unwrap());
    let mut stopped = idle("a receiver", || channel.receiver().unwrap());
    stopped.stop();
    dead.kill();
    let stats = channel.stats().unwrap();
    assert!(!of(&stats, "sender", dead.pid()).alive);
    assert!(of(&stats, "receiver", stopped.pid()).alive);
    assert_eq!(stats.endpoints.len(), 2);
    let text = stats.to_string();
    assert!(text.contains(&format!("({}), dead: 0 messages", dead.pid())), "{text}");
    assert!(text.contains(&format!("({}): 0 messages", stopped.pid())), "{text}");
    stopped.resume();
    stopped.tell("leave");
    stopped.join();
}

fn a_seat_is_seen<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(4);
    let seat = channel.reserve_sender().unwrap();
    let stats = channel.stats().unwrap();
    assert!(of(&stats, "sender", getpid()).alive);
    drop(seat);
    assert_eq!(channel.stats().unwrap().endpoints, []);
}

fn a_close_is_seen<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(4);
    let tx = channel.sender().unwrap();
    assert!(!channel.stats().unwrap().closed);
    tx.close();
    let stats = channel.stats().unwrap();
    assert!(stats.closed && stats.to_string().contains("closed"), "{stats}");
}

fn looks_during_traffic_make_sense<S: End, R: End>() {
    let (channel, _) = channel::<u64, S, R>(8);
    let observer = Observer::from_fd(&channel).unwrap();
    let mut sender = Peer::fork("sender", |link| {
        let tx = channel.sender().unwrap();
        link.say("attached");
        let mut sent = 0..;
        while tx.send(sent.next().unwrap()).is_ok() {}
    });
    let mut receiver = Peer::fork("receiver", |link| {
        let rx = channel.receiver().unwrap();
        link.say("attached");
        link.say((0..).zip(&rx).map(|(n, received)| assert_eq!(received, n)).count());
        link.hear();
    });
    sender.expect("attached");
    receiver.expect("attached");
    let mut before = observer.stats().unwrap();
    for _ in 0..500 {
        let now = observer.stats().unwrap();
        assert!(now.len <= 8 && now.sent >= before.sent);
        assert_eq!(now.received + now.len, now.sent);
        for then in &before.endpoints {
            let later = now.endpoints.iter().find(|endpoint| endpoint.id == then.id).unwrap();
            assert!(later.messages >= then.messages);
        }
        before = now;
    }
    sender.kill();
    let received: u64 = receiver.hear_value();
    let stats = observer.stats().unwrap();
    assert_eq!((stats.len, stats.received), (0, stats.sent));
    assert!(
        stats.sent == received || stats.sent == received + 1,
        "with the gap that it may have left"
    );
    let counted = of(&stats, "receiver", receiver.pid()).messages;
    assert!(counted == received || counted == stats.received && !many_receive::<S, R>());
    receiver.tell("leave");
    receiver.join();
}

fn impossible_words_are_corrupt<S: End, R: End>() {
    let (channel, words) = channel::<u64, S, R>(4);
    let observer = Observer::from_fd(&channel).unwrap();
    let tx = channel.sender().unwrap();
    tx.send(1).unwrap();
    let before = words.state(1);
    words.spoil(1);
    assert!(matches!(observer.stats(), Err(AttachError::Corrupt)));
    assert!(matches!(channel.stats(), Err(AttachError::Corrupt)));
    words.set_state(1, before);
    assert_eq!(observer.stats().unwrap().len, 1);
    words.set_role(words.sender_of(getpid()), 3);
    assert!(matches!(observer.stats(), Err(AttachError::Corrupt)));
}

fn what_is_reaped_is_counted<R: End>() {
    let (channel, words) = channel::<u64, Multi, R>(8);
    let mut dead = idle("sender", || channel.sender().unwrap());
    let id = words.sender_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    dead.kill();
    words.claim(0, Phase::Writing, id);
    tx.send(1).unwrap();
    assert_eq!(channel.stats().unwrap().len, 2, "a gap counts until it is passed");
    assert_eq!(receive(&rx), Ok(1));
    let stats = channel.stats().unwrap();
    let reaped: u64 = stats.endpoints.iter().map(|e| e.reaped).sum();
    assert_eq!((reaped, stats.len, stats.sent, stats.received), (1, 0, 2, 2));
    assert_eq!(of(&stats, "sender", getpid()).messages, 1);
    assert_eq!(stats.endpoints.len(), 2, "the dead one is gone");
    go_on(&tx, &rx);
}

fn what_comes_again_is_counted<S: End>() {
    let (channel, words) = channel::<u64, S, Multi>(8);
    let mut dead = idle("receiver", || channel.receiver().unwrap());
    let id = words.receiver_of(dead.pid());
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    tx.send_many(&[0, 1, 2]).unwrap();
    dead.kill();
    words.claim(0, Phase::Reading, id);
    words.claim(1, Phase::Reading, id);
    drop(rx.recv_lease().unwrap());
    let mut received: Vec<_> = (0..3).map(|_| receive(&rx).unwrap()).collect();
    received.sort_unstable();
    assert_eq!(received, [0, 1, 2]);
    let stats = channel.stats().unwrap();
    let receiver = of(&stats, "receiver", getpid());
    assert_eq!((receiver.messages, receiver.redelivered, receiver.reaped), (3, 3, 2));
    assert!(stats.to_string().contains("2 reaped, 3 redelivered"), "{stats}");
    go_on(&tx, &rx);
}

// Observers.

fn an_observer_of_each_kind_of_file_sees_the_channel() {
    let name = Own::new("observed");
    let named = Numbers::create(&name, 8).unwrap();
    let path = name.path().with_extension("file");
    let in_a_file = Many::builder(8).path(&path).create().unwrap();
    let anonymous = Numbers::anonymous(8).unwrap();
    let observers = [
        (Observer::open(&name).unwrap(), named.stats().unwrap()),
        (Observer::open_path(&path).unwrap(), in_a_file.stats().unwrap()),
        (Observer::from_fd(&anonymous).unwrap(), anonymous.stats().unwrap()),
        (
            Observer::from_fd(File::open(&path).unwrap()).unwrap(),
            in_a_file.stats().unwrap(),
        ),
    ];
    for (observer, expected) in observers {
        let stats = observer.stats().unwrap();
        assert_eq!((stats.kind, stats.capacity, stats.len), (expected.kind, 8, 0));
        assert_eq!((observer.kind(), observer.payload()), (expected.kind, "u64"));
    }
    fs::remove_file(path).unwrap();
}

fn an_observer_writes_nothing_and_says_nothing() {
    let name = Own::new("untouched");
    let channel = Numbers::create(&name, 8).unwrap();
    let tx = channel.sender().unwrap();
    tx.send(1).unwrap();
    let bytes = || fs::read(name.path()).unwrap();
    let before = bytes();
    let observer = Observer::open(&name).unwrap();
    observer.stats().unwrap();
    assert_eq!(bytes(), before);
    let flags = OFlag::from_bits_retain(fcntl(observer.as_fd(), FcntlArg::F_GETFL).unwrap());
    assert_eq!(flags & OFlag::O_ACCMODE, OFlag::O_RDONLY);
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    // The creator's own mapping goes by the name that the file had before it had one.
    let mut ours = maps
        .lines()
        .filter(|line| line.contains(&format!("annulus.{}", &*name)));
    assert_eq!(ours.next().and_then(|line| line.split(' ').nth(1)), Some("r--s"));
    assert_eq!(ours.next(), None);
    let listed = annulus::list().unwrap();
    let listed = listed.iter().find(|listed| listed.name == *name).unwrap();
    assert_eq!(listed.attached.len(), 1);
}

fn an_observer_keeps_no_name_and_no_stream() {
    let name = Own::new("fleeting");
    let channel = Numbers::open_or_create(&name, 8).unwrap();
    let observer = Observer::open(&name).unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    drop((tx, channel));
    assert_eq!(rx.recv(), Err(RecvError::Disconnected));
    drop(rx);
    assert!(!name.exists(), "the last one out removes it");
    assert_eq!(observer.stats().unwrap().endpoints, []);
    // A first peer is waited for only while somebody could come, which an observer cannot.
    let channel = Numbers::anonymous(8).unwrap();
    let _observer = Observer::from_fd(&channel).unwrap();
    let rx = channel.receiver().unwrap();
    drop(channel);
    assert_eq!(rx.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
}

fn an_observer_outlives_what_it_sees() {
    let channel = Numbers::anonymous(8).unwrap();
    let observer = Observer::from_fd(&channel).unwrap();
    let tx = channel.sender().unwrap();
    tx.send_many(&[1, 2, 3]).unwrap();
    drop((tx, channel));
    let stats = observer.stats().unwrap();
    assert_eq!((stats.len, stats.sent, stats.endpoints.len()), (3, 3, 0));
}

fn what_is_no_channel_is_refused() {
    let name = Own::new("nothing");
    assert!(matches!(Observer::open(&name), Err(AttachError::NotFound { .. })));
    assert!(matches!(Observer::open("a/b"), Err(AttachError::Name(_))));
    assert!(matches!(
        Observer::open_path("/nowhere/at/all"),
        Err(AttachError::NotFound { .. })
    ));
    let directory = File::open("/").unwrap();
    assert!(matches!(
        Observer::from_fd(&directory),
        Err(AttachError::NotAFile { .. })
    ));
    fs::create_dir(name.path()).unwrap();
    assert!(matches!(Observer::open(&name), Err(AttachError::NotAChannel { .. })));
    fs::remove_dir(name.path()).unwrap();
    std::os::unix::fs::symlink("/dev/null", name.path()).unwrap();
    assert!(matches!(Observer::open(&name), Err(AttachError::NotAChannel { .. })));
    fs::remove_file(name.path()).unwrap();
    let file = File::create(name.path()).unwrap();
    assert!(matches!(Observer::open(&name), Err(AttachError::Empty { .. })));
    file.set_len(4096).unwrap();
    assert!(matches!(Observer::open(&name), Err(AttachError::NotARegion { .. })));
    drop(file);
    fs::remove_file(name.path()).unwrap();

    let channel = Numbers::create(&name, 8).unwrap();
    let file = File::options().read(true).write(true).open(name.path()).unwrap();
    let with = |offset: u64, value: u32| {
        let mut before = [0; 4];
        file.read_exact_at(&mut before, offset).unwrap();
        file.write_all_at(&value.to_ne_bytes(), offset).unwrap();
        let opened = Observer::open(&name);
        file.write_all_at(&before, offset).unwrap();
        opened
    };
    assert!(matches!(with(8, 99), Err(AttachError::AbiVersion { actual: 99, .. })));
    assert!(matches!(with(12, 5), Err(AttachError::Geometry { .. })), "no such kind");
    assert!(
        matches!(with(24, 15), Err(AttachError::Geometry { .. })),
        "no such stride"
    );
    assert!(
        matches!(with(28, u32::MAX), Err(AttachError::Geometry { .. })),
        "no such payload"
    );
    Observer::open(&name).unwrap();
    // Longer than its file: not mapped, and nobody is killed.
    drop(channel.receiver().unwrap());
    let copy = name.path().with_extension("short");
    fs::write(&copy, &fs::read(name.path()).unwrap()[..1024]).unwrap();
    assert!(matches!(
        Observer::open_path(&copy),
        Err(AttachError::Truncated { actual: 1024, .. })
    ));
    fs::remove_file(&copy).unwrap();
    // As long as it says, and empty: reading it would allocate it.
    let bytes = fs::read(name.path()).unwrap();
    let sparse = File::create_new(&copy).unwrap();
    sparse.write_all_at(&bytes[..128], 0).unwrap();
    let many = 1u64 << 30;
    let total = u64::from_ne_bytes(bytes[56..64].try_into().unwrap()) + (many - 8) * 16;
    sparse.write_all_at(&many.to_ne_bytes(), 16).unwrap();
    sparse.write_all_at(&total.to_ne_bytes(), 56).unwrap();
    sparse.set_len(total).unwrap();
    let opened = Observer::open_path(&copy);
    fs::remove_file(copy).unwrap();
    match opened {
        Err(AttachError::Truncated { expected, actual }) => assert!(expected == total && actual <= 8192, "{actual}"),
        other => panic!("{other:?}"),
    }
}

fn another_users_channel_is_seen_through_a_descriptor_only() {
    if !is_two_users() {
        return;
    }
    let name = Own::new("theirs");
    let channel = Numbers::builder(8).mode(0o644).create(&name).unwrap();
    support::own::as_nobody(&|| {
        assert!(matches!(Observer::open(&name), Err(AttachError::AnotherUser { .. })));
        let observer = Observer::from_fd(File::open(name.path()).unwrap()).unwrap();
        assert_eq!(observer.stats().unwrap().capacity, 8);
    });
    drop(channel);
}

fn the_table_of_endpoints_is_read_to_its_end() {
    let channel = Many::builder(8).table_length(20).anonymous().unwrap();
    let senders: Vec<_> = (0..19).map(|_| channel.sender().unwrap()).collect();
    let rx = channel.receiver().unwrap();
    senders.last().unwrap().send(7).unwrap();
    let stats = channel.stats().unwrap();
    let ids: Vec<_> = stats.endpoints.iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(ids, (3..23).collect::<Vec<_>>());
    assert_eq!(stats.endpoints[18].messages, 1);
    assert_eq!(stats.endpoints[19].role, "receiver");
    let process = fs::read_to_string("/proc/self/comm").unwrap();
    assert!(
        stats
            .endpoints
            .iter()
            .all(|endpoint| endpoint.process == process.trim_end())
    );
    assert_eq!(stats.kind, Kind::Mpmc);
    assert_eq!(rx.recv(), Ok(7));
}

fn rates_are_those_between_two_looks() {
    let channel = Numbers::anonymous(64).unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let before = channel.stats().unwrap();
    (0..50).for_each(|n| tx.send(n).unwrap());
    (0..30).for_each(|n| assert_eq!(rx.recv(), Ok(n)));
    let mut after = channel.stats().unwrap();
    assert!(after.at >= before.at);
    after.at = before.at + Duration::from_millis(100);
    after.endpoints[1].waits += 4;
    let rates = after.rates_since(&before);
    let rounded = [rates.sent, rates.received, rates.waits, rates.wakes].map(f64::round);
    assert_eq!(rounded, [500.0, 300.0, 40.0, 0.0]);
    let none = after.rates_since(&after);
    assert_eq!((none.sent, none.received), (0.0, 0.0), "in no time");
    // Another endpoint under the same id has waited since it came, and no less.
    let mut other = before.clone();
    other.endpoints[1].generation += 1;
    other.endpoints[1].waits = 1_000;
    assert_eq!(after.rates_since(&other).waits.round(), 40.0);
}
