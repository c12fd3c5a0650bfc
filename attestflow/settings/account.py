"""What this account remembers, outside every store: which settings files it accepted, and the highest versions seen."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestflow.documents import parse_json, shown
from attestflow.errors import ConfigurationError
from attestflow.settings.files import read_guarded, write_whole


@dataclass(frozen=True, slots=True)
class Account:
    """The account's memory in two files below `directory` (one that only this account writes)."""

    directory: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Account:
        """The account's own folder: ATTESTFLOW_HOME, or `attestflow` in the user's configuration directory."""
        if home := environ.get("ATTESTFLOW_HOME"):
            return cls(Path(home).absolute())
        import platformdirs

        return cls(Path(platformdirs.user_config_dir("attestflow")))

    def accept(self, settings_file: Path, data: bytes) -> None:
        """Accept a settings file at this path with these bytes (`attestflow init`, `attestflow trust allow`)."""
        with self._changing("allowed.json") as allowed:
            allowed[str(settings_file.resolve())] = hashlib.sha256(data).hexdigest()

    def accepts(self, settings_file: Path, data: bytes) -> bool:
        """Whether `accept` was called for this very path and these very bytes."""
        return bool(self._read("allowed.json").get(str(settings_file.resolve())) == hashlib.sha256(data).hexdigest())

    def seen_version(self, name: str) -> int:
        """The highest version seen of the signed document `name`; 0 where none was."""
        entry = self._read("versions.json").get(name)
        if entry is None:
            return 0
        if not isinstance(entry, dict) or not isinstance(entry.get("version"), int):
            raise ConfigurationError(f"{shown(self.directory / 'versions.json')} is damaged at {shown(name)}")
        return int(entry["version"])

    def advance(self, name: str, version: int, sha256: str, what: str) -> None:
        """Note that `version` of a signed document is in use; an older one, or another of the same version, is refused."""
        entry = self._read("versions.json").get(name)
        if entry == {"version": version, "sha256": sha256}:
            return
        with self._changing("versions.json") as versions:
            entry = versions.get(name, {"version": 0, "sha256": ""})
            if not isinstance(entry, dict) or not isinstance(entry.get("version"), int):
                raise ConfigurationError(f"{shown(self.directory / 'versions.json')} is damaged at {shown(name)}")
            if version < entry["version"]:
                raise ConfigurationError(
                    f"{what} is version {version}, but version {entry['version']} was in use here: it went back",
                    hint="use the newest one; a rollback is signed again under a higher version",
                )
            if version == entry["version"] and sha256 != entry.get("sha256"):
                raise ConfigurationError(
                    f"{what} is another document under version {version}, which was in use here",
                    hint="raise its `version`, then sign it again",
                )
            versions[name] = {"version": version, "sha256": sha256}

    def _read(self, file: str) -> dict[str, Any]:
        path = self.directory / file
        if not path.exists():
            return {}
        value = parse_json(read_guarded(path, "account file"), str(path), error=ConfigurationError)
        if not isinstance(value, dict):
            raise ConfigurationError(f"account file {shown(path)} is damaged", hint="restore it, or remove it")
        return value

    @contextmanager
    def _changing(self, file: str) -> Iterator[dict[str, Any]]:
        """Read, let the caller change, write whole; one process at a time (flock)."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            value = self._read(file)
            yield value
            write_whole(self.directory / file, json.dumps(value, indent=1, sort_keys=True).encode(), mode=0o600)
        finally:
            os.close(lock)
