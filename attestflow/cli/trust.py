"""`attestflow trust`: sign the trust root, look at it, accept a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from attestflow.cli.options import common, load_settings, passphrase_option


@click.group(name="trust")
def command() -> None:
    """Sign and show the trust root; accept settings that were found."""


@command.command(name="sign")
@passphrase_option
@common
def sign(passphrase_fd: int | None, config: str | None, store: str | None, as_json: bool) -> None:
    """Sign the trust root with the root key after an edit (raise its `version` first)."""
    from attestflow.cli.signing import sign_with_root
    from attestflow.errors import ConfigurationError
    from attestflow.verification.trust_root import TrustRoot

    settings = load_settings(config, store)
    if settings.trust_root_file is None:
        raise ConfigurationError("no trust root is named", hint="run `attestflow init`")

    def check(data: bytes) -> tuple[str, int, str]:
        return "trust-root", TrustRoot.parse(data).version, "the trust root"

    sign_with_root(settings, settings.trust_root_file, check, passphrase_fd, as_json=as_json)


@command.command(name="show")
@common
def show(config: str | None, store: str | None, as_json: bool) -> None:
    """Who is trusted for what, from the verified trust root."""
    from attestflow.cli.output import fields, line, print_json
    from attestflow.clock import format_time

    root = load_settings(config, store).trust_root()
    people: dict[str, dict[str, Any]] = {
        name: {
            "keys": [key.fingerprint for key in functionary.keys],
            "may": [scope.predicate_type for scope in functionary.may],
            "observed": functionary.observed,
        }
        for name, functionary in root.functionaries.items()
    }
    if as_json:
        print_json({"version": root.version, "expires": format_time(root.expires), "functionaries": people})
        return
    line(f"trust root version {root.version}, expires {format_time(root.expires)}, sha256:{root.sha256}")
    for name, functionary in root.functionaries.items():
        line(name)
        keys, may = people[name]["keys"], people[name]["may"]
        fields({"keys": ", ".join(keys), "may": ", ".join(may), "observed": functionary.observed or None})


@command.command(name="allow")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def allow(file: Path, config: str | None, store: str | None, as_json: bool) -> None:
    """Accept a settings file on this account: this path with these bytes may name a trust root, keys and policies."""
    from attestflow.cli.output import line, print_json
    from attestflow.settings.files import read_guarded
    from attestflow.settings.schema import parse_settings

    settings = load_settings(str(file), store)
    data = read_guarded(file, "settings")
    parse_settings(data, file)
    settings.account.accept(file, data)
    if as_json:
        print_json({"accepted": str(file.resolve()), "root_fingerprint": settings.root_fingerprint})
        return
    line(f"accepted {file.resolve()}; its trust root must be signed by {settings.root_fingerprint}", style="green")
