"""Puts the four top-level folders under attestflow/ in a wheel, and leaves an editable install to the links."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("mlbom", "operators", "hooks", "integrations")


class Folders(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"].update({folder: f"attestflow/{folder}" for folder in FOLDERS})
