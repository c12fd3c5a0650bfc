"""attestflow approval v1: one person's word on one promotion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.clock import parse_time
from attestflow.digest import ContentDigest, is_hex_digest
from attestflow.errors import ConfigurationError, MalformedStatement
from attestflow.predicates import fields

PREDICATE_TYPE = "https://attestflow.dev/approval/v1"
DECISIONS = ("approved", "rejected", "revoked")
MAX_REASON = 4000

_FIELDS = frozenset(
    {
        "decision",
        "registry",
        "model",
        "transition",
        "production",
        "policy",
        "verdict",
        "expires",
        "reason",
        "supersedes",
    }
)


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval or rejection of one promotion, or one taken back; the subject of its statement is the model.

    `transition` is `alias:<name>` or `stage:<name>`, `production` the content digest in production when it was made
    (None: nothing was), `policy` and `verdict` SHA-256 (hex) of the policy and of the findings that the owner saw,
    `expires` RFC 3339, `supersedes` the identities of the same person's earlier words that this one takes back: an approval
    lifts rejections, a revocation takes back approvals.
    """

    decision: str
    registry: str
    model: str
    transition: str
    production: str | None
    policy: str
    verdict: str
    expires: str
    reason: str | None = None
    supersedes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Approval:
        """Read the predicate; raises MalformedStatement with the place. Unknown fields are refused."""
        fields.no_others(predicate, _FIELDS, where)
        transition = fields.text(predicate, "transition", where)
        if transition.partition(":")[0] not in ("alias", "stage") or not transition.partition(":")[2]:
            raise MalformedStatement(f"{where}.transition: neither alias:NAME nor stage:NAME")
        supersedes = fields.texts(predicate, "supersedes", where)
        if not all(is_hex_digest(identity) for identity in supersedes):
            raise MalformedStatement(f"{where}.supersedes: an entry is no attestation's identity")
        if predicate.get("decision") == "revoked" and not supersedes:
            raise MalformedStatement(f"{where}.supersedes: a revocation names what it takes back")
        expires = fields.text(predicate, "expires", where)
        parse_time(expires, f"{where}.expires")
        reason = fields.optional_text(predicate, "reason", where)
        if reason is not None and len(reason) > MAX_REASON:
            raise MalformedStatement(f"{where}.reason: longer than {MAX_REASON} characters")
        return cls(
            decision=fields.choice(predicate, "decision", where, DECISIONS),
            registry=fields.text(predicate, "registry", where),
            model=fields.text(predicate, "model", where),
            transition=transition,
            production=production_of(predicate, where),
            policy=fields.hex_digest(predicate, "policy", where),
            verdict=fields.hex_digest(predicate, "verdict", where),
            expires=expires,
            reason=reason,
            supersedes=supersedes,
        )

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        document: dict[str, Any] = {
            "decision": self.decision,
            "registry": self.registry,
            "model": self.model,
            "transition": self.transition,
            "production": self.production,
            "policy": self.policy,
            "verdict": self.verdict,
            "expires": self.expires,
            "supersedes": list(self.supersedes),
        }
        return document if self.reason is None else {**document, "reason": self.reason}


def production_of(predicate: Mapping[str, Any], where: str) -> str | None:
    """The content digest in the field `production`, None for null; MalformedStatement where it is left out."""
    # The field must be there: "nothing was in production" is said with null, never by leaving it out.
    if "production" in predicate and predicate["production"] is None:
        return None
    value = fields.text(predicate, "production", where)
    try:
        return str(ContentDigest.parse(value))
    except ConfigurationError as exc:
        raise MalformedStatement(f"{where}.production: {exc.message}") from None
