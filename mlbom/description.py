"""What is known about a model, apart from any BOM format: each value with its source and its basis."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from attestflow.digest import ContentDigest, Listing
from attestflow.documents import escaped, shown
from attestflow.errors import ConfigurationError

T = TypeVar("T", covariant=True)

Basis = Literal["measured", "attested", "self-asserted"]
"""`measured`: computed from the bytes. `attested`: a signed statement says so. `self-asserted`: a file or caller says so."""

BASES: frozenset[str] = frozenset({"measured", "attested", "self-asserted"})
MAX_TEXT = 4096
MAX_VERSION = 1024
MAX_VALUE = 65536


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T]):
    """A value, where it was learned (`source`, words for people) and on what `basis`."""

    value: T
    source: str
    basis: Basis

    def __post_init__(self) -> None:
        check_basis(self.basis, self.source)


@dataclass(frozen=True, slots=True, order=True)
class ModelFile:
    """One file of the model, measured: name relative to the model directory, both digests (hex), size in bytes."""

    name: str
    sha256: str
    sha512: str
    size: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set that the model was made from or evaluated on, named by the digest of its content.

    `role` is what it was used for ("training", "validation", "test"); `attestation` is the identity of the statement
    which says that this content exists, where there is one; `size` is in bytes.
    """

    name: str
    content: ContentDigest
    source: str
    basis: Basis
    role: str = "training"
    attestation: str | None = None
    size: int | None = None
    url: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        check_text(self.name, "a data set's name")
        check_text(self.role, "a data set's role")
        check_basis(self.basis, self.source)


@dataclass(frozen=True, slots=True)
class Metric:
    """A performance metric: `type` (its name), a finite number, and the slice of data it was computed on (None: all)."""

    type: str
    value: float
    source: str
    basis: Basis
    slice: str | None = None

    def __post_init__(self) -> None:
        check_text(self.type, "a metric's name")
        check_basis(self.basis, self.source)
        if not math.isfinite(self.value):
            raise ConfigurationError(
                f"the metric {shown(self.type)} is {self.value}: a BOM holds finite numbers only",
                hint="leave the metric out, or log a number",
            )

    @classmethod
    def many(cls, values: Mapping[str, float], *, source: str, basis: Basis) -> tuple[Metric, ...]:
        """One metric for each entry of `values`, in name order."""
        return tuple(cls(name, float(values[name]), source, basis) for name in sorted(values))


@dataclass(frozen=True, slots=True)
class Parameter:
    """A hyper-parameter as text."""

    name: str
    value: str
    source: str
    basis: Basis

    def __post_init__(self) -> None:
        check_text(self.name, "a hyper-parameter's name")
        check_text(self.value, f"the hyper-parameter {shown(self.name)}", limit=MAX_VALUE, empty=True)
        check_basis(self.basis, self.source)

    @classmethod
    def many(cls, values: Mapping[str, object], *, source: str, basis: Basis) -> tuple[Parameter, ...]:
        """One hyper-parameter for each entry of `values`, in name order; values become text, control characters escaped."""
        return tuple(cls(name, escaped(str(values[name])), source, basis) for name in sorted(values))


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of the model: a column or tensor. `name` is None where the signature gives none."""

    name: str | None
    type: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence as declared: `expression` is a valid SPDX expression, or `names` say what no expression is certain for."""

    expression: str | None
    names: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        if (self.expression is None) == (not self.names):
            raise ConfigurationError("a licence is either one SPDX expression or one or more names")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A Python distribution. `version` is None where it is required and not installed.

    `requirement` is what the model's own requirements.txt asks for (direct dependencies only) and `satisfied` whether
    the installed version fulfils it. `depends_on` holds normalised names (PEP 503) of other dependencies. `hashes` are of the
    archive it was installed from (PEP 610; name of the algorithm to hex) and `record_sha256` is of its installed RECORD file.
    """

    name: str
    version: str | None
    licence: Licence | None = None
    requirement: str | None = None
    satisfied: bool | None = None
    depends_on: tuple[str, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()
    record_sha256: str | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """The Python dependencies of a model as installed, and how complete that list is."""

    dependencies: tuple[Dependency, ...]
    python: str
    source: str
    basis: Basis
    complete: bool
    """Every requirement was found and each package's own requirements too."""


@dataclass(frozen=True, slots=True)
class System:
    """What uses the model: the application, or the registry's entry for it (`metadata.component` of a BOM)."""

    name: str
    version: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        check_text(self.name, "the system's name")
        if self.version is not None:
            check_text(self.version, "the system's version", limit=MAX_VERSION)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model, described: nothing here is guessed; what is not known is None or empty."""

    name: str
    version: str | None
    listing: Listing
    files: tuple[ModelFile, ...]
    system: System
    purl_type: str = "mlflow"
    registry_url: str | None = None
    identifiers: tuple[tuple[str, Sourced[str]], ...] = ()
    """Names that other systems gave it: run_id, model_id, model_uuid."""
    framework: Sourced[str] | None = None
    framework_version: Sourced[str] | None = None
    architecture: Sourced[str] | None = None
    architecture_family: Sourced[str] | None = None
    task: Sourced[str] | None = None
    approach: Sourced[str] | None = None
    licence: Sourced[Licence] | None = None
    created_on: Sourced[str] | None = None
    inputs: Sourced[tuple[Port, ...]] | None = None
    outputs: Sourced[tuple[Port, ...]] | None = None
    datasets: tuple[Dataset, ...] = ()
    metrics: tuple[Metric, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    environment: Environment | None = None
    facts: tuple[tuple[str, Sourced[str]], ...] = ()
    """Other values worth keeping, by name: serialisation format, loader module, MLflow version."""

    def __post_init__(self) -> None:
        check_text(self.name, "the model's name")
        if self.version is not None:
            check_text(self.version, "the model's version", limit=MAX_VERSION)
        if self.approach is not None and self.approach.value not in APPROACHES:
            raise ConfigurationError(
                f"the learning approach {shown(self.approach.value)} is none of {', '.join(sorted(APPROACHES))}"
            )

    @property
    def content(self) -> ContentDigest:
        """The digest of the model's tree."""
        return self.listing.digest()


APPROACHES: frozenset[str] = frozenset(
    {"supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"}
)


def check_text(text: str, what: str, *, limit: int = MAX_TEXT, empty: bool = False) -> str:
    """`text` if it may stand in a BOM; ConfigurationError naming `what` for empty, long or unprintable text."""
    problem = text_problem(text, limit=limit, empty=empty)
    if problem:
        raise ConfigurationError(f"{what} {problem}: {shown(text)}")
    return text


def text_problem(text: str, *, limit: int = MAX_TEXT, empty: bool = False) -> str | None:
    """Why `text` may not stand in a BOM (empty, longer than `limit`, control or surrogate characters), or None."""
    if not text and not empty:
        return "is empty"
    if len(text) > limit:
        return f"is {len(text)} characters long, at most {limit} are taken"
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in _BIDI for char in text):
        return "holds control characters"
    return None


def check_basis(basis: str, source: str) -> None:
    """ConfigurationError unless `basis` is one of the three and the source is named."""
    if basis not in BASES:
        raise ConfigurationError(f"the basis {shown(basis)} is none of {', '.join(sorted(BASES))}")
    check_text(source, "the source of a value")


def unique_names(names: Iterable[str], what: str) -> None:
    """ConfigurationError where a name stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigurationError(f"{what} {shown(name)} is given twice")
        seen.add(name)


# Embeddings, overrides and isolates: they make a name read as another one.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
