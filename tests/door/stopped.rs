//! What if the one who has to go on first is stopped?

use std::os::fd::AsFd;
use std::time::Duration;

use annulus::{AttachError, CreateError};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::support::own::{Many, Numbers, Own, holder};
use crate::support::step::Stepped;
use crate::support::traffic::go_on;
use crate::world::{refused, says};

/// Somebody attaches: LAYOUT.md, the lock byte.
fn somebody_attaches(channel: &Many) -> bool {
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: (1 << 62) + 3 * (1 << 16) + 3,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(channel.as_fd(), FcntlArg::F_OFD_GETLK(&mut lock)).unwrap();
    libc::c_int::from(lock.l_type) != libc::F_UNLCK
}

pub fn who_attaches_behind_one_that_is_stopped_in_it_is_told() {
    let channel = Many::anonymous(4).unwrap();
    let mut stopped = Stepped::fork(|| drop(channel.sender().unwrap()));
    while !somebody_attaches(&channel) {
        assert!(stopped.step(), "it attaches");
    }
    let error = refused(|| channel.receiver());
    assert!(matches!(error, AttachError::Busy), "{error}");
    says(&error, &["another process is attaching", "is it stopped?"]);
    stopped.finish();
    go_on(&channel.sender().unwrap(), &channel.receiver().unwrap());
}

/// Time enough for several attempts.
const A_MOMENT: Duration = Duration::from_millis(2);

pub fn an_open_ends_in_time_wherever_the_creator_is_stopped() {
    let name = Own::new("slow-creator");
    let deeds: [fn(&str); 2] = [
        |name| drop(Numbers::create(name, 2)),
        |name| drop(Numbers::open_or_create(name, 2)),
    ];
    for deed in deeds {
        let mut creator = Stepped::fork(|| deed(&name));
        let (mut before, mut with) = (0, 0);
        while creator.step() {
            match Numbers::open_timeout(&name, A_MOMENT) {
                Ok(_) => with += 1,
                Err(error @ AttachError::NotFound { .. }) => {
                    before += 1;
                    says(&error, &["no channel named", &name]);
                }
                // It is leaving again.
                Err(AttachError::Busy) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(before > 0 && with > 0, "{before} {with}");
    }
    assert!(!name.exists());
}

pub fn who_comes_by_a_name_that_is_being_removed_is_told() {
    let name = Own::new("slow-remover");
    let (mut opens, mut creates) = (0, 0);
    for stop in 0.. {
        // It is drained, and nobody has it open.
        holder(|| Numbers::open_or_create(&name, 2).unwrap()).kill();
        // Of another kind: so the remover finds it of no use.
        let mut remover = Stepped::fork(|| drop(Many::open(&name)));
        if !remover.steps(stop) {
            break;
        }
        if let Err(error @ AttachError::Busy) = Numbers::open_timeout(&name, A_MOMENT) {
            opens += 1;
            says(&error, &["removing it", "is it stopped?"]);
        }
        // This one waits for a second: once will do.
        if opens == 1
            && creates == 0
            && let Err(error) = Numbers::create(&name, 2)
        {
            creates += 1;
            assert!(matches!(error, CreateError::Busy { .. }), "{error}");
            says(&error, &["removing the channel", &name, "is it stopped?"]);
        }
        remover.finish();
    }
    assert!(opens > 0 && creates > 0, "{opens} {creates}");
    assert!(!name.exists());
}
