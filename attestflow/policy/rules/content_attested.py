"""Rule `content-attested`: a functionary says which bytes the model is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attestflow.lineage import Lineage
from attestflow.policy.rules.common import BY, content_attestations, short
from attestflow.policy.schema import Context, Parameter
from attestflow.predicates import approval, exception
from attestflow.verdict import Finding

_WORDS = (approval.PREDICATE_TYPE, exception.PREDICATE_TYPE)


class ContentAttested:
    """The model has a content attestation (in-toto reference) by one of `by`."""

    id = "content-attested"
    severity: Literal["high", "medium"] = "high"
    description = "A functionary signed which bytes the model is."
    remediation = "Register the model through attestflow, or run `attestflow attest model TARGET`."
    parameters: Mapping[str, Parameter] = {"by": BY}

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        subject = str(lineage.subject)
        found = content_attestations(lineage.root, parameters["by"])
        if found:
            who = ", ".join(sorted({item.functionary for item in found}))
            evidence = tuple(item.identity for item in found)
            yield Finding(self.id, "passed", f"these bytes are attested by {who}", None, subject, evidence)
            return
        # Not those of approvals: what this says must not change with them, since owners sign what they saw of it.
        others = sorted(
            {item.functionary for item in lineage.root.attestations if item.statement.predicate_type not in _WORDS}
        )
        known = f"; there are attestations by {', '.join(others)}" if others else "; nothing at all is known about them"
        yield Finding(
            self.id,
            "denied",
            f"the bytes {short(subject)} are not attested by {' or '.join(parameters['by'])}{known}",
            self.remediation,
            subject,
        )


rule = ContentAttested()
