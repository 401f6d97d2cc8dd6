//! The threads that start reapers and wait for them; one that has nothing to wait for is used again.
//!
//! A reaper shares the calling program's memory, as a thread does, but is a process of its own with its own descriptors
//! and directory. A fork would have to copy the page tables of a large program and make every other thread fault on what
//! it writes next, which costs more than everything else about starting a program. What the two share is safe because
//! the C library's state of a thread (`errno`) is this thread's, which stands still in `wait4` as long as the reaper
//! lives, and because all that the reaper reads lies here until it has ended.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::ThreadId;
use std::time::Duration;

use libc::{c_int, c_void, pid_t};
use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::sync::oneshot;

use crate::launch::Launch;
use crate::reaper::{self, Kept};

/// The stack of the reaper.
const REAPER_STACK: usize = 128 * 1024;
/// The stack of the thread that waits for it.
const THREAD_STACK: usize = 64 * 1024;
/// So many threads wait for more to start...
const MOST_IDLE: usize = 4;
/// ...and so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// No status is known.
const NO_STATUS: c_int = c_int::MIN;

/// What to start, and with what.
pub(crate) struct Order {
    /// What to start.
    pub(crate) launch: Launch,
    /// What the reaper keeps.
    pub(crate) kept: Kept,
    /// The program's standard input, output and error.
    pub(crate) streams: [OwnedFd; 3],
    /// The reaper's end of the lifeline.
    pub(crate) lifeline: OwnedFd,
    /// Where the program starts.
    pub(crate) directory: CString,
}

/// What a reaper is given; it lies still until the reaper has ended.
pub(crate) struct Task {
    pub(crate) launch: Launch,
    pub(crate) kept: Kept,
    pub(crate) streams: [c_int; 3],
    pub(crate) directory: CString,
    /// The reaper writes an error number here once the program has started (0) or could not.
    pub(crate) answer: c_int,
    /// The program's status, as `wait4` gives it.
    pub(crate) status: AtomicI32,
}

/// A reaper whose program has started.
#[derive(Debug)]
pub(crate) struct Started {
    /// The reaper.
    pub(crate) pid: pid_t,
    /// The program's status, once the reaper has ended.
    pub(crate) ended: oneshot::Receiver<ExitStatus>,
}

/// What a thread is given.
struct Job {
    order: Order,
    /// Takes exactly one answer.
    answer: mpsc::SyncSender<io::Result<Started>>,
}

/// A thread that waits for a job.
struct Idle {
    thread: ThreadId,
    jobs: mpsc::SyncSender<Job>,
}

/// Whoever takes a thread from here gives it a job.
static IDLE: Mutex<Vec<Idle>> = Mutex::new(Vec::new());

/// Starts a reaper and its program.
pub(crate) fn start(order: Order) -> io::Result<Started> {
    let (answer, answered) = mpsc::sync_channel(1);
    hand_over(Job { order, answer })?;
    answered.recv().map_err(io::Error::other)?
}

fn hand_over(mut job: Job) -> io::Result<()> {
    loop {
        let Some(idle) = idle().pop() else { break };
        match idle.jobs.send(job) {
            Ok(()) => return Ok(()),
            Err(mpsc::SendError(refused)) => job = refused,
        }
    }
    let thread = std::thread::Builder::new().name("keeper".into()).stack_size(THREAD_STACK);
    thread.spawn(move || serve(job)).map(drop)
}

/// The thread: one job after the other, until there has been none for a while.
fn serve(first: Job) {
    block_signals();
    let (sender, jobs) = mpsc::sync_channel(1);
    let (mut next, mut stack) = (Some(first), None);
    while let Some(job) = next {
        keep(job, &mut stack);
        next = wait_for_job(&sender, &jobs);
    }
}

fn wait_for_job(sender: &mpsc::SyncSender<Job>, jobs: &mpsc::Receiver<Job>) -> Option<Job> {
    let thread = std::thread::current().id();
    {
        let mut idle = idle();
        if idle.len() >= MOST_IDLE {
            return None;
        }
        idle.push(Idle { thread, jobs: sender.clone() });
    }
    jobs.recv_timeout(PATIENCE).ok().or_else(|| {
        let mut idle = idle();
        match idle.iter().position(|it| it.thread == thread) {
            Some(at) => {
                idle.remove(at);
                None
            }
            // Somebody has just taken this thread: the job is on its way.
            None => {
                drop(idle);
                jobs.recv().ok()
            }
        }
    })
}

fn idle() -> MutexGuard<'static, Vec<Idle>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the reaper, says what came of it, waits for its end.
fn keep(job: Job, stack: &mut Option<Stack>) {
    let Job { order, answer: sender } = job;
    // The receiver waits for exactly one answer.
    let say = |answer| drop(sender.send(answer));
    let made = pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from).and_then(|pipe| {
        let stack = match stack {
            Some(stack) => stack,
            none => none.insert(Stack::new()?),
        };
        Ok((pipe, stack.top()))
    });
    let ((read, write), stack) = match made {
        Ok(made) => made,
        Err(error) => return say(Err(error)),
    };
    let Order { launch, kept, streams, lifeline, directory } = order;
    let descriptors = [0, 1, 2].map(|index: usize| streams[index].as_raw_fd());
    let (answer, status) = (write.as_raw_fd(), AtomicI32::new(NO_STATUS));
    let mut task = Task { launch, kept, streams: descriptors, directory, answer, status };
    // SAFETY: the stack is ours and large enough; `task` and the stack lie still until `wait` has returned. The new
    // process has descriptors, a directory and signal handlers of its own, and all signals are blocked in it.
    let pid =
        unsafe { libc::clone(reaper::run, stack, libc::CLONE_VM, ptr::from_mut(&mut task).cast::<c_void>()) };
    if pid == -1 {
        return say(Err(io::Error::last_os_error()));
    }
    drop(write);
    let errno = read_answer(&read);
    // The reaper has its own copies; whoever reads from the program must see its end.
    drop((streams, lifeline));
    if errno != 0 {
        wait(pid);
        return say(Err(io::Error::from_raw_os_error(errno)));
    }
    let (send_end, ended) = oneshot::channel();
    say(Ok(Started { pid, ended }));
    let own = wait(pid);
    let status = match task.status.load(Ordering::Acquire) {
        NO_STATUS => own,
        status => status,
    };
    // Nobody may be waiting any more.
    let _ = send_end.send(ExitStatus::from_raw(status));
}

/// The reaper must never run this program's signal handlers; it inherits what is blocked.
fn block_signals() {
    // SAFETY: system calls with valid addresses.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut());
    }
}

/// The error number that the reaper says; `ECHILD` if it died without saying any.
///
/// Raw system calls from here on: the reaper uses this thread's state of the C library meanwhile.
fn read_answer(from: &OwnedFd) -> c_int {
    let mut errno: c_int = 0;
    // SAFETY: a system call with a valid address and size.
    let read = unsafe { libc::syscall(libc::SYS_read, from.as_raw_fd(), &raw mut errno, size_of::<c_int>()) };
    if read == 4 { errno } else { libc::ECHILD }
}

/// Waits for the reaper's end; its own status.
fn wait(pid: pid_t) -> c_int {
    let mut status: c_int = 0;
    // SAFETY: a system call with a valid address; all signals are blocked, so nothing interrupts it.
    unsafe { libc::syscall(libc::SYS_wait4, pid, &raw mut status, libc::__WALL, ptr::null_mut::<c_void>()) };
    status
}

/// Memory for the reaper's stack, with nothing mapped below it by us.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: an anonymous mapping.
        let address = unsafe { libc::mmap(ptr::null_mut(), REAPER_STACK, protection, flags, -1, 0) };
        if address == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self(address)) }
    }

    fn top(&self) -> *mut c_void {
        // SAFETY: the end of the mapping, which is page-aligned.
        unsafe { self.0.byte_add(REAPER_STACK) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody runs on it any more.
        unsafe { libc::munmap(self.0, REAPER_STACK) };
    }
}
