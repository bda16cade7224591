//! Who am I, for messages to people?
//!
//! Nothing is decided by what stands here: process ids are used again, and names are anybody's. What cannot be read is
//! zero.

use std::fs;
use std::sync::Mutex;

use super::fork::ForkStamp;

/// A process as it sees itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Identity {
    /// Its id, in its own pid namespace.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// Its name as in `/proc/self/comm`, zero-padded.
    pub name: [u8; 16],
}

/// This process. Read once; a forked child reads anew.
pub(crate) fn identity() -> Identity {
    static CACHE: Mutex<Option<(u64, Identity)>> = Mutex::new(None);

    let generation = ForkStamp::take().ok().map(|stamp| stamp.generation());
    // Never waited for: a fork may have left it locked by a thread that the child does not have.
    let mut cache = CACHE.try_lock().ok();
    if let Some((of, identity)) = cache.as_deref().copied().flatten()
        && Some(of) == generation
    {
        return identity;
    }
    let stat = fs::read("/proc/self/stat").unwrap_or_default();
    let read = parse_stat(&stat);
    let (started, name) = read.unwrap_or_default();
    let identity = Identity {
        pid: std::process::id(),
        started,
        name,
    };
    // What could not be read now may be readable the next time.
    if read.is_some()
        && let Some(cache) = cache.as_deref_mut()
    {
        *cache = generation.map(|generation| (generation, identity));
    }
    identity
}

/// Start time and name from proc(5) `/proc/[pid]/stat`: field 22, and field 2 without its parentheses.
fn parse_stat(stat: &[u8]) -> Option<(u64, [u8; 16])> {
    // A name may contain anything, spaces and parentheses too; none of the fields after it does.
    let begin = stat.iter().position(|&b| b == b'(')? + 1;
    let end = stat.iter().rposition(|&b| b == b')')?;
    let comm = stat.get(begin..end)?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    // Field 3 is the first of the rest.
    let started = rest.split_ascii_whitespace().nth(22 - 3)?.parse().ok()?;
    let mut name = [0; 16];
    let len = comm.len().min(name.len());
    name[..len].copy_from_slice(&comm[..len]);
    Some((started, name))
}

/// Which boot of which machine this is (random(4)), as bytes; zeros if that cannot be read.
pub(crate) fn boot_id() -> [u8; 16] {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .ok()
        .and_then(|text| parse_uuid(text.trim_end()))
        .unwrap_or_default()
}

/// The 32 hexadecimal digits of a UUID, whatever dashes are between them.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut digits = text.chars().filter(|&c| c != '-');
    for byte in &mut bytes {
        let high = digits.next()?.to_digit(16)?;
        let low = digits.next()?.to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    digits.next().is_none().then_some(bytes)
}

/// Has the machine one processor? Then spinning only keeps the other side from running. `false` if that cannot be told.
///
/// The machine is asked, not this thread's affinity: who is pinned to one processor has its peer on another.
pub(crate) fn one_cpu() -> bool {
    fs::read_to_string("/sys/devices/system/cpu/online").is_ok_and(|online| names_one_cpu(&online))
}

/// The kernel's list of processors (`Documentation/admin-guide/cputopology.rst`): `0-1,4`, say.
fn names_one_cpu(list: &str) -> bool {
    list.trim_end().parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "S 1 41 41 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 200 0 0\n";

    #[test]
    fn a_name_may_look_like_the_fields_after_it() {
        for name in ["sh", "a) S 1 (b", "with space", "((", "))"] {
            let stat = format!("42 ({name}) {TAIL}");
            let (started, field) = parse_stat(stat.as_bytes()).unwrap();
            assert_eq!(started, 987_654);
            assert_eq!(&field[..name.len()], name.as_bytes());
            assert!(field[name.len()..].iter().all(|&b| b == 0));
        }
        let long = format!("42 (kworker/u8:2-events_unbound) {TAIL}");
        assert_eq!(&parse_stat(long.as_bytes()).unwrap().1, b"kworker/u8:2-eve");
        let foreign = [b"42 (\xff\xfe) ", TAIL.as_bytes()].concat();
        assert_eq!(parse_stat(&foreign).unwrap().1[..2], [0xff, 0xfe]);
    }

    #[test]
    fn a_mangled_stat_tells_nothing() {
        for stat in ["", "42", "42 (sh", "42 )sh(", "42 (sh) S 1 2"] {
            assert_eq!(parse_stat(stat.as_bytes()), None, "{stat:?}");
        }
    }

    #[test]
    fn this_process_knows_itself_twice() {
        let me = identity();
        assert_eq!(me.pid, std::process::id());
        assert_ne!(me.started, 0);
        let comm = fs::read("/proc/self/comm").unwrap();
        assert_eq!(&me.name[..comm.len() - 1], &comm[..comm.len() - 1]);
        assert_eq!(me, identity());
    }

    #[test]
    fn one_processor_is_told_from_several() {
        assert!(names_one_cpu("0\n"));
        assert!(names_one_cpu("3"));
        for list in ["0-1\n", "0,2\n", "0-3,8-11\n", ""] {
            assert!(!names_one_cpu(list), "{list:?}");
        }
    }

    #[test]
    fn a_boot_id_is_sixteen_bytes_of_hex() {
        let bytes = parse_uuid("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(bytes[..3], [0x00, 0x11, 0x22]);
        assert_eq!(bytes[15], 0xff);
        assert_eq!(parse_uuid("00112233"), None);
        assert_eq!(parse_uuid("00112233-4455-6677-8899-aabbccddeeff0"), None);
        assert_eq!(parse_uuid("g0112233-4455-6677-8899-aabbccddeeff"), None);
        assert_ne!(boot_id(), [0; 16]);
        assert_eq!(boot_id(), boot_id());
    }
}
