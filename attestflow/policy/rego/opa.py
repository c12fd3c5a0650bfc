"""Evaluating with an `opa` binary that the settings name: the reference, under capabilities without network and surroundings."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from attestflow.documents import parse_json
from attestflow.policy.rego.process import MAX_ANSWER, RegoFailed

# What depends on more than the question. `time.now_ns` and `http.send` stay known to the compiler, and each query replaces them.
REMOVED = frozenset({"net.lookup_ip_addr", "opa.runtime", "rand.intn", "uuid.rfc4122", "trace", "print"})
# What has no snapshot is an error and not undefined: undefined, it would take a denial away.
_HOST = """package attestflow_host

http_send(request) = answer {
  some i
  each := data.attestflow_snapshots[i]
  lower(each.method) == lower(request.method)
  each.url == request.url
  answer := object.union(each, {"status_code": each.status, "status": sprintf("%d", [each.status]), "raw_body": each.raw})
} else = never {
  never := to_number(sprintf("no attested snapshot of %v", [request.url]))
}
"""


def answer(opa: Path, question: dict[str, Any], text: str, seconds: float) -> dict[str, Any]:
    """As the child answers: {"value": …}, {} where it is undefined, {"error": …}. RegoFailed where there is none in time."""
    with tempfile.TemporaryDirectory(prefix="attestflow-rego-") as name:
        folder = Path(name)
        arguments = _written(opa, folder, question, text)
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), str(opa), name, *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - the binary that the settings name, with files of ours
                command, env={}, cwd="/", capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL, check=False
            )
        except subprocess.TimeoutExpired:
            raise RegoFailed("it took longer than it may") from None
    if len(done.stdout) > MAX_ANSWER:
        raise RegoFailed(f"its answer is longer than {MAX_ANSWER} bytes")
    if not done.stdout:
        raise RegoFailed("OPA gave no answer: too much memory, or it could not be confined")
    return _read(parse_json(done.stdout, "the answer of OPA"), done.returncode)


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
    done = subprocess.run(  # noqa: S603 - the binary that the settings name
        [str(opa), "capabilities", "--current"], env={}, capture_output=True, timeout=30, check=False
    )
    try:
        document = json.loads(done.stdout)
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
