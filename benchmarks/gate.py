"""A gate's decision over a lineage of 20 attestations, in process: subject digest known, policy parsed, store warm."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from attestflow.gate import Gate  # noqa: E402
from attestflow.policy.loader import load_policy  # noqa: E402
from attestflow.subject import ResourceDescriptor, measure  # noqa: E402
from attestflow.testing.trust import new_verifier  # noqa: E402
from tests.attacks.conftest import Pipeline  # noqa: E402

ROUNDS = 200


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(Path(folder))
        more: list[ResourceDescriptor] = []
        for number in range(7):
            path = Path(folder) / f"data-{number}.csv"
            path.write_text(f"{number}\n")
            read = measure(path)
            more.append(read.descriptor())
            pipeline.says("pipeline").attest_content(read, kind="code")
            pipeline.says("pipeline").attest_content(read, kind="code", annotations={"again": True})
        pipeline.attest_data()
        pipeline.validate()
        pipeline.train([pipeline.data.descriptor(), *more])
        pipeline.bom()
        pipeline.approve()
        content = pipeline.model.content
        verifier = new_verifier(pipeline.people, now=pipeline.now)
        gate = Gate(pipeline.store, verifier, load_policy(pipeline.policy.encode()), lambda: pipeline.now)
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            verdict = gate.check(content, name="churn", transition=pipeline.transition)
            times.append(time.perf_counter() - start)
            assert verdict.passed, verdict.denials
        median = 1000 * statistics.median(times)
        print(f"gate decision over {len(pipeline.files())} attestations: median {median:.1f} ms (goal: at most 10 ms)")


if __name__ == "__main__":
    main()
