//! How does a region come to have a name, and who takes it away?
//!
//! The region `NAME` is the file `/dev/shm/annulus.NAME`. It is made whole, without a name: laid out, its locks taken.
//! Only then is it given the name, in one step, linkat(2), which never replaces: whoever finds a name finds a region
//! that is finished and that says of itself who is there. [`object`] judges and removes, by what is [`unread`]; [`survey`] is for people.
//!
//! # Who removes the name
//! Line 0 says it, the *policy*:
//!
//! | policy | made by | the name goes |
//! |---|---|---|
//! | created | `create` | with its creator, dropped or killed, and with whatever is unread |
//! | shared | `open_or_create` | with the last one out, if nothing is unread; else it waits for the next to come |
//! | kept | either, with `keep_name` | when somebody removes it: `unlink` |
//!
//! Of the lock bytes (`lock`) *presence* is shared by all who have the region open, and taken alone by who judges a
//! shared one: with it nobody else is there, and nobody comes. *Creator* says that the creator of a created one is
//! there; it is taken before the name is given and never again, so who finds it free finds it free for ever. *Name* is
//! for the removal: **who unlinks a name holds the name byte of the object that it leads to, compared after the byte was
//! taken.** All three belong to one description a [`Region`], which a forked child closes.
//!
//! # What they do
//! - *open*: open(2); presence shared; *then* is it still linked, and not its dead creator's? Whoever had it alone has
//!   decided by then, and whoever wants it alone finds us. If it is a dying one, begin again.
//! - *create*: make, link. If the name is taken: by a dead creator's, or by a drained shared one that nobody has open:
//!   remove that, link again. Otherwise it is taken.
//! - *open_or_create*: open; if there is none, make and link; if the name is taken by now, begin again. It joins whatever
//!   policy it finds.
//! - *out*, the last drop of a [`Region`], when its endpoints have detached: what the policy says. Of several who leave a
//!   shared one at once each lets go of presence before it tries to have it alone, so the last one gets it. In a forked
//!   child that has attached nothing the drop only closes: the region is its parent's. A mismatch at open leaves the same way.
//!
//! "Begin again" is repeated with pauses, for a second or as long as the caller says, and then `Busy`: only somebody
//! stopped holds a byte so long. Nothing else waits; *out* never does.
//!
//! # Killed here
//! | killed after | the others see | repaired by |
//! |---|---|---|
//! | make: anything before linkat | nothing: the file has no name | the kernel, which drops it |
//! | create: linkat | a name whose creator is dead | the next create, open, or out of one who has it open; gc |
//! | open_or_create: linkat | a drained shared region that nobody has open | the next who opens it and leaves; create; gc |
//! | open: open, presence | nothing | the kernel, which frees the byte |
//! | judging: presence alone | openers begin again | the kernel |
//! | remove: the name byte | removers leave it, or try again | the kernel; then as if nothing had been removed |
//! | remove: unlink | no name; who has it open keeps it | as it should be |
//! | out: endpoints detached | an end of stream; the name as above | as above |
//! | out: presence let go, or taken alone | the name of a shared region that nobody has open | as above |
//! | gc, unlink, list: anything but unlink | nothing | the kernel |
//!
//! | anything, by who has presence but no [`Region`]: a command that is never run, a descriptor that nobody receives or that cannot be opened, a forked child that has not attached | a drained shared region that nobody has open, if that was the last | as above |
//!
//! *Stopped* with presence alone, or with the name byte, a process holds up those who open, create or remove that very
//! name, until they time out; *out* of others goes on.
//!
//! # Files elsewhere
//! A region may be in a file of any path, by the same steps: always kept, so that nobody removes it.
//!
//! # What it does not withstand
//! A named region cannot be sealed, so a process that may write to it can truncate it, and then the kernel ends those
//! who touch it (SIGBUS). `rm` by hand in the microseconds between a remover's comparison and its unlink, and `ln` or
//! `mv` of the file, take away the wrong name.

mod name;
mod object;
mod survey;
mod unread;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{Mode, fstat};
use nix::sys::statvfs::statvfs;
use nix::unistd::linkat;

use super::lock::{self, Held, LockFile, Presence};
use super::memory::MemoryError;
use super::{Expected, Mapped, Plan, Region, Sealing, line, memory, os};
use crate::error::{AttachError, CreateError, OpenOrCreateError, TakenBy};
use crate::layout::{Geometry, Header, Policy};
use crate::sync::now;

use object::Removal;

pub(crate) use name::Name;
pub(in crate::region) use object::is_ours;
pub(crate) use object::open_to_read;
pub use survey::{Attached, Listed, Removed, gc, list, unlink};

/// How long to begin again, unless the caller says. A guess: whoever holds a byte for so long is stopped.
const PATIENCE: Duration = Duration::from_secs(1);
/// The first pause, and the longest: guesses, a few removals and an unnoticeable delay.
const PAUSES: (Duration, Duration) = (Duration::from_micros(20), Duration::from_millis(5));

/// How a region is given a name, and which ones are opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    /// File mode.
    pub(crate) mode: u32,
    /// Nobody removes the name but who asks for it.
    pub(crate) keep: bool,
    /// Opens another user's.
    pub(crate) others: bool,
}

/// What a region remembers of its name.
#[derive(Debug)]
pub(crate) struct Named {
    /// `None`: it had lost it by the time it came to this process, or is not to lose it.
    name: Option<Name>,
    policy: Policy,
}

impl Named {
    /// Of a region that was passed to this process and in which it is present, by whatever name it goes.
    pub(super) fn behind(file: BorrowedFd<'_>, line: &Header) -> Result<Named, AttachError> {
        let policy = policy(line)?;
        let name = match policy {
            // It is nobody's to remove.
            Policy::Kept => None,
            Policy::Created | Policy::Shared => object::name_of(file).map_err(os("look for the channel's name"))?,
        };
        Ok(Named { name, policy })
    }

    /// Whether anybody can come to the object in `file` by its name.
    pub(super) fn leads_to(&self, file: BorrowedFd<'_>) -> bool {
        let linked = fstat(file).map_or(true, |status| status.st_nlink != 0);
        // Asked through the description that holds no locks: our own creator byte counts.
        linked && (self.policy != Policy::Created || lock::held(file, lock::CREATOR).unwrap_or(true))
    }

    /// The last drop: leaves by the policy.
    pub(super) fn out(&self, locks: &LockFile, geometry: &Geometry) -> io::Result<()> {
        if let Some(name) = &self.name {
            object::out(locks, name, self.policy, Some(geometry))?;
        }
        Ok(())
    }
}

fn policy(line: &Header) -> Result<Policy, AttachError> {
    Policy::decode(line.policy).ok_or(AttachError::Policy { actual: line.policy })
}

/// Makes the region `name`.
pub(crate) fn create(name: &Name, plan: &Plan, access: Access) -> Result<Arc<Region>, CreateError> {
    let mut patience = Patience::new(PATIENCE);
    let region = make(name, plan, access, Policy::Created)?;
    while !link(&region, name)? {
        if let Some(by) = clear(name)? {
            let name = name.text();
            return Err(CreateError::NameTaken { name, by });
        }
        if !patience.pause() {
            return Err(CreateError::Busy { name: name.text() });
        }
    }
    Ok(region)
}

/// Opens the region `name`; waits for it for up to `timeout`, or not at all.
pub(crate) fn open(
    name: &Name,
    expected: &Expected,
    access: Access,
    timeout: Option<Duration>,
) -> Result<Arc<Region>, AttachError> {
    let mut patience = Patience::new(timeout.unwrap_or(PATIENCE));
    loop {
        let not_found = match attempt(name, expected, access)? {
            Attempt::Opened(region) => return Ok(region),
            Attempt::Mismatch(error) => return Err(error),
            Attempt::Removed => continue,
            Attempt::Again => false,
            Attempt::NotFound => true,
        };
        if not_found && timeout.is_none() || !patience.pause() {
            return Err(if not_found {
                AttachError::NotFound { name: name.text() }
            } else {
                AttachError::Busy
            });
        }
    }
}

/// Opens the region `name`, or makes it.
pub(crate) fn open_or_create(name: &Name, plan: &Plan, access: Access) -> Result<Arc<Region>, OpenOrCreateError> {
    let expected = Expected {
        kind: plan.kind,
        payload: plan.arrangement.payload(),
        name: plan.name.clone(),
        // It cannot be.
        sealing: Sealing::Waived,
    };
    let mut patience = Patience::new(PATIENCE);
    // Once made it is kept for the next time that there is none: without a name it is nobody else's business.
    let mut made = None;
    loop {
        match attempt(name, &expected, access)? {
            Attempt::Opened(region) => return Ok(region),
            Attempt::Removed => continue,
            Attempt::Again => {}
            Attempt::Mismatch(error) => return Err(error.into()),
            Attempt::NotFound => {
                let region = match made.take() {
                    Some(region) => region,
                    None => make(name, plan, access, Policy::Shared)?,
                };
                if link(&region, name)? {
                    return Ok(region);
                }
                made = Some(region);
            }
        }
        if !patience.pause() {
            return Err(AttachError::Busy.into());
        }
    }
}

/// How an attempt to open went.
enum Attempt {
    Opened(Arc<Region>),
    /// What was found has lost its name by us: there may be another by now, or none. To look again takes no patience,
    /// since each time somebody else has made one and left it.
    Removed,
    /// What was found is going, or being judged.
    Again,
    NotFound,
    /// What was found is not what was expected, and stays there.
    Mismatch(AttachError),
}

fn attempt(name: &Name, expected: &Expected, access: Access) -> Result<Attempt, AttachError> {
    let locks = match object::open_object(name, access.others) {
        Err(AttachError::NotFound { .. }) => return Ok(Attempt::NotFound),
        opened => opened?,
    };
    if !locks.try_share(lock::PRESENCE)? {
        return Ok(Attempt::Again);
    }
    if object::status(&locks)?.st_nlink == 0 {
        return Ok(Attempt::Again);
    }
    let described = object::describe(&locks);
    if let Some((_, Policy::Created)) = described
        && !object::creator_elsewhere(&locks)?
    {
        return match object::remove(&locks, name) {
            Ok(Removal::Done) => Ok(Attempt::Removed),
            Ok(_) => Ok(Attempt::Again),
            // Another user's: until that one comes again there is none.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Attempt::NotFound),
            Err(error) => Err(os("remove the name that a dead creator has left")(error)),
        };
    }
    let error = match enter(&locks, name, expected) {
        Ok((mapped, named)) => return Ok(Attempt::Opened(mapped.held_by(Presence::of(locks), Some(named)))),
        Err(error) => error,
    };
    if let Some((line, policy)) = described {
        let geometry = Geometry::described(&line);
        // What goes wrong here leaves a name, and is not what went wrong.
        if let Ok(Removal::Done) = object::out(&locks, name, policy, geometry.as_ref()) {
            return Ok(Attempt::Removed);
        }
    }
    Ok(Attempt::Mismatch(error))
}

/// Checks what was opened, and maps it: all that can fail.
fn enter(locks: &LockFile, name: &Name, expected: &Expected) -> Result<(Mapped, Named), AttachError> {
    let line = line::read(locks.fd()?)?;
    let geometry = line::check(locks.fd()?, &line, expected)?;
    let named = Named {
        name: Some(name.clone()),
        policy: policy(&line)?,
    };
    // The locks' own description is never mapped: the mapping would keep them.
    let file = lock::reopen(locks.fd()?)?;
    Ok((Mapped::new(file, geometry, expected.payload, &line)?, named))
}

/// `create` has found the name taken: by whom, unless it is free by now.
fn clear(name: &Name) -> Result<Option<TakenBy>, CreateError> {
    let locks = match object::open_object(name, false) {
        Ok(locks) => locks,
        Err(AttachError::NotFound { .. }) => return Ok(None),
        Err(AttachError::NotAChannel { .. } | AttachError::AnotherUser { .. }) => return Ok(Some(TakenBy::Foreign)),
        Err(AttachError::Os { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(Some(TakenBy::Foreign));
        }
        Err(error) => return Err(error.into()),
    };
    let Some(by) = judge(&locks).map_err(AttachError::from)? else {
        object::remove(&locks, name).map_err(os("remove the name of a channel that nobody needs"))?;
        return Ok(None);
    };
    match by {
        Judged::Taken(by) => {
            // It may have lost the name to its own last user meanwhile.
            let status = object::status(&locks).map_err(AttachError::from)?;
            Ok((status.st_nlink != 0).then_some(by))
        }
        Judged::Again => Ok(None),
    }
}

/// Why a name is not for the taking.
enum Judged {
    Taken(TakenBy),
    /// Somebody else is judging.
    Again,
}

/// Does anybody need the object? `None`: its name is owed to nobody.
fn judge(object: &LockFile) -> io::Result<Option<Judged>> {
    let taken = |by| Ok(Some(Judged::Taken(by)));
    let Some((line, policy)) = object::describe(object) else {
        return taken(TakenBy::Foreign);
    };
    match policy {
        Policy::Kept => taken(TakenBy::Kept),
        Policy::Created if object::creator_elsewhere(object)? => taken(TakenBy::Creator),
        Policy::Created => Ok(None),
        Policy::Shared if object.try_lock(lock::PRESENCE)? => {
            match Geometry::described(&line).and_then(|geometry| unread::unread(object, &geometry)) {
                Some(0) => Ok(None),
                Some(unread) => taken(TakenBy::Messages { unread }),
                None => taken(TakenBy::Foreign),
            }
        }
        // Another who judges, or nobody any more, is no user.
        Policy::Shared if object.who_else(lock::PRESENCE)? == Held::Shared => taken(TakenBy::Users),
        Policy::Shared => Ok(Some(Judged::Again)),
    }
}

/// A region without a name yet: whole, mapped, and held. If it never gets the name, its drop finds that.
fn make(name: &Name, plan: &Plan, access: Access, policy: Policy) -> Result<Arc<Region>, CreateError> {
    let owner = Mode::S_IRUSR | Mode::S_IWUSR;
    let mode = Mode::from_bits(access.mode).filter(|mode| mode.bits() <= 0o777 && mode.contains(owner));
    let mode = mode.ok_or(CreateError::Mode { mode: access.mode })?;
    let policy = if access.keep { Policy::Kept } else { policy };
    let (geometry, line) = line::draw(plan, Some(policy))?;
    let what = if name.in_shm() {
        "make a file in /dev/shm"
    } else {
        "make a file where the channel is to be"
    };
    let new = || object::nameless(name.directory(), mode);
    let file = memory::create(geometry.total, plan.max_bytes, what, new);
    let file = file.map_err(|error| explain(error, name))?;
    line::write(file.as_fd(), line)?;
    let mapped = Mapped::new(file, geometry, plan.arrangement.payload(), &line)?;
    let locks = LockFile::open(mapped.file.as_fd()).map_err(AttachError::from)?;
    // Before it has a name: whoever finds it finds us in it. Nobody else knows the file, so nobody has its bytes.
    let present = locks.try_share(lock::PRESENCE).map_err(AttachError::from)?;
    let creator = policy != Policy::Created || locks.try_lock(lock::CREATOR).map_err(AttachError::from)?;
    debug_assert!(present && creator);
    let name = Some(name.clone());
    Ok(mapped.held_by(Presence::of(locks), Some(Named { name, policy })))
}

/// Why is there no file for the region of `name`?
fn explain(error: MemoryError, name: &Name) -> CreateError {
    let directory = name.directory();
    match error {
        MemoryError::NoSpace { wanted } => CreateError::NoSpace {
            directory: directory.display().to_string(),
            wanted,
            free: statvfs(directory).map_or(0, |status| status.blocks_available() * status.fragment_size()),
        },
        MemoryError::Os { .. } if name.in_shm() && !directory.is_dir() => CreateError::NoShm,
        MemoryError::Os { source, .. } if source.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => {
            CreateError::FileSystem { path: name.text() }
        }
        error => error.into(),
    }
}

/// Gives the region its name; `false` if that is taken.
fn link(region: &Region, name: &Name) -> Result<bool, CreateError> {
    // open(2), O_TMPFILE: the way to link a file that has no name.
    let link = format!("/proc/self/fd/{}", region.file().as_raw_fd());
    match linkat(
        AT_FDCWD,
        link.as_str(),
        AT_FDCWD,
        name.path(),
        AtFlags::AT_SYMLINK_FOLLOW,
    ) {
        Ok(()) => Ok(true),
        Err(Errno::EEXIST) => Ok(false),
        Err(errno) => Err(CreateError::Os {
            what: "give the channel its name",
            source: errno.into(),
        }),
    }
}

/// How long to begin again.
struct Patience {
    /// On the clock of [`now`].
    until: u64,
    pause: Duration,
}

impl Patience {
    fn new(time: Duration) -> Patience {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Patience {
            until: now().saturating_add(time),
            pause: PAUSES.0,
        }
    }

    /// Pauses; `false` if the time is over.
    fn pause(&mut self) -> bool {
        let left = Duration::from_nanos(self.until.saturating_sub(now()));
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(self.pause.min(left));
        self.pause = (self.pause * 2).min(PAUSES.1);
        true
    }
}
