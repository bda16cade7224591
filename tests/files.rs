//! What is a channel in a file of its own, when its processes have gone, and when the machine has been restarted?

mod support;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use annulus::{AttachError, Channel, CreateError, End, FileBuilder, Multi, OpenOrCreateError, RecvError, TakenBy};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, chown, getpid};
use support::message::Message;
use support::own::is_two_users;
use support::traffic::{drain, go_on, idle, receive};
use support::words::Phase;
use support::{LONG, Link, Peer, Words};

fn main() -> std::process::ExitCode {
    support::runner::main(
        &[
            ("send", send_to_path),
            ("attach what was passed", attach_what_was_passed),
        ],
        &support::tests!(
            plain:
                a_file_goes_on_where_its_processes_have_stopped
                what_the_dead_of_another_boot_held_is_repaired
                the_dead_of_another_boot_take_no_room
                of_two_who_create_one_is_told
                an_opener_waits_for_the_file
                what_is_wrong_with_a_file_is_told
                a_relative_path_begins_where_the_process_is
                another_users_file_is_opened_only_if_allowed
                a_file_is_passed_like_any_channel
                nobody_removes_a_file_but_who_removes_files;
            all:
                channels_in_files_carry_messages
                single_ends_come_back;
        ),
    )
}

/// A directory on the file system that the build is on; in memory where that can hold no channel.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let here = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let probe = open(here, OFlag::O_TMPFILE | OFlag::O_RDWR, Mode::empty());
        let here = if probe.is_ok() { here } else { Path::new("/dev/shm") };
        let path = here.join(format!("files-{}-{name}", getpid()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("channel")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        entries.map(|entry| name(entry.unwrap())).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at<S: End, R: End>(path: &Path) -> FileBuilder<u64, S, R> {
    Channel::builder(16).tick(Duration::from_millis(20)).path(path)
}

fn many(path: &Path) -> FileBuilder<u64, Multi, Multi> {
    at(path)
}

/// What a restart leaves: no locks, the words as they were, and a boot id that is not this one's.
fn restart(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(&[0xb0; 16], 64).unwrap();
}

fn channels_in_files_carry_messages<S: End, R: End>() {
    let folder = Folder::new("carry");
    let path = folder.file();
    let receiver = Peer::fork("receiver", |_| {
        let rx = at::<S, R>(&path).open_timeout(LONG).unwrap().receiver().unwrap();
        assert_eq!(drain(&rx), Vec::from_iter(0..1000));
    });
    let tx = at::<S, R>(&path).create().unwrap().sender().unwrap();
    for number in 0..1000 {
        tx.send_timeout(number, LONG).unwrap();
    }
    drop(tx);
    receiver.join();
    assert_eq!(folder.names(), ["channel"]);
    let channel = at::<S, R>(&path).open_or_create().unwrap();
    go_on(&channel.sender().unwrap(), &channel.receiver().unwrap());
}

fn send_to_path(link: &mut Link) {
    let path = link.hear().unwrap();
    let tx = many(Path::new(&path)).open_or_create().unwrap().sender().unwrap();
    for number in 0..10 {
        tx.send(number).unwrap();
    }
    link.say("sent");
    link.hear();
}

fn a_file_goes_on_where_its_processes_have_stopped() {
    let folder = Folder::new("survive");
    let path = folder.file();
    for killed in [true, false] {
        let mut sender = Peer::spawn("send", |_| {});
        sender.tell(path.display());
        sender.expect("sent");
        if killed {
            sender.kill();
        } else {
            sender.tell("leave");
            sender.join();
        }
        // The first of these is killed when it has taken half of them.
        let mut half = idle("receiver", || {
            let rx = many(&path).open().unwrap().receiver().unwrap();
            (0..5).for_each(|number| assert_eq!(receive(&rx), Ok(number)));
            rx
        });
        half.kill();
        let rx = many(&path).open().unwrap().receiver().unwrap();
        assert_eq!(drain(&rx), Vec::from_iter(5..10));
    }
}

fn what_the_dead_of_another_boot_held_is_repaired() {
    let folder = Folder::new("repair");
    let path = folder.file();
    let channel = many(&path).create().unwrap();
    let words = Words::of(&channel);
    let mut dead = idle("both", || {
        let channel = many(&path).open().unwrap();
        let tx = channel.sender().unwrap();
        (0..4).for_each(|number| tx.send(number).unwrap());
        (tx, channel.receiver().unwrap())
    });
    let (sender, receiver) = (words.sender_of(dead.pid()), words.receiver_of(dead.pid()));
    dead.kill();
    drop(channel);
    // In the middle of a receive and of a send.
    words.claim(0, Phase::Reading, receiver);
    words.claim(4, Phase::Writing, sender);
    // Their process ids are in use again.
    let file = File::options().read(true).write(true).open(&path).unwrap();
    for id in [sender, receiver] {
        let pid = 768 + 128 * u64::from(id) + 8;
        let mut was = [0; 4];
        file.read_exact_at(&mut was, pid).unwrap();
        assert_eq!(was, dead.pid().as_raw().to_ne_bytes());
        file.write_all_at(&getpid().as_raw().to_ne_bytes(), pid).unwrap();
    }
    restart(&path);
    let channel = many(&path).open().unwrap();
    let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
    drop(channel);
    tx.send(4).unwrap();
    drop(tx);
    let mut received = drain(&rx);
    received.sort_unstable();
    assert_eq!(received, Vec::from_iter(0..5));
    assert_eq!(receive(&rx), Err(RecvError::Disconnected));
    assert!(words.all_free());
}

fn the_dead_of_another_boot_take_no_room() {
    let folder = Folder::new("room");
    let path = folder.file();
    let build = || Channel::<u64, Multi, Multi>::builder(4).table_length(2).path(&path);
    drop(build().create().unwrap());
    for _ in 0..3 {
        idle("both", || {
            let channel = build().open().unwrap();
            let full = (channel.sender().unwrap(), channel.receiver().unwrap());
            assert!(matches!(channel.sender(), Err(AttachError::TableFull { length: 2 })));
            full
        })
        .kill();
        restart(&path);
    }
    let channel = build().open().unwrap();
    go_on(&channel.sender().unwrap(), &channel.receiver().unwrap());
}

fn single_ends_come_back<S: End, R: End>() {
    let folder = Folder::new("single");
    let path = folder.file();
    drop(at::<S, R>(&path).create().unwrap());
    for next in [0, 6, 12, 18] {
        // Half of what is sent is received, so that each one starts at another place.
        let mut dead = idle("both", || {
            let channel = at::<S, R>(&path).open().unwrap();
            let (tx, rx) = (channel.sender().unwrap(), channel.receiver().unwrap());
            (next..next + 6).for_each(|number| tx.send(number).unwrap());
            (next / 2..next / 2 + 3).for_each(|number| assert_eq!(receive(&rx), Ok(number)));
            (tx, rx)
        });
        dead.kill();
        restart(&path);
    }
    let rx = at::<S, R>(&path).open().unwrap().receiver().unwrap();
    assert_eq!(drain(&rx), Vec::from_iter(12..24));
}

fn of_two_who_create_one_is_told() {
    let folder = Folder::new("two");
    let path = folder.file();
    let first = many(&path).create().unwrap();
    let error = many(&path).create().unwrap_err();
    assert!(matches!(&error, CreateError::NameTaken { by: TakenBy::Kept, name } if *name == path.to_str().unwrap()));
    assert!(error.to_string().contains("like any file"), "{error}");
    drop(first);
    assert!(
        matches!(many(&path).create(), Err(CreateError::NameTaken { .. })),
        "it is kept"
    );
    let (a, b) = (
        many(&path).open_or_create().unwrap(),
        many(&path).open_or_create().unwrap(),
    );
    go_on(&a.sender().unwrap(), &b.receiver().unwrap());
    assert_eq!(folder.names(), ["channel"]);
}

fn an_opener_waits_for_the_file() {
    let folder = Folder::new("wait");
    let path = folder.file();
    assert!(matches!(many(&path).open(), Err(AttachError::NotFound { name }) if name == path.to_str().unwrap()));
    let soon = many(&path).open_timeout(Duration::from_millis(1));
    assert!(matches!(soon, Err(AttachError::NotFound { .. })));
    let mut opener = Peer::fork("opener", |link| {
        link.say("here");
        drop(many(&path).open_timeout(LONG).unwrap());
    });
    opener.expect("here");
    drop(many(&path).create().unwrap());
    opener.join();
}

fn what_is_wrong_with_a_file_is_told() {
    let folder = Folder::new("wrong");
    let path = folder.file();
    let open = || many(&path).open().unwrap_err();
    fs::write(&path, b"").unwrap();
    assert!(matches!(open(), AttachError::Empty { expected: 128 }));
    assert!(matches!(
        many(&path).create(),
        Err(CreateError::NameTaken {
            by: TakenBy::Foreign,
            ..
        })
    ));
    fs::write(&path, [7; 4096]).unwrap();
    assert!(matches!(open(), AttachError::NotARegion { .. }));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        open(),
        AttachError::NotAChannel {
            what: "a directory",
            ..
        }
    ));
    fs::remove_dir(&path).unwrap();
    let target = folder.0.join("target");
    drop(many(&target).create().unwrap());
    symlink(&target, &path).unwrap();
    assert!(matches!(
        open(),
        AttachError::NotAChannel {
            what: "a symbolic link",
            ..
        }
    ));
    fs::remove_file(&path).unwrap();
    let other = at::<Multi, annulus::Single>(&target).open().unwrap_err();
    assert!(matches!(
        other,
        AttachError::Kind {
            expected: "mpsc",
            actual: "mpmc"
        }
    ));
    let other = Channel::<u32, Multi, Multi>::builder(4)
        .path(&target)
        .open_or_create()
        .unwrap_err();
    assert!(matches!(
        other,
        OpenOrCreateError::Open(AttachError::PayloadSize { expected: 4, actual: 8 })
    ));
    File::options().write(true).open(&target).unwrap().set_len(300).unwrap();
    assert!(matches!(
        many(&target).open(),
        Err(AttachError::Truncated { actual: 300, .. })
    ));
    fs::remove_file(&target).unwrap();

    let nowhere = folder.0.join("missing/channel");
    assert!(matches!(many(&nowhere).open(), Err(AttachError::NotFound { .. })));
    let error = many(&nowhere).create().unwrap_err();
    assert!(
        matches!(&error, CreateError::Os { source, .. } if source.kind() == std::io::ErrorKind::NotFound),
        "{error}"
    );
    // procfs has no files without a name.
    let error = many(Path::new("/proc/channel")).create().unwrap_err();
    assert!(
        matches!(&error, CreateError::FileSystem { path } if path == "/proc/channel"),
        "{error}"
    );
    assert!(matches!(many(Path::new("")).create(), Err(CreateError::Os { .. })));
    let builder = Channel::<u64, Multi, Multi>::builder(1 << 20)
        .max_bytes(4096)
        .path(&path);
    assert!(matches!(
        builder.create(),
        Err(CreateError::TooLarge { limit: 4096, .. })
    ));
    assert!(folder.names().is_empty());
}

fn a_relative_path_begins_where_the_process_is() {
    let folder = Folder::new("relative");
    Peer::fork("child", |_| {
        std::env::set_current_dir(&folder.0).unwrap();
        let channel = many(Path::new("channel")).create().unwrap();
        std::env::set_current_dir("/").unwrap();
        let opened = many(&folder.file()).open().unwrap();
        go_on(&channel.sender().unwrap(), &opened.receiver().unwrap());
    })
    .join();
    assert_eq!(folder.names(), ["channel"]);
}

fn another_users_file_is_opened_only_if_allowed() {
    if !is_two_users() {
        return;
    }
    let folder = Folder::new("users");
    let path = folder.file();
    let builder = Channel::<u64, Multi, Multi>::builder(4).mode(0o660);
    drop(builder.path(&path).create().unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
    chown(&path, Some(Uid::from_raw(65534)), None).unwrap();
    assert!(matches!(
        many(&path).open(),
        Err(AttachError::AnotherUser {
            expected: 0,
            owner: 65534,
            ..
        })
    ));
    let builder = Channel::<u64, Multi, Multi>::builder(4).allow_other_users();
    assert!(builder.path(&path).open().is_ok());
}

fn attach_what_was_passed(link: &mut Link) {
    let channel = Channel::<u64, Multi, Multi>::inherited("numbers").unwrap();
    channel.sender().unwrap().send(u64::of(7)).unwrap();
    link.say("sent");
    link.hear();
}

fn a_file_is_passed_like_any_channel() {
    let folder = Folder::new("pass");
    let path = folder.file();
    let channel = many(&path).create().unwrap();
    let mut child = Peer::spawn("attach what was passed", |command| {
        channel.pass_to(command, "numbers").unwrap();
    });
    child.expect("sent");
    assert_eq!(receive(&channel.receiver().unwrap()), Ok(7));
    child.tell("leave");
    child.join();
    drop(channel);
    // Its user's own needs no leave.
    let descriptor = || OwnedFd::from(File::options().read(true).write(true).open(&path).unwrap());
    assert!(Channel::<u64, Multi, Multi>::from_fd(descriptor()).is_ok());
    assert_eq!(folder.names(), ["channel"]);
}

fn nobody_removes_a_file_but_who_removes_files() {
    let folder = Folder::new("keep");
    let path = folder.file();
    let length = {
        let channel = many(&path).create().unwrap();
        channel.sender().unwrap().send(1).unwrap();
        fs::metadata(&path).unwrap().len()
    };
    let listed = |name: &str| annulus::list().unwrap().iter().any(|listed| listed.name == name);
    assert!(!listed("channel") && !listed(path.to_str().unwrap()));
    let error = annulus::unlink(path.to_str().unwrap()).unwrap_err();
    assert!(matches!(error, AttachError::Name(_)), "{error}");
    let status = fs::metadata(&path).unwrap();
    assert_eq!(status.len(), length);
    assert!(status.blocks() * 512 >= length, "allocated");
    let rx = many(&path).open().unwrap().receiver().unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(drain(&rx), [1], "who has it open goes on, and nobody else comes");
}
