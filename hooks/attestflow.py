"""The Airflow hook: from a connection of type `attestflow` to settings, attesters and gates."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from attestflow.attest import Attester
    from attestflow.gate import Gate
    from attestflow.settings import Settings

DEFAULT_CONNECTION = "attestflow_default"
DEFAULT_ROLE = "pipeline"


class AttestflowHook(BaseHook):  # type: ignore[misc]  # Airflow has no types here
    """Opens what a connection of type `attestflow` names.

    Its fields: `config` (path of attestflow.toml on the worker), `role` (whose key signs when a task names none),
    `store` (an evidence store other than the settings'), and the password, which is the passphrase of that role's key.
    Where the default connection `attestflow_default` does not exist, settings come from the environment and the working
    directory as on the command line; any other connection that does not exist is an error.
    """

    conn_name_attr = "conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "attestflow"
    hook_name = "attestflow"

    def __init__(self, conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> Settings:
        """The settings; Airflow's name for `settings()`."""
        return self.settings()

    def settings(self) -> Settings:
        """The settings behind the connection. Raises ConfigurationError when they cannot be had."""
        from attestflow.settings import Settings

        extra = self._fields
        return Settings.load(config=extra.get("config") or None, store=extra.get("store") or None)

    def role(self, role: str | None = None) -> str:
        """`role`, or the connection's, or `pipeline`."""
        return role or self._fields.get("role") or DEFAULT_ROLE

    def attester(self, role: str | None = None) -> Attester:
        """Signs into the store as `role`; what the trust root would not accept is not stored.

        The connection's passphrase opens the key of the connection's own role only.
        """
        chosen = self.role(role)
        passphrase = self._fields.get("passphrase") if chosen == self.role() else None
        return self.settings().attester(chosen, passphrase.encode() if passphrase else None)

    def gate(self, policy: str) -> Gate:
        """A gate that evaluates `policy` (a name in the settings, or a path)."""
        return self.settings().gate(policy)

    def test_connection(self) -> tuple[bool, str]:
        """Sign a probe, verify it under the trust root, and write to the store; what Airflow's Test button shows.

        The probe is a content attestation about no bytes; it is verified and thrown away, never stored.
        """
        from attestflow.digest import ContentDigest
        from attestflow.errors import AttestflowError
        from attestflow.predicates.reference import PREDICATE_TYPE, Reference
        from attestflow.statement import Statement
        from attestflow.subject import Measurement

        try:
            attester = self.attester()
            attester.store.probe()
            nothing = ContentDigest("file", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
            probe = Measurement("attestflow-probe", nothing, 0, 1, None, None, None, ())
            statement = Statement.build(
                [probe.descriptor(kind="dataset")], PREDICATE_TYPE, Reference.of(probe).to_json()
            )
            bundle = attester.signer.sign(statement)
            assert attester.verifier is not None
            verified = attester.verifier.verify(bundle)
        except AttestflowError as error:
            return False, str(error)
        return True, f"signed as {verified.functionary}, verified, and the store {attester.store.url} takes evidence"

    @cached_property
    def _fields(self) -> dict[str, Any]:
        """The connection's fields: `config`, `role`, `store`, `passphrase`; empty without the default connection."""
        from airflow.sdk.exceptions import AirflowNotFoundException

        from attestflow.documents import parse_json, shown
        from attestflow.errors import ConfigurationError

        try:
            connection = self.get_connection(self.conn_id)
        except AirflowNotFoundException:
            if self.conn_id == DEFAULT_CONNECTION:
                return {}
            raise ConfigurationError(
                f"no Airflow connection {shown(self.conn_id)}",
                hint=f"airflow connections add {self.conn_id} --conn-type attestflow "
                '--conn-extra \'{"config": "/path/attestflow.toml"}\'',
            ) from None
        if connection.conn_type != self.conn_type:
            raise ConfigurationError(
                f"connection {shown(self.conn_id)} is of type {shown(connection.conn_type)}, not attestflow",
                hint="name a connection of type attestflow",
            )
        # Airflow reads an extra that is no JSON as empty; here that would silently choose other settings.
        extra = parse_json(
            (connection.extra or "{}").encode(), f"the extra of {self.conn_id}", error=ConfigurationError
        )
        if not isinstance(extra, dict):
            raise ConfigurationError(f"the extra of connection {shown(self.conn_id)} must be a JSON object")
        for key in extra:
            if key not in {"config", "role", "store"}:
                raise ConfigurationError(
                    f"connection {shown(self.conn_id)} has the unknown field {shown(key)}",
                    hint="it may hold config, role, store; the passphrase is its password",
                )
        for key, value in extra.items():
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"connection {shown(self.conn_id)}: {key} must be text")
        return {**extra, "passphrase": connection.password}
