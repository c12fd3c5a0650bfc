"""Make tests/assets/releases/VERSION: what this release signs, for every later one to verify. Run once, at the release.

The keys exist only while this runs. tests/conformance/test_old_releases.py reads the folder.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from attestflow import __version__
from attestflow.clock import format_time
from attestflow.documents import canonical_json
from attestflow.predicates import provenance, reference
from attestflow.statement import Statement
from attestflow.subject import measure
from attestflow.testing.trust import NOW, Person, new_signer, trust_root_yaml
from attestflow.verification.signed_document import sign_document, signature_path

ASSETS = Path(__file__).parent.parent / "tests" / "assets" / "releases"


def make(folder: Path) -> None:
    """Write a small model, bundles about it, a signed trust root and what verifying them must give."""
    model = folder / "model"
    (model / "sub").mkdir(parents=True)
    for name in ("weights.bin", ".hidden", "sub/été.txt"):
        (model / name).write_bytes(name.encode())
    root, pipeline = new_signer(), new_signer()
    measured = measure(model)
    assert measured.listing is not None
    subject = measured.descriptor(kind="model", createdOn=format_time(NOW))
    built = provenance.Provenance(
        provenance.BUILD_TYPE_TRAINING, {"depth": 3}, "https://attestflow.dev/builders/cli", inputs=(subject,)
    )
    statements = {
        "content": Statement.build([subject], reference.PREDICATE_TYPE, reference.Reference.of(measured).to_json()),
        "provenance": Statement.build([subject], provenance.PREDICATE_TYPE, built.to_json()),
    }
    expected: dict[str, object] = {
        "now": format_time(NOW),
        "content": str(measured.content),
        "root": root.key_fingerprint,
    }
    for name, statement in statements.items():
        bundle = pipeline.sign(statement)
        (folder / f"{name}.sigstore.json").write_bytes(bundle.raw)
        expected[name + "Identity"] = bundle.identity
    (folder / "oms.sigstore.json").write_bytes(pipeline.sign_oms(measured.listing, "model"))
    people = {
        "pipeline": Person(
            [pipeline], [{"predicateType": reference.PREDICATE_TYPE, "kinds": ["model"]}, provenance.PREDICATE_TYPE]
        )
    }
    trust = trust_root_yaml(people, expires=NOW + timedelta(days=365))
    path = folder / "trust-root.yaml"
    path.write_bytes(trust)
    signature_path(path).write_bytes(sign_document(trust, path.name, root, lambda: NOW))
    for name, signer in (("root", root), ("pipeline", pipeline)):
        (folder / f"{name}.pub").write_bytes(signer.public_key_pem())
    (folder / "expected.json").write_bytes(canonical_json(expected))


if __name__ == "__main__":
    target = ASSETS / __version__
    if target.exists():
        sys.exit(f"{target} exists: what a release signed is never made again")
    make(target)
