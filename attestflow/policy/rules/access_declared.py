"""Rule `access-declared`: the training touched what was declared, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from attestflow.documents import shown
from attestflow.errors import ConfigurationError
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import BY, MAX_AGE
from attestflow.policy.rules.report_rule import ReportRule
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import runtime_trace
from attestflow.predicates.runtime_trace import RuntimeTrace
from attestflow.verification.verifier import VerifiedStatement

_NOUNS = {"files": "the file", "network": "the network address", "processes": "the program"}


class AccessDeclared(ReportRule):
    """In the newest runtime trace by `by` about the model, each file, host and program matches a declared glob."""

    id = "access-declared"
    description = "The files, hosts and programs that the training touched were declared."
    remediation = "Declare the access in the policy if it is meant; find out who asked for it otherwise."
    report = "runtime trace"
    predicate_type = runtime_trace.PREDICATE_TYPE
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "files": Parameter("texts", "globs of paths that may be touched; not looked at if not given", False),
        "network": Parameter("texts", "globs of `host:port` that may be reached; `none` allows nothing", False),
        "processes": Parameter("texts", "globs of programs that may be started", False),
        "monitors": Parameter("texts", "the types (URIs) of monitors that count; any otherwise", False),
        "maxAge": MAX_AGE,
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError where nothing is declared, so nothing would be looked at."""
        if all(parameters[kind] is None for kind in _NOUNS):
            raise ConfigurationError(f"{where} declares nothing", hint="give files, network or processes")

    def counts(self, item: VerifiedStatement, node: Node, parameters: Mapping[str, Any]) -> bool:
        monitors = parameters["monitors"]
        return monitors is None or _trace(item).monitor in monitors

    def problems(
        self, item: VerifiedStatement, node: Node, lineage: Lineage, context: Context, parameters: Mapping[str, Any]
    ) -> Iterator[str]:
        trace = _trace(item)
        for kind, noun in _NOUNS.items():
            patterns = parameters[kind]
            if patterns is None:
                continue
            touched = getattr(trace, kind)
            if touched is None:
                yield f"the monitor did not look for {kind}"
                continue
            for name in sorted(set(touched)):
                if not _declared(name, patterns):
                    yield f"{noun} {shown(name, 120)} was not declared"


def _trace(item: VerifiedStatement) -> RuntimeTrace:
    return RuntimeTrace.parse(item.statement.predicate)


def _declared(name: str, patterns: tuple[str, ...]) -> bool:
    """A path with `..` in it is none that a glob was meant for."""
    return ".." not in name.split("/") and any(fnmatchcase(name, pattern) for pattern in patterns if pattern != "none")


rule = AccessDeclared()
