"""Pin MITRE ATLAS: `python scripts/pin_atlas.py ATLAS.yaml` writes the ids and names that our tables are checked against.

ATLAS.yaml is dist/ATLAS.yaml of the repository mitre-atlas/atlas-data (Apache-2.0).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parents[1] / "attestflow" / "compliance" / "atlas-ids.json"


def pinned(atlas: dict[str, Any]) -> dict[str, Any]:
    """Version, and name by id of every technique and mitigation."""
    (matrix,) = atlas["matrices"]
    names = {
        kind: {each["id"]: each["name"] for each in sorted(matrix[kind], key=lambda each: str(each["id"]))}
        for kind in ("techniques", "mitigations")
    }
    return {
        "source": "mitre-atlas/atlas-data, dist/ATLAS.yaml",
        "licence": "Apache-2.0",
        "version": atlas["version"],
        **names,
    }


if __name__ == "__main__":
    atlas = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TARGET.write_text(json.dumps(pinned(atlas), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
