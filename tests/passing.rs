//! What happens to a channel on its way over a socket, and to one who opens what is none?
//!
//! The processes are forked before the channel is made: they have nothing of it but what the socket brings.

mod support;

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use annulus::fd::{receive_from, send_over};
use annulus::{AttachError, Channel, End, Multi, RecvError, RecvTimeoutError, SendTimeoutError, Single};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::WaitStatus;
use support::traffic::{channel, drain, go_on, receive};
use support::{LONG, Link, Peer, until};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[("connect and receive", connect_and_receive)],
        &support::tests!(
            plain:
                a_program_that_knows_nothing_but_a_path_receives_a_channel
                what_is_no_file_is_refused
                a_descriptor_that_allows_too_little_is_refused
                a_file_of_another_length_is_refused
                a_header_that_says_otherwise_is_refused
                a_schema_must_be_the_same_here_too
                an_unsealed_file_is_refused_unless_it_is_allowed
                an_unsealed_file_that_is_truncated_kills_who_touches_it
                arbitrary_bytes_are_an_error
                to_send_and_to_receive_leaves_no_descriptor_behind
                a_signal_does_not_cut_the_wait_at_a_socket_short;
            all:
                a_channel_crosses_a_socket
                a_channel_in_flight_is_somebody_who_could_come
                a_channel_in_flight_outlives_its_sender
                who_is_killed_before_it_has_sent_leaves_nothing_in_flight
                who_is_killed_with_what_it_has_received_is_waited_for_no_longer
                who_is_killed_with_what_it_has_opened_is_waited_for_no_longer
                a_forked_childs_copy_of_what_came_is_somebody_who_could_come;
        ),
    )
}

const A_WHILE: Duration = Duration::from_millis(100);

fn timeout<R: End>(rx: &annulus::Receiver<u64, R>) -> bool {
    rx.recv_timeout(A_WHILE) == Err(RecvTimeoutError::Timeout)
}

/// Two ends of a socket, each to be taken by one process.
fn pair() -> (Option<UnixStream>, Option<UnixStream>) {
    let (a, b) = UnixStream::pair().unwrap();
    (Some(a), Some(b))
}

fn open<S: End, R: End>(socket: &UnixStream) -> Channel<u64, S, R> {
    Channel::from_fd(receive_from(socket).unwrap()).unwrap()
}

/// A child that has `theirs` and not `ours`; in this process it is the other way round.
fn at_the_other_end(
    name: &str,
    ours: &mut Option<UnixStream>,
    theirs: &mut Option<UnixStream>,
    run: impl FnOnce(&mut Link, UnixStream),
) -> Peer {
    let peer = Peer::fork(name, |link| {
        drop(ours.take());
        run(link, theirs.take().unwrap());
    });
    drop(theirs.take());
    peer
}

// On the way.

fn a_channel_crosses_a_socket<S: End, R: End>() {
    let (mut ours, mut theirs) = pair();
    let mut child = at_the_other_end("child", &mut ours, &mut theirs, |link, socket| {
        let (numbers, back) = (open::<S, R>(&socket), open::<S, R>(&socket));
        let (tx, rx) = (back.sender().unwrap(), numbers.receiver().unwrap());
        drop((numbers, back));
        link.say("attached");
        for number in drain(&rx) {
            tx.send(number + 1).unwrap();
        }
    });
    let ((numbers, _), (back, _)) = (channel::<u64, S, R>(1024), channel::<u64, S, R>(1024));
    for channel in [&numbers, &back] {
        send_over(ours.as_ref().unwrap(), channel).unwrap();
    }
    let (tx, rx) = (numbers.sender().unwrap(), back.receiver().unwrap());
    child.expect("attached");
    for number in 0..1000 {
        tx.send(number).unwrap();
    }
    drop(tx);
    assert_eq!(drain(&rx), Vec::from_iter(1..1001));
    child.join();
}

fn a_channel_in_flight_is_somebody_who_could_come<S: End, R: End>() {
    let (channel, _) = support::traffic::channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    send_over(&ours, &channel).unwrap();
    drop((channel, ours));
    assert!(timeout(&rx), "somebody may receive it");
    drop(theirs);
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));

    let (channel, _) = support::traffic::channel::<u64, S, R>(4);
    let tx = channel.sender().unwrap();
    for number in 0..4 {
        tx.send(number).unwrap();
    }
    let (ours, theirs) = UnixStream::pair().unwrap();
    send_over(&ours, &channel).unwrap();
    drop((channel, ours));
    assert!(matches!(tx.send_timeout(4, A_WHILE), Err(SendTimeoutError::Timeout(4))));
    // From the socket to its own presence, and to an endpoint: not a moment in which nobody could come.
    let channel = open::<S, R>(&theirs);
    drop(theirs);
    assert!(matches!(tx.send_timeout(4, A_WHILE), Err(SendTimeoutError::Timeout(4))));
    let rx = channel.receiver().unwrap();
    for number in 0..4 {
        assert_eq!(receive(&rx), Ok(number));
    }
    go_on(&tx, &rx);
}

fn a_channel_in_flight_outlives_its_sender<S: End, R: End>() {
    let (mut to_sender, mut theirs) = pair();
    let (mut from_sender, mut into) = pair();
    let mut sender = at_the_other_end("sender", &mut to_sender, &mut theirs, |link, socket| {
        drop(from_sender.take());
        let channel = open::<S, R>(&socket);
        send_over(into.take().unwrap(), &channel).unwrap();
        link.say("sent");
        link.hear();
    });
    drop(into);
    let (channel, _) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    send_over(to_sender.as_ref().unwrap(), &channel).unwrap();
    drop(channel);
    sender.expect("sent");
    sender.kill();
    assert!(timeout(&rx), "it is in the socket");
    let channel = open::<S, R>(from_sender.as_ref().unwrap());
    drop(from_sender);
    assert!(timeout(&rx), "and now it is here");
    let tx = channel.sender().unwrap();
    go_on(&tx, &rx);
    drop((tx, channel));
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
}

fn who_is_killed_before_it_has_sent_leaves_nothing_in_flight<S: End, R: End>() {
    let (mut ours, mut theirs) = pair();
    let (from, mut into) = pair();
    let mut sender = at_the_other_end("sender", &mut ours, &mut theirs, |link, socket| {
        let channel = open::<S, R>(&socket);
        let mut into = into.take().unwrap();
        into.set_nonblocking(true).unwrap();
        while into.write(&[1; 4096]).is_ok() {}
        into.set_nonblocking(false).unwrap();
        link.say("full");
        let _ = send_over(&into, &channel);
        link.say("sent");
    });
    drop(into);
    let (channel, _) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    send_over(ours.as_ref().unwrap(), &channel).unwrap();
    drop(channel);
    sender.expect("full");
    until("the sender waits for room in the socket", || sender.state() == 'S');
    assert!(timeout(&rx), "the sender has it open");
    assert!(!sender.has_spoken());
    sender.kill();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    drop(from);
}

/// A process is killed after `step` with what it has received.
fn killed_after<S: End, R: End, X>(step: impl FnOnce(OwnedFd) -> X) {
    let (mut ours, mut theirs) = pair();
    let mut receiver = at_the_other_end("receiver", &mut ours, &mut theirs, |link, socket| {
        let _has = step(receive_from(&socket).unwrap());
        link.say("received");
        link.hear();
    });
    let (channel, _) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    let socket = ours.unwrap();
    send_over(&socket, &channel).unwrap();
    drop(channel);
    receiver.expect("received");
    assert!(timeout(&rx), "it may attach");
    receiver.kill();
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    // Who has sent it learns of it from the socket.
    let eof = receive_from(&socket).unwrap_err();
    assert_eq!(eof.kind(), std::io::ErrorKind::UnexpectedEof);
}

fn who_is_killed_with_what_it_has_received_is_waited_for_no_longer<S: End, R: End>() {
    killed_after::<S, R, _>(|fd| fd);
}

fn who_is_killed_with_what_it_has_opened_is_waited_for_no_longer<S: End, R: End>() {
    // Present twice, by what came and by itself; and by itself alone.
    killed_after::<S, R, _>(|fd| {
        let copy = fd.try_clone().unwrap();
        (copy, Channel::<u64, S, R>::from_fd(fd).unwrap())
    });
    killed_after::<S, R, _>(|fd| Channel::<u64, S, R>::from_fd(fd).unwrap());
}

fn a_forked_childs_copy_of_what_came_is_somebody_who_could_come<S: End, R: End>() {
    let (mut ours, mut theirs) = pair();
    let mut child = at_the_other_end("child", &mut ours, &mut theirs, |link, socket| {
        let mut fd = Some(receive_from(&socket).unwrap());
        let mut grandchild = Peer::fork("grandchild", |link| {
            let fd = fd.take().unwrap();
            link.expect("open it");
            let channel = Channel::<u64, S, R>::from_fd(fd).unwrap();
            channel.sender().unwrap().send(1).unwrap();
            link.say("sent");
        });
        drop(fd.take());
        link.say("handed on");
        link.expect("go on");
        grandchild.tell("open it");
        grandchild.expect("sent");
        grandchild.join();
    });
    let (channel, _) = channel::<u64, S, R>(4);
    let rx = channel.receiver().unwrap();
    send_over(ours.as_ref().unwrap(), &channel).unwrap();
    drop(channel);
    child.expect("handed on");
    assert!(timeout(&rx));
    child.tell("go on");
    assert_eq!(drain(&rx), [1]);
    child.join();
}

/// A directory that is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("annulus-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const SOCKET: &str = "ANNULUS_TEST_SOCKET";

fn connect_and_receive(link: &mut Link) {
    let socket = UnixStream::connect(std::env::var_os(SOCKET).unwrap()).unwrap();
    let channel = open::<Single, Multi>(&socket);
    assert_eq!(channel.capacity(), 4);
    let rx = channel.receiver().unwrap();
    drop(channel);
    link.say("attached");
    assert_eq!(drain(&rx), Vec::from_iter(0..1000));
}

fn a_program_that_knows_nothing_but_a_path_receives_a_channel() {
    let folder = Folder::new("passing");
    let path = folder.0.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let (channel, _) = channel::<u64, Single, Multi>(4);
    let mut child = Peer::spawn("connect and receive", |command| {
        command.env(SOCKET, &path);
    });
    let (socket, _) = listener.accept().unwrap();
    send_over(&socket, &channel).unwrap();
    let tx = channel.sender().unwrap();
    child.expect("attached");
    for number in 0..1000 {
        tx.send_timeout(number, LONG).unwrap();
    }
    drop(tx);
    child.join();
}

// What is no channel.

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Why `fd` is no channel of `u64`, in words with all of `parts` among them; nothing is left open.
#[track_caller]
fn refused(fd: impl Into<OwnedFd>, parts: &[&str]) -> AttachError {
    let fd = fd.into();
    let before = descriptors();
    let error = Channel::<u64, Single, Single>::from_fd(fd).unwrap_err();
    assert_eq!(descriptors(), before - 1, "{error}");
    let text = error.to_string();
    assert!(
        parts.iter().all(|part| text.contains(part)),
        "{text:?} has not all of {parts:?}"
    );
    error
}

fn memfd(bytes: &[u8]) -> File {
    let file = File::from(memfd_create("bytes", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap());
    file.write_all_at(bytes, 0).unwrap();
    file
}

fn seal(file: &File, seals: SealFlag) {
    fcntl(file, FcntlArg::F_ADD_SEALS(seals)).unwrap();
}

fn sealed(bytes: &[u8]) -> File {
    let file = memfd(bytes);
    seal(&file, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW);
    file
}

/// The bytes of a channel of four `u64`.
fn sound() -> Vec<u8> {
    let channel = Channel::<u64, Single, Single>::anonymous(4).unwrap();
    let file = File::from(channel.as_fd().try_clone_to_owned().unwrap());
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// A sealed file with a channel's bytes, but for `value` at `offset`.
fn with(offset: usize, value: &[u8]) -> File {
    let mut bytes = sound();
    bytes[offset..offset + value.len()].copy_from_slice(value);
    sealed(&bytes)
}

fn what_is_no_file_is_refused() {
    use nix::sys::eventfd::EventFd;
    let (socket, _) = UnixStream::pair().unwrap();
    let (reader, writer) = nix::unistd::pipe().unwrap();
    for (fd, is) in [
        (OwnedFd::from(File::open("/").unwrap()), "a directory"),
        (socket.into(), "a socket"),
        (reader, "a pipe"),
        (writer, "a pipe"),
        (
            File::options().read(true).write(true).open("/dev/null").unwrap().into(),
            "a character device",
        ),
        (EventFd::new().unwrap().into(), "no file but an eventfd"),
    ] {
        let error = refused(fd, &[is, "a regular file or a memfd", "another descriptor"]);
        assert!(matches!(error, AttachError::NotAFile { .. }), "{error:?}");
    }
}

fn a_descriptor_that_allows_too_little_is_refused() {
    let folder = Folder::new("access");
    let path = folder.0.join("channel");
    std::fs::write(&path, sound()).unwrap();
    let path_only = File::options()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(&path)
        .unwrap();
    let no_writes = sealed(&sound());
    seal(&no_writes, SealFlag::F_SEAL_WRITE);
    for (file, is) in [
        (File::open(&path).unwrap(), "open for reading only"),
        (
            File::options().write(true).open(&path).unwrap(),
            "open for writing only",
        ),
        (path_only, "open as a path only"),
        (no_writes, "sealed against writing"),
    ] {
        let error = refused(file, &[is, "for reading and writing", "pass a descriptor"]);
        assert!(matches!(error, AttachError::NotWritable { .. }), "{error:?}");
    }
}

fn a_file_of_another_length_is_refused() {
    let error = refused(sealed(&[]), &["empty", "128 bytes", "initialised"]);
    assert!(matches!(error, AttachError::Empty { expected: 128 }));
    let bytes = sound();
    let total = u64::from_ne_bytes(bytes[56..64].try_into().unwrap());
    for (length, needed) in [(1, 128), (127, 128), (128, total), (total - 1, total)] {
        let error = refused(
            sealed(&bytes[..length as usize]),
            &[
                &format!("{length} bytes long"),
                &format!("{needed} are needed"),
                "truncated",
            ],
        );
        assert!(matches!(error, AttachError::Truncated { expected, actual } if (expected, actual) == (needed, length)));
    }
    Channel::<u64, Single, Single>::from_fd(sealed(&bytes[..total as usize]).into()).unwrap();
}

fn a_header_that_says_otherwise_is_refused() {
    // Offsets from LAYOUT.md.
    let half = |offset, value: u32| with(offset, &value.to_ne_bytes());
    let word = |offset, value: u64| with(offset, &value.to_ne_bytes());

    let elf = File::options()
        .read(true)
        .open(std::env::current_exe().unwrap())
        .unwrap();
    let mut bytes = vec![0; 4096];
    elf.read_exact_at(&mut bytes, 0).unwrap();
    let error = refused(sealed(&bytes), &["ELF", "ANNULUS", "another file"]);
    assert!(matches!(error, AttachError::NotARegion { actual } if actual == bytes[..8]));
    refused(with(0, &[0; 8]), &["\\x00", "ANNULUS"]);

    let error = refused(half(8, 1), &["version 1", "has 2", "rebuild"]);
    assert!(matches!(error, AttachError::AbiVersion { expected: 2, actual: 1 }));
    let error = refused(half(12, 4), &["mpmc", "spsc", "one and the same module"]);
    assert!(matches!(
        error,
        AttachError::Kind {
            expected: "spsc",
            actual: "mpmc"
        }
    ));
    for kind in [0, 8, u32::MAX] {
        refused(half(12, kind), &["of an unknown kind", "spsc"]);
    }
    let error = refused(half(28, 32), &["32-byte messages", "expects 8", "rebuilt"]);
    assert!(matches!(
        error,
        AttachError::PayloadSize {
            expected: 8,
            actual: 32
        }
    ));
    let error = refused(half(32, 16), &["aligned to 16", "to 8", "rebuilt"]);
    assert!(matches!(
        error,
        AttachError::PayloadAlign {
            expected: 8,
            actual: 16
        }
    ));
    let error = refused(half(40, 7), &["mode 7", "1 and 2", "rebuild"]);
    assert!(matches!(error, AttachError::FenceMode { actual: 7 }));
    let mut other = sound();
    other[80] ^= 1;
    other[92..95].copy_from_slice(b"f64");
    let error = refused(sealed(&other), &["\"f64\"", "\"u64\"", "schema"]);
    assert!(matches!(error, AttachError::Schema { expected, actual } if expected == "u64" && actual == "f64"));

    let no_geometry = |file: File, part: &str| {
        let error = refused(file, &[part, "this program's have 16", "overwritten"]);
        assert!(matches!(error, AttachError::Geometry { .. }), "{error:?}");
    };
    for capacity in [0, 3, 8, 1 << 33, 1 << 63, u64::MAX] {
        no_geometry(word(16, capacity), &format!(": {capacity} slots"));
    }
    for stride in [0, 8, 32, u32::MAX] {
        no_geometry(half(24, stride), &format!("slots of {stride} bytes"));
    }
    for records in [0, 3, 8192, u32::MAX] {
        no_geometry(half(36, records), &format!("{records} records"));
    }
    for total in [0, 128, 1 << 62, u64::MAX] {
        no_geometry(word(56, total), &format!("in {total} bytes"));
    }
}

fn a_schema_must_be_the_same_here_too() {
    let channel = Channel::<u64, Single, Single>::builder(4)
        .schema("prices v2")
        .anonymous()
        .unwrap();
    let fd = || channel.as_fd().try_clone_to_owned().unwrap();
    refused(fd(), &["\"prices v2\"", "\"u64\"", "schema"]);
    Channel::<u64, Single, Single>::from_fd_as(fd(), "prices v2").unwrap();
    let builder = Channel::<u64, Single, Single>::builder(1).schema("prices v2");
    assert_eq!(builder.from_fd(fd()).unwrap().capacity(), 4);
    let older = Channel::<u64, Single, Single>::from_fd_as(fd(), "prices v1").unwrap_err();
    assert!(matches!(older, AttachError::Schema { expected, .. } if expected == "prices v1"));
}

fn an_unsealed_file_is_refused_unless_it_is_allowed() {
    let folder = Folder::new("unsealed");
    let path = folder.0.join("channel");
    std::fs::write(&path, sound()).unwrap();
    let on_disk = || File::options().read(true).write(true).open(&path).unwrap();
    let partly = |seals| {
        let file = memfd(&sound());
        seal(&file, seals);
        file
    };
    for (file, is) in [
        (memfd(&sound()), "nothing"),
        (partly(SealFlag::F_SEAL_SHRINK), "shrinking"),
        (partly(SealFlag::F_SEAL_GROW), "growing"),
        (on_disk(), "nothing"),
    ] {
        let copy = file.try_clone().unwrap();
        let parts = [
            &format!("sealed against {is},"),
            "shrinking and growing",
            "allow_unsealed",
        ];
        let error = refused(file, &parts);
        assert!(matches!(error, AttachError::Unsealed { actual } if actual == is));
        let allowed = || Channel::<u64, Single, Single>::builder(1).allow_unsealed();
        let (a, b) = (copy.try_clone().unwrap(), copy);
        let (a, b) = (
            allowed().from_fd(a.into()).unwrap(),
            allowed().from_fd(b.into()).unwrap(),
        );
        go_on(&a.sender().unwrap(), &b.receiver().unwrap());
    }
    // It allows nothing else.
    let error = Channel::<u64, Multi, Single>::builder(1)
        .allow_unsealed()
        .from_fd(on_disk().into());
    assert!(matches!(error, Err(AttachError::Kind { .. })));
}

fn an_unsealed_file_that_is_truncated_kills_who_touches_it() {
    let file = memfd(&sound());
    let mut child = Peer::fork("child", |link| {
        let builder = Channel::<u64, Single, Single>::builder(1).allow_unsealed();
        let channel = builder.from_fd(file.try_clone().unwrap().into()).unwrap();
        let tx = channel.sender().unwrap();
        link.say("attached");
        link.expect("truncated");
        let _ = tx.send(1);
    });
    child.expect("attached");
    file.set_len(0).unwrap();
    child.tell("truncated");
    assert!(matches!(child.wait(), WaitStatus::Signaled(_, Signal::SIGBUS, _)));
}

fn arbitrary_bytes_are_an_error() {
    // SplitMix64 (Steele, Lea, Flood 2014), from a fixed seed.
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    for _ in 0..200 {
        let length = 1 + random() % 10_000;
        let bytes: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        let error = refused(sealed(&bytes), &[]);
        assert!(matches!(
            error,
            AttachError::NotARegion { .. } | AttachError::Truncated { .. }
        ));
    }
    // The same behind the magic and the version, and a sound header with a byte changed.
    for round in 0..400 {
        let mut bytes = sound();
        if round % 2 == 0 {
            bytes[12..128].fill_with(|| random() as u8);
        } else {
            bytes[random() as usize % 128] = random() as u8;
        }
        let before = descriptors();
        if let Ok(channel) = Channel::<u64, Single, Single>::from_fd(sealed(&bytes).into()) {
            assert_eq!(round % 2, 1);
            assert_eq!(channel.capacity(), 4);
        }
        assert_eq!(descriptors(), before);
    }
}

fn to_send_and_to_receive_leaves_no_descriptor_behind() {
    let (channel, _) = channel::<u64, Multi, Multi>(4);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let before = descriptors();
    for _ in 0..10 {
        send_over(&ours, &channel).unwrap();
        drop(open::<Multi, Multi>(&theirs));
    }
    send_over(&ours, &channel).unwrap();
    let fd = receive_from(&theirs).unwrap();
    assert_eq!(descriptors(), before + 1);
    assert_eq!(fcntl(&fd, FcntlArg::F_GETFD), Ok(libc::FD_CLOEXEC));
    drop(fd);
    (&ours).write_all(b"x").unwrap();
    assert_eq!(
        receive_from(&theirs).unwrap_err().kind(),
        std::io::ErrorKind::InvalidData
    );
    assert_eq!(descriptors(), before);
    drop(theirs);
    assert_eq!(
        send_over(&ours, &channel).unwrap_err().kind(),
        std::io::ErrorKind::BrokenPipe
    );
    assert!(send_over(File::open("/dev/null").unwrap(), &channel).is_err());
    assert_eq!(descriptors(), before - 1);
}

/// Counted by the handler.
static SIGNALS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

fn a_signal_does_not_cut_the_wait_at_a_socket_short() {
    use std::sync::atomic::Ordering::SeqCst;
    extern "C" fn count(_: i32) {
        SIGNALS.fetch_add(1, SeqCst);
    }
    let (mut ours, mut theirs) = pair();
    let mut child = at_the_other_end("child", &mut ours, &mut theirs, |link, socket| {
        let action = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler touches an atomic only.
        unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
        link.say("ready");
        let channel = open::<Single, Single>(&socket);
        link.say(SIGNALS.load(SeqCst));
        drop(channel);
    });
    let (channel, _) = channel::<u64, Single, Single>(4);
    child.expect("ready");
    until("the child waits at the socket", || child.state() == 'S');
    kill(child.pid(), Signal::SIGUSR1).unwrap();
    until("the child waits again", || child.state() == 'S');
    send_over(ours.as_ref().unwrap(), &channel).unwrap();
    assert_eq!(child.hear(), "1");
    child.join();
}
