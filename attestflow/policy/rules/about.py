"""What a rule is about: the model itself, or contents that its lineage leads to."""

from __future__ import annotations

from attestflow.digest import ContentDigest, compare
from attestflow.documents import shown
from attestflow.lineage import Lineage, Node
from attestflow.policy.rules.common import short
from attestflow.policy.rules.registered_unchanged import ADDED_BY_MLFLOW
from attestflow.policy.schema import Parameter
from attestflow.predicates.provenance import BUILD_TYPE_REGISTRATION

CHOICES = ("model", "datasets", "models", "code", "inputs")
ABOUT = Parameter(
    "choice",
    "what must have it: `model`, each of its `datasets`, the `models` it was made of, its `code`, or all its `inputs`",
    False,
    CHOICES,
    "model",
)
_KINDS = {"datasets": "dataset", "models": "model", "code": "code"}
NOUNS = {"datasets": "data set", "models": "base model", "code": "code", "inputs": "input"}


def selected(lineage: Lineage, about: str) -> tuple[Node, ...]:
    """The contents that `about` means, nearest first.

    What nobody attested may be anything, so it counts as a data set. Of the subject's own registrations the trained model
    is no base model.
    """
    if about == "model":
        return (lineage.root,)
    own = own_models(lineage)
    others = [node for content, node in lineage.nodes.items() if content not in own]
    if about == "inputs":
        return tuple(others)
    kind = _KINDS[about]
    return tuple(node for node in others if kind in node.kinds or (about == "datasets" and not node.kinds))


def own_models(lineage: Lineage) -> frozenset[ContentDigest]:
    """The subject, and what it was registered from: one model under several digests.

    Whoever signed a registration, the listings must show that it is the same tree, but for what MLflow adds: a claim alone
    would lend one model the metrics of another.
    """
    own = [lineage.subject]
    for content in own:
        for item, made in lineage.provenances(content):
            if made.build_type == BUILD_TYPE_REGISTRATION:
                sources = (each.content for each in lineage.inputs[content] if each.via == item)
                own += [
                    each
                    for each in sources
                    if each is not None and each not in own and _is_same(lineage, each, content)
                ]
    return frozenset(own)


def _is_same(lineage: Lineage, source: ContentDigest, content: ContentDigest) -> bool:
    old, new = lineage.listings.get(source), lineage.listings.get(content)
    if old is None or new is None:
        return False
    difference = compare(old, new)
    return not difference.removed and not difference.changed and set(difference.added) <= ADDED_BY_MLFLOW


def title(node: Node) -> str:
    """A content for people: its name and its digest, cut."""
    return f"{shown(node.name or 'content')} ({short(node.content)})"
