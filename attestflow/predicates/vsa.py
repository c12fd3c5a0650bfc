"""SLSA verification summaries v1: what a gate decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attestflow.clock import parse_time
from attestflow.errors import MalformedStatement
from attestflow.predicates import fields
from attestflow.statement import check_type_uri

PREDICATE_TYPE = "https://slsa.dev/verification_summary/v1"
RESULTS = ("PASSED", "FAILED")
EXTENSION = "attestflow_verdict"
# An attestation's identity is the digest of its PAE and not of a file, so it goes by a name of its own.
IDENTITY_ALGORITHM = "dssePaeSha256"


@dataclass(frozen=True, slots=True)
class Vsa:
    """One decision of a gate (slsa.dev/spec/v1.1/verification_summary); the subject of its statement is the model.

    `time_verified` is RFC 3339 in UTC, `policy_sha256` of the policy's bytes, `input_attestations` the identities of
    those that the decision rests on, `extension` what the standard has no field for.
    """

    verifier_id: str
    time_verified: str
    resource_uri: str
    policy_uri: str
    policy_sha256: str
    input_attestations: tuple[str, ...]
    result: str
    verified_levels: tuple[str, ...]
    extension: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, predicate: Mapping[str, Any], where: str = "predicate") -> Vsa:
        """Read the predicate; raises MalformedStatement with the place."""
        verifier = fields.mapping(predicate, "verifier", where)
        policy = fields.mapping(predicate, "policy", where)
        time_verified = fields.text(predicate, "timeVerified", where)
        parse_time(time_verified, f"{where}.timeVerified")
        result = fields.choice(predicate, "verificationResult", where, RESULTS)
        fields.items(predicate, "verifiedLevels", where)
        levels = fields.texts(predicate, "verifiedLevels", where)
        if (result == "FAILED") != ("FAILED" in levels):
            raise MalformedStatement(f"{where}.verifiedLevels: contradicts the result {result}")
        return cls(
            verifier_id=check_type_uri(verifier.get("id"), f"{where}.verifier.id"),
            time_verified=time_verified,
            resource_uri=fields.text(predicate, "resourceUri", where),
            policy_uri=fields.text(policy, "uri", f"{where}.policy"),
            policy_sha256=fields.hex_digest(
                fields.mapping(policy, "digest", f"{where}.policy"), "sha256", f"{where}.policy.digest"
            ),
            input_attestations=_identities(predicate, where),
            result=result,
            verified_levels=levels,
            extension=fields.optional_mapping(predicate, EXTENSION, where),
        )

    def to_json(self) -> dict[str, Any]:
        """The predicate as JSON values."""
        return {
            "verifier": {"id": self.verifier_id},
            "timeVerified": self.time_verified,
            "resourceUri": self.resource_uri,
            "policy": {"uri": self.policy_uri, "digest": {"sha256": self.policy_sha256}},
            "inputAttestations": [{"digest": {IDENTITY_ALGORITHM: identity}} for identity in self.input_attestations],
            "verificationResult": self.result,
            "verifiedLevels": list(self.verified_levels),
            "slsaVersion": "1.1",
            EXTENSION: dict(self.extension),
        }


def _identities(predicate: Mapping[str, Any], where: str) -> tuple[str, ...]:
    identities = []
    for index, entry in enumerate(fields.optional_items(predicate, "inputAttestations", where)):
        at = f"{where}.inputAttestations[{index}]"
        digest = fields.mapping(fields.as_mapping(entry, at), "digest", at)
        # Other verifiers name their inputs by other digests; those are not identities of ours.
        if IDENTITY_ALGORITHM in digest:
            identities.append(fields.hex_digest(digest, IDENTITY_ALGORITHM, f"{at}.digest"))
    return tuple(identities)
