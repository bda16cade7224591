//! What if a channel is asked for what it may not have, or is full?

use std::fs::File;
use std::os::fd::AsFd;

use annulus::{AttachError, CreateError};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};

use crate::support::own::{Many, Numbers, Own};
use crate::support::traffic::{go_on, idle};
use crate::world::{BY_ANY_MEANS, Holdings, aside, errno, refused, says};

pub fn a_full_table_says_how_many_it_has() {
    let channel = Many::builder(4).table_length(3).anonymous().unwrap();
    let kept = channel.sender().unwrap();
    let mut other = idle("receiver", || channel.receiver().unwrap());
    let seat = channel.reserve_receiver().unwrap();
    let full = || {
        for error in [
            refused(|| channel.sender()),
            refused(|| channel.receiver()),
            refused(|| channel.reserve_sender()),
            refused(|| channel.reserve_receiver()),
        ] {
            assert!(matches!(error, AttachError::TableFull { length: 3 }), "{error}");
            says(&error, &["3", "in use", "larger `table_length`"]);
        }
    };
    full();
    drop(seat);
    let rx = channel.receiver().unwrap();
    full();
    go_on(&kept, &rx.clone());
    full();
    // One that has been killed has left its place.
    other.kill();
    let tx = channel.sender().unwrap();
    full();
    drop(kept);
    go_on(&tx, &rx);
}

pub fn what_no_channel_can_be_is_refused_however_it_is_made() {
    let name = Own::new("cannot-be");
    for make in BY_ANY_MEANS {
        for asked in [0, (1 << 32) + 1, 1 << 60, usize::MAX] {
            let error = refused(|| make(Numbers::builder(asked), &name));
            assert!(
                matches!(error, CreateError::Capacity { asked: a } if a == asked as u64),
                "{error}"
            );
            says(&error, &["1 to 4294967296", &asked.to_string()]);
        }
        for asked in [0, 8189, u32::MAX] {
            let error = refused(|| make(Numbers::builder(4).table_length(asked), &name));
            assert!(
                matches!(error, CreateError::TableLength { asked: a, max: 8188 } if a == asked),
                "{error}"
            );
            says(&error, &["1 to 8188", &asked.to_string()]);
        }
        assert!(!name.exists());
        make(Numbers::builder(1).table_length(8188), &name).unwrap();
    }
}

/// Bytes that a channel takes.
fn size(channel: &Numbers) -> u64 {
    let file = File::from(channel.as_fd().try_clone_to_owned().unwrap());
    file.metadata().unwrap().len()
}

pub fn a_channel_takes_max_bytes_and_not_a_page_more() {
    let name = Own::new("max-bytes");
    for make in BY_ANY_MEANS {
        for slots in [1, 1024, 1 << 20] {
            let bytes = size(&make(Numbers::builder(slots), &name).unwrap());
            let error = refused(|| make(Numbers::builder(slots).max_bytes(bytes - 1), &name));
            assert!(
                matches!(error, CreateError::TooLarge { wanted, limit } if wanted == bytes && limit == bytes - 1),
                "{error}"
            );
            says(
                &error,
                &[
                    &bytes.to_string(),
                    &(bytes - 1).to_string(),
                    "fewer slots",
                    "larger `max_bytes`",
                ],
            );
            assert!(!name.exists());
            let channel = make(Numbers::builder(slots).max_bytes(bytes), &name).unwrap();
            assert_eq!(size(&channel), bytes);
        }
    }
}

/// Bytes of the channels in the tests of limits: more than are allocated at a time.
const LARGE: usize = 8 << 20;

pub fn a_limit_on_files_is_an_error_and_not_a_signal() {
    for handler in [SigHandler::SigDfl, SigHandler::SigIgn] {
        let name = Own::new("file-size");
        aside(|| {
            // SAFETY: neither is a function of this program.
            unsafe { signal(Signal::SIGXFSZ, handler) }.unwrap();
            let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
            for make in BY_ANY_MEANS {
                // Whoever allows more has no part in this limit.
                let options = || Numbers::builder(LARGE / 16).max_bytes(1 << 40);
                let wanted = size(&make(options(), &name).unwrap());
                for limit in [0, 4096, wanted - 1] {
                    setrlimit(Resource::RLIMIT_FSIZE, limit, most).unwrap();
                    let error = refused(|| make(options(), &name));
                    assert!(
                        matches!(error, CreateError::FileSizeLimit { wanted: w, limit: l } if (w, l) == (wanted, limit)),
                        "{error:?}"
                    );
                    says(
                        &error,
                        &[&wanted.to_string(), &limit.to_string(), "fewer slots", "RLIMIT_FSIZE"],
                    );
                }
                assert!(!name.exists());
                setrlimit(Resource::RLIMIT_FSIZE, wanted, most).unwrap();
                let channel = make(options(), &name).unwrap();
                go_on(&channel.sender().unwrap(), &channel.receiver().unwrap());
            }
        });
    }
}

/// Bytes of address space that this process has.
fn address_space() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
}

pub fn without_address_space_nothing_is_kept() {
    let name = Own::new("address-space");
    for make in BY_ANY_MEANS {
        aside(|| {
            let (_, most) = getrlimit(Resource::RLIMIT_AS).unwrap();
            // So that the heap does not have to grow.
            drop(vec![1u8; 100_000]);
            let before = Holdings::now();
            let mut failures = 0;
            let made = (0..).map(|step| step * 4096 * 100).find_map(|room| {
                setrlimit(Resource::RLIMIT_AS, address_space() + room, most).unwrap();
                let made = make(Numbers::builder(LARGE / 16), &name);
                setrlimit(Resource::RLIMIT_AS, most, most).unwrap();
                match made {
                    Ok(channel) => Some(channel),
                    Err(error) => {
                        failures += 1;
                        assert_eq!(errno(&error), Some(Errno::ENOMEM), "{error}");
                        says(&error, &["could not "]);
                        assert!(Holdings::now() == before && !name.exists());
                        None
                    }
                }
            });
            assert!(failures > LARGE / 4096 / 100, "only {failures} failures");
            let channel = made.unwrap();
            go_on(&channel.sender().unwrap(), &channel.receiver().unwrap());
        });
    }
}
