"""Starts OPA confined: `python -I -S launch.py OPA FOLDER ARGUMENT…`. It may read FOLDER, itself and the system's libraries.

Like the child, it imports nothing of attestflow. Where the limits cannot be set it does not start anything.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

MEMORY = 4 * 1024 * 1024 * 1024  # Go reserves addresses generously; GOMEMLIMIT bounds what it uses
CPU_SECONDS = 60
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")  # for a binary that is linked dynamically
_EXECUTE, _READ_FILE, _READ_FOLDER = 1, 4, 8


def limit():
    """Bounds on memory, time and files; OSError where they cannot be set."""
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for kind, bound in limits.items():
        resource.setrlimit(kind, (bound, bound))


def confine(opa, folder):
    """No network and no files but two, where the kernel lets an ordinary process give them up."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or version < 1:
        return

    class Ruleset(ctypes.Structure):
        _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64)]

    class Beneath(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]

    rules = Ruleset((1 << _FILE_RIGHTS[min(version, 5)]) - 1, 3 if version >= 4 else 0)
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules) if version >= 4 else 8, 0)
    if ruleset < 0:
        return
    allowed = [(opa, _EXECUTE | _READ_FILE), (folder, _READ_FILE | _READ_FOLDER), ("/etc/ld.so.cache", _READ_FILE)]
    allowed += [(path, _EXECUTE | _READ_FILE | _READ_FOLDER) for path in _LIBRARIES]
    for path, rights in allowed:
        if not os.path.exists(path):  # noqa: PTH110 - the standard library, and little of it
            continue
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = Beneath(rights, descriptor)
        if libc.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0) != 0:
            raise OSError("Landlock takes no rule")
        os.close(descriptor)
    if libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError("Landlock does not take effect")
    os.close(ruleset)


def main():
    opa, folder = sys.argv[1], sys.argv[2]
    limit()
    confine(opa, folder)
    environment = {"GOMAXPROCS": "2", "GOMEMLIMIT": "512MiB", "HOME": folder}
    os.execve(opa, ["opa", *sys.argv[3:]], environment)  # noqa: S606 - what this file is for


if __name__ == "__main__":
    main()
