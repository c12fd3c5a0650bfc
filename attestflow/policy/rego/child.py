"""The child: started as `python -I -S child.py SITE`, without environment, it confines itself, then answers questions.

It imports nothing of attestflow, and of what is installed regorus alone. A question and an answer are JSON objects, each
after its length in eight bytes. What policies print goes nowhere. If anything goes wrong here, the parent reads no
answer, and that is a denial.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys

MEMORY = 1024 * 1024 * 1024
CPU_SECONDS = 60
LENGTH = 8
_SYS_LANDLOCK_CREATE_RULESET, _SYS_LANDLOCK_RESTRICT_SELF = 444, 446  # the same on every architecture
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
# Landlock's access rights (linux/landlock.h): files by the version of its ABI, then binding and connecting of TCP.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}


def confine():
    """Give up what a policy does not need; the names of what is in force. OSError where the limits cannot be set."""
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 16,
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    force = ["limits"]
    libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        force.append("no-network")
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and _landlock(libc):
        force.append("no-files")
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    return force


def _landlock(libc):
    version = libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False

    class Ruleset(ctypes.Structure):
        _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64)]

    rules = Ruleset((1 << _FILE_RIGHTS[min(version, 5)]) - 1, 3 if version >= 4 else 0)
    size = ctypes.sizeof(rules) if version >= 4 else 8
    ruleset = libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, ctypes.byref(rules), size, 0)
    if ruleset < 0:
        return False
    done = libc.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return bool(done)


def answer(regorus, question, state):
    """The value of the question's query: {"value": …}, {} where it is undefined, {"error": …} where it has none."""
    if question.get("input") is not None:
        state["input"] = question["input"]
    engine = regorus.Engine()
    engine.set_rego_v0(question["version"] == "v0")
    engine.set_gather_prints(True)
    _extend(engine, question)
    try:
        for name, source in question["modules"]:
            engine.add_policy(name, source)
        engine.set_input_json(question["own_input"] if question.get("own_input") is not None else state["input"])
        found = json.loads(engine.eval_query_as_json(question["query"]))
    except Exception as exc:
        return {"error": str(exc).partition("\n\nStack backtrace")[0].strip()[:2000]}
    results = found.get("result")
    if not results:
        return {}
    if len(results) != 1 or len(results[0]["expressions"]) != 1:
        return {"error": "the query has more than one answer"}
    return {"value": results[0]["expressions"][0]["value"]}


def _extend(engine, question):
    snapshots = question["snapshots"]

    def send(request):
        wanted = (str(request.get("method", "get")).lower(), str(request.get("url", "")))
        for each in snapshots:
            if (each["method"].lower(), each["url"]) == wanted:
                return {
                    "status_code": each["status"],
                    "status": str(each["status"]),
                    "headers": each["headers"],
                    "body": each["body"],
                    "raw_body": each["raw"],
                }
        raise RuntimeError("no attested snapshot of " + wanted[0] + " " + wanted[1])

    def nothing(*_):
        raise RuntimeError("there is no chance and no surroundings here")

    engine.add_extension("http.send", 1, send)
    engine.add_extension("time.now_ns", 0, lambda: question["now_ns"])
    engine.add_extension("opa.runtime", 0, dict)
    engine.add_extension("rand.intn", 2, nothing)
    engine.add_extension("uuid.rfc4122", 1, nothing)


def _read(count):
    parts = []
    while count:
        part = os.read(0, min(count, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _write(document):
    data = json.dumps(document).encode()
    data = len(data).to_bytes(LENGTH, "big") + data
    while data:
        data = data[os.write(1, data) :]


def main():
    os.environ["MIMALLOC_ARENA_RESERVE"] = "0"  # its allocator would reserve a gigabyte, most of what may be used
    sys.path.append(sys.argv[1])
    import regorus  # type: ignore[import-untyped]

    sys.path.clear()
    _write({"confined": confine()})
    state = {"input": "{}"}
    while True:
        _write(answer(regorus, json.loads(_read(int.from_bytes(_read(LENGTH), "big"))), state))


if __name__ == "__main__":
    main()
