//! Finds and signals every descendant of the calling process, by reading `/proc`.
//!
//! For the reaper: system calls only, no allocation. One look may miss what is born meanwhile; the reaper looks again.

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, c_void, pid_t};

/// As many processes as one look takes in; more than Linux allows by default.
const CAPACITY: usize = 65_536;

#[derive(Clone, Copy)]
struct Process {
    pid: pid_t,
    parent: pid_t,
    descendant: bool,
}

/// Sends `signal` to every descendant that is found; whether any could be reached.
///
/// `main` is the leader of a process group that is signalled too, in case `/proc` cannot be read.
pub(crate) fn signal_descendants(signal: c_int, main: pid_t) -> bool {
    // SAFETY: an anonymous mapping, used as an array of CAPACITY processes of which `found` are written before they
    // are read, and unmapped at the end.
    unsafe {
        let bytes = CAPACITY * size_of::<Process>();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let map =
            libc::mmap(ptr::null_mut(), bytes, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        if map == libc::MAP_FAILED {
            return libc::kill(-main, signal) == 0;
        }
        let table = std::slice::from_raw_parts_mut(map.cast::<MaybeUninit<Process>>(), CAPACITY);
        let found = list(table);
        let processes = std::slice::from_raw_parts_mut(map.cast::<Process>(), found);
        mark(processes, libc::getpid());
        let mut reached = false;
        for process in processes.iter().filter(|process| process.descendant) {
            reached |= libc::kill(process.pid, signal) == 0;
        }
        libc::munmap(map, bytes);
        if found == 0 { libc::kill(-main, signal) == 0 } else { reached }
    }
}

/// Marks everybody whose line of parents leads to `root`.
fn mark(processes: &mut [Process], root: pid_t) {
    // Ids mostly grow from parent to child, so this ends after one or two rounds.
    loop {
        let mut changed = false;
        for index in 0..processes.len() {
            let Process { parent, descendant, .. } = processes[index];
            if !descendant && (parent == root || is_descendant(processes, parent)) {
                processes[index].descendant = true;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// `/proc` lists by ascending id.
fn is_descendant(processes: &[Process], pid: pid_t) -> bool {
    processes.binary_search_by_key(&pid, |process| process.pid).is_ok_and(|index| processes[index].descendant)
}

/// Fills `table` with every process of this machine and returns their number.
fn list(table: &mut [MaybeUninit<Process>]) -> usize {
    let mut found = 0;
    let mut buffer = [0_u64; 1024];
    // SAFETY: system calls with valid addresses and sizes; the records lie inside the bytes that were read.
    unsafe {
        let folder = libc::open(c"/proc".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC);
        if folder < 0 {
            return 0;
        }
        loop {
            let room = size_of_val(&buffer);
            let read =
                libc::syscall(libc::SYS_getdents64, folder, buffer.as_mut_ptr().cast::<c_void>(), room);
            let Ok(read @ 1..) = usize::try_from(read) else {
                break;
            };
            let bytes = std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), read);
            for_each_name(bytes, |name| {
                if let Some(pid) = number(name)
                    && let Some(parent) = parent_of(folder, name)
                    && let Some(slot) = table.get_mut(found)
                {
                    slot.write(Process { pid, parent, descendant: false });
                    found += 1;
                }
            });
        }
        libc::close(folder);
    }
    found
}

/// The names in what `getdents64` wrote: inode (8), offset (8), length of the record (2), type (1), name, NUL.
fn for_each_name(mut records: &[u8], mut visit: impl FnMut(&[u8])) {
    while let (Some(length), Some(name)) = (records.get(16..18), records.get(19..)) {
        let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        visit(&name[..end]);
        match records.get(length..) {
            Some(rest) if length > 0 => records = rest,
            _ => return,
        }
    }
}

fn number(text: &[u8]) -> Option<pid_t> {
    if text.is_empty() {
        return None;
    }
    let mut value: pid_t = 0;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(pid_t::from(byte - b'0'))?;
    }
    Some(value)
}

/// Reads `/proc/<pid>/stat`: `pid (name) state parent …`, where the name may hold anything.
fn parent_of(folder: c_int, pid: &[u8]) -> Option<pid_t> {
    let mut path = [0_u8; 32];
    let end = pid.len();
    path.get_mut(..end)?.copy_from_slice(pid);
    path.get_mut(end..end + 5)?.copy_from_slice(b"/stat");
    let mut text = [0_u8; 256];
    // SAFETY: `path` ends with a zero, `text` has the size that is passed.
    let read = unsafe {
        let file = libc::openat(folder, path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let read = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        read
    };
    parse_parent(text.get(..usize::try_from(read).ok()?)?)
}

fn parse_parent(stat: &[u8]) -> Option<pid_t> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat.get(after_name + 2..)?.split(|byte| *byte == b' ');
    fields.next()?;
    number(fields.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parse_parent(b"7 (sh) S 5 7 7 0 -1"), Some(5));
        assert_eq!(parse_parent(b"7 (a) b) (c) R 12 7"), Some(12));
        assert_eq!(parse_parent(b"7 (sh"), None);
    }

    #[test]
    fn descendants_are_marked_whatever_their_ids() {
        let process = |pid, parent| Process { pid, parent, descendant: false };
        let mut processes = [process(2, 9), process(5, 1), process(9, 5), process(10, 3), process(11, 2)];
        mark(&mut processes, 5);
        let marked: Vec<_> =
            processes.iter().filter(|process| process.descendant).map(|process| process.pid).collect();
        assert_eq!(marked, [2, 9, 11]);
    }

    #[test]
    fn this_process_is_listed() {
        let mut table = vec![MaybeUninit::uninit(); CAPACITY];
        let found = list(&mut table);
        // SAFETY: `list` has written that many.
        let listed = table[..found].iter().map(|slot| unsafe { slot.assume_init() });
        let me = std::process::id().cast_signed();
        assert_eq!(listed.filter(|process| process.pid == me).count(), 1);
    }
}
