"""attestflow exception v1: break-glass. One person waives denials of one promotion, for hours, with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attestflow.clock import parse_time
from attestflow.errors import MalformedStatement
from attestflow.predicates import fields
from attestflow.predicates.approval import MAX_REASON, production_of

PREDICATE_TYPE = "https://attestflow.dev/exception/v1"

_FIELDS = frozenset({"registry", "model", "transition", "production", "policy", "rules", "expires", "reason"})


@dataclass(frozen=True, slots=True)
class PromotionException:
    """A waiver of denials of one promotion; the subject of its statement is the model.

    `rules` are the ids of the rules that are waived, `transition`, `production` and `policy` as in an approval, `expires`
    RFC 3339. `reason` is what everybody reads who looks at this promotion later.
    """

    registry: str
    model: str
    transition: str
    production: str | None
    policy: str
    rules: tuple[str, ...]
    expires: str
    reason: str

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> PromotionException:
        """Read the predicate; raises MalformedStatement with the place. Unknown fields are refused."""
        fields.no_others(predicate, _FIELDS, where)
        transition = fields.text(predicate, "transition", where)
        if transition.partition(":")[0] not in ("alias", "stage") or not transition.partition(":")[2]:
            raise MalformedStatement(f"{where}.transition: neither alias:NAME nor stage:NAME")
        expires = fields.text(predicate, "expires", where)
        parse_time(expires, f"{where}.expires")
        reason = fields.text(predicate, "reason", where)
        if not reason.strip() or len(reason) > MAX_REASON:
            raise MalformedStatement(f"{where}.reason: empty, or longer than {MAX_REASON} characters")
        rules = fields.texts(predicate, "rules", where)
        if not rules:
            raise MalformedStatement(f"{where}.rules: waives nothing")
        return cls(
            registry=fields.text(predicate, "registry", where),
            model=fields.text(predicate, "model", where),
            transition=transition,
            production=production_of(predicate, where),
            policy=fields.hex_digest(predicate, "policy", where),
            rules=rules,
            expires=expires,
            reason=reason,
        )

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        return {
            "registry": self.registry,
            "model": self.model,
            "transition": self.transition,
            "production": self.production,
            "policy": self.policy,
            "rules": list(self.rules),
            "expires": self.expires,
            "reason": self.reason,
        }
