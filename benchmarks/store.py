"""Looking up one subject in a store of 1,000 attestations and in one of very many.

python benchmarks/store.py [--attestations 1000000]
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from attestflow.digest import ContentDigest
from attestflow.store.folder import FolderStore
from attestflow.testing.store_contract import content_bundle

LOOK_UPS = 300


def fill(root: Path, count: int) -> list[ContentDigest]:
    """`count` attestations of as many subjects, each a hard link to one real bundle, in the store's own layout."""
    (root / "seed").mkdir(parents=True)
    seed = root / "seed" / "bundle"
    seed.write_bytes(content_bundle("a" * 64).raw)
    links = 0
    contents = []
    for number in range(count):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        contents.append(ContentDigest("file", digest))
        folder = root / "by-subject" / f"file-{digest[:2]}" / digest / "reference"
        folder.mkdir(parents=True)
        if links > 60_000:  # what a file system lets one file have
            seed = seed.with_name(f"bundle-{number}")
            seed.write_bytes(content_bundle("a" * 64).raw)
            links = 0
        (folder / f"{digest}.sigstore.json").hardlink_to(seed)
        links += 1
    return contents


def look_ups(store: FolderStore, contents: list[ContentDigest]) -> float:
    """The median seconds of a look-up of a random subject, each looked up once before."""
    chosen = random.Random(1).sample(contents, LOOK_UPS)
    for content in chosen:
        list(store.attestations(content))
    times = []
    for content in chosen:
        start = time.perf_counter()
        assert len(list(store.attestations(content))) == 1
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attestations", type=int, default=1_000_000)
    count = parser.parse_args().attestations
    work = Path(tempfile.mkdtemp(prefix="attestflow-bench-"))
    try:
        few, many = fill(work / "few", 1000), fill(work / "many", count)
        stores = FolderStore(work / "few"), FolderStore(work / "many")
        rounds = [(look_ups(stores[0], few), look_ups(stores[1], many)) for _ in range(5)]
        small, large = (statistics.median(each) for each in zip(*rounds, strict=True))
        print(
            f"look-up among 1,000: {1e6 * small:.0f} us; among {count:,}: {1e6 * large:.0f} us; "
            f"{large / small:.2f}x (goal: at most 1.5x)"
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
