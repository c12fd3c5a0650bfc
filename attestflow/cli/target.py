"""TARGET: from what was typed to the bytes, or the digest, that it means."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attestflow.cli.output import progress

if TYPE_CHECKING:
    from attestflow.digest import ContentDigest
    from attestflow.subject import Measurement, ResourceDescriptor

SHA256 = ("sha256",)
BOTH = ("sha256", "blake3")


@dataclass(frozen=True, slots=True)
class Target:
    """What TARGET means: its content digest by SHA-256, its name, and what was read (None: only a digest was given)."""

    text: str
    name: str
    content: ContentDigest
    measured: Measurement | None

    def descriptor(self) -> ResourceDescriptor:
        """The subject of a statement about this target."""
        from attestflow.digest import LISTING_MEDIA_TYPE
        from attestflow.subject import ResourceDescriptor

        if self.measured is not None:
            return self.measured.descriptor()
        tree = self.content.kind == "tree"
        return ResourceDescriptor(
            name=self.name + ("/" if tree else ""),
            digest={"sha256": self.content.sha256},
            media_type=LISTING_MEDIA_TYPE if tree else None,
        )


def is_digest(text: str) -> bool:
    """Whether TARGET names a digest and no bytes."""
    return text.startswith(("file:sha256:", "tree:sha256:"))


def local_target(text: str) -> tuple[str, str | None]:
    """The local path behind TARGET, and the name that its subject has where the path's own would say nothing."""
    if not text.startswith(("models:/", "runs:/")):
        return text, None
    from attestflow.integrations.mlflow.resolve import resolve

    return str(resolve(text)), text.removeprefix("models:/").split("/")[0].split("@")[0]


def read_target(
    text: str,
    *,
    name: str | None = None,
    include: Sequence[str] = (),
    algorithms: Collection[str] = BOTH,
    quiet: bool = False,
) -> Measurement:
    """Measure the bytes of TARGET (a path or `models:/…`). Raises SubjectError, ConfigurationError."""
    from attestflow.subject import measure

    path, registered = local_target(text)
    with progress(f"Reading {text}", quiet=quiet) as callback:
        return measure(path, name=name or registered, include=include, algorithms=algorithms, progress=callback)


def resolve_target(text: str, *, include: Sequence[str] = (), quiet: bool = False) -> Target:
    """TARGET by SHA-256: measured, or taken as the digest that it is."""
    from attestflow.digest import ContentDigest

    if is_digest(text):
        content = ContentDigest.parse(text)
        return Target(text, content.sha256[:12], content, None)
    measured = read_target(text, include=include, algorithms=SHA256, quiet=quiet)
    return Target(text, measured.name, measured.content, measured)
