"""Puts the four top-level folders and the rules' pages under attestflow/ in a wheel; editable installs follow the links."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACES = {
    **{folder: f"attestflow/{folder}" for folder in ("mlbom", "operators", "hooks", "integrations")},
    "docs/rules": "attestflow/policy/pages",
}


class Folders(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"].update(PLACES)
