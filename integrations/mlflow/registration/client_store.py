"""Signed at registration: `MLFLOW_REGISTRY_URI=attestflow+http://host` (or `attestflow+https://host`).

MLflow's own client of a registry server, but that `log_model(registered_model_name=…)`, `mlflow.register_model` and
`MlflowClient.create_model_version` make the version's papers too. It asks the same server in the same way (user and password,
token, TLS, workspace), so any MLflow server will do; a gate that nobody can talk around stands in the server, not here.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry.rest_store import RestStore
from mlflow.utils.credentials import get_default_host_creds

from attestflow.errors import AttestflowError
from attestflow.integrations.mlflow.registration.candidate import look_at
from attestflow.integrations.mlflow.registration.papers import sign_trained
from attestflow.integrations.mlflow.registration.register import finish
from attestflow.integrations.mlflow.registration.signing_setup import SIGNED_BY_CALLER, Signing
from attestflow.integrations.mlflow.registration.versions import answered

PREFIX = "attestflow+"
RESERVED_TAGS = "attestflow."


class SigningRestStore(RestStore):  # type: ignore[misc]  # MLflow has no types here
    """MLflow's client of a registry server that signs what it registers."""

    def __init__(self, host: str, tracking_uri: str | None) -> None:
        super().__init__(partial(get_default_host_creds, host))
        self._tracking_uri = tracking_uri

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Any = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> Any:
        """Create a version, with its papers: content attestation, training provenance, ML-BOM, and OMS where asked.

        What can fail fails before anything is registered: settings, store, key, trust root, a model that is not stored as
        it was trained (`local_model_path`). Raises MlflowException, which says where a version exists all the same.
        """
        # A copy brings along the tags that its original was given here; they are about another version.
        own = [tag for tag in tags or [] if not str(tag.key).startswith(RESERVED_TAGS)]
        create = partial(
            super().create_model_version, name, source, run_id, own, run_link, description, model_id=model_id
        )
        # A prompt has no files, and so no papers. Whoever gives a model that mark has a model without papers.
        if SIGNED_BY_CALLER.get() or any(tag.key == IS_PROMPT_TAG_KEY for tag in own):
            return create()
        try:
            signing = Signing.configured(self._tracking_uri)
            with tempfile.TemporaryDirectory(prefix="attestflow-") as folder:
                seen = look_at(
                    source,
                    name,
                    Path(folder),
                    tracking_uri=self._tracking_uri,
                    run_id=run_id,
                    local=Path(local_model_path) if local_model_path else None,
                )
                draft = sign_trained(signing.attester, seen, name, with_oms=signing.oms)
                made = create()
                finish(signing, seen, draft, name, answered(made, name))
        except AttestflowError as exc:
            raise MlflowException(f"attestflow: {exc}") from exc
        return made


def signing_store(store_uri: str, tracking_uri: str | None = None) -> SigningRestStore:
    """The store for `attestflow+http://…` and `attestflow+https://…` (entry points `mlflow.model_registry_store`)."""
    return SigningRestStore(store_uri.removeprefix(PREFIX), tracking_uri)
