"""Rule `serialization-formats`: the model holds files of allowed kinds, and no pickles under any other name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from attestflow.documents import shown
from attestflow.lineage import Lineage
from attestflow.policy.schema import Context, Parameter
from attestflow.verdict import Finding

SAFE = (
    "*.safetensors", "*.onnx", "*.gguf", "*.skops", "*.json", "*.yaml", "*.yml", "*.toml", "*.txt", "*.md", "*.csv",
    "MLmodel", "registered_model_meta", "python_env.yaml", "LICENSE", "LICENCE", "README",
)  # fmt: skip


class SerializationFormats:
    """The name of each file of the model matches one of `allow`. It is about names: `model-scan` looks into files."""

    id = "serialization-formats"
    severity: Literal["high", "medium"] = "high"
    description = "The model is stored in formats that cannot run code when they are loaded."
    remediation = "Save the model as safetensors, ONNX, GGUF or skops (MLflow: `serialization_format='skops'`)."
    parameters: Mapping[str, Parameter] = {
        "allow": Parameter("texts", "globs of file names, on the base name", False, default=SAFE),
    }

    def check(self, lineage: Lineage, context: Context, parameters: Mapping[str, Any]) -> Iterator[Finding]:
        """One finding; it names the files that are not allowed."""
        subject, content = str(lineage.subject), lineage.subject
        listing = lineage.listings.get(content)
        if content.kind == "tree" and listing is None:
            message = "the model's listing is not in the store, so its files are not known"
            yield Finding(self.id, "denied", message, "attest the model again: `attestflow attest model`", subject)
            return
        names = [name for name, _ in listing] if listing is not None else [lineage.root.name or ""]
        bad = [name for name in names if not _is_allowed(name, parameters["allow"])]
        if bad or not names:
            rest = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
            message = f"not of an allowed format: {', '.join(shown(name, 80) for name in bad[:5])}{rest}"
            yield Finding(self.id, "denied", message if bad else "the model holds no file", self.remediation, subject)
            return
        yield Finding(self.id, "passed", f"all {len(names)} files are of allowed formats", None, subject)


def _is_allowed(name: str, patterns: tuple[str, ...]) -> bool:
    base = name.rstrip("/").rpartition("/")[2].casefold()
    return bool(base) and any(fnmatchcase(base, pattern.casefold()) for pattern in patterns)


rule = SerializationFormats()
