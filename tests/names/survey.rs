//! What do `unlink`, `gc` and `list` make of what they find?

use std::fs;

use annulus::{AttachError, Channel, Multi, Single};
use nix::unistd::getpid;

use crate::own::{Numbers, Own, holder, leave, not_found};
use crate::support::traffic::go_on;

pub fn unlink_is_like_rm() {
    let name = Own::new("rm");
    let unlink = || annulus::unlink(&name);
    assert!(matches!(unlink(), Err(AttachError::NotFound { .. })));
    let channel = Numbers::create(&name, 4).unwrap();
    unlink().unwrap();
    assert!(not_found(Numbers::open(&name)));
    go_on(&channel.sender().unwrap(), &channel.receiver().unwrap());
    let next = Numbers::create(&name, 4).unwrap();
    drop(channel);
    assert!(name.exists());
    drop(next);
    fs::write(name.path(), b"not a channel").unwrap();
    unlink().unwrap();
    assert!(!name.exists());
}

pub fn gc_removes_what_no_live_process_has_open() {
    let gone = [Own::new("gc-created"), Own::new("gc-shared"), Own::new("gc-drained")];
    let kept = [
        Own::new("gc-kept"),
        Own::new("gc-stopped"),
        Own::new("gc-foreign"),
        Own::new("gc-mine"),
    ];
    holder(|| {
        let created = Numbers::create(&gone[0], 4).unwrap();
        created.sender().unwrap().send(1).unwrap();
        let shared = Numbers::open_or_create(&gone[1], 4).unwrap();
        shared.sender().unwrap().send_many(&[1, 2, 3]).unwrap();
        let drained = Numbers::open_or_create(&gone[2], 4).unwrap();
        let kept = Numbers::builder(4).keep_name().create(&kept[0]).unwrap();
        (created, shared, drained, kept)
    })
    .kill();
    let stopped = holder(|| Numbers::create(&kept[1], 4).unwrap());
    stopped.stop();
    fs::write(kept[2].path(), [0; 4096]).unwrap();
    let mine = Numbers::open_or_create(&kept[3], 4).unwrap();
    let removed = annulus::gc().unwrap();
    for (name, unread) in gone.iter().zip([1, 3, 0]) {
        assert!(!name.exists());
        let removed = removed.iter().find(|removed| removed.name == **name).unwrap();
        assert_eq!(removed.unread, Some(unread));
        assert!(removed.bytes >= 4096);
        let messages = if unread == 1 { "message" } else { "messages" };
        assert_eq!(
            removed.to_string(),
            format!("{:?}: {} bytes, {unread} unread {messages}", &**name, removed.bytes)
        );
    }
    for name in &kept {
        assert!(name.exists() && removed.iter().all(|removed| removed.name != **name));
    }
    stopped.resume();
    leave(stopped);
    drop(mine);
}

pub fn list_tells_who_is_there() {
    let name = Own::new("list");
    let find = || annulus::list().unwrap().into_iter().find(|listed| listed.name == *name);
    assert_eq!(find(), None);
    let channel = Channel::<[u16; 3], Multi, Single>::open_or_create(&name, 5).unwrap();
    let listed = find().unwrap();
    assert_eq!(
        (listed.kind, listed.capacity, &*listed.payload),
        (annulus::Kind::Mpsc, 8, "[u16; 3]")
    );
    assert_eq!(listed.bytes, fs::metadata(name.path()).unwrap().len());
    assert!(listed.attached.is_empty() && !listed.orphaned && !listed.kept);
    let mut other = holder(|| {
        Channel::<[u16; 3], Multi, Single>::open(&name)
            .unwrap()
            .sender()
            .unwrap()
    });
    let rx = channel.receiver().unwrap();
    let attached = |alive: [bool; 2]| {
        let mut attached = find().unwrap().attached;
        attached.sort_by_key(|endpoint| endpoint.role);
        let all: Vec<_> = attached.iter().map(|a| (a.role, a.pid, a.alive)).collect();
        let pids = [getpid(), other.pid()].map(|pid| pid.as_raw() as u32);
        assert_eq!(all, [("receiver", pids[0], alive[0]), ("sender", pids[1], alive[1])]);
        let comm = fs::read_to_string("/proc/self/comm").unwrap();
        assert!(attached.iter().all(|endpoint| endpoint.process == comm.trim_end()));
    };
    attached([true, true]);
    other.kill();
    let sender = find()
        .unwrap()
        .attached
        .into_iter()
        .find(|endpoint| endpoint.role == "sender");
    assert!(!sender.unwrap().alive);
    drop(channel);
    assert!(!find().unwrap().orphaned);
    drop(rx);
    assert_eq!(find(), None);
    holder(|| Numbers::builder(4).keep_name().create(&name).unwrap()).kill();
    let listed = find().unwrap();
    assert!(listed.orphaned && listed.kept);
    annulus::unlink(&name).unwrap();
}
