"""Rule `code-commit`: the code that trained the model is a clean commit of a known repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Input, Lineage
from attestflow.policy.rules.common import BY, content_attestations, short
from attestflow.policy.rules.origins import Origin, origins
from attestflow.policy.rules.uris import matches
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class CodeCommit:
    """Each run by `by` that trained the model names a git commit, of `repositories`, without local changes.

    With `signedBy` it has also read a code tree whose bytes one of those attested, which no run can claim for itself.
    """

    id = "code-commit"
    severity: Literal["high", "medium"] = "high"
    description = "The training code is a clean commit in an allowed repository, and attested by who may."
    remediation = "Commit and push, then train from a clean checkout; `attestflow attest code` signs a code tree."
    parameters: Mapping[str, Parameter] = {
        "by": BY,
        "repositories": Parameter("texts", "globs of repository URLs: `https://github.com/acme/*`"),
        "signedBy": Parameter("functionaries", "who must have attested the code tree that the run read", False),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding for each run."""
        found = False
        for origin in origins(lineage, parameters["by"]):
            found = True
            if origin.statement is None:
                message = f"no run says from which code {short(origin.content)} was made"
                yield Finding(self.id, "denied", message, self.remediation, str(origin.content))
            else:
                yield self._run(lineage, origin, parameters)
        if not found:
            yield Finding(self.id, "denied", "the model's registrations lead in a circle", self.remediation)

    def _run(self, lineage: Lineage, origin: Origin, parameters: Mapping[str, Any]) -> Finding:
        read = [each for each in lineage.inputs[origin.content] if each.via == origin.statement]
        problems = [*_commits(read, parameters["repositories"]), *_signed(lineage, read, parameters["signedBy"])]
        evidence = (origin.statement.identity,) if origin.statement else ()
        subject = str(origin.content)
        if problems:
            return Finding(self.id, "denied", "; ".join(problems[:5]), self.remediation, subject, evidence)
        return Finding(self.id, "passed", "trained from a clean commit of a known repository", None, subject, evidence)


def _commits(read: list[Input], repositories: tuple[str, ...]) -> Iterator[str]:
    commits = [each for each in read if "gitCommit" in each.descriptor.digest]
    if not commits:
        yield "the run names no git commit"
    for each in commits:
        uri = each.descriptor.uri
        commit = shown(each.descriptor.digest["gitCommit"], 12)
        where = uri.removeprefix("git+").partition("@")[0] if uri and not _has_user(uri) else uri
        if not matches(where, repositories):
            yield f"the commit {commit} is of {shown(uri, 120) if uri else 'no repository'}, which is not allowed"
        if each.descriptor.annotations.get("dirty") is not False:
            yield f"the run does not say that its work tree was clean at {commit}"


def _has_user(uri: str) -> bool:
    return "@" in uri.partition("://")[2].partition("/")[0]


def _signed(lineage: Lineage, read: list[Input], by: tuple[str, ...] | None) -> Iterator[str]:
    if by is None:
        return
    trees = [lineage.nodes.get(each.content) for each in read if each.content is not None]
    code = [node for node in trees if node is not None and "code" in node.kinds]
    if not code:
        yield "the run read no code tree that is attested"
    for node in code:
        if not content_attestations(node, by):
            yield f"the code {short(node.content)} is not attested by {' or '.join(by)}"


rule = CodeCommit()
