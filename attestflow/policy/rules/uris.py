"""URIs that a run states, in one spelling, so that a glob in a policy means what its author meant."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PLAIN = re.compile(r"[!-~]{1,2000}")


def plain_uri(text: str) -> str | None:
    """`text` with scheme and host in lower case and without `.git` at its end; None for one that could fool a glob.

    Refused: user information (`https://good@evil/`), escapes, backslashes, `..` and empty segments, query and fragment,
    characters that are not printable ASCII.
    """
    if not _PLAIN.fullmatch(text) or "\\" in text or unquote(text) != text:
        return None
    try:
        parts = urlsplit(text)
        host = parts.netloc.lower()
    except ValueError:
        return None
    if not parts.scheme or "@" in host or parts.query or parts.fragment:
        return None
    path = parts.path.removesuffix("/").removesuffix(".git")
    if {".", ".."} & set(path.split("/")) or "//" in path:
        return None
    separator = "//" if text[len(parts.scheme) + 1 :].startswith("//") else ""
    return f"{parts.scheme.lower()}:{separator}{host}{path}"


def matches(uri: str | None, patterns: tuple[str, ...]) -> bool:
    """Whether a URI, once plain, matches one of the globs; `*` crosses slashes."""
    plain = plain_uri(uri) if uri is not None else None
    return plain is not None and any(fnmatchcase(plain, pattern) for pattern in patterns)


def needs_revision(uri: str) -> bool:
    """Whether a URI names something that moves unless a revision is given: git, a model hub, an image."""
    return uri.startswith(("git+", "git:", "hf:", "docker:", "oci:", "pkg:huggingface/", "pkg:github/", "pkg:oci/"))


def revision(uri: str) -> str | None:
    """The commit or digest at the end of a URI (`…@<40 or 64 hex>`, `…@sha256:<64 hex>`), None without one."""
    text = uri.rpartition("@")[2].removeprefix("sha256:") if "@" in uri else ""
    return text if _COMMIT.fullmatch(text) else None
