//! The process between the calling program and the program that it runs: reaps, watches the lifeline, ends all.
//!
//! It shares the memory of a program with threads, so nothing here may allocate, lock or panic: system calls and its own
//! stack only. `keeper` says why that is safe.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use std::sync::atomic::Ordering;

use libc::{c_int, c_uint, c_void, pid_t};

use crate::family;
use crate::keeper::Task;
use crate::spec::Survivors;

/// An order on the lifeline: the grace in milliseconds, in native byte order.
pub(crate) const ORDER_BYTES: usize = 4;

/// How long to wait for killed processes before looking for others, in milliseconds.
const PASS_MILLISECONDS: i64 = 20;
/// After so many passes in which nothing could be signalled, only processes of other users are left.
const HOPELESS_PASSES: u32 = 250;

/// What the reaper keeps of the calling program.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) lifeline: c_int,
    /// -1 if there is none.
    pub(crate) lineage: c_int,
    pub(crate) survivors: Survivors,
}

/// The reaper: makes itself ready, starts the program, says so, and stays until all has ended. Does not return.
pub(crate) extern "C" fn run(task: *mut c_void) -> c_int {
    // SAFETY: the keeper passes a task that lies still until this process has ended, and touches nothing of it but the
    // status meanwhile. Plain system calls with valid arguments.
    unsafe {
        let task = &mut *task.cast::<Task>();
        let kept = task.kept;
        let (main, errno) = match begin(task) {
            Ok(main) => (main, 0),
            Err(error) => (0, error.raw_os_error().unwrap_or(libc::EINVAL)),
        };
        libc::write(task.answer, ptr::from_ref(&errno).cast::<c_void>(), size_of::<c_int>());
        if errno != 0 {
            libc::_exit(127);
        }
        close_all_but(kept.lifeline, kept.lineage);
        libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, c"penstock-reaper".as_ptr());
        let mut reaper = Reaper { main, status: None, kept };
        reaper.watch();
        if let Some(status) = reaper.status {
            task.status.store(status, Ordering::Release);
        }
        libc::_exit(0)
    }
}

/// Becomes the subreaper of what it starts, in the program's directory and with the program's streams.
unsafe fn begin(task: &mut Task) -> io::Result<pid_t> {
    // SAFETY: plain system calls with valid arguments.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        for (stream, target) in task.streams.into_iter().zip(0..) {
            if libc::dup2(stream, target) == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        if libc::chdir(task.directory.as_ptr()) == -1 {
            return Err(io::Error::last_os_error());
        }
        task.launch.start()
    }
}

/// Closes everything else, above all the pipes of the program and std's own for errors, whose end its readers await.
unsafe fn close_all_but(one: c_int, other: c_int) {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    // SAFETY: closing descriptors that only this process uses.
    unsafe {
        if low > 0 {
            close_range(0, low - 1);
        }
        if high > low + 1 {
            close_range(low + 1, high - 1);
        }
        close_range(high + 1, c_int::MAX);
    }
}

unsafe fn close_range(first: c_int, last: c_int) {
    let (from, to) =
        (first.cast_unsigned(), if last == c_int::MAX { c_uint::MAX } else { last.cast_unsigned() });
    // SAFETY: as above.
    unsafe {
        if libc::syscall(libc::SYS_close_range, from, to, 0) != 0 {
            // Kernels before 5.9.
            let mut limit = MaybeUninit::<libc::rlimit>::zeroed().assume_init();
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            let end = c_int::try_from(limit.rlim_cur).unwrap_or(c_int::MAX).min(65_536);
            for descriptor in first..=last.min(end) {
                libc::close(descriptor);
            }
        }
    }
}

struct Reaper {
    main: pid_t,
    status: Option<c_int>,
    kept: Kept,
}

impl Reaper {
    /// Until the program has ended or the lifeline says otherwise; then ends what is to be ended.
    fn watch(&mut self) {
        let Some(children) = child_signals() else {
            return self.kill_all();
        };
        loop {
            let more = self.reap();
            if self.status.is_some() {
                if more && self.kept.survivors == Survivors::End {
                    self.kill_all();
                }
                return;
            }
            match self.sleep(children, -1) {
                Woken::Child | Woken::Time => {}
                Woken::ParentGone => return self.kill_all(),
                Woken::End(grace) => return self.end(children, grace),
            }
        }
    }

    /// `TERM`, then up to `grace` milliseconds of patience, then `KILL`.
    fn end(&mut self, children: c_int, grace: u32) {
        family::signal_descendants(libc::SIGTERM, self.main);
        let deadline = now().saturating_add(i64::from(grace));
        while self.reap() {
            let left = deadline.saturating_sub(now());
            if left <= 0 {
                break;
            }
            match self.sleep(children, c_int::try_from(left).unwrap_or(c_int::MAX)) {
                Woken::Child | Woken::Time | Woken::End(_) => {}
                Woken::ParentGone => break,
            }
        }
        self.kill_all();
    }

    /// Kills until nobody is left: whoever loses a parent becomes a child of this process and is found next time.
    fn kill_all(&mut self) {
        let mut hopeless = 0;
        while self.reap() {
            let reached = family::signal_descendants(libc::SIGKILL, self.main);
            hopeless = if reached { 0 } else { hopeless + 1 };
            if hopeless > HOPELESS_PASSES {
                return;
            }
            wait_for_child(PASS_MILLISECONDS);
        }
    }

    /// Takes the status of everybody who has ended; whether anybody is left.
    fn reap(&mut self) -> bool {
        loop {
            let mut status = 0;
            // SAFETY: a system call with a valid address.
            match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) } {
                0 => return true,
                -1 if errno() == libc::EINTR => {}
                -1 => return false,
                pid if pid == self.main => self.status = Some(status),
                _ => {}
            }
        }
    }

    fn sleep(&self, children: c_int, timeout: c_int) -> Woken {
        let watched = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut polled = [watched(self.kept.lifeline), watched(children)];
        let mut signal = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        // SAFETY: system calls with valid addresses and sizes.
        unsafe {
            libc::poll(polled.as_mut_ptr(), 2, timeout);
            if polled[1].revents != 0 {
                libc::read(children, signal.as_mut_ptr().cast(), size_of::<libc::signalfd_siginfo>());
                return Woken::Child;
            }
            if polled[0].revents == 0 {
                return Woken::Time;
            }
            let mut order = [0_u8; ORDER_BYTES];
            match libc::read(self.kept.lifeline, order.as_mut_ptr().cast(), ORDER_BYTES) {
                0 => Woken::ParentGone,
                4 => Woken::End(u32::from_ne_bytes(order)),
                _ => Woken::Time,
            }
        }
    }
}

enum Woken {
    Child,
    Time,
    ParentGone,
    End(u32),
}

fn errno() -> c_int {
    // SAFETY: always valid.
    unsafe { *libc::__errno_location() }
}

fn child_set() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        set.assume_init()
    }
}

fn child_signals() -> Option<c_int> {
    let set = child_set();
    // SAFETY: a system call with a valid address.
    let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    (descriptor >= 0).then_some(descriptor)
}

fn wait_for_child(milliseconds: i64) {
    let set = child_set();
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    // SAFETY: a system call with valid addresses.
    unsafe { libc::sigtimedwait(&raw const set, ptr::null_mut(), &raw const timeout) };
}

/// Monotonic milliseconds.
fn now() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a system call with a valid address.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}
