"""`attestflow impact` over many attestations: the index made once, then a recall with a warm index, beside reading the store.

`python benchmarks/impact.py [COUNT]`, 100,000 if not said. The goal is 1 s for a recall with a warm index.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from attestflow.bundle import Bundle  # noqa: E402
from attestflow.clock import utc_now  # noqa: E402
from attestflow.digest import ContentDigest  # noqa: E402
from attestflow.impact.index import Index  # noqa: E402
from attestflow.impact.trace import descendants  # noqa: E402
from attestflow.predicates import provenance  # noqa: E402
from attestflow.statement import Statement  # noqa: E402
from attestflow.store.folder import FolderStore  # noqa: E402
from attestflow.store.layout import bundle_keys, day_key  # noqa: E402
from attestflow.subject import ResourceDescriptor  # noqa: E402
from attestflow.testing.trust import Person, new_signer, new_verifier  # noqa: E402

FAMILY = 100  # of so many models each, one data set is the root


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def fill(store: FolderStore, count: int) -> Person:
    """`count` runs, each with one output: families of a hundred that descend from one data set, in chains of ten."""
    signer, now = new_signer(), utc_now()
    root = Path(store.url)
    for number in range(count):
        family, place = divmod(number, FAMILY)
        parent = f"data-{family}" if place % 10 == 0 else f"model-{number - 1}"
        inputs = (ResourceDescriptor(name=parent, digest={"sha256": digest(parent)}),)
        run = provenance.Provenance(provenance.BUILD_TYPE_TRAINING, {}, "https://example.com/b", {}, inputs)
        subject = ResourceDescriptor(name="model", digest={"sha256": digest(f"model-{number}")})
        bundle: Bundle = signer.sign(Statement.build([subject], provenance.PREDICATE_TYPE, run.to_json()))
        (key,) = bundle_keys(bundle)
        for path, data in ((root / key, bundle.raw), (root / day_key(key, now), b"")):  # as `put`, without its fsync
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return Person([signer], [provenance.PREDICATE_TYPE])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(Path(folder) / "store", create=True)
        verifier = new_verifier({"pipeline": fill(store, count)})
        index = Index(Path(folder) / "index.sqlite", store)
        start = time.perf_counter()
        read = index.update(utc_now())
        whole = time.perf_counter() - start
        index.close()
        start = time.perf_counter()
        index = Index(Path(folder) / "index.sqlite", store)
        index.update(utc_now())
        root = ContentDigest("file", digest("data-0"))
        found = list(descendants(root, index, store, verifier))
        warm = time.perf_counter() - start
        assert len(found) == min(FAMILY, count), len(found)
        assert all(each.verified for each in found)
        print(f"index of {read} attestations made in {whole:.1f} s ({1e6 * whole / read:.0f} us each)")
        print(
            f"recall of {len(found)} with a warm index: {warm:.2f} s (goal 1), 1/{whole / warm:.0f} of reading the store"
        )


if __name__ == "__main__":
    main()
