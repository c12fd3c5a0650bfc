"""What breaks while a promotion is under way: refused or rolled back, never promoted, and told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from attestflow.clock import format_time, utc_now
from attestflow.settings import Settings
from attestflow.testing.mlflow_server import ServerDidNotStart, mlflow_server
from attestflow.verification.signed_document import sign_document, signature_path

from .registry import Side, fresh, guarded_settings, refused

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


def resigned(config: Path, home: Path, file: str, **changes: object) -> None:
    """Edit a signed document honestly: the next version, signed by the root key."""
    path = config.parent / file
    document = yaml.safe_load(path.read_text())
    document |= {"version": document["version"] + 1, **changes}
    data = yaml.safe_dump(document).encode()
    path.write_bytes(data)
    signer = Settings.load(config=config, environ={"ATTESTFLOW_HOME": str(home)}).signer("root")
    signature_path(path).write_bytes(sign_document(data, path.name, signer))


def test_killed_in_the_middle(tmp_path: Path) -> None:
    """SIGKILL while clients promote attested and unattested versions; after the restart nothing unattested is production."""
    home = tmp_path / "home"
    config = guarded_settings(tmp_path, home)
    environ = {"ATTESTFLOW_HOME": str(home)}
    folder = tmp_path / "server"
    stop = threading.Event()
    with mlflow_server(folder, config=config, environ=environ) as server:
        side = Side(server, config, home)
        names = [fresh("credit") for _ in range(2)]
        made = side.versions(names, 20, attested=lambda index: index % 4 < 2)
        good = {each for index, each in enumerate(made) if index % 4 < 2}

        def promote(part: int) -> None:
            for name, version in made[part::4] * 50:
                if stop.is_set():
                    return
                try:
                    side.call("api", "alias", name=name, alias="production", version=version)
                except (
                    ValueError,
                    OSError,
                    subprocess.SubprocessError,
                ):  # curl's answer is cut off when the server dies
                    return

        threads = [threading.Thread(target=promote, args=(part,)) for part in range(4)]
        for each in threads:
            each.start()
        time.sleep(2)
        os.killpg(server.group, signal.SIGKILL)
        stop.set()
        for each in threads:
            each.join(30)
    with mlflow_server(folder, config=config, environ=environ) as server:
        side = Side(server, config, home)
        for name in names:
            for version in side.aliases(name).values():
                assert (name, version) in good
        # A write or freeze that the dead server left behind holds nobody up.
        name, version = next(iter(good))
        assert side.call("api", "alias", name=name, alias="production", version=version)[0] == 200


def test_what_a_server_can_know_before_it_serves(tmp_path: Path) -> None:
    home = tmp_path / "home"
    config = guarded_settings(tmp_path, home)
    past = format_time(utc_now() - timedelta(minutes=1))

    def refuses(words: str) -> None:
        with (
            pytest.raises(ServerDidNotStart, match=words),
            mlflow_server(tmp_path / "server", config=config, environ={"ATTESTFLOW_HOME": str(home)}),
        ):
            pass

    store = (tmp_path / "attestations").rename(tmp_path / "away")
    refuses("attestations.* is not there")
    store.rename(tmp_path / "attestations")
    resigned(config, home, "trust-root.yaml", expires=past)
    refuses("trust root .* expired")


def test_what_expires_while_it_serves(tmp_path: Path) -> None:
    home = tmp_path / "home"
    config = guarded_settings(tmp_path, home)
    later = format_time(utc_now() + timedelta(days=9))
    with mlflow_server(tmp_path / "server", config=config, environ={"ATTESTFLOW_HOME": str(home)}) as server:
        side = Side(server, config, home)
        name = fresh("credit")
        version = side.version(name, attested=True)

        def asked() -> tuple[int, dict[str, object]]:
            return side.call("api", "alias", name=name, alias="production", version=version)

        for file in ("trust-root.yaml", "policies/production.yaml"):
            resigned(config, home, file, expires=format_time(utc_now() - timedelta(minutes=1)))
            answer = asked()
            refused(answer)
            assert "expired" in str(answer[1]["message"])
            resigned(config, home, file, expires=later)
        attested = tmp_path / "attestations" / "by-subject"
        away = attested.rename(tmp_path / "away")
        refused(asked())
        shutil.rmtree(attested)  # the denial, recorded where nothing else is
        away.rename(attested)
        assert asked()[0] == 200
