"""The parent's side: start a child, ask it, and kill it when it thinks too long. No answer is never a good answer."""

from __future__ import annotations

import importlib.util
import json
import os
import selectors
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

from attestflow.documents import parse_json
from attestflow.errors import ConfigurationError, MalformedStatement

LENGTH = 8
MAX_QUESTION = 64 * 1024 * 1024
MAX_ANSWER = 1024 * 1024
START_SECONDS = 10.0
_ENDED = "the process for Rego ended: too deep a recursion, or too much memory"


class RegoFailed(MalformedStatement):
    """A policy gave no answer: it took too long, too much memory, said too much, or is no Rego."""


class Child:
    """One confined child. It is used for one decision, and ends with it."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("regorus")
        if spec is None or spec.origin is None:
            raise ConfigurationError(
                "Rego needs a package that is not installed: regorus", hint="pip install 'attestflow[rego]'"
            )
        site = str(Path(spec.origin).parent.parent)
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("child.py")), site]
        self._process = subprocess.Popen(  # noqa: S603 - this very Python, with a file of ours
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._end = weakref.finalize(self, _end, self._process)
        self.handed: object = None  # what the document was made from that it has
        self.confined: tuple[str, ...] = tuple(self._receive(time.monotonic() + START_SECONDS).get("confined", ()))
        if "limits" not in self.confined:
            self.close()
            raise RegoFailed("the process for Rego could not be confined")

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it."""
        self._end()

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Its answer: {"value": …}, {} for undefined, {"error": …}. RegoFailed where there is none in time; it is dead then."""
        data = json.dumps(question).encode()
        if len(data) > MAX_QUESTION:
            raise RegoFailed(f"the question is longer than {MAX_QUESTION} bytes")
        deadline = time.monotonic() + seconds
        try:
            self._send(len(data).to_bytes(LENGTH, "big") + data, deadline)
            return self._receive(deadline)
        except OSError:
            self.close()
            raise RegoFailed(_ENDED) from None
        except BaseException:
            self.close()
            raise

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._in, selectors.EVENT_WRITE, deadline)
            try:
                view = view[os.write(self._in, view) :]
            except BlockingIOError:
                continue
            except OSError:
                raise RegoFailed(_ENDED) from None

    def _receive(self, deadline: float) -> dict[str, Any]:
        count = int.from_bytes(self._exactly(LENGTH, deadline), "big")
        if count > MAX_ANSWER:
            raise RegoFailed(f"its answer is longer than {MAX_ANSWER} bytes")
        document = parse_json(self._exactly(count, deadline), "the answer of a Rego policy")
        if not isinstance(document, dict):
            raise RegoFailed("its answer is none")
        return document

    def _exactly(self, count: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while count:
            self._wait(self._out, selectors.EVENT_READ, deadline)
            try:
                part = os.read(self._out, min(count, 1 << 20))
            except BlockingIOError:
                continue
            if not part:
                raise RegoFailed(_ENDED)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    @staticmethod
    def _wait(descriptor: int, event: int, deadline: float) -> None:
        left = deadline - time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            if left <= 0 or not selector.select(left):
                raise RegoFailed("it took longer than it may")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()
