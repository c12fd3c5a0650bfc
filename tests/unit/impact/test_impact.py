"""Recall: from data, packages, base models and keys to what descends from them, through an index that nobody believes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attestflow.attest import Attester
from attestflow.bundle import Bundle
from attestflow.clock import utc_now
from attestflow.digest import ContentDigest
from attestflow.gate import Gate
from attestflow.impact.index import Index
from attestflow.impact.trace import Affected, descendants, signed_by_key, users_of_package
from attestflow.policy.loader import load_policy
from attestflow.policy.schema import Transition
from attestflow.predicates import ml_bom, provenance, vsa
from attestflow.store.folder import FolderStore
from attestflow.subject import ResourceDescriptor
from attestflow.testing.trust import NOW, Person, new_signer, new_verifier

POLICY = """\
apiVersion: attestflow.dev/policy/v1
name: production
version: 1
expires: "2027-01-01T00:00:00Z"
mode: enforce
absence: accepted
rules: [{rule: ml-bom, by: [pipeline]}]
"""


class World:
    """A store, a pipeline that signs into it, and a stranger who does too."""

    def __init__(self, folder: Path) -> None:
        making = [provenance.PREDICATE_TYPE, ml_bom.PREDICATE_TYPE]
        self.pipeline, self.gate, self.stranger = new_signer(), new_signer(), new_signer()
        people = {"pipeline": Person([self.pipeline], making), "verifier": Person([self.gate], [vsa.PREDICATE_TYPE])}
        self.verifier = new_verifier(people)
        self.store = FolderStore(folder / "store", create=True)
        self.index = Index(folder / "index.sqlite", self.store)

    def made(self, output: str, *inputs: str, by: Any = None, packages: tuple[str, ...] = ()) -> None:
        read = [ResourceDescriptor(name=each, digest={"sha256": digest(each)}) for each in inputs]
        read += [ResourceDescriptor(uri=each, digest={"sha1": "0"}) for each in packages]
        run = provenance.Provenance(provenance.BUILD_TYPE_TRAINING, {}, "https://example.com/b", {}, tuple(read))
        self.says(output, provenance.PREDICATE_TYPE, run.to_json(), by)

    def bom(self, output: str, *packages: str, by: Any = None) -> None:
        model = {"type": "machine-learning-model", "name": output}
        libraries = [{"type": "library", "name": each, "purl": each} for each in packages]
        document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [model, *libraries]}
        self.says(output, ml_bom.PREDICATE_TYPE, document, by)

    def says(self, output: str, predicate_type: str, predicate: dict[str, Any], by: Any = None) -> None:
        subject = ResourceDescriptor(name=output, digest={"sha256": digest(output)})
        Attester(self.store, by or self.pipeline, None, lambda: NOW).attest_predicate(
            [subject], predicate_type, predicate
        )

    def promote(self, output: str, alias: str = "alias:production", *, at: timedelta = timedelta(0)) -> None:
        gate = Gate(self.store, self.verifier, load_policy(POLICY.encode()), lambda: NOW + at, self.gate)
        assert gate.check(content(output), name=output, transition=Transition("reg", "churn", alias)).vsa_identity

    def from_(self, name: str, **options: Any) -> dict[str, Affected]:
        self.index.update(utc_now())
        return named(descendants(content(name), self.index, self.store, self.verifier, **options))


def digest(name: str) -> str:
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()


def content(name: str) -> ContentDigest:
    return ContentDigest("file", digest(name))


NAMES = {str(content(name)): name for name in ("raw", "clean", "base", "a", "b", "c", "d")}


def named(found: Iterator[Affected]) -> dict[str, Affected]:
    return {NAMES[str(each.content)]: each for each in found}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.index.close()


def test_what_descends_from_a_data_set(world: World) -> None:
    world.made("clean", "raw")
    world.made("a", "clean", "base")
    world.made("b", "a")
    world.made("c", "base")
    found = world.from_("raw")
    assert found.keys() == {"clean", "a", "b"}
    assert found["b"].via == content("a")
    assert all(each.verified for each in found.values())
    assert world.from_("base").keys() == {"a", "b", "c"}
    assert world.from_("b") == {}


def test_a_circle_and_a_diamond_end(world: World) -> None:
    world.made("a", "raw", "b")
    world.made("b", "a", "raw")
    assert world.from_("raw").keys() == {"a", "b"}


def test_new_evidence_is_found_without_reading_everything_again(world: World) -> None:
    world.made("a", "raw")
    assert world.index.update(utc_now()) == 1
    world.made("b", "a")
    assert world.index.update(utc_now()) == 1
    assert world.index.update(utc_now()) == 0
    assert world.from_("raw").keys() == {"a", "b"}


def test_a_package_at_a_version_and_at_any(world: World) -> None:
    world.bom("a", "pkg:pypi/torch@2.5.0", "pkg:pypi/torch-extra@1")
    world.bom("b", "pkg:pypi/torch@2.6.0")
    world.made("c", "raw", packages=("pkg:pypi/torch@2.5.0",))
    world.made("d", "a")
    world.index.update(utc_now())

    def using(package: str) -> set[str]:
        return set(named(users_of_package(package, world.index, world.store, world.verifier)))

    assert using("pkg:pypi/torch@2.5.0") == {"a", "c", "d"}
    assert using("pkg:pypi/torch") == {"a", "b", "c", "d"}
    assert using("pkg:pypi/tor") == set()
    assert using("pkg:pypi/*") == set()


def test_what_a_stranger_says_is_left_out_unless_asked_for(world: World) -> None:
    world.made("a", "raw", by=world.stranger)
    world.bom("b", "pkg:pypi/x@1", by=world.stranger)
    assert world.from_("raw") == {}
    (found,) = world.from_("raw", unverified=True).values()
    assert not found.verified


def test_a_key_that_is_no_longer_trusted_signed_what_it_signed(world: World) -> None:
    world.made("a", "raw", by=world.stranger)
    world.made("b", "a")
    world.made("c", "raw")
    world.index.update(utc_now())
    (stored,) = world.store.attestations(content("a"))
    hint = Bundle.parse(stored.raw).key_hint
    assert hint is not None
    found = named(signed_by_key([hint], world.index, world.store, world.verifier))
    assert found.keys() == {"a", "b"}
    assert not found["a"].verified
    assert found["b"].verified


def test_production_is_named_until_something_else_is_there(world: World) -> None:
    for name in ("a", "b"):
        world.made(name, "raw")
        world.bom(name)
    world.promote("a")
    world.promote("b", "alias:canary")
    found = world.from_("raw")
    assert [each.transition.to for each in found["a"].holds] == ["alias:production"]
    assert [each.transition.to for each in found["b"].holds] == ["alias:canary"]
    world.promote("b", at=timedelta(seconds=5))
    found = world.from_("raw")
    assert not found["a"].holds
    assert [each.transition.to for each in found["b"].holds] == ["alias:canary", "alias:production"]


def test_what_was_written_past_put_is_found_by_a_rebuild(world: World) -> None:
    """Whoever writes into the store by hand leaves no pointer: he hides from the index, and not from a rebuild."""
    world.made("a", "raw")
    world.index.update(utc_now())
    world.made("b", "a")
    for pointer in (Path(world.store.url) / "by-day").rglob("*"):
        if pointer.is_file():
            pointer.unlink()
    assert world.from_("raw").keys() == {"a"}
    world.index.update(utc_now(), rebuild=True)
    assert world.from_("raw").keys() == {"a", "b"}


def test_an_index_that_lies_is_not_believed(world: World, tmp_path: Path) -> None:
    """Somebody writes into the index that `c` was made of `raw`, by way of a statement that says something else."""
    world.made("a", "raw")
    world.made("c", "base")
    world.index.update(utc_now())
    key = next(key for key in world.store.every_key() if digest("c") in key)
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("INSERT INTO made VALUES (?, ?, ?)", (str(content("raw")), str(content("c")), key))
        connection.execute("INSERT INTO uses VALUES (?, ?, ?)", ("pkg:pypi/x@1", str(content("c")), key))
    assert world.from_("raw").keys() == {"a"}
    assert named(users_of_package("pkg:pypi/x", world.index, world.store, world.verifier)) == {}


@pytest.mark.parametrize("junk", [b"", b"no database at all" * 100])
def test_an_index_that_is_none_is_made_again(world: World, tmp_path: Path, junk: bytes) -> None:
    world.made("a", "raw")
    (tmp_path / "other.sqlite").write_bytes(junk)
    other = Index(tmp_path / "other.sqlite", world.store)
    assert other.update(utc_now()) == 1
    assert other.whole_on is not None
    other.close()


def test_junk_in_the_store_is_passed_over(world: World) -> None:
    world.made("a", "raw")
    (path,) = Path(world.store.url).rglob("*.sigstore.json")
    (path.parent / f"{'e' * 64}.sigstore.json").write_text("{}")
    assert world.from_("raw").keys() == {"a"}
