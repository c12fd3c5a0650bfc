"""What an MLflow model directory says of itself: the file MLmodel, read without MLflow and without trust.

MLflow copies whatever its caller put into `metadata` and into a flavour's `config`, anchors and odd keys included.
Only the fields named here are taken out of the document; the rest is never turned into values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from attestflow.documents import parse_json, parse_yaml, shown
from attestflow.errors import SubjectError
from attestflow.mlbom.description import Port, text_problem

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 50_000
MAX_PORTS = 100_000
_HINT = "give the directory that mlflow.<flavour>.save_model wrote"
_WHAT = "MLmodel"
_TEXTS = ("mlflow_version", "model_id", "model_uuid", "run_id", "utc_time_created")
# Of a flavour only these are read, and its versions: what a caller may have put beside them (prompts, configuration) stays out.
SETTINGS = frozenset(
    {
        *("loader_module", "serialization_format", "model_class", "model_format"),
        *("pickled_model", "pipeline_model_type", "task"),
    }
)
# Versions of tools that wrote the file, not of the framework.
_TOOL_VERSIONS = frozenset({"python_version", "cloudpickle_version"})


@dataclass(frozen=True, slots=True)
class Flavour:
    """One way to load the model: its name and its versions and `SETTINGS`, as text."""

    name: str
    values: Mapping[str, str]

    @property
    def version(self) -> str | None:
        """The framework's version that wrote the model, where exactly one setting says so."""
        keys = [key for key in self.values if key.endswith("_version") and key not in _TOOL_VERSIONS]
        return self.values[keys[0]] if len(keys) == 1 else None


@dataclass(frozen=True, slots=True)
class MLmodel:
    """The fields of an MLmodel file that a BOM needs; `texts` holds those of `mlflow_version`, `run_id` … that are set."""

    flavours: tuple[Flavour, ...]
    texts: Mapping[str, str]
    inputs: tuple[Port, ...] | None
    outputs: tuple[Port, ...] | None

    def flavour(self, name: str) -> Flavour | None:
        """The flavour of that name."""
        return next((flavour for flavour in self.flavours if flavour.name == name), None)

    @property
    def framework(self) -> Flavour | None:
        """The flavour that says what the model is: the only one besides python_function, else None."""
        others = [flavour for flavour in self.flavours if flavour.name != "python_function"]
        return others[0] if len(others) == 1 else None


def parse_mlmodel(data: bytes) -> MLmodel:
    """Read the bytes of an MLmodel file (at most 4 MiB); SubjectError says what is wrong and where."""
    document = parse_yaml(_chosen(data), _WHAT, max_bytes=2 * MAX_BYTES, error=SubjectError)
    flavours = document.get("flavors")
    if not isinstance(flavours, dict) or not flavours:
        _fail("no flavors", hint=_HINT)
    signature = document.get("signature")
    if signature is not None and not isinstance(signature, dict):
        _fail("signature is no map")
    return MLmodel(
        flavours=tuple(_flavour(name, flavours[name]) for name in sorted(flavours)),
        texts={key: _text(document[key], key) for key in _TEXTS if document.get(key) is not None},
        inputs=_ports(signature, "inputs"),
        outputs=_ports(signature, "outputs"),
    )


def _chosen(data: bytes) -> bytes:
    """The document cut down to the fields that are read, as YAML for the strict parser.

    The tree of nodes is built without building values, so an alias is one shared node and costs nothing. What is kept is
    written out again with its tags, anchors and duplicate keys, for `parse_yaml` to refuse.
    """
    import yaml

    if len(data) > MAX_BYTES:
        _fail(f"{len(data)} bytes, at most {MAX_BYTES} are read")
    try:
        root = yaml.compose(data.decode("utf-8"), Loader=_counting_loader())
        if not isinstance(root, yaml.MappingNode):
            _fail("no YAML map", hint=_HINT)
        _keep(root, {*_TEXTS, "flavors", "signature"}.__contains__)
        for key, value in root.value:
            if key.value == "signature" and isinstance(value, yaml.MappingNode):
                _keep(value, {"inputs", "outputs"}.__contains__)
            if key.value == "flavors" and isinstance(value, yaml.MappingNode):
                for _, flavour in value.value:
                    if isinstance(flavour, yaml.MappingNode):
                        _keep(flavour, _is_setting)
                        _as_text(flavour)
        _as_text(root)
        return bytes(yaml.serialize(root, encoding="utf-8", allow_unicode=True, width=2**31))
    except UnicodeDecodeError as exc:
        _fail(f"not UTF-8 at byte {exc.start}")
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        _fail(f"{getattr(exc, 'problem', None) or 'not YAML'}{place}")
    except RecursionError:
        _fail("nested too deep")


def _counting_loader() -> Any:
    """SafeLoader that gives up on documents of very many nodes: each costs 20 microseconds."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Counts what it composes."""

        nodes = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise yaml.composer.ComposerError(None, None, f"more than {MAX_NODES} values", self.get_mark())
            return super().compose_node(parent, index)

    return Loader


def _as_text(mapping: Any) -> None:
    """Make the numbers of a YAML map text, as they are written: `1.10` is a version, not 1.1."""
    for _, value in mapping.value:
        if value.tag in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}:
            value.tag, value.style = "tag:yaml.org,2002:str", "'"


def _keep(mapping: Any, wanted: Callable[[str], bool]) -> None:
    """Drop the entries of a YAML map that are not wanted (a key that is no scalar has a list as its value)."""
    mapping.value = [pair for pair in mapping.value if isinstance(pair[0].value, str) and wanted(pair[0].value)]


def _is_setting(key: str) -> bool:
    return key in SETTINGS or key.endswith("_version")


def _flavour(name: str, value: Any) -> Flavour:
    where = f"flavor {shown(name)}"
    _text(name, "a flavor's name")
    if not isinstance(value, dict):
        _fail(f"{where} is no map")
    return Flavour(
        name, {key: _text(item, f"{where}: {key}", empty=True) for key, item in value.items() if item is not None}
    )


def _ports(signature: Mapping[str, Any] | None, side: str) -> tuple[Port, ...] | None:
    """Columns or tensors of one side of the signature: MLflow keeps it as JSON text inside the YAML."""
    text = None if signature is None else signature.get(side)
    if text is None:
        return None
    where = f"{_WHAT}: signature.{side}"
    if not isinstance(text, str):
        _fail(f"signature.{side} is no JSON text")
    columns = parse_json(text.encode(), where, max_bytes=MAX_BYTES, error=SubjectError)
    if not isinstance(columns, list) or len(columns) > MAX_PORTS:
        _fail(f"signature.{side} is no list of at most {MAX_PORTS} columns")
    return tuple(_port(column, f"signature.{side}[{index}]") for index, column in enumerate(columns))


def _port(column: Any, where: str) -> Port:
    if not isinstance(column, dict):
        _fail(f"{where} is no object")
    name = column.get("name")
    required = column.get("required", True)
    if not isinstance(required, bool):
        _fail(f"{where}.required is no boolean")
    return Port(None if name is None else _text(name, f"{where}.name", empty=True), _type(column, where), required)


def _type(column: Any, where: str) -> str:
    """A type as one line: double, array(string), object(a: long), map(double), tensor(float32[-1, 3])."""
    parts: list[str] = []
    for part in _type_parts(column, where):
        parts.append(part)
        if len(parts) > 10_000:
            _fail(f"{where}.type has too many parts")
    return "".join(parts)


def _type_parts(column: Any, where: str) -> Iterator[str]:
    kind = _text(column.get("type") if isinstance(column, dict) else None, f"{where}.type")
    if kind == "tensor":
        spec = column.get("tensor-spec")
        if not isinstance(spec, dict) or not isinstance(spec.get("shape"), list):
            _fail(f"{where}.tensor-spec is no object with a shape")
        shape = ", ".join(_text(size, f"{where}.shape") for size in spec["shape"])
        yield f"tensor({_text(spec.get('dtype'), f'{where}.dtype')}[{shape}])"
    elif kind in {"array", "map"}:
        yield kind + "("
        yield from _type_parts(column.get("items" if kind == "array" else "values"), where)
        yield ")"
    elif kind == "object":
        properties = column.get("properties")
        if not isinstance(properties, dict):
            _fail(f"{where}.properties is no object")
        yield "object("
        for index, (name, item) in enumerate(properties.items()):
            yield (", " if index else "") + _text(name, f"{where}.properties", empty=True) + ": "
            yield from _type_parts(item, where)
        yield ")"
    else:
        yield kind


def _text(value: Any, where: str, *, empty: bool = False) -> str:
    """A plain value as text without control characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        _fail(f"{where} is no text")
    text = str(value)
    problem = text_problem(text, empty=empty)
    if problem:
        _fail(f"{where} {problem}: {shown(text)}")
    return text


def _fail(problem: str, *, hint: str | None = None) -> NoReturn:
    raise SubjectError(f"{_WHAT}: {problem}", hint=hint)
