//! What if a name leads to something else than a channel of ours?

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use annulus::{AttachError, Channel, CreateError, NameError, OpenOrCreateError, Single, TakenBy};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chown, mkfifo};

use crate::own::{Many, NOBODY, Numbers, Own, as_nobody, holder, is_two_users, not_found, prefix, taken};
use crate::support::LONG;
use crate::support::traffic::receive;

pub fn a_mismatch_is_told_and_leaves_nothing_behind() {
    let name = Own::new("mismatch");
    let channel = Numbers::builder(4).schema("prices").open_or_create(&name).unwrap();
    let text = |error: AttachError| error.to_string();
    assert_eq!(
        text(Many::open(&name).unwrap_err()),
        "the channel is spsc, this program expects mpmc: both sides use one and the same module"
    );
    let size = Channel::<u32, Single, Single>::open(&name).unwrap_err();
    assert!(matches!(size, AttachError::PayloadSize { expected: 4, actual: 8 }));
    let align = Channel::<[u8; 8], Single, Single>::open_timeout(&name, LONG).unwrap_err();
    assert!(matches!(align, AttachError::PayloadAlign { expected: 1, actual: 8 }));
    let schema = Numbers::open_or_create(&name, 4).unwrap_err();
    match &schema {
        OpenOrCreateError::Open(AttachError::Schema { expected, actual }) => {
            assert_eq!((&**expected, &**actual), ("u64", "prices"));
        }
        other => panic!("{other}"),
    }
    assert!(Numbers::builder(0).schema("prices").open(&name).is_ok());
    drop(channel);
    assert!(!name.exists());

    // Who finds that nobody needs what he cannot use takes its name away on leaving.
    let killed = || holder(|| Numbers::open_or_create(&name, 4).unwrap()).kill();
    killed();
    assert!(not_found(Many::open(&name)) && !name.exists());
    killed();
    drop(Many::open_or_create(&name, 4).unwrap());
    assert!(!name.exists());
    // But not what somebody may still read.
    let tx = Numbers::open_or_create(&name, 4).unwrap().sender().unwrap();
    tx.send(1).unwrap();
    drop(tx);
    assert!(matches!(Many::open(&name), Err(AttachError::Kind { .. })));
    assert!(name.exists());
}

pub fn what_is_not_a_channel_is_told_by_what_it_is() {
    let name = Own::new("other");
    let path = name.path();
    let open = || Numbers::open(&name).unwrap_err();
    let file = |bytes: &[u8]| fs::write(&path, bytes).unwrap();
    assert!(matches!(open(), AttachError::NotFound { .. }));
    file(b"");
    assert!(matches!(open(), AttachError::Empty { expected: 128 }));
    file(&[7; 4096]);
    assert!(matches!(open(), AttachError::NotARegion { .. }));
    assert!(matches!(
        Numbers::open_or_create(&name, 4),
        Err(OpenOrCreateError::Open(AttachError::NotARegion { .. }))
    ));
    // A channel's bytes, but of one without a name.
    let anonymous = Numbers::anonymous(4).unwrap();
    let memory = File::from(anonymous.as_fd().try_clone_to_owned().unwrap());
    let mut bytes = vec![0; memory.metadata().unwrap().len() as usize];
    memory.read_exact_at(&mut bytes, 0).unwrap();
    file(&bytes);
    assert!(matches!(open(), AttachError::Policy { actual: 0 }));
    annulus::unlink(&name).unwrap();

    let kept = Numbers::builder(4).keep_name().create(&name).unwrap();
    let raw = File::options().read(true).write(true).open(&path).unwrap();
    let patch = |at: u64, value: u32| {
        let mut before = [0; 4];
        raw.read_exact_at(&mut before, at).unwrap();
        raw.write_all_at(&value.to_ne_bytes(), at).unwrap();
        let error = open();
        raw.write_all_at(&before, at).unwrap();
        error
    };
    assert!(matches!(
        patch(8, 3),
        AttachError::AbiVersion { expected: 2, actual: 3 }
    ));
    assert!(matches!(
        patch(12, 9),
        AttachError::Kind {
            actual: "of an unknown kind",
            ..
        }
    ));
    assert!(matches!(patch(16, 3), AttachError::Geometry { .. }));
    assert!(matches!(patch(40, 9), AttachError::FenceMode { actual: 9 }));
    assert!(matches!(patch(52, 4), AttachError::Policy { actual: 4 }));
    drop(kept);
    raw.set_len(300).unwrap();
    assert!(matches!(open(), AttachError::Truncated { actual: 300, .. }));
    annulus::unlink(&name).unwrap();

    let is = |what: &str| {
        let error = open();
        assert!(
            matches!(&error, AttachError::NotAChannel { what: found, .. } if *found == what),
            "{error}"
        );
        assert!(annulus::unlink(&name).is_err());
        assert_eq!(taken(Numbers::create(&name, 4)), Some(TakenBy::Foreign));
        assert!(annulus::list().unwrap().iter().all(|listed| listed.name != *name));
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
    };
    fs::create_dir(&path).unwrap();
    is("a directory");
    mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    is("a pipe");
    let socket = UnixListener::bind(&path).unwrap();
    is("a socket or a device");
    drop(socket);
    let target = Own::new("target");
    let _behind = Numbers::create(&target, 4).unwrap();
    symlink(target.path(), &path).unwrap();
    is("a symbolic link");
}

pub fn another_users_channel_is_opened_only_if_allowed() {
    if !is_two_users() {
        return;
    }
    let name = Own::new("users");
    let channel = Numbers::builder(4).mode(0o666).create(&name).unwrap();
    as_nobody(&|| {
        let error = Numbers::open(&name).unwrap_err();
        assert!(
            matches!(
                error,
                AttachError::AnotherUser {
                    expected: 65534,
                    owner: 0,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(taken(Numbers::create(&name, 4)), Some(TakenBy::Foreign));
        let allowed = Numbers::builder(0).allow_other_users().open(&name).unwrap();
        allowed.sender().unwrap().send(1).unwrap();
    });
    assert_eq!(receive(&channel.receiver().unwrap()), Ok(1));
    drop(channel);
    let private = Numbers::create(&name, 4).unwrap();
    as_nobody(&|| {
        assert!(matches!(Numbers::open(&name), Err(AttachError::AnotherUser { .. })));
        assert_eq!(taken(Numbers::create(&name, 4)), Some(TakenBy::Foreign));
        let allowed = Numbers::builder(0).allow_other_users().open(&name);
        assert!(allowed.is_err(), "its file mode decides");
    });
    // Root could, and does not, unless told to.
    chown(&name.path(), Some(NOBODY), None).unwrap();
    assert!(matches!(
        Numbers::open(&name),
        Err(AttachError::AnotherUser { owner: 65534, .. })
    ));
    assert!(Numbers::builder(0).allow_other_users().open(&name).is_ok());
    assert!(annulus::gc().unwrap().iter().all(|removed| removed.name != *name));
    drop(private);
    // One's own that one may only read.
    as_nobody(&|| {
        let _channel = Numbers::create(&name, 4).unwrap();
        fs::set_permissions(name.path(), fs::Permissions::from_mode(0o400)).unwrap();
        let error = Numbers::open(&name).unwrap_err();
        assert!(
            matches!(&error, AttachError::Os { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied)
        );
    });
    assert!(!name.exists());
}

pub fn a_channel_has_the_mode_that_was_asked_for() {
    let name = Own::new("mode");
    let before = umask(Mode::from_bits_truncate(0o077));
    for (asked, mode) in [(None, 0o600), (Some(0o660), 0o660), (Some(0o666), 0o666)] {
        let builder = Numbers::builder(4);
        let builder = asked.map_or(builder.clone(), |mode| builder.mode(mode));
        let _channel = builder.create(&name).unwrap();
        assert_eq!(fs::metadata(name.path()).unwrap().permissions().mode() & 0o7777, mode);
    }
    umask(before);
    for bad in [0, 0o400, 0o200, 0o066, 0o1600, 0o4600, u32::MAX] {
        let error = Numbers::builder(4).mode(bad).create(&name).unwrap_err();
        assert!(matches!(error, CreateError::Mode { mode } if mode == bad), "{error}");
    }
    assert!(!name.exists());
}

pub fn a_name_that_cannot_be_one_is_refused() {
    for bad in ["", ".", "..", "a/b", "/a", "../a", "a\0b", ".a", "a.", &"n".repeat(201)] {
        assert!(matches!(Numbers::create(bad, 4), Err(CreateError::Name(_))), "{bad:?}");
        assert!(matches!(Numbers::open(bad), Err(AttachError::Name(_))), "{bad:?}");
        assert!(
            matches!(Numbers::open_timeout(bad, LONG), Err(AttachError::Name(_))),
            "{bad:?}"
        );
        assert!(matches!(annulus::unlink(bad), Err(AttachError::Name(_))), "{bad:?}");
        assert!(matches!(
            Numbers::open_or_create(bad, 4),
            Err(OpenOrCreateError::Open(AttachError::Name(_)))
        ));
    }
    assert!(matches!(Numbers::open(""), Err(AttachError::Name(NameError::Empty))));
    let longest = Own::new(&"n".repeat(200 - prefix().len()));
    drop(Numbers::create(&longest, 4).unwrap());
    // Everything else of `create` that can be wrong leaves nothing either.
    let name = Own::new("wrong");
    assert!(matches!(Numbers::create(&name, 0), Err(CreateError::Capacity { .. })));
    assert!(matches!(
        Numbers::builder(4).max_bytes(1).open_or_create(&name),
        Err(OpenOrCreateError::Create(CreateError::TooLarge { .. }))
    ));
    assert!(!name.exists());
}
