"""An MLflow model directory as a ModelDescription, read without MLflow and without loading the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attestflow.digest import Listing
from attestflow.documents import shown
from attestflow.errors import ConfigurationError, SubjectError
from attestflow.mlbom import families, skops
from attestflow.mlbom.description import (
    Dataset,
    Environment,
    Licence,
    Metric,
    ModelDescription,
    Parameter,
    Port,
    Sourced,
    System,
    unique_names,
)
from attestflow.mlbom.files import Files, read_files
from attestflow.mlbom.installed import installed_environment, parse_requirements
from attestflow.mlbom.mlmodel import MAX_BYTES, MLmodel, parse_mlmodel
from attestflow.mlbom.spdx import spdx_expression

MLMODEL = "MLmodel"
REQUIREMENTS = "requirements.txt"
_CALLER = "given by the caller"
_IDENTIFIERS = ("run_id", "model_id", "model_uuid")
# Flavour settings worth showing: what reads the weights and how they are stored. Paths and URIs are not taken.
_FACTS = {
    "python_function": ("loader_module", "python_version"),
    "*": ("serialization_format", "model_class", "model_format"),
}


def describe_model_dir(
    path: str | Path,
    *,
    name: str,
    version: str | None = None,
    system: System | None = None,
    listing: Listing | None = None,
    environment: Environment | Sequence[str | Path] | None = None,
    datasets: Sequence[Dataset] = (),
    metrics: Sequence[Metric] = (),
    parameters: Sequence[Parameter] = (),
    task: str | None = None,
    approach: str | None = None,
    licence: str | None = None,
    registry_url: str | None = None,
) -> ModelDescription:
    """Describe the model that lies in `path` (a directory which holds the file MLmodel), registered as `name` and `version`.

    `listing` is what attestation measured: where the files differ from it, DigestMismatch. `environment` is an
    Environment, or site-packages folders to look in; None looks at this interpreter's. What the caller states (`task`,
    `approach`, the SPDX expression `licence`) is marked self-asserted and takes precedence over what the files say.
    `system` is what uses the model; None means its registry entry. Raises SubjectError for a directory that is no MLflow
    model or cannot be read, ConfigurationError for values that a BOM cannot hold.
    """
    root = Path(path)
    unique_names((parameter.name for parameter in parameters), "the hyper-parameter")
    unique_names((f"{metric.type}/{metric.slice or ''}" for metric in metrics), "the metric")
    found = read_files(root, _is_parsed, expected=listing)
    if MLMODEL not in found.kept:
        raise SubjectError(
            f"{shown(root)} holds no readable file MLmodel",
            hint="give the directory that mlflow.<flavour>.save_model wrote",
        )
    mlmodel = parse_mlmodel(found.kept[MLMODEL])
    classes = _classes(mlmodel, found)
    family = families.of_class(classes.value[-1]) if classes else families.Family(None, None, None)
    return ModelDescription(
        name=name,
        version=version,
        listing=found.listing,
        files=found.files,
        system=system or System(name, version, "The model's entry in the MLflow model registry"),
        registry_url=registry_url,
        identifiers=tuple((key, _stated(mlmodel.texts[key])) for key in _IDENTIFIERS if key in mlmodel.texts),
        framework=_stated(mlmodel.framework.name) if mlmodel.framework else None,
        framework_version=_stated(mlmodel.framework.version)
        if mlmodel.framework and mlmodel.framework.version
        else None,
        architecture=Sourced(_call(classes.value), classes.source, classes.basis) if classes else None,
        architecture_family=_derived(family.family, classes),
        task=_given(task) or _flavour_task(mlmodel) or _derived(family.task, classes),
        approach=_given(approach) or _derived(family.approach, classes),
        licence=_licence(licence),
        created_on=_stated(mlmodel.texts["utc_time_created"]) if "utc_time_created" in mlmodel.texts else None,
        inputs=_ports(mlmodel.inputs, "inputs"),
        outputs=_ports(mlmodel.outputs, "outputs"),
        datasets=tuple(datasets),
        metrics=tuple(metrics),
        parameters=tuple(parameters),
        environment=_environment(found, environment),
        facts=_facts(mlmodel),
    )


def _is_parsed(name: str, size: int) -> bool:
    if name in {MLMODEL, REQUIREMENTS}:
        return size <= MAX_BYTES
    return name.endswith(".skops") and size <= skops.MAX_FILE


def _stated(value: str) -> Sourced[str]:
    return Sourced(value, "file MLmodel", "self-asserted")


def _given(value: str | None) -> Sourced[str] | None:
    return None if value is None else Sourced(value, _CALLER, "self-asserted")


def _classes(mlmodel: MLmodel, found: Files) -> Sourced[tuple[str, ...]] | None:
    """The estimator's class, or a pipeline's and its steps': from the weights where they tell, else from the flavour."""
    flavour = mlmodel.framework
    if flavour is None:
        return None
    weights = flavour.values.get("pickled_model", "")
    if weights.endswith(".skops") and weights in found.kept:
        classes = skops.architecture(found.kept[weights])
        if classes:
            return Sourced(classes, f"file {weights} (schema.json)", "measured")
    stated = flavour.values.get("model_class") or flavour.values.get("pipeline_model_type")
    return Sourced((stated,), "file MLmodel", "self-asserted") if stated else None


def _call(classes: tuple[str, ...]) -> str:
    """Classes as one line: `sklearn.pipeline.Pipeline(sklearn.preprocessing.StandardScaler, …)`."""
    return classes[0] if len(classes) == 1 else f"{classes[0]}({', '.join(classes[1:])})"


def _derived(value: str | None, classes: Sourced[tuple[str, ...]] | None) -> Sourced[str] | None:
    """A value that follows from the class name: as good as the class name itself."""
    if value is None or classes is None:
        return None
    return Sourced(value, f"class {classes.value[-1]}, {classes.source}", classes.basis)


def _flavour_task(mlmodel: MLmodel) -> Sourced[str] | None:
    """The task that the flavour names (transformers does)."""
    task = mlmodel.framework.values.get("task") if mlmodel.framework else None
    return _stated(task) if task else None


def _licence(expression: str | None) -> Sourced[Licence] | None:
    if expression is None:
        return None
    valid = spdx_expression(expression)
    if valid is None:
        raise ConfigurationError(
            f"the model's licence {shown(expression)} is no SPDX licence expression",
            hint="write identifiers as https://spdx.org/licenses spells them, or LicenseRef-<name>",
        )
    return Sourced(Licence(valid, (), _CALLER), _CALLER, "self-asserted")


def _ports(ports: tuple[Port, ...] | None, side: str) -> Sourced[tuple[Port, ...]] | None:
    return None if ports is None else Sourced(ports, f"file MLmodel (signature.{side})", "self-asserted")


def _environment(found: Files, given: Environment | Sequence[str | Path] | None) -> Environment | None:
    if isinstance(given, Environment):
        return given
    if REQUIREMENTS not in found.kept:
        return None
    requirements = parse_requirements(found.kept[REQUIREMENTS])
    return installed_environment(requirements, path=None if given is None else [str(folder) for folder in given])


def _facts(mlmodel: MLmodel) -> tuple[tuple[str, Sourced[str]], ...]:
    facts = [("mlflow_version", mlmodel.texts["mlflow_version"])] if "mlflow_version" in mlmodel.texts else []
    facts.append(("flavors", ", ".join(flavour.name for flavour in mlmodel.flavours)))
    for flavour in mlmodel.flavours:
        keys = _FACTS.get(flavour.name, _FACTS["*"])
        facts.extend((f"{flavour.name}.{key}", flavour.values[key]) for key in keys if flavour.values.get(key))
    return tuple((key, _stated(value)) for key, value in facts)
