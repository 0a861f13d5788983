"""The step between us and PostgreSQL: becomes its user, ties itself to us, turns into it.

Run as a script, without packages: launch.py PARENT UID GID HOME PROGRAM ARGUMENTS...

A child of our own making would have to do this between fork and exec, where a process that
has threads may not run Python. The order matters: changing the user forgets the tie, so the
tie is made after it; it survives the exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def server_environ(home: str) -> dict[str, str]:
    """The whole environment of PostgreSQL: a stray PG variable of ours must not reach it."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": home}


def main() -> None:
    """Become PostgreSQL. Until then the environment is ours: Python may need it to start."""
    parent, uid, gid = (int(text) for text in sys.argv[1:4])
    home, *program = sys.argv[4:]
    if os.geteuid() != uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # SIGINT is PostgreSQL's fast shutdown: when our thread dies, even by kill -9, it stops.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # We died before the tie was made.
        sys.exit("the owner is gone")
    os.umask(0o077)
    os.execve(program[0], program, server_environ(home))  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main()
