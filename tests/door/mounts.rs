//! What if there is no room for named channels, or no place?

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use annulus::{AttachError, CreateError, OpenOrCreateError};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::statvfs;

use crate::support::LONG;
use crate::support::own::{Numbers, not_found};
use crate::support::traffic::go_on;
use crate::world::{BY_NAME, elsewhere, errno, own_mounts, refused, says, tmpfs};

/// Slots of a channel that has 8 MiB of them, more than is allocated at a time.
const MANY: usize = 8 << 20 >> 4;

/// Bytes left in `directory`.
fn free(directory: &str) -> u64 {
    let status = statvfs(directory).unwrap();
    status.blocks_available() * status.fragment_size()
}

/// Bytes that a channel of so many slots takes.
fn size(slots: usize) -> u64 {
    let channel = Numbers::anonymous(slots).unwrap();
    let file = fs::File::from(std::os::fd::AsFd::as_fd(&channel).try_clone_to_owned().unwrap());
    file.metadata().unwrap().size()
}

pub fn a_full_dev_shm_says_what_is_wanted_and_what_is_free() {
    elsewhere(own_mounts, |_| {
        tmpfs("/dev/shm", "size=12m");
        let other = Numbers::create("other", 4).unwrap();
        fs::write("/dev/shm/filler", vec![1; 6 << 20]).unwrap();
        let (wanted, left) = (size(MANY), free("/dev/shm"));
        for make in BY_NAME {
            let error = refused(|| make(Numbers::builder(MANY), "large"));
            assert_eq!(free("/dev/shm"), left);
            assert!(
                matches!(error, CreateError::NoSpace { free, .. } if free == left),
                "{error:?}"
            );
            says(&error, &["/dev/shm", &wanted.to_string(), &left.to_string()]);
        }
        // The memory of one that is there cannot be lacking.
        fs::write("/dev/shm/more", vec![1; left as usize]).unwrap();
        assert_eq!(free("/dev/shm"), 0);
        go_on(&other.sender().unwrap(), &other.receiver().unwrap());
        for file in ["/dev/shm/filler", "/dev/shm/more"] {
            fs::remove_file(file).unwrap();
        }
        for make in BY_NAME {
            let channel = make(Numbers::builder(MANY), "large").unwrap();
            go_on(&channel.sender().unwrap(), &channel.receiver().unwrap());
        }
    });
}

pub fn a_dev_shm_without_inodes_says_so() {
    elsewhere(own_mounts, |_| {
        tmpfs("/dev/shm", "nr_inodes=3");
        let files = (0..).map(|number| format!("/dev/shm/filler-{number}"));
        let filler = files.take_while(|file| fs::write(file, "").is_ok()).last().unwrap();
        for make in BY_NAME {
            let error = refused(|| make(Numbers::builder(4), "one"));
            assert_eq!(errno(&error), Some(Errno::ENOSPC));
            says(&error, &["/dev/shm"]);
        }
        fs::remove_file(filler).unwrap();
        for make in BY_NAME {
            make(Numbers::builder(4), "one").unwrap();
        }
    });
}

pub fn a_full_file_system_elsewhere_is_told_by_its_path() {
    elsewhere(own_mounts, |_| {
        tmpfs("/mnt", "size=2m");
        let channel = || Numbers::builder(MANY).path("/mnt/channel");
        let left = free("/mnt");
        let wanted = size(MANY).to_string();
        let error = refused(|| channel().create());
        assert!(matches!(error, CreateError::NoSpace { .. }), "{error:?}");
        says(&error, &["/mnt", &wanted, &left.to_string()]);
        let error = refused(|| channel().open_or_create());
        assert!(
            matches!(error, OpenOrCreateError::Create(CreateError::NoSpace { .. })),
            "{error:?}"
        );
        says(&error, &["/mnt", &wanted, &left.to_string()]);
        assert!(free("/mnt") == left && !Path::new("/mnt/channel").exists());
        mount(
            None::<&str>,
            "/mnt",
            None::<&str>,
            MsFlags::MS_REMOUNT,
            Some("size=12m"),
        )
        .unwrap();
        channel().create().unwrap();
    });
}

pub fn without_dev_shm_there_are_no_named_channels() {
    elsewhere(own_mounts, |_| {
        tmpfs("/dev", "");
        let not_mounted = |text: String| assert_eq!(text, "/dev/shm is not mounted: named channels live there");
        let error = refused(|| Numbers::create("name", 4));
        assert!(matches!(error, CreateError::NoShm), "{error:?}");
        not_mounted(error.to_string());
        let error = refused(|| Numbers::open_or_create("name", 4));
        assert!(
            matches!(error, OpenOrCreateError::Open(AttachError::NoShm)),
            "{error:?}"
        );
        not_mounted(error.to_string());
        for error in [
            refused(|| Numbers::open("name")),
            // It is not waited for.
            refused(|| Numbers::open_timeout("name", LONG)),
            refused(|| annulus::unlink("name")),
        ] {
            assert!(matches!(error, AttachError::NoShm), "{error:?}");
            not_mounted(error.to_string());
        }
        for error in [
            refused(|| annulus::list().map(drop)),
            refused(|| annulus::gc().map(drop)),
        ] {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            not_mounted(error.to_string());
        }
        // Nor is it needed.
        let anonymous = Numbers::anonymous(4).unwrap();
        go_on(&anonymous.sender().unwrap(), &anonymous.receiver().unwrap());

        fs::create_dir("/dev/shm").unwrap();
        assert!(not_found(Numbers::open("name")));
        for make in BY_NAME {
            let channel = make(Numbers::builder(4), "name").unwrap();
            assert_eq!(annulus::list().unwrap().len(), 1);
            assert!(annulus::gc().unwrap().is_empty());
            let there = Numbers::open_timeout("name", LONG).unwrap();
            go_on(&channel.sender().unwrap(), &there.receiver().unwrap());
            annulus::unlink("name").unwrap();
        }
    });
}

pub fn a_read_only_dev_shm_can_be_looked_at() {
    elsewhere(own_mounts, |_| {
        tmpfs("/dev/shm", "");
        drop(Numbers::builder(4).keep_name().create("kept").unwrap());
        let remount = |flags| {
            mount(
                None::<&str>,
                "/dev/shm",
                None::<&str>,
                MsFlags::MS_REMOUNT | flags,
                None::<&str>,
            )
        };
        remount(MsFlags::MS_RDONLY).unwrap();
        for make in BY_NAME {
            let error = refused(|| make(Numbers::builder(4), "name"));
            assert_eq!(errno(&error), Some(Errno::EROFS));
            says(&error, &["/dev/shm"]);
        }
        for error in [refused(|| Numbers::open("kept")), refused(|| annulus::unlink("kept"))] {
            assert_eq!(errno(&error), Some(Errno::EROFS));
            says(&error, &["could not open the channel's file"]);
        }
        let error = refused(|| Numbers::open_or_create("kept", 4));
        assert!(
            matches!(error, OpenOrCreateError::Open(AttachError::Os { .. })),
            "{error:?}"
        );
        assert!(annulus::gc().unwrap().is_empty());
        let listed = annulus::list().unwrap();
        assert!(listed.len() == 1 && listed[0].name == "kept" && listed[0].orphaned);
        remount(MsFlags::empty()).unwrap();
        for make in BY_NAME {
            make(Numbers::builder(4), "name").unwrap();
        }
        Numbers::open("kept").unwrap();
        annulus::unlink("kept").unwrap();
    });
}
