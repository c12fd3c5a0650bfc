"""`attestflow adopt`: a registry that was there before the gate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from attestflow.predicates import ml_bom, reference

from .local_registry import LocalRegistry, cli, local_registry

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]
PROTECTS = [{"models": ["*"], "aliases": ["production"]}]
RULES: list[dict[str, Any]] = [
    {"rule": "content-attested", "by": ["pipeline"]},
    {"rule": "trained-by", "by": ["pipeline"]},
]


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> LocalRegistry:
    made = local_registry(tmp_path_factory)
    made.sign_policy(mode="warn", protects=PROTECTS, rules=RULES)
    for text in ("old", "new"):
        number, _ = made.plain("churn", text)
    made.client.set_registered_model_alias("churn", "production", number)
    made.plain("other", "other")
    return made


def adopted(registry: LocalRegistry, *more: str, code: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(cli(registry, "adopt", *more, "--json", code=code))
    return document


def states(document: dict[str, Any]) -> dict[str, str]:
    return {f"{row['model']}/{row['version']}": row["state"] for row in document["versions"]}


def test_attested_as_found_with_gaps_and_a_baseline(registry: LocalRegistry) -> None:
    from attestflow.digest import ContentDigest

    cli(registry, "audit", code=10)
    document = adopted(registry)
    assert states(document) == {"churn/1": "attested", "churn/2": "attested", "other/1": "attested"}
    (production,) = document["production"]
    assert (production["model"], production["to"], production["version"]) == ("churn", "alias:production", "2")
    assert [finding["rule"] for finding in production["denied"]] == ["trained-by"]
    store, verifier = registry.settings.open_store(), registry.settings.verifier()
    for row in document["versions"]:
        content = ContentDigest.parse(row["digest"])
        for predicate_type in (reference.PREDICATE_TYPE, ml_bom.PREDICATE_TYPE):
            (stored,) = store.attestations(content, predicate_type)
            verified = verifier.verify(stored.raw)
            assert verified.functionary == "pipeline"
            assert verified.statement.subjects[0].annotations["asFound"] is True
    assert json.loads(cli(registry, "audit", "--json"))["found"][0]["state"] == "warned"
    with registry.loading("require"):
        import mlflow

        loaded = mlflow.pyfunc.load_model("models:/churn@production", suppress_warnings=True)
        assert loaded.predict(["x"]) == ["new"]


def test_again_and_after_a_break(registry: LocalRegistry, tmp_path: Path) -> None:
    noted = tmp_path / "done"
    adopted(registry, "--resume", str(noted))
    before = sorted((registry.folder / "attestations").rglob("*.sigstore.json"))
    document = adopted(registry)
    assert set(states(document).values()) == {"known"}
    assert document["production"][0]["denied"] == []  # the decision made before stands
    assert sorted((registry.folder / "attestations").rglob("*.sigstore.json")) == before
    assert states(adopted(registry, "--resume", str(noted))) == {}
    registry.plain("churn", "newer")
    assert states(adopted(registry, "--resume", str(noted))) == {"churn/3": "attested"}


def test_an_unreadable_version_is_listed_and_the_rest_done(registry: LocalRegistry) -> None:
    _, files = registry.plain("gone", "gone")
    shutil.rmtree(files)
    registry.plain("later", "later")
    document = adopted(registry, code=1)
    assert states(document)["gone/1"] == "unreadable"
    assert states(document)["later/1"] == "attested"
    assert document["unreadable"] == 1
    assert "UNREADABLE  models:/gone/1" in cli(registry, "adopt", code=1)


def test_a_part_of_it(registry: LocalRegistry) -> None:
    assert states(adopted(registry, "--model", "oth*")) == {"other/1": "attested"}
    assert states(adopted(registry, "--only-protected")) == {"churn/2": "attested"}


def test_a_policy_that_would_lock_production_out(registry: LocalRegistry) -> None:
    registry.sign_policy(mode="enforce", protects=PROTECTS, rules=RULES)
    document = adopted(registry, code=10)
    assert document["versions"] == []
    assert document["lockedOut"][0]["model"] == "churn"
    assert "NOTHING WAS ADOPTED" in cli(registry, "adopt", code=10)
    assert not list((registry.folder / "attestations").rglob("*.sigstore.json"))


def test_what_stands_already_does_not_lock_out(registry: LocalRegistry) -> None:
    registry.sign_policy(mode="enforce", protects=PROTECTS, rules=RULES[:1])
    version, _, content = registry.attested("churn", "newest")
    registry.decide(content, "churn")
    registry.client.set_registered_model_alias("churn", "production", version)
    document = adopted(registry)
    assert states(document)["churn/3"] == "known"
    assert states(document)["churn/1"] == "attested"
