"""An honest pipeline in miniature, signed with real keys into a real store, for stories to spoil."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attestflow.attest import Attester
from attestflow.clock import format_time
from attestflow.digest import ContentDigest
from attestflow.gate import Gate
from attestflow.policy.loader import load_policy
from attestflow.policy.schema import Policy, Transition
from attestflow.predicates import approval, ml_bom, provenance, reference, test_result
from attestflow.store.folder import FolderStore
from attestflow.subject import Measurement, ResourceDescriptor, measure
from attestflow.testing.mlflow_server import mlflow_server
from attestflow.testing.trust import NOW, Person, new_signer, new_verifier
from attestflow.verdict import Finding, Verdict

from .registry import Side, guarded_settings

SUITE = "5" * 64
POLICY = """\
apiVersion: attestflow.dev/policy/v1
name: production
version: 1
expires: "2027-01-01T00:00:00Z"
mode: enforce
absence: accepted
protects: [{models: ["*"], aliases: [production], stages: [Production]}]
rules:
  - {rule: content-attested, by: [pipeline]}
  - {rule: whole-subjects}
  - {rule: trained-by, by: [pipeline]}
  - {rule: registered-unchanged, by: [pipeline]}
  - {rule: inputs-attested, by: [pipeline]}
  - {rule: data-validated, by: [validation], maxAge: 30d}
  - {rule: ml-bom, by: [pipeline]}
  - {rule: approved, by: [owner, boss], count: 1}
"""
BOM = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"type": "machine-learning-model", "name": "churn", "bom-ref": "model"}],
}


def everybody() -> dict[str, Person]:
    """The functionaries of the stories; `stranger` is in no trust root."""
    making = (reference.PREDICATE_TYPE, provenance.PREDICATE_TYPE, ml_bom.PREDICATE_TYPE)
    return {
        "pipeline": Person([new_signer()], making),
        "validation": Person(
            [new_signer()], [{"predicateType": test_result.PREDICATE_TYPE, "suites": [f"sha256:{SUITE}"]}]
        ),
        "bias-tests": Person([new_signer()], [test_result.PREDICATE_TYPE]),
        "owner": Person([new_signer(), new_signer()], [approval.PREDICATE_TYPE]),
        "boss": Person([new_signer()], [approval.PREDICATE_TYPE]),
        "bom-tool": Person([new_signer()], [ml_bom.PREDICATE_TYPE]),
    }


@dataclass
class Pipeline:
    """What an honest pipeline signs, step by step; each step can be replaced by what an attacker does."""

    folder: Path
    people: dict[str, Person] = field(default_factory=everybody)
    now: datetime = NOW
    policy: str = POLICY
    transition: Transition | None = field(default_factory=lambda: Transition("reg", "churn", "alias:production"))
    production: ContentDigest | None = None
    files_of_policy: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = FolderStore(self.folder / "store", create=True)
        (self.folder / "data").mkdir()
        (self.folder / "data" / "train.csv").write_text("x,y\n1,0\n")
        (self.folder / "data" / "schema.json").write_text("{}")
        (self.folder / "model").mkdir()
        (self.folder / "model" / "MLmodel").write_text("flavors: {}")
        (self.folder / "model" / "weights").write_bytes(b"\x00" * 64)

    @property
    def data(self) -> Measurement:
        return measure(self.folder / "data")

    @property
    def model(self) -> Measurement:
        return measure(self.folder / "model")

    def says(self, who: str, *, key: int = 0, at: datetime | None = None) -> Attester:
        """Signs as `who`, without asking the trust root first, as somebody who holds the key can."""
        moment = at or self.now
        return Attester(self.store, self.people[who].signers[key], None, lambda: moment)

    def attest_data(self, who: str = "pipeline") -> None:
        self.says(who).attest_content(self.data, kind="dataset")

    def validate(
        self, result: str = "PASSED", *, who: str = "validation", suite: str = SUITE, at: datetime | None = None
    ) -> None:
        tests: dict[str, Any] = {"failed_tests": ("labels",)} if result == "FAILED" else {"passed_tests": ("labels",)}
        said = test_result.TestResult(result, (ResourceDescriptor(name="suite", digest={"sha256": suite}),), **tests)
        self.says(who, at=at).attest_predicate([self.data.descriptor()], test_result.PREDICATE_TYPE, said.to_json())

    def train(
        self, inputs: Sequence[ResourceDescriptor] | None = None, *, who: str = "pipeline", **changes: Any
    ) -> None:
        """What the training step signs: the bytes it read, whatever they are, and the bytes it made."""
        read = self.data
        assert read.listing is not None
        self.store.put_listing(read.listing)
        self.says(who).attest_content(self.model, kind="model")
        run = provenance.Provenance(
            build_type=provenance.BUILD_TYPE_TRAINING,
            external_parameters={},
            builder_id="https://example.com/builder",
            inputs=tuple([read.descriptor()] if inputs is None else inputs),
            invocation_id="dag/run",
            finished_on=format_time(self.now),
        )
        said = replace(run, **changes).to_json()
        self.says(who).attest_predicate([self.model.descriptor()], provenance.PREDICATE_TYPE, said)

    def bom(self, who: str = "pipeline", document: dict[str, Any] | None = None) -> None:
        self.says(who).attest_predicate([self.model.descriptor()], ml_bom.PREDICATE_TYPE, document or BOM)

    def approve(self, who: str = "owner", *, key: int = 0, at: datetime | None = None, **changes: Any) -> str:
        transition = self.transition or Transition("reg", "churn", "alias:production")
        said = approval.Approval(
            decision="approved",
            registry=transition.registry,
            model=transition.model,
            transition=transition.to,
            production=str(self.production) if self.production else None,
            policy=self.loaded().sha256,
            verdict="0" * 64,
            expires=format_time(self.now + timedelta(days=7)),
        )
        predicate = replace(said, **changes).to_json()
        made = self.says(who, key=key, at=at).attest_predicate(
            [self.model.descriptor()], approval.PREDICATE_TYPE, predicate
        )
        return made.identity

    def report(
        self,
        predicate_type: str,
        predicate: Mapping[str, Any],
        *,
        who: str = "scanner",
        about: ResourceDescriptor | None = None,
        at: datetime | None = None,
    ) -> str:
        """Any attestation, by whoever may make it from now on; its identity."""
        person = self.people.get(who)
        if person is None:
            self.people[who] = Person([new_signer()], [predicate_type])
        elif predicate_type not in [
            scope if isinstance(scope, str) else scope["predicateType"] for scope in person.may
        ]:
            self.people[who] = replace(person, may=[*person.may, predicate_type])
        subject = about or self.model.descriptor()
        return self.says(who, at=at).attest_predicate([subject], predicate_type, predicate).identity

    def ask(self, *rules: str) -> None:
        """A policy of these rules alone, each in YAML."""
        head = POLICY.partition("rules:")[0]
        self.policy = head + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)

    def loaded(self) -> Policy:
        """The policy as it is now."""
        return load_policy(self.policy.encode(), lambda name, sha256: self.files_of_policy[name])

    def passes(self) -> Verdict:
        """Assert that the verdict passes."""
        verdict = self.verdict()
        assert verdict.passed, [finding.message for finding in verdict.denials]
        return verdict

    def run(self) -> None:
        """Everything, honestly."""
        for step in (self.attest_data, self.validate, self.train, self.bom, self.approve):
            step()

    def verdict(self, content: ContentDigest | None = None) -> Verdict:
        verifier = new_verifier(self.people, now=self.now)
        gate = Gate(self.store, verifier, self.loaded(), lambda: self.now)
        return gate.check(
            content or self.model.content, name="churn", transition=self.transition, production=self.production
        )

    def denied(self, rule: str, words: str = "") -> Finding:
        """Assert that the verdict is a denial by this very rule, and what the owner reads."""
        verdict = self.verdict()
        assert not verdict.passed
        found = [finding for finding in verdict.denials if finding.rule == rule]
        assert found, [f"{finding.rule}: {finding.message}" for finding in verdict.findings]
        assert words in found[0].message, found[0].message
        assert found[0].hint
        return found[0]

    def files(self) -> list[Path]:
        """Every bundle in the store."""
        return sorted((self.folder / "store").rglob("*.sigstore.json"))

    def filed_as(self, part: str) -> list[Path]:
        """The bundles of one predicate (its part of the path)."""
        return [path for path in self.files() if path.parent.name == part]


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path)


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """A stock MLflow server."""
    folder = tmp_path_factory.mktemp("stock")
    with mlflow_server(folder, gated=False) as server:
        yield Side(server, None, folder)


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """The same behind the gate."""
    folder, home = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("home")
    config = guarded_settings(folder, home)
    with mlflow_server(folder / "server", config=config, environ={"ATTESTFLOW_HOME": str(home)}) as server:
        yield Side(server, config, home)


@pytest.fixture(params=["api", "ajax-api", "client"])
def via(request: pytest.FixtureRequest) -> str:
    """How the attacker asks."""
    return str(request.param)
