"""`make bench`: every benchmark, one after the other. Ratios against named peers on the same data in one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

for name in ("hashing", "gate", "policy", "gated_alias", "store", "impact"):
    print(f"== {name}", flush=True)
    subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True)
