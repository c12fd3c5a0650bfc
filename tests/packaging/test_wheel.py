"""What a user installs holds every file: the wheel, a wheel from the sdist, and one from a clone without symlinks."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("mlbom", "operators", "hooks", "integrations")


def tracked(*patterns: str) -> list[str]:
    """Files below the repository that git tracks or would track, but not links."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file() and not (ROOT / name).is_symlink()]


def expected() -> set[str]:
    """Every file that a wheel must hold, by its name in the wheel."""
    inside = set(tracked("attestflow"))
    pages = {f"attestflow/policy/pages/{Path(name).name}" for name in tracked("docs/rules")}
    return inside | pages | {f"attestflow/{name}" for folder in FOLDERS for name in tracked(folder)}


def build(kind: str, source: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "-o", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith("attestflow/")}


def copy_of_tree(target: Path, *, links: bool) -> Path:
    """What a fresh clone of the working tree holds; without `links` as git checks out when symlinks are off."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0"):
        source, copy = ROOT / name, target / name
        if not name or not (source.exists() or source.is_symlink()):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink() and links:
            copy.symlink_to(source.readlink())
        elif source.is_symlink():
            copy.write_text(str(source.readlink()))
        else:
            copy.write_bytes(source.read_bytes())
    return target


@pytest.fixture(scope="module", params=["wheel", "wheel from sdist", "clone without symlinks"])
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("build")
    source = copy_of_tree(base / "clone", links=request.param != "clone without symlinks")
    if request.param == "wheel from sdist":
        with tarfile.open(build("sdist", source, base / "sdist")) as archive:
            archive.extractall(base / "unpacked", filter="data")
        source = next((base / "unpacked").iterdir())
    return build("wheel", source, base / "wheel")


def test_holds_every_file(wheel: Path) -> None:
    assert names_in(wheel) == expected()


def test_top_level_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"attestflow"}
