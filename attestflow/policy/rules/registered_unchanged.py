"""Rule `registered-unchanged`: what was registered is what was trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.digest import ContentDigest, ListingDiff, compare
from attestflow.documents import shown
from attestflow.lineage import Input, Lineage
from attestflow.policy.rules.common import BY, short
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION
from attestflow.verdict import Finding
from attestflow.verification.verifier import VerifiedStatement

ADDED_BY_MLFLOW = frozenset({"registered_model_meta"})


class RegisteredUnchanged:
    """Each registration took one tree and added at most the file that MLflow writes; the listings themselves show it."""

    id = "registered-unchanged"
    severity: Literal["high", "medium"] = "high"
    description = "The registered tree is the trained tree, but for the one file that MLflow adds."
    remediation = "Register the model again from the training run: its files changed on the way."
    parameters: Mapping[str, Parameter] = {"by": BY}

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        by = parameters["by"]
        if not any(item.functionary in by for item, _ in lineage.provenances(lineage.subject)):
            message = f"no run or registration signed by {' or '.join(by)} made {short(lineage.subject)}"
            yield Finding(self.id, "denied", message, self.remediation, str(lineage.subject))
        for content in lineage.nodes:  # a registration of a registration counts as much as the last one
            for item, made in lineage.provenances(content):
                if item.functionary in by and made.build_type == BUILD_TYPE_REGISTRATION:
                    sources = [each for each in lineage.inputs[content] if each.via == item]
                    yield self._registration(lineage, content, item, sources)
                elif item.functionary in by and content == lineage.subject:
                    message = "the run made these very bytes"
                    yield Finding(self.id, "passed", message, None, str(content), (item.identity,))

    def _registration(
        self, lineage: Lineage, content: ContentDigest, item: VerifiedStatement, sources: list[Input]
    ) -> Finding:
        subject, evidence = str(content), (item.identity,)
        if len(sources) != 1 or sources[0].content is None:
            return self._denied("its registration does not name one trained model", subject, evidence)
        source = sources[0].content
        if source == content:
            return Finding(self.id, "passed", "registered as it was trained", None, subject, evidence)
        old, new = lineage.listings.get(source), lineage.listings.get(content)
        if old is None or new is None:
            return self._denied(
                "the listing of the trained or the registered tree is not in the store", subject, evidence
            )
        difference = compare(old, new)
        if difference.removed or difference.changed or not set(difference.added) <= ADDED_BY_MLFLOW:
            return self._denied(f"registered otherwise than trained: {_words(difference)}", subject, evidence)
        return Finding(self.id, "passed", "registered as it was trained", None, subject, evidence)

    def _denied(self, message: str, subject: str, evidence: tuple[str, ...]) -> Finding:
        return Finding(self.id, "denied", message, self.remediation, subject, evidence)


def _words(difference: ListingDiff) -> str:
    parts = [
        f"file {shown(name)} was sha256:{old[:12]}… and is sha256:{new[:12]}…" for name, old, new in difference.changed
    ]
    parts += [f"file {shown(name)} was removed" for name in difference.removed]
    parts += [f"file {shown(name)} was added" for name in difference.added if name not in ADDED_BY_MLFLOW]
    return "; ".join(parts[:5])


rule = RegisteredUnchanged()
