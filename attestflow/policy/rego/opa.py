"""Evaluating with an `opa` binary that the settings name: the reference, under capabilities without network and surroundings."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from attestflow.documents import parse_json
from attestflow.policy.rego.process import MAX_ANSWER, RegoFailed

# What depends on more than the question: surroundings, chance, and what looks at the machine's clock. `time.now_ns` and
# `http.send` stay known to the compiler, and each query replaces them.
REMOVED = frozenset(
    {
        "crypto.x509.parse_and_verify_certificates",
        "crypto.x509.parse_and_verify_certificates_with_options",
        "io.jwt.decode_verify",
        "net.lookup_ip_addr",
        "opa.runtime",
        "print",
        "rand.intn",
        "trace",
        "uuid.rfc4122",
    }
)
CAPABILITIES_SECONDS = 10.0
MAX_CAPABILITIES = 4 * 1024 * 1024
# What has no snapshot is an error and not undefined: undefined, it would take a denial away.
_HOST = """package attestflow_host

http_send(request) = answer {
  some i
  each := data.attestflow_snapshots[i]
  lower(each.method) == lower(object.get(request, "method", "get"))
  each.url == object.get(request, "url", "")
  answer := object.union(each, {"status_code": each.status, "status": sprintf("%d", [each.status]), "raw_body": each.raw})
} else = never {
  never := to_number(sprintf("no attested snapshot of %v", [object.get(request, "url", "")]))
}
"""


def answer(opa: Path, question: dict[str, Any], text: str, seconds: float) -> dict[str, Any]:
    """As the child answers: {"value": …}, {} where it is undefined, {"error": …}. RegoFailed where there is none in time."""
    with tempfile.TemporaryDirectory(prefix="attestflow-rego-") as name:
        folder = Path(name)
        arguments = _written(opa, folder, question, text)
        said, code = _run(opa, name, arguments, seconds, MAX_ANSWER)
    if not said:
        raise RegoFailed("OPA gave no answer: too much memory, or it could not be confined")
    return _read(parse_json(said, "the answer of OPA"), code)


def _run(opa: Path, folder: str, arguments: list[str], seconds: float, most: int) -> tuple[bytes, int]:
    """What OPA writes, and its exit code. RegoFailed as soon as it is more than `most` bytes or takes longer than `seconds`."""
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), str(opa), folder, *arguments]
    deadline, said = time.monotonic() + seconds, bytearray()
    with subprocess.Popen(  # noqa: S603 - the binary that the settings name, with files of ours
        command, env={}, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                while True:
                    left = deadline - time.monotonic()
                    if left <= 0 or not selector.select(left):
                        raise RegoFailed("it took longer than it may")
                    part = os.read(process.stdout.fileno(), 1 << 16)
                    said += part
                    if len(said) > most:
                        raise RegoFailed(f"its answer is longer than {most} bytes")
                    if not part:
                        return bytes(said), process.wait(max(deadline - time.monotonic(), 1.0))
        except subprocess.TimeoutExpired:
            raise RegoFailed("it took longer than it may") from None
        finally:
            process.kill()


def _written(opa: Path, folder: Path, question: dict[str, Any], text: str) -> list[str]:
    (folder / "host.rego").write_text(_HOST if question["version"] == "v0" else _in_v1(_HOST), encoding="utf-8")
    (folder / "snapshots.json").write_text(json.dumps({"attestflow_snapshots": question["snapshots"]}))
    (folder / "input.json").write_text(text)
    (folder / "capabilities.json").write_text(_capabilities(opa))
    files = ["host.rego", "snapshots.json"]
    for number, (_, source) in enumerate(question["modules"]):
        (folder / f"module-{number}.rego").write_text(source, encoding="utf-8")
        files.append(f"module-{number}.rego")
    data = [part for each in files for part in ("--data", str(folder / each))]
    version = ["--v0-compatible"] if question["version"] == "v0" else []
    query = (
        f"{question['query']} with time.now_ns as {int(question['now_ns'])} "
        "with http.send as data.attestflow_host.http_send"
    )
    fixed = ["eval", "--format=json", "--strict-builtin-errors", "--capabilities", str(folder / "capabilities.json")]
    return [*fixed, *version, *data, "--input", str(folder / "input.json"), query]


def _in_v1(source: str) -> str:
    return source.replace(" = answer {", " := answer if {").replace(" = never {", " := never if {")


@lru_cache(maxsize=4)
def _capabilities(opa: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="attestflow-rego-") as folder:
        said, _ = _run(opa, folder, ["capabilities", "--current"], CAPABILITIES_SECONDS, MAX_CAPABILITIES)
    try:
        document = json.loads(said)
        kept = [each for each in document["builtins"] if each["name"] not in REMOVED]
    except (ValueError, KeyError, TypeError):
        raise RegoFailed(f"{opa} does not say what it can do: is it OPA?") from None
    return json.dumps({**document, "builtins": kept, "allow_net": []})


def _read(document: Any, code: int) -> dict[str, Any]:
    if not isinstance(document, dict) or code != 0 or "errors" in document:
        errors = document.get("errors") if isinstance(document, dict) else None
        said = "; ".join(str(each.get("message")) for each in errors or () if isinstance(each, dict))
        return {"error": said[:2000] or f"OPA ended with {code}"}
    results = document.get("result")
    if not results:
        return {}
    if len(results) != 1 or len(results[0]["expressions"]) != 1:
        return {"error": "the query has more than one answer"}
    return {"value": results[0]["expressions"][0]["value"]}
