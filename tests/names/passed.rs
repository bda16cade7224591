//! What about channels that come to a process by their descriptor, and go by their name?

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use annulus::fd::{receive_from, send_over};
use annulus::{AttachError, TakenBy};
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Uid, chown};

use crate::own::{NOBODY, Numbers, Own, as_nobody, holder, is_two_users, not_found, taken};
use crate::support::Peer;

fn open_raw(name: &Own) -> OwnedFd {
    File::options().read(true).write(true).open(name.path()).unwrap().into()
}

pub fn who_was_passed_a_makers_channel_takes_its_name_along() {
    let name = Own::new("makers");
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = Peer::fork("child", |link| {
        let channel = Numbers::from_fd(receive_from(&theirs).unwrap()).unwrap();
        link.say("open");
        link.hear();
        drop(channel);
    });
    let channel = Numbers::open_or_create(&name, 4).unwrap();
    send_over(&ours, &channel).unwrap();
    child.expect("open");
    drop(channel);
    assert!(name.exists(), "the child has it open");
    child.tell("leave");
    child.join();
    assert!(!name.exists());
}

pub fn a_descriptor_is_enough_for_ones_own_named_channel() {
    let name = Own::new("own");
    let creator = Numbers::create(&name, 4).unwrap();
    let by_descriptor = Numbers::from_fd(open_raw(&name)).unwrap();
    creator.sender().unwrap().send(7).unwrap();
    assert_eq!(by_descriptor.receiver().unwrap().recv(), Ok(7));
}

pub fn a_descriptor_is_not_enough_for_another_users_named_channel() {
    if !is_two_users() {
        return;
    }
    let name = Own::new("not-own");
    let _creator = Numbers::create(&name, 4).unwrap();
    // It could truncate it.
    chown(&name.path(), Some(NOBODY), None).unwrap();
    let error = Numbers::from_fd(open_raw(&name)).unwrap_err();
    assert!(matches!(error, AttachError::Unsealed { actual: "nothing" }), "{error}");
    let allowed = Numbers::builder(0).allow_unsealed().from_fd(open_raw(&name));
    assert!(allowed.is_ok());
    chown(&name.path(), Some(Uid::effective()), None).unwrap();
}

pub fn a_copy_of_an_anonymous_channel_is_for_those_who_allow_it() {
    let name = Own::new("copy");
    let anonymous = Numbers::anonymous(4).unwrap();
    anonymous.sender().unwrap().send(7).unwrap();
    let memory = File::from(anonymous.as_fd().try_clone_to_owned().unwrap());
    let mut bytes = vec![0; memory.metadata().unwrap().len() as usize];
    memory.read_exact_at(&mut bytes, 0).unwrap();
    std::fs::write(name.path(), &bytes).unwrap();
    let error = Numbers::from_fd(open_raw(&name)).unwrap_err();
    assert!(matches!(error, AttachError::Unsealed { .. }), "{error}");
    let copy = Numbers::builder(0).allow_unsealed().from_fd(open_raw(&name)).unwrap();
    assert_eq!(copy.receiver().unwrap().recv(), Ok(7));
    drop(copy);
    assert!(name.exists(), "it has no policy by which its name would go");
    // Nor does a policy make a named channel of memory that never had a name.
    let memory = memfd_create("copy", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
    let memory = File::from(memory);
    memory.write_all_at(&bytes, 0).unwrap();
    memory.write_all_at(&2u32.to_ne_bytes(), 52).unwrap();
    let error = Numbers::from_fd(memory.into()).unwrap_err();
    assert!(matches!(error, AttachError::Unsealed { .. }), "{error}");
}

pub fn what_was_never_allocated_is_not_counted() {
    let name = Own::new("sparse");
    let many = 1 << 16;
    holder(|| Numbers::open_or_create(&name, many).unwrap()).kill();
    // An accomplice's file may say that it has 2^32 slots, and take a page.
    let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(open_raw(&name), hole, 1 << 16, 1 << 16).unwrap();
    assert_eq!(taken(Numbers::create(&name, 4)), Some(TakenBy::Foreign));
    drop(Numbers::open(&name).unwrap());
    assert!(name.exists());
    let removed = annulus::gc().unwrap();
    let removed: Vec<_> = removed.iter().filter(|removed| removed.name == *name).collect();
    assert_eq!((removed.len(), removed[0].unread), (1, None));
    assert!(removed[0].to_string().ends_with("bytes, corrupt"));
}

pub fn a_dead_creators_name_that_is_another_users_leads_nowhere() {
    if !is_two_users() {
        return;
    }
    let name = Own::new("deaths");
    holder(|| Numbers::builder(4).mode(0o666).create(&name).unwrap()).kill();
    as_nobody(&|| {
        assert!(not_found(Numbers::builder(0).allow_other_users().open(&name)));
    });
    assert!(name.exists(), "/dev/shm is sticky");
    drop(Numbers::create(&name, 4).unwrap());
    assert!(!name.exists());
}
