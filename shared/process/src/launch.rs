//! The last steps before the program itself: prepared before the fork, carried out after it by system calls only.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::ptr;

use libc::{c_char, c_int, c_void};

use crate::account::Account;
use crate::spec::Spec;

const STACK_BYTES: usize = 64 * 1024;
/// A file that was just written is busy while another thread's fork, on its way to `execve`, holds it open for writing.
const BUSY_ATTEMPTS: libc::c_uint = 12;
/// A shell for scripts without a `#!` line, as `execvp` has it.
const FALLBACK_SHELL: &str = "/bin/sh";
/// Signals that a calling program may have been started with as ignored; handlers fall away by themselves.
const RESTORED: [c_int; 9] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGCHLD,
];

/// Everything that `execve` needs, allocated before the fork.
pub(crate) struct Launch {
    program: CString,
    arguments: Pointers,
    /// For a script without `#!`.
    shell: CString,
    shell_arguments: Pointers,
    environment: Pointers,
    account: Option<Account>,
    stack: Vec<u8>,
    errno: c_int,
}

/// A null-terminated array of C strings.
struct Pointers {
    addresses: Vec<*const c_char>,
    _strings: Vec<CString>,
}

// SAFETY: the addresses point into `_strings`, which is never changed and moves along.
unsafe impl Send for Pointers {}
// SAFETY: as above; nothing is ever written through them.
unsafe impl Sync for Pointers {}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        let addresses = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Self { addresses, _strings: strings }
    }
}

impl Launch {
    pub(crate) fn new(spec: &Spec) -> io::Result<Self> {
        let program = find(&spec.program, &spec.environment, &spec.directory)?;
        let program = CString::new(program.as_os_str().as_bytes())?;
        let given: Vec<CString> = spec
            .arguments
            .iter()
            .map(|argument| CString::new(argument.as_bytes()))
            .collect::<Result<_, _>>()?;
        let name = CString::new(spec.program.as_bytes())?;
        let shell = CString::new(FALLBACK_SHELL)?;
        let arguments = [name].into_iter().chain(given.iter().cloned()).collect();
        let shell_arguments = [shell.clone(), program.clone()].into_iter().chain(given).collect();
        let environment =
            spec.environment.iter().map(|(name, value)| variable(name, value)).collect::<Result<_, _>>()?;
        Ok(Self {
            program,
            arguments: Pointers::new(arguments),
            shell,
            shell_arguments: Pointers::new(shell_arguments),
            environment: Pointers::new(environment),
            account: spec.account.clone().filter(|account| !account.is_current()),
            stack: vec![0; STACK_BYTES],
            errno: 0,
        })
    }

    /// Starts the program as a child of the calling process, which stands still until `execve` has succeeded or
    /// failed: the two share their memory so long, which spares a second copy of the page tables.
    pub(crate) fn start(&mut self) -> io::Result<libc::pid_t> {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // SAFETY: the stack is ours, 16-byte aligned at its top and large enough for a few system calls; `self`
        // outlives the child's use of it because of CLONE_VFORK.
        let pid = unsafe {
            let top = self.stack.as_mut_ptr().add(STACK_BYTES);
            let top = top.sub(top as usize % 16);
            libc::clone(run, top.cast::<c_void>(), flags, ptr::from_mut(self).cast::<c_void>())
        };
        match (pid, self.errno) {
            (-1, _) => Err(io::Error::last_os_error()),
            (pid, 0) => Ok(pid),
            (_, errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Runs in the new process; returns only on failure.
    ///
    /// # Safety
    /// Only for a process that shares nothing but memory with its parent, and whose parent stands still.
    unsafe fn enter(&mut self) -> c_int {
        // SAFETY: plain system calls with valid arguments. Raw ones for the ids: the C library's would try to
        // change them in all threads of a process that this is not.
        unsafe {
            libc::setsid();
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // Whatever the calling program was itself given without close-on-exec. Kernels before 5.11 refuse.
            libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
            for signal in RESTORED {
                libc::signal(signal, libc::SIG_DFL);
            }
            if let Some(account) = &self.account {
                let failed =
                    libc::syscall(libc::SYS_setgroups, account.groups.len(), account.groups.as_ptr()) != 0
                        || libc::syscall(libc::SYS_setresgid, account.gid, account.gid, account.gid) != 0
                        || libc::syscall(libc::SYS_setresuid, account.uid, account.uid, account.uid) != 0;
                if failed {
                    return *libc::__errno_location();
                }
                // Changing the user cleared it.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            }
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
            let environment = self.environment.addresses.as_ptr();
            for attempt in 1..=BUSY_ATTEMPTS {
                libc::execve(self.program.as_ptr(), self.arguments.addresses.as_ptr(), environment);
                match *libc::__errno_location() {
                    libc::ETXTBSY => libc::usleep(attempt * 1000),
                    libc::ENOEXEC => {
                        let arguments = self.shell_arguments.addresses.as_ptr();
                        libc::execve(self.shell.as_ptr(), arguments, environment);
                        return *libc::__errno_location();
                    }
                    errno => return errno,
                };
            }
            libc::ETXTBSY
        }
    }
}

extern "C" fn run(launch: *mut c_void) -> c_int {
    // SAFETY: `Launch::start` passes itself and stands still meanwhile.
    unsafe {
        let launch = &mut *launch.cast::<Launch>();
        launch.errno = launch.enter();
        libc::_exit(127)
    }
}

fn variable(name: &OsStr, value: &OsStr) -> io::Result<CString> {
    let mut text = name.as_bytes().to_vec();
    text.push(b'=');
    text.extend_from_slice(value.as_bytes());
    CString::new(text).map_err(|_| {
        let message = format!("the environment variable {} holds a NUL character", name.display());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

/// Looks a bare name up in the `PATH` that the program will have.
fn find(program: &OsStr, environment: &[(OsString, OsString)], directory: &Path) -> io::Result<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Ok(program.into());
    }
    let path = environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
    let path = path.unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"));
    let candidates = std::env::split_paths(path).map(|folder| directory.join(folder).join(program));
    candidates.into_iter().find(|path| executable(path)).ok_or_else(|| {
        let message = format!("`{}` was not found in PATH ({})", program.display(), path.display());
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}

fn executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
