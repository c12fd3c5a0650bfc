"""Alerts reach whom they should, signed; a receiver that hangs, lies or floods changes no verdict and holds nobody up."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from attestflow.alerts import webhook
from attestflow.alerts.alert import Alert, plain
from attestflow.alerts.apprise_channel import AppriseChannel
from attestflow.alerts.dispatch import Alerts
from attestflow.alerts.webhook import Webhook
from attestflow.errors import ConfigurationError, StoreError
from attestflow.gate import Gate
from attestflow.predicates import vsa
from attestflow.testing.trust import Person, new_signer, new_verifier
from attestflow.verdict import Finding, Verdict, Waiver
from tests.attacks.conftest import Pipeline

SECRET = "whsec_" + base64.b64encode(b"0" * 32).decode()


class Receiver(ThreadingHTTPServer):
    """A real receiver on loopback; `mode` says how it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode = "ok"
        self.taken: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?token=secret"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        mode = self.server.mode
        self.server.taken.append(({key.lower(): value for key, value in self.headers.items()}, body))
        if mode == "hang":
            time.sleep(2)
        elif mode == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self.connection.close()
        elif mode == "redirect":
            self.send_response(307)
            self.send_header("location", self.server.url.replace("/hook", "/elsewhere"))
            self.end_headers()
        elif mode == "flood":
            self.send_response(200)
            self.end_headers()
            with pytest.MonkeyPatch.context():
                try:
                    for _ in range(100):
                        self.wfile.write(b"x" * 1_000_000)
                except OSError:
                    pass
        else:
            self.send_response(200 if mode == "ok" else 500)
            self.send_header("content-length", "0")
            self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    made = Pipeline(tmp_path)
    made.people["verifier"] = Person([new_signer()], [vsa.PREDICATE_TYPE], observed=True)
    return made


def decide(pipeline: Pipeline, alerts: Alerts) -> Verdict:
    verifier = new_verifier(pipeline.people, now=pipeline.now)
    signer = pipeline.people["verifier"].signers[0]
    gate = Gate(pipeline.store, verifier, pipeline.loaded(), lambda: pipeline.now, signer, alerts.verdict)
    return gate.check(pipeline.model.content, name="churn", transition=pipeline.transition, actor="mallory")


def hook(receiver: Receiver) -> Webhook:
    return replace(Webhook.of(receiver.url, SECRET), sleep=lambda _: None)


def test_a_denial_at_a_gate_reaches_the_webhook_signed(pipeline: Pipeline, receiver: Receiver) -> None:
    alerts = Alerts([hook(receiver)])
    verdict = decide(pipeline, alerts)
    assert alerts.flush()
    ((headers, body),) = receiver.taken
    document = Verifier(SECRET).verify(body, headers)
    assert document == json.loads(body)
    assert document["type"] == "attestflow.denied"
    data = document["data"]
    assert (data["attestation"], data["actor"]) == (verdict.vsa_identity, "mallory")
    assert {finding["rule"] for finding in data["findings"]} == {finding.rule for finding in verdict.denials}
    assert all(finding["hint"] for finding in data["findings"])


def test_what_passes_is_not_news(pipeline: Pipeline, receiver: Receiver) -> None:
    pipeline.run()
    alerts = Alerts([hook(receiver)])
    assert decide(pipeline, alerts).passed
    assert alerts.flush()
    assert receiver.taken == []


def test_the_same_again_is_sent_once(pipeline: Pipeline, receiver: Receiver) -> None:
    """Somebody asks in a loop: the owner's mailbox is not his to fill."""
    alerts = Alerts([hook(receiver)])
    for _ in range(5):
        decide(pipeline, alerts)
    pipeline.attest_data()
    pipeline.train()
    decide(pipeline, alerts)
    assert alerts.flush()
    assert len(receiver.taken) == 2


def test_events_that_nobody_asked_for_are_not_sent(pipeline: Pipeline, receiver: Receiver) -> None:
    alerts = Alerts([hook(receiver)], on=("excepted",))
    decide(pipeline, alerts)
    assert alerts.flush()
    assert receiver.taken == []


@pytest.mark.parametrize(("mode", "tries"), [("error", 3), ("reset", 3), ("redirect", 3), ("hang", 3), ("flood", 1)])
def test_a_receiver_that_does_not_work_changes_no_verdict(
    pipeline: Pipeline,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mode: str,
    tries: int,
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.3)
    receiver.mode = mode
    alerts = Alerts([hook(receiver)])
    without = decide(pipeline, Alerts())
    with caplog.at_level(logging.ERROR):
        verdict = decide(pipeline, alerts)
        if mode == "hang":
            assert not alerts.flush(0)  # the verdict is there, and the alert is still on its way
        assert alerts.flush(20)
    assert verdict.findings == without.findings
    assert len(receiver.taken) == tries
    assert len({headers["webhook-id"] for headers, _ in receiver.taken}) == 1
    failed = [record for record in caplog.records if record.name == "attestflow.alerts"]
    assert len(failed) == (0 if mode == "flood" else 1)
    assert "token" not in caplog.text
    assert all("elsewhere" not in headers.get("host", "") for headers, _ in receiver.taken)


def test_a_channel_that_raises_anything_is_survived(pipeline: Pipeline, receiver: Receiver) -> None:
    class Broken:
        def send(self, alert: Alert) -> None:
            raise ZeroDivisionError

    alerts = Alerts([Broken(), hook(receiver)])
    decide(pipeline, alerts)
    assert alerts.flush()
    assert len(receiver.taken) == 1


def test_a_queue_that_is_full_drops_and_says_so(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    class Slow:
        def send(self, alert: Alert) -> None:
            release.wait(20)

    alerts = Alerts([Slow()])
    verdict = decide(pipeline, Alerts())
    for number in range(1100):
        alerts.verdict(replace(verdict, findings=(Finding("x", "denied", str(number)),)))
    release.set()
    assert alerts.flush()
    assert "was dropped" in caplog.text


def test_the_thread_ends_when_there_is_nothing_to_send(pipeline: Pipeline, receiver: Receiver) -> None:
    alerts = Alerts([hook(receiver)])
    decide(pipeline, alerts)
    assert alerts.flush()
    for _ in range(100):
        if not any(each.name == "attestflow-alerts" for each in threading.enumerate()):
            break
        time.sleep(0.1)
    else:
        pytest.fail("the thread is still there")
    pipeline.attest_data()
    pipeline.train()
    decide(pipeline, alerts)
    assert alerts.flush()
    assert len(receiver.taken) == 2


def test_a_gate_outlives_a_notifier_that_raises(pipeline: Pipeline) -> None:
    def notify(verdict: Verdict) -> None:
        raise RuntimeError

    verifier = new_verifier(pipeline.people, now=pipeline.now)
    signer = pipeline.people["verifier"].signers[0]
    gate = Gate(pipeline.store, verifier, pipeline.loaded(), lambda: pipeline.now, signer, notify)
    assert gate.check(pipeline.model.content, name="churn", transition=pipeline.transition).vsa_identity


def test_an_exception_is_loud(pipeline: Pipeline) -> None:
    pipeline.run()
    waiver = Waiver("oncall", "incident 7", "2026-06-01T16:00:00Z", "0" * 64)
    verdict = replace(
        decide(pipeline, Alerts()), findings=(Finding("ml-bom", "excepted", "none", None, None, (), waiver),)
    )
    alert = Alert.of_verdict(verdict)
    assert alert is not None
    assert alert.event == "excepted"
    assert "BY EXCEPTION" in alert.title
    assert "waived by oncall until 2026-06-01T16:00:00Z: incident 7" in alert.text()


HOSTILE = "<img src=x onerror=1> @everyone *b* [a](http://x) `c` \u202e\x1b[31m\nnew line | cell"


def test_names_that_are_hostile_are_words(pipeline: Pipeline) -> None:
    verdict = decide(pipeline, Alerts())
    assert pipeline.transition
    transition = replace(pipeline.transition, model=HOSTILE)
    alert = Alert.of_verdict(
        replace(verdict, transition=transition, findings=(Finding("x", "denied", HOSTILE, HOSTILE),))
    )
    assert alert is not None
    for text in (alert.title, alert.text()):
        assert not set("<>`*|@[]\u202e\x1b") & set(text)
    assert plain("a\nb") == "a b"
    assert json.loads(json.dumps(alert.to_json()))["data"]["transition"]["model"] == HOSTILE


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://example.com/x", SECRET),
        ("ftp://127.0.0.1/x", SECRET),
        ("https://example.com/x", "whsec_short"),
        ("https://example.com/x", ""),
        ("https://example.com/x", "whsec_" + base64.b64encode(b"0" * 8).decode()),
    ],
)
def test_a_webhook_that_would_not_be_safe(url: str, secret: str) -> None:
    with pytest.raises(ConfigurationError):
        Webhook.of(url, secret)


def test_apprise(receiver: Receiver, pipeline: Pipeline) -> None:
    port = receiver.server_address[1]
    channel = AppriseChannel.of(f"# chat\njson://127.0.0.1:{port}/x  # ours\n\n")
    alert = Alert.of_verdict(decide(pipeline, Alerts()))
    assert alert is not None
    channel.send(alert)
    ((_, body),) = receiver.taken
    assert "attestflow refused churn to alias:production" in body.decode()
    receiver.mode = "error"
    with pytest.raises(StoreError):
        channel.send(alert)


@pytest.mark.parametrize("text", ["", "# nothing\n", "no url at all\n"])
def test_a_file_for_apprise_that_names_nothing(text: str) -> None:
    with pytest.raises(ConfigurationError):
        AppriseChannel.of(text)


def test_from_the_settings(project: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """`[alerts]` in attestflow.toml, with the secret in a file that only this account reads."""
    from attestflow.cli.scaffold import scaffold
    from attestflow.settings import Settings

    made = scaffold(project, registry="reg", store="attestations", passphrases={})
    secret = project / "webhook.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    extra = f'\n[alerts]\nwebhook = "{receiver.url}"\nwebhook_secret = "webhook.secret"\non = ["denied"]\n'
    made.settings.write_text(made.settings.read_text() + extra)
    settings = Settings.load(config=made.settings, environ=os.environ)
    (project / "model.bin").write_text("weights")
    from attestflow.subject import measure

    verdict = settings.gate("production").check(measure(project / "model.bin").content, name="model.bin")
    assert verdict.vsa_identity
    assert settings.alerts().flush()
    assert len(receiver.taken) == 1
    secret.chmod(0o666)
    from attestflow import settings as module

    module._alerts.cache_clear()
    assert settings.gate("production").notify is None  # said in the log; the gate decides all the same
    with pytest.raises(ConfigurationError, match="written by others"):
        settings.alerts()
    found = Settings.load(cwd=project, environ={"ATTESTFLOW_HOME": str(project / "other-account")})
    assert not found.accepted
    found.alerts().verdict(verdict)
    assert found.alerts().flush()
    assert len(receiver.taken) == 1
