"""The data sets that an MLflow run lists as its inputs, tied to attested content where that can be done.

MLflow's own digest of a data set covers part of it and is cut to 8 characters: it is repeated as what MLflow calls the data
set, and is never evidence. What a run lists is text that anybody with access to the server wrote, so only files of a name that
somebody attested before are opened at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from attestflow.digest import LISTING_MEDIA_TYPE, ContentDigest
from attestflow.documents import parse_json
from attestflow.errors import AttestflowError, SubjectError, VerificationError
from attestflow.integrations.mlflow.registration.hostile import name_of, public_text
from attestflow.predicates import reference
from attestflow.subject import Measurement, ResourceDescriptor, measure

if TYPE_CHECKING:
    from attestflow.attest import Attester

MAX_DATASETS = 100
_MAX_SOURCE = 64 * 1024
_MAX_URI = 4096
_PARENTS = 3  # how far above a file the attested folder that holds it is looked for
_POINTERS = 20
NOT_MEASURED = "not measured: what MLflow calls the digest says nothing about the content"


def dataset_inputs(listed: Any, attester: Attester) -> tuple[tuple[ResourceDescriptor, ...], int]:
    """Descriptors for `resolvedDependencies`, and how many data sets beyond the first 100 were left out.

    `listed` are MLflow's DatasetInputs. With our digest stand a file or folder of this machine that is attested, or whose
    name is and which changed since, and the attested folder that holds a file with these very bytes.
    """
    found: dict[tuple[Any, ...], ResourceDescriptor] = {}
    for each in list(listed)[:MAX_DATASETS]:
        descriptor = _descriptor(each, attester)
        found.setdefault((descriptor.name, descriptor.uri, tuple(descriptor.digest.items())), descriptor)
    return tuple(found.values()), max(0, len(listed) - MAX_DATASETS)


def _descriptor(listed: Any, attester: Attester) -> ResourceDescriptor:
    dataset = listed.dataset
    tags = {str(tag.key): str(tag.value) for tag in listed.tags or ()}
    name = name_of(str(dataset.name or ""), "dataset")
    called = {
        "name": name,
        "digest": name_of(str(dataset.digest or ""), ""),
        "sourceType": name_of(str(dataset.source_type or ""), ""),
        "context": name_of(tags.get("mlflow.data.context", ""), ""),
    }
    notes = {"mlflow": {key: value for key, value in called.items() if value}}
    source = _source(str(dataset.source or ""))
    path = _local_path(source)
    known = _known(path, attester) if path is not None else None
    if known is not None:
        return replace(known, annotations={**known.annotations, **notes})
    uri = public_text(source) if "://" in source and path is None else f"mlflow-dataset:{quote(name)}"
    return ResourceDescriptor(name=name, uri=uri, annotations={**notes, "content": NOT_MEASURED})


def _source(text: str) -> str:
    """The URI or path in MLflow's JSON about a source, empty where it names none."""
    try:
        found = parse_json(text.encode("utf-8", "replace"), "source", max_bytes=_MAX_SOURCE, error=SubjectError)
        named = found if isinstance(found, Mapping) else {}
        value = next((named[key] for key in ("uri", "url", "path") if named.get(key)), "")
        plain = isinstance(value, str) and value.isprintable() and len(value) <= _MAX_URI
        return value if plain and urlsplit(value) else ""
    except (SubjectError, ValueError):  # ValueError: brackets that hold no address
        return ""


def _local_path(source: str) -> Path | None:
    parts = urlsplit(source)
    if not source or parts.query or parts.fragment:
        return None
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        path = unquote(parts.path)
        return Path(path).absolute() if path.isprintable() else None
    return Path(source).absolute() if not parts.scheme else None


def _known(path: Path, attester: Attester) -> ResourceDescriptor | None:
    """What is attested and lies at `path`, with the digest that was measured now; None where nothing can be tied to it."""
    try:
        measured = measure(path) if _pointers(attester, path.name) else None
        if measured is not None and _is_attested(attester, measured.content):
            return measured.descriptor()
        inside = _in_attested_folder(path, attester)
        if inside is not None:
            return inside
        return measured.descriptor() if measured is not None else None  # attested once by that name, and changed since
    except (SubjectError, VerificationError):
        return None  # not there, no plain file, or a damaged listing: then it is not known


def _in_attested_folder(path: Path, attester: Attester) -> ResourceDescriptor | None:
    measured: Measurement | None = None
    for parent in list(path.parents)[:_PARENTS]:
        inner = PurePath(path).relative_to(parent).as_posix()
        for content in _pointers(attester, parent.name):
            listing = attester.store.listing(content.sha256) if content.kind == "tree" else None
            attested = listing.get(inner) if listing is not None else None
            if attested is None:
                continue
            measured = measured or measure(path)
            if measured.content == ContentDigest("file", attested) and _is_attested(attester, content):
                return ResourceDescriptor(
                    name=f"{parent.name}/",
                    digest={"sha256": content.sha256},
                    media_type=LISTING_MEDIA_TYPE,
                    annotations={"file": inner, "fileDigest": str(measured.content)},
                )
    return None


def _pointers(attester: Attester, name: str) -> tuple[ContentDigest, ...]:
    return tuple(each.content for each in attester.store.find_by_name(name)[:_POINTERS]) if name else ()


def _is_attested(attester: Attester, content: ContentDigest) -> bool:
    if attester.verifier is None:
        return False
    for stored in attester.store.attestations(content, reference.PREDICATE_TYPE):
        try:
            if content in attester.verifier.verify(stored.raw).statement.contents():
                return True
        except AttestflowError:
            continue
    return False
