"""`@task.attest`: a Python task whose run becomes SLSA provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory

from attestflow.documents import shown
from attestflow.errors import ConfigurationError, DigestMismatch
from attestflow.hooks.attestflow import DEFAULT_CONNECTION, AttestflowHook
from attestflow.operators.base import failing_for_good
from attestflow.operators.evidence import (
    attest_content_once,
    bytes_of,
    is_attested,
    measure_reference,
    require_same,
)
from attestflow.operators.reference import Attested, replace_references

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.operators.provenance import Input
    from attestflow.subject import Measurement


@dataclass(frozen=True, slots=True)
class Output:
    """What a `@task.attest` function made, with more than its place: a name, and metrics for the provenance.

    `uri` is a path or the URI of an MLflow model (`models:/m-…`, what `log_model(...).model_uri` is).
    """

    uri: str | Path
    name: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


class AttestTask(DecoratedOperator, PythonOperator):  # type: ignore[misc]  # Airflow has no types here
    """Runs the function between two measurements of what it was handed, and attests what it returned.

    Arguments that are references (what our operators return) reach the function as `Attested`, with `.path`. Their bytes
    are measured before and after the call; what stands in the provenance is what was read, never what was claimed.

    :param parameters: names of the function's arguments that go into the provenance; nothing else of them does
    :param on_mismatch: what to do when the bytes are not those that the reference names, or nobody attested them: `fail`
        before the function runs, or `record`: run, and leave the denial to the gate, which sees what was read
    :param role: whose key signs; `pipeline`, or what the connection says
    :param conn_id: connection of type attestflow
    """

    op_args: Any
    op_kwargs: Any
    custom_operator_name = "@task.attest"
    template_fields: Sequence[str] = (*PythonOperator.template_fields, "conn_id", "role")
    ui_color = "#dcecf7"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any],
        op_kwargs: Mapping[str, Any],
        parameters: Sequence[str] = (),
        on_mismatch: Literal["fail", "record"] = "fail",
        conn_id: str = DEFAULT_CONNECTION,
        role: str | None = None,
        **kwargs: Any,
    ) -> None:
        if on_mismatch not in {"fail", "record"}:
            raise ValueError(f"on_mismatch is 'fail' or 'record', not {on_mismatch!r}")
        upstream = {"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs}
        super().__init__(kwargs_to_upstream=upstream, **upstream, **kwargs)
        self.parameters = parameters
        self.on_mismatch = on_mismatch
        self.conn_id = conn_id
        self.role = role

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Measure, run, measure again, attest; returns a reference for each path or model that the function returned."""
        from attestflow.operators.provenance import Run

        with failing_for_good():
            attester = AttestflowHook(self.conn_id).attester(self.role)
            run = Run.of(context, attester.clock())
            parameters = self._recorded()
            inputs = self._measure_inputs(attester)
        returned = super().execute(context)
        with failing_for_good():
            for each in inputs:
                if measure_reference(each.reference).content != each.measured.content:
                    raise DigestMismatch(
                        f"{shown(each.reference.name)} changed while the task ran: nothing was attested",
                        hint="nobody may write to a task's inputs while it runs",
                    )
            return self._attest(attester, run, inputs, parameters, returned)

    def _measure_inputs(self, attester: Attester) -> list[Input]:
        """Measure each reference among the arguments, and hand the function `Attested` objects for them."""
        from attestflow.operators.provenance import Input

        found: list[Attested] = []

        def take(reference: Attested) -> Attested:
            found.append(reference)
            return reference

        self.op_args = replace_references(self.op_args, take)
        self.op_kwargs = replace_references(self.op_kwargs, take)
        inputs = []
        for reference in dict.fromkeys(found):
            measured = measure_reference(reference)
            if self.on_mismatch == "fail":
                require_same(attester, reference, measured, "before this task")
                self._require_attested(attester, reference, measured)
            elif measured.content != reference.digest:
                self.log.warning("%s: attested %s, read %s", reference.name, reference.digest, measured.content)
            if measured.listing is not None:  # so that a gate which denies these bytes can name the file
                attester.store.put_listing(measured.listing)
            inputs.append(Input(reference, measured))
        return inputs

    def _require_attested(self, attester: Attester, reference: Attested, measured: Measurement) -> None:
        """The reference came through the metadata database, where anybody may have written it; the store is signed."""
        if attester.verifier is not None and not is_attested(attester, measured):
            raise DigestMismatch(
                f"nobody in the trust root attested {shown(reference.name)} ({measured.content})",
                hint="attest it with AttestDatasetOperator first; an XCom alone is no evidence",
            )

    def _recorded(self) -> dict[str, Any]:
        """The arguments named in `parameters`, as JSON, with what Airflow masks masked."""
        import inspect

        from airflow.sdk.log import redact

        from attestflow.documents import canonical_json

        signature = inspect.signature(self.python_callable)
        bound = signature.bind_partial(*self.op_args, **self.op_kwargs)
        bound.apply_defaults()
        recorded = {}
        for name in self.parameters:
            if name not in signature.parameters:
                raise ConfigurationError(
                    f"parameters names {shown(name)}, which {self.python_callable.__name__} does not take",
                    hint=f"it takes {', '.join(signature.parameters)}",
                )
            recorded[name] = redact(bound.arguments.get(name), name)
        try:
            canonical_json(recorded)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"a parameter is no JSON value: {error}", hint="record numbers and texts"
            ) from None
        return recorded

    def _attest(
        self, attester: Attester, run: Any, inputs: list[Input], parameters: Mapping[str, Any], returned: Any
    ) -> Any:
        from attestflow.operators.provenance import attest_provenance
        from attestflow.predicates.provenance import BUILD_TYPE_PREPARATION, BUILD_TYPE_TRAINING

        several = isinstance(returned, (list, tuple))
        outputs = [_output(each, self.task_id) for each in (returned if several else [returned])]
        if not outputs:
            raise ConfigurationError(f"{self.task_id} returned nothing to attest", hint="return the path it wrote")
        measured = [_measure_output(each) for each in outputs]
        for each, (kind, size) in zip(outputs, measured, strict=True):
            attest_content_once(attester, size, kind)
            self.log.info("%s is %s", each.uri, size.content)
        models = any(kind == "model" for kind, _ in measured)
        identity = attest_provenance(
            attester,
            run,
            build_type=BUILD_TYPE_TRAINING if models else BUILD_TYPE_PREPARATION,
            outputs=[size for _, size in measured],
            inputs=inputs,
            parameters=parameters,
            metrics={name: float(value) for each in outputs for name, value in each.metrics.items()},
        )
        made = [
            Attested(size.name, _uri(each.uri), size.content, identity).to_xcom()
            for each, (_, size) in zip(outputs, measured, strict=True)
        ]
        return made if several else made[0]


def _output(value: object, task: str) -> Output:
    if isinstance(value, Output):
        return value
    if isinstance(value, Attested):
        return Output(value.uri, value.name)
    if isinstance(value, (str, Path)) and str(value):
        return Output(value)
    raise ConfigurationError(
        f"{task} returned {shown(value)}, which names no file and no model",
        hint="return a path, the URI of a logged model, Output(...), or a list of them",
    )


def _measure_output(output: Output) -> tuple[Literal["dataset", "model"], Measurement]:
    from attestflow.subject import measure

    name = output.name or (str(output.uri).rpartition("/")[2] if "://" not in str(output.uri) else None)
    with bytes_of(str(output.uri)) as path:
        model = str(output.uri).startswith(("models:/", "runs:/")) or (path / "MLmodel").is_file()
        return ("model" if model else "dataset"), measure(path, name=name or None)


def _uri(uri: str | Path) -> str:
    text = str(uri)
    return text if text.startswith(("models:/", "runs:/", "file:")) else Path(text).absolute().as_uri()


def attest_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = False, **kwargs: Any
) -> Any:
    """Airflow's `@task.attest`; takes what `@task` takes, and what `AttestTask` adds."""
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=AttestTask,
        **kwargs,
    )
