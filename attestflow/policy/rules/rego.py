"""Rule `rego`: what YAML cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, MalformedStatement
from attestflow.lineage import Lineage
from attestflow.policy.rego.evaluate import TIMEOUT, Question, ask, check_query
from attestflow.policy.rego.process import RegoFailed
from attestflow.policy.rules.latest import latest
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import approval, exception
from attestflow.predicates.http_snapshot import PREDICATE_TYPE, HttpSnapshot
from attestflow.verdict import Finding

MESSAGES = 10
TEXT = 300


class Rego:
    """The value of `query` is an empty collection of messages (`expect: empty`), or exactly true (`expect: true`).

    Undefined denies, as do another type, an error, and a policy that takes too long or too much memory.
    """

    id = "rego"
    severity: Literal["high", "medium"] = "high"
    description = "A Rego policy over the verified lineage finds nothing to deny."
    remediation = "Read what the policy says; `attestflow policy test` tries it on evidence of your own."
    parameters: Mapping[str, Parameter] = {
        "modules": Parameter("files", "the policy's files: `[{file: rego/data.rego, sha256: …}]`"),
        "query": Parameter("text", "the path of the rule whose value counts", False, default="data.attestflow.deny"),
        "expect": Parameter("choice", "what that value must be", False, ("empty", "true"), "empty"),
        "version": Parameter("choice", "the Rego that the files are written in", False, ("v1", "v0"), "v1"),
        "args": Parameter("json", "what the policy sees as `input.config.args`", False),
        "timeout": Parameter("count", "how many seconds it may take: 1 to 60; 5 if not said", False),
        "snapshotsBy": Parameter(
            "functionaries", "whose HTTP snapshots `http.send` answers from; none otherwise", False
        ),
        "snapshotMaxAge": Parameter("duration", "how old a snapshot may be: 24h", False),
    }

    def validate(self, parameters: Mapping[str, Any], where: str) -> None:
        """ConfigurationError for a query that is no path, a file that is no text, and bounds out of range."""
        check_query(parameters["query"], f"{where}.query")
        for each in parameters["modules"]:
            try:
                each.data.decode("utf-8")
            except UnicodeDecodeError:
                raise ConfigurationError(f"{where}: {shown(each.name)} is no text") from None
        if parameters["timeout"] is not None and parameters["timeout"] > 60:
            raise ConfigurationError(f"{where}.timeout is more than 60 seconds")
        if (parameters["snapshotsBy"] is None) is not (parameters["snapshotMaxAge"] is None):
            raise ConfigurationError(f"{where}: snapshotsBy and snapshotMaxAge go together")

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding for each message of the policy, or one that says why it has no answer."""
        subject, evidence = str(lineage.subject), _evidence(lineage)
        try:
            snapshots = _snapshots(lineage, context, parameters)
            question = Question(
                parameters["modules"],
                parameters["query"],
                parameters["version"],
                float(parameters["timeout"] or TIMEOUT.total_seconds()),
                snapshots,
            )
            defined, value = ask(question, lineage, context, _own_input(lineage, context, parameters["args"]))
        except MalformedStatement as exc:
            message = f"the policy gave no answer: {shown(exc.message, TEXT)}"
            yield Finding(self.id, "denied", message, self.remediation, subject)
            return
        denials = list(_denials(defined, value, parameters))
        for message in denials[:MESSAGES]:
            yield Finding(self.id, "denied", message, self.remediation, subject, evidence)
        if len(denials) > MESSAGES:
            more = f"and {len(denials) - MESSAGES} more"
            yield Finding(self.id, "denied", more, self.remediation, subject, evidence)
        if not denials:
            name = parameters["modules"][0].name
            yield Finding(self.id, "passed", f"{shown(name, 80)} has nothing to deny", None, subject, evidence)


def _evidence(lineage: Lineage) -> tuple[str, ...]:
    """What is about the model, but for approvals: what they approve must not change with them."""
    words = (approval.PREDICATE_TYPE, exception.PREDICATE_TYPE)
    return tuple(item.identity for item in lineage.root.attestations if item.statement.predicate_type not in words)


def _own_input(lineage: Lineage, context: Context, args: Any) -> Any:
    """The lineage's document with the arguments; None where there are none, and the one that was handed over serves."""
    from attestflow.policy.rego.document import document

    return None if args is None else {**document(lineage, context), "config": {"args": args}}


def _denials(defined: bool, value: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    query = parameters["query"]
    if not defined:
        yield f"{query} is undefined, which is no yes"
    elif parameters["expect"] == "true":
        if value is not True:
            yield f"{query} is {shown(value, 80)}, not true"
    elif isinstance(value, list):
        yield from (shown(each, TEXT) if not isinstance(each, str) else shown(each, TEXT)[1:-1] for each in value)
    elif isinstance(value, dict):
        yield from (f"{shown(key, 80)[1:-1]}: {shown(each, TEXT)}" for key, each in value.items())
    else:
        yield f"{query} is {shown(value, 80)}, no collection of messages"


def _snapshots(lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The newest snapshot of each method and URL about the model; RegoFailed where one has no good time."""
    newest: dict[tuple[str, str], list[Any]] = {}
    for item in lineage.root.of_type(PREDICATE_TYPE):
        if item.functionary in (parameters["snapshotsBy"] or ()):
            said = HttpSnapshot.parse(item.statement.predicate)
            newest.setdefault((said.method, said.url), []).append(item)
    found = []
    for (method, url), items in sorted(newest.items()):
        what = f"a snapshot of {method} {url}"
        last = latest(items, lineage.subject, context, parameters["snapshotMaxAge"], what)
        if isinstance(last, str):
            raise RegoFailed(last)
        if len(last.items) > 1:
            raise RegoFailed(f"two snapshots of {method} {url} are of one second")
        found.append(HttpSnapshot.parse(last.items[0].statement.predicate).to_json())
    return found


rule = Rego()
