"""AttestDatasetOperator: say, signed, which bytes a data set is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attestflow.operators.base import AttestflowOperator, failing_for_good, required
from attestflow.operators.evidence import attest_content_once, measure_reference, references, require_same
from attestflow.operators.reference import Attested, local_path

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.operators.provenance import Input, Run
    from attestflow.subject import Measurement


class AttestDatasetOperator(AttestflowOperator):
    """Attest a file or a folder, and return the reference that other attestflow tasks take.

    :param path: the file or folder (a path, or `file://…`)
    :param name: what to call it; the base name of the path where None. Keep it the same from run to run
    :param include: globs that select a part of a folder; the attestation says so, and a policy may refuse parts
    :param derived_from: references of the data sets that it was made from; adds provenance to it
    :param role: whose key signs; `pipeline`, or what the connection says
    :param conn_id: connection of type attestflow
    """

    template_fields: Sequence[str] = ("path", "name", "include", "derived_from", *AttestflowOperator.template_fields)

    def __init__(
        self,
        *,
        path: str,
        name: str | None = None,
        include: Sequence[str] = (),
        derived_from: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.name = name
        self.include = include
        self.derived_from = derived_from

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Measure, attest, return the reference. What a retry cannot mend raises AirflowFailException."""
        from attestflow.operators.provenance import Run
        from attestflow.subject import measure

        with failing_for_good():
            path = local_path(required(self.path, "path")).absolute()
            include = tuple(required(glob, "include") for glob in self.include)
            attester = self.hook.attester(self.role)
            started = attester.clock()
            inputs = self._read_inputs(attester)
            measured = measure(path, name=self.name or None, include=include)
            identity = attest_content_once(attester, measured, "dataset")
            if inputs:
                self._attest_preparation(attester, Run.of(context, started), measured, inputs)
            made = Attested(measured.name, path.as_uri(), measured.content, identity, include)
        self.log.info("attested %s (%d files): %s", measured.name, measured.files, measured.content)
        return made.to_xcom()

    def _read_inputs(self, attester: Attester) -> list[Input]:
        """Measure what the data set was made from, before anything is attested: it must still be what it was."""
        from attestflow.operators.provenance import Input

        inputs = []
        for reference in references(self.derived_from, "derived_from"):
            read = measure_reference(reference)
            require_same(attester, reference, read, "when this was derived from it")
            inputs.append(Input(reference, read))
        return inputs

    def _attest_preparation(self, attester: Attester, run: Run, measured: Measurement, inputs: list[Input]) -> None:
        from attestflow.operators.provenance import attest_provenance
        from attestflow.predicates.provenance import BUILD_TYPE_PREPARATION

        attest_provenance(attester, run, build_type=BUILD_TYPE_PREPARATION, outputs=[measured], inputs=inputs)
