"""A project made by `attestflow init` and a plain MLflow registry in a database file: what a client that loads sees."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from attestflow.attest import Attester
from attestflow.cli import main
from attestflow.cli.scaffold import scaffold
from attestflow.clock import format_time, utc_now
from attestflow.digest import ContentDigest
from attestflow.predicates import vsa
from attestflow.settings import Settings
from attestflow.subject import measure
from attestflow.verdict import Finding, Transition, Verdict
from attestflow.verification.signed_document import sign_document, signature_path

POLICY: dict[str, Any] = {
    "protects": [{"models": ["*"], "aliases": ["production", "latest"], "stages": ["Production"]}],
    "rules": [{"rule": "content-attested", "by": ["pipeline"]}],
}


@dataclass
class LocalRegistry:
    """MLflow over SQLite and a folder, without a server, and the keys of the project."""

    folder: Path
    home: Path
    version: int = field(default=1)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(self.uri)

    @property
    def settings(self) -> Settings:
        config = self.folder / "attestflow.toml"
        return Settings.load(config=config, environ={"ATTESTFLOW_HOME": str(self.home)})

    def sign_policy(self, **changes: Any) -> None:
        """Another version of the policy, signed."""
        path = self.folder / "policies" / "production.yaml"
        self.version += 1
        document = {
            **yaml.safe_load(path.read_text()),
            **POLICY,
            "version": self.version,
            "expires": format_time(utc_now() + timedelta(days=30)),
            **changes,
        }
        data = yaml.safe_dump(document, sort_keys=False).encode()
        path.write_bytes(data)
        signature_path(path).write_bytes(sign_document(data, path.name, self.settings.signer("root")))

    def logged(self, text: str) -> tuple[str, Path]:
        """Log a small real model; its URI, and the folder that its files lie in."""
        import mlflow

        class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc,name-defined]
            def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[str]:
                return [Path(context.artifacts["weights"]).read_text()]

        mlflow.set_tracking_uri(self.uri)
        if mlflow.get_experiment_by_name("tests") is None:
            mlflow.create_experiment("tests", (self.folder / "artifacts").as_uri())
        mlflow.set_experiment("tests")
        weights = self.folder / "weights.txt"
        weights.write_text(text)
        with mlflow.start_run():
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=Echo(),
                artifacts={"weights": str(weights)},
                pip_requirements=["mlflow"],
            )
        files = Path(str(self.client.get_logged_model(info.model_id).artifact_location).removeprefix("file://"))
        return str(info.model_uri), files

    def attested(self, name: str, text: str) -> tuple[str, Path, ContentDigest]:
        """A version of `name` whose content is attested: its number, its files, its digest."""
        version, files = self.plain(name, text)
        measured = measure(files, name=name)
        self.settings.attester("pipeline").attest_content(measured, kind="model")
        return version, files, measured.content

    def plain(self, name: str, text: str) -> tuple[str, Path]:
        """A version that nobody attested: its number and its files."""
        from mlflow.exceptions import MlflowException

        uri, files = self.logged(text)
        try:
            self.client.create_registered_model(name)
        except MlflowException as exc:
            assert exc.error_code == "RESOURCE_ALREADY_EXISTS"
        return str(self.client.create_model_version(name, uri, model_id=uri.removeprefix("models:/")).version), files

    def decide(self, content: ContentDigest, model: str, to: str = "alias:production", **about: Any) -> Verdict:
        """What the gate itself decides and records."""
        transition = Transition(self.settings.registry, model, to)
        return self.settings.gate("production").check(content, name=model, transition=transition, **about)

    def record(self, content: ContentDigest, model: str, signer: Any = None, **changes: Any) -> str:
        """A VSA that says whatever is wanted, signed by the verifier or by somebody else; its identity."""
        from attestflow.digest import LISTING_MEDIA_TYPE
        from attestflow.subject import ResourceDescriptor

        settings = self.settings
        expires = changes.pop("expires", utc_now() + timedelta(days=1))
        said: dict[str, Any] = {
            "passed": True,
            "enforced": True,
            "findings": (Finding("content-attested", "passed", "it was attested"),),
            "subject": content,
            "subject_name": model,
            "policy_name": "production",
            "policy_sha256": settings.policy("production").sha256,
            "trust_root_sha256": settings.trust_root().sha256,
            "absence": "accepted",
            "time": utc_now(),
            "transition": Transition(settings.registry, model, "alias:production"),
        }
        verdict = Verdict(**{**said, **changes})
        subject = ResourceDescriptor(
            name=model + ("/" if content.kind == "tree" else ""),
            digest={"sha256": verdict.subject.sha256},
            media_type=LISTING_MEDIA_TYPE if content.kind == "tree" else None,
        )
        attester = Attester(settings.open_store(), signer or settings.signer("verifier"))
        made = attester.attest_predicate([subject], vsa.PREDICATE_TYPE, verdict.to_vsa(expires).to_json())
        return made.identity

    @contextmanager
    def loading(self, setting: str | None) -> Iterator[None]:
        """The environment of a process that loads with this setting."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ATTESTFLOW_CONFIG", str(self.folder / "attestflow.toml"))
            patch.setenv("ATTESTFLOW_HOME", str(self.home))
            if setting is None:
                patch.delenv("ATTESTFLOW_MLFLOW_LOAD", raising=False)
            else:
                patch.setenv("ATTESTFLOW_MLFLOW_LOAD", setting)
            yield


def local_registry(tmp_path_factory: pytest.TempPathFactory) -> LocalRegistry:
    """One in a new folder, whose policy asks for nothing but a content attestation."""
    folder, home = tmp_path_factory.mktemp("registry"), tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTESTFLOW_HOME", str(home))
        scaffold(folder, registry="tests", store="attestations", passphrases={})
    made = LocalRegistry(folder, home)
    made.sign_policy()
    return made


def cli(registry: LocalRegistry, *arguments: str, code: int = 0, **environ: str) -> str:
    """The command line in this process, in the project's folder, with the registry as MLflow's; what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTESTFLOW_HOME", str(registry.home))
        patch.setenv("MLFLOW_TRACKING_URI", registry.uri)
        for name, value in environ.items():
            patch.setenv(name, value)
        with (
            contextlib.chdir(registry.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(list(arguments))
    assert (ended.value.code or 0) == code, f"{arguments}\n{out.getvalue()}\n{err.getvalue()}"
    assert "Traceback" not in err.getvalue()
    return out.getvalue()
