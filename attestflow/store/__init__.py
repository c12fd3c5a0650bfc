"""Stores of evidence: an interface, a folder, and any fsspec URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attestflow.store.interface import Limits, Store

ENTRY_POINTS = "attestflow.store"


def open_store(url: str, limits: Limits | None = None, *, create: bool = False) -> Store:
    """The store at a path or URL; `create` makes it where it is not there.

    Schemes of others come from the entry-point group `attestflow.store` (a callable like this one). Raises
    ConfigurationError for a URL that nothing opens, StoreError for a store that is not there.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        from attestflow.store.folder import FolderStore

        return FolderStore(Path(url).absolute(), limits, create=create)
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS, name=scheme):
        opened: Store = point.load()(url, limits, create=create)
        return opened
    from attestflow.store.remote import RemoteStore

    return RemoteStore(url, limits, create=create)
