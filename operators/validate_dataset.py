"""ValidateDatasetOperator: run Great Expectations, and bind the result to the bytes that it read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestflow.errors import ConfigurationError, DigestMismatch
from attestflow.operators.base import AttestflowOperator, failing_for_good, required
from attestflow.operators.evidence import measure_reference, require_same
from attestflow.operators.reference import Attested, local_path

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.predicates.test_result import TestResult
    from attestflow.subject import Measurement


class ValidateDatasetOperator(AttestflowOperator):
    """Validate a data set and attest the result, passed or not; a failed expectation then fails the task for good.

    The data are digested before and after the run. The attestation names each expectation as passed, warned (severity
    warning or info) or failed, and the suite by its canonical digest; it holds no value from the data.

    :param dataset: the reference from AttestDatasetOperator; the bytes must still be those
    :param path: instead of `dataset`: a file or folder that nobody attested yet
    :param suite: a suite as JSON file, run over Parquet, CSV or JSON-lines files
    :param checkpoint: instead of `suite`: the name of a checkpoint in `project`; you answer for it reading these files
    :param project: folder of the Great Expectations project that has the checkpoint
    :param validator: instead of both: a function that is given the path and returns Great Expectations' results
    :param role: whose key signs; `validation`
    """

    template_fields: Sequence[str] = (
        "dataset",
        "path",
        "suite",
        "checkpoint",
        "project",
        *AttestflowOperator.template_fields,
    )

    def __init__(
        self,
        *,
        dataset: Any = None,
        path: str | None = None,
        suite: str | None = None,
        checkpoint: str | None = None,
        project: str | None = None,
        validator: Callable[[Path], Any] | None = None,
        role: str | None = "validation",
        **kwargs: Any,
    ) -> None:
        super().__init__(role=role, **kwargs)
        self.dataset = dataset
        self.path = path
        self.suite = suite
        self.checkpoint = checkpoint
        self.project = project
        self.validator = validator  # not templated: Airflow would call it

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Validate and attest; returns the reference of the data set. Pushes the outcome as XCom `validation`."""
        from airflow.sdk.exceptions import AirflowFailException

        with failing_for_good():
            attester = self.hook.attester(self.role)
            given = None if self.dataset is None else Attested.from_xcom(self.dataset, "dataset")
            before = self._measure(given)
            if given is not None:
                require_same(attester, given, before, "before validation")
            path = given.path if given is not None else local_path(str(self.path)).absolute()
            result = self._run(path, before)
            if self._measure(given).content != before.content:
                raise DigestMismatch(
                    f"{path} changed while it was validated: nothing was attested",
                    hint="let nobody write there while the task runs, then start it again",
                )
            identity = self._attest(attester, before, result)
            include = given.include if given is not None else ()
            checked = Attested(before.name, path.as_uri(), before.content, identity, include)
        outcome = {"result": result.result, "failed": list(result.failed_tests), "warned": list(result.warned_tests)}
        context["ti"].xcom_push(key="validation", value={**outcome, "attestation": identity})
        if result.result == "FAILED":
            raise AirflowFailException(
                f"{before.name} failed {len(result.failed_tests)} expectations: {', '.join(result.failed_tests)}\n"
                f"hint: the failed result is attested as {identity}; mend the data or the suite, then attest it anew"
            )
        self.log.info("%s: %s, %d expectations passed", before.name, result.result, len(result.passed_tests))
        return checked.to_xcom()

    def _measure(self, given: Attested | None) -> Measurement:
        from attestflow.subject import measure

        if given is not None:
            return measure_reference(given)
        return measure(local_path(required(self.path, "path")))

    def _run(self, path: Path, measured: Measurement) -> TestResult:
        from attestflow.integrations.great_expectations import run

        if sum(each is not None for each in (self.suite, self.checkpoint, self.validator)) != 1:
            raise ConfigurationError("give one of suite, checkpoint and validator", hint="suite='expectations.json'")
        if self.suite is not None:
            files = [name for name, _ in measured.listing] if measured.listing is not None else []
            return run.run_suite(path, Path(required(self.suite, "suite")), files)
        if self.validator is not None:
            return run.run_callable(path, self.validator)
        name = required(self.checkpoint, "checkpoint")
        return run.run_checkpoint(name, Path(required(self.project, "project")))

    def _attest(self, attester: Attester, measured: Measurement, result: TestResult) -> str:
        from attestflow.predicates.test_result import PREDICATE_TYPE

        return attester.attest_predicate([measured.descriptor()], PREDICATE_TYPE, result.to_json()).identity
