"""A policy of 50 rules over a lineage of 200 attestations, in process; then with ten Rego rules, beside regorus in this process.

Goals: 50 ms beside verifying the signatures, 150 ms with it, 300 ms with ten Rego rules.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from attestflow.gate import Gate  # noqa: E402
from attestflow.lineage import gather  # noqa: E402
from attestflow.policy.engine import evaluate  # noqa: E402
from attestflow.policy.rego.document import document  # noqa: E402
from attestflow.policy.schema import Context  # noqa: E402
from attestflow.subject import ResourceDescriptor, measure  # noqa: E402
from attestflow.testing.trust import new_verifier  # noqa: E402
from tests.attacks.conftest import Pipeline  # noqa: E402

ROUNDS = 20
REGO = b"""package attestflow
import rego.v1
runs := [each | some each in input.lineage.nodes[input.subject].attestations; endswith(each.predicateType, "provenance/v1")]
deny contains "no run" if count(runs) == 0
deny contains edge.name if { some edge in input.lineage.edges; edge.to; not input.lineage.nodes[edge.to] }
"""
RULES = [
    "{rule: content-attested, by: [pipeline]}",
    "{rule: trained-by, by: [pipeline]}",
    "{rule: registered-unchanged, by: [pipeline]}",
    "{rule: inputs-attested, by: [pipeline]}",
    "{rule: data-validated, by: [validation], maxAge: 30d}",
    "{rule: ml-bom, by: [pipeline]}",
    "{rule: whole-subjects}",
    "{rule: fresh, by: [pipeline], maxTrainingAge: 30d, maxDataAge: 30d}",
    "{rule: required-attestation, predicateType: 'https://slsa.dev/provenance/v1', by: [pipeline], maxAge: 30d}",
    "{rule: serialization-formats, allow: ['*']}",
]


def made(folder: Path) -> Pipeline:
    """A model made of 96 inputs, each attested twice, with the rest of an honest pipeline: 200 attestations."""
    pipeline = Pipeline(folder)
    read = []
    for number in range(97):
        path = folder / f"data-{number}.csv"
        path.write_text(f"{number}\n")
        one = measure(path)
        read.append(one.descriptor())
        pipeline.says("pipeline").attest_content(one, kind="code")
        pipeline.says("pipeline").attest_content(one, kind="code", annotations={"again": True})
    pipeline.attest_data()
    pipeline.validate()
    inputs: list[ResourceDescriptor] = [pipeline.data.descriptor(), *read]
    pipeline.train(inputs)
    pipeline.bom()
    return pipeline


def median(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    import regorus

    with tempfile.TemporaryDirectory() as folder:
        pipeline = made(Path(folder))
        verifier = new_verifier(pipeline.people, now=pipeline.now)
        count, content = len(pipeline.files()), pipeline.model.content
        pipeline.ask(*(RULES * 5))
        gate = Gate(pipeline.store, verifier, pipeline.loaded(), lambda: pipeline.now)
        lineage = gather(content, pipeline.store, verifier)
        context = Context(pipeline.now, pipeline.transition, None, gate.policy.sha256, verifier.trust_root, "bench")
        assert all(finding.outcome == "passed" for finding in evaluate(gate.policy, lineage, context))
        alone = median(lambda: evaluate(gate.policy, lineage, context))
        whole = median(lambda: gate.check(content, name="churn", transition=pipeline.transition))
        print(f"50 rules over {count} attestations: {alone:.1f} ms (goal 50), verified anew {whole:.1f} ms (goal 150)")
        pipeline.files_of_policy["bench.rego"] = REGO
        sha256 = hashlib.sha256(REGO).hexdigest()
        rego = f"{{rule: rego, modules: [{{file: bench.rego, sha256: '{sha256}'}}]}}"
        pipeline.ask(*RULES * 4, *[rego] * 10)
        gate = Gate(pipeline.store, verifier, pipeline.loaded(), lambda: pipeline.now)
        verdict = gate.check(content, name="churn", transition=pipeline.transition)
        assert verdict.passed, [finding.message for finding in verdict.denials]
        confined = median(lambda: gate.check(content, name="churn", transition=pipeline.transition))
        text = json.dumps(document(lineage, context))

        def unconfined() -> None:
            for _ in range(10):
                engine = regorus.Engine()
                engine.add_policy("bench.rego", REGO.decode())
                engine.set_input_json(text)
                engine.eval_query_as_json("data.attestflow.deny")

        peer = median(unconfined)
        print(
            f"with ten Rego rules, verified anew: {confined:.1f} ms (goal 300); regorus in this process, unconfined, for the "
            f"ten alone: {peer:.1f} ms, so ten in a child cost {(confined - whole * 0.8) / peer:.1f} times that"
        )


if __name__ == "__main__":
    main()
