"""Rule `sources-allowed`: what came from outside came from where it may, at a pinned revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Input, Lineage
from attestflow.policy.rules.common import short
from attestflow.policy.rules.uris import matches, needs_revision, plain_uri, revision
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding


class SourcesAllowed:
    """Each input that no run in the lineage made states a URI that matches `allow`, with a revision where such URIs move."""

    id = "sources-allowed"
    severity: Literal["high", "medium"] = "high"
    description = "Data, base models and code that came from outside came from allowed places, at pinned revisions."
    remediation = "Fetch it from an allowed source, at a commit or digest, and train on that."
    parameters: Mapping[str, Parameter] = {
        "allow": Parameter("texts", "globs of URIs: `s3://lake/*`, `hf://acme/*`, `git+https://github.com/acme/*`"),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding for each input from outside that may not be; one for all where they may."""
        outside = [item for items in lineage.inputs.values() for item in items if not _made_here(lineage, item)]
        if not outside:
            message = "no run in the lineage names an input from outside, so nothing says where it came from"
            yield Finding(self.id, "denied", message, "declare the inputs of the training task", str(lineage.subject))
            return
        good = 0
        for item in outside:
            problem = _problem(item, parameters["allow"])
            if problem is None:
                good += 1
                continue
            subject = str(item.content) if item.content else None
            yield Finding(self.id, "denied", problem, self.remediation, subject, (item.via.identity,))
        if good == len(outside):
            evidence = tuple(sorted({item.via.identity for item in outside}))
            yield Finding(
                self.id, "passed", f"all {good} inputs from outside have allowed sources", None, None, evidence
            )


def _made_here(lineage: Lineage, item: Input) -> bool:
    return item.content is not None and bool(lineage.provenances(item.content))


def _problem(item: Input, allow: tuple[str, ...]) -> str | None:
    uri = item.descriptor.uri
    title = f"{shown(item.name, 120)}{f' ({short(item.content)})' if item.content else ''}"
    if uri is None:
        return f"nothing says where {title} came from"
    if plain_uri(uri) is None:
        return f"{title} came from {shown(uri, 120)}, which can be read in more than one way"
    if not matches(uri, allow):
        return f"{title} came from {shown(uri, 120)}, which is not allowed"
    if needs_revision(uri) and revision(uri) is None and "gitCommit" not in item.descriptor.digest:
        return f"{title} came from {shown(uri, 120)}, which names no commit or digest"
    return None


rule = SourcesAllowed()
