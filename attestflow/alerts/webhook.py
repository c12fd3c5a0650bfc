"""A webhook: JSON over HTTPS, signed as Standard Webhooks says (standardwebhooks.com, symmetric signatures)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from attestflow.alerts.alert import Alert
from attestflow.documents import shown
from attestflow.errors import ConfigurationError, StoreError

TIMEOUT = 10.0
TRIES = 3
PREFIX = "whsec_"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MIN_SECRET = 24


@dataclass(frozen=True, slots=True)
class Webhook:
    """POSTs each alert to `url`, signed with `secret` (24 bytes or more)."""

    url: str
    secret: bytes
    sleep: Callable[[float], None] = field(default=time.sleep)

    @classmethod
    def of(cls, url: str, secret_text: str) -> Webhook:
        """From the settings. ConfigurationError for a URL that is not HTTPS (but for loopback) and a secret that is none."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ConfigurationError(f"the webhook {shown(_public(url))} is not https")
        try:
            secret = base64.b64decode(secret_text.strip().removeprefix(PREFIX), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) < _MIN_SECRET:
            raise ConfigurationError(
                "the webhook's secret is none: whsec_ and base64 of 24 bytes or more",
                hint="python -c 'import base64, os; print(\"whsec_\" + base64.b64encode(os.urandom(32)).decode())'",
            )
        return cls(url, secret)

    def __str__(self) -> str:
        return f"the webhook {shown(_public(self.url))}"

    def send(self, alert: Alert) -> None:
        """Deliver it, trying three times; StoreError when nobody took it. The same alert keeps its id over the tries."""
        body = json.dumps(alert.to_json(), ensure_ascii=True, sort_keys=True).encode()
        identity = f"msg_{os.urandom(12).hex()}"
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                self.sleep(2.0**attempt)
            problem = self._try(identity, body)
            if not problem:
                return
        raise StoreError(f"{self} did not take it: {problem}", retryable=True)

    def _try(self, identity: str, body: bytes) -> str:
        """Why it was not taken, empty where it was. What comes back is not read."""
        stamp = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "user-agent": "attestflow",
            "webhook-id": identity,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(self.secret, identity, stamp, body),
        }
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310 - checked in `of`
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
                return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except urllib.error.HTTPError as exc:
            exc.close()
            return f"HTTP {exc.code}"
        except (OSError, ValueError) as exc:
            return type(getattr(exc, "reason", exc)).__name__


def signature(secret: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """The header webhook-signature: `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body`."""
    made = hmac.new(secret, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would send the alert to whom nobody named."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


def _public(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"
