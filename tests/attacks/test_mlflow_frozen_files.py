"""Way 10 of the twelve: files changed, added or deleted after a promotion, over each endpoint that writes.

On a stock server each of them changes what production is. On ours the answer is 403, and the files are the same; what was
never promoted stays as free as it is in MLflow.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attestflow.integrations.mlflow.resolve import resolve
from attestflow.subject import measure
from attestflow.testing.mlflow_server import mlflow_server
from attestflow.testing.s3 import s3_server

from .registry import Side, eventually, fresh, in_production, refused

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


def curl(
    side: Side, method: str, path: str, *, data: str | None = None, content: str = "application/octet-stream"
) -> Any:
    """Status and parsed answer of one request."""
    command = ["curl", "-s", "-X", method, "-w", "\n%{http_code}", f"{side.server.url}/{path}"]
    command += ["-H", f"Content-Type: {content}", "--data-binary", data] if data is not None else []
    text, _, code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    return int(code), json.loads(text) if text.startswith("{") else {}


def promoted(side: Side) -> tuple[str, str]:
    """A model in production, honestly; its name and where its files lie below the artifacts' root."""
    name = fresh("credit")
    in_production(side, name)
    location = side.client.get_model_version_download_uri(name, "1")
    return name, location.removeprefix("mlflow-artifacts:/")


def digest(side: Side, name: str) -> str:
    return str(measure(resolve(f"models:/{name}/1", side.server.url), name=name).content)


@pytest.mark.parametrize("prefix", ["api", "ajax-api"])
@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("PUT", "artifacts/weights.txt"),  # changed
        ("PUT", "added.txt"),
        ("PUT", "new/folder/added.txt"),
        ("DELETE", "MLmodel"),
        ("DELETE", ""),
        ("DELETE", ".."),  # its parent
    ],
)
def test_10_the_artifact_endpoints(stock: Side, ours: Side, prefix: str, method: str, below: str) -> None:
    answers = {}
    for side in (stock, ours):
        name, path = promoted(side)
        before = digest(side, name)
        target = path.rpartition("/")[0] if below == ".." else f"{path}/{below}".rstrip("/")
        url = f"{prefix}/2.0/mlflow-artifacts/artifacts/{target}"
        answers[side is ours] = curl(side, method, url, data="poison" if method == "PUT" else None)
        if side is ours:
            assert digest(side, name) == before
    assert answers[False][0] == 200
    refused(answers[True])


def test_10_an_experiment_that_lies_in_the_models_own_folder(stock: Side, ours: Side) -> None:
    """An experiment may name any artifact location; the server's own upload handler writes there with its rights."""
    answers = {}
    for side in (stock, ours):
        name, path = promoted(side)
        place = (side.server.artifacts / path).as_uri()
        experiment = side.client.create_experiment(fresh("evil"), artifact_location=place)
        run = side.client.create_run(experiment).info
        url = f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={run.run_id}&path=evil.txt"
        before = sorted(str(each) for each in (side.server.artifacts / path).rglob("*"))
        answers[side is ours] = curl(side, "POST", url, data="poison")
        changed = sorted(str(each) for each in (side.server.artifacts / path).rglob("*")) != before
        assert changed is (side is stock), name
    assert answers[False][0] == 200
    refused(answers[True])


def test_10_a_run_whose_artifacts_are_the_model(ours: Side) -> None:
    """A logged model may lie among a run's own artifacts: the upload handler leads there by the run alone."""
    import mlflow

    mlflow.set_tracking_uri(ours.server.url)
    mlflow.set_experiment("ways")
    name, folder = fresh("credit"), ours.home / fresh("files")
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "model")
    source = f"{run.info.artifact_uri}/model"
    ours.client.create_registered_model(name)
    ours.client.create_model_version(name, source, run_id=run.info.run_id)
    ours.settings().attester("pipeline").attest_content(measure(folder, name=name), kind="model")
    assert ours.call("api", "alias", name=name, alias="production", version="1")[0] == 200
    upload = f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={run.info.run_id}&path="
    refused(curl(ours, "POST", upload + "model/evil.txt", data="poison"))
    assert curl(ours, "POST", upload + "notes.txt", data="beside it")[0] == 200


def test_what_was_not_promoted_is_free(ours: Side) -> None:
    name = fresh("credit")
    ours.version(name, attested=False)
    path = ours.client.get_model_version_download_uri(name, "1").removeprefix("mlflow-artifacts:/")
    refused(ours.call("api", "alias", name=name, alias="production", version="1"))
    # Nobody freezes files by asking for a promotion in vain.
    assert curl(ours, "PUT", f"api/2.0/mlflow-artifacts/artifacts/{path}/notes.txt", data="x")[0] == 200
    assert curl(ours, "DELETE", f"api/2.0/mlflow-artifacts/artifacts/{path}/notes.txt")[0] == 200


def test_released_when_it_is_no_longer_production(ours: Side) -> None:
    from mlflow.exceptions import RestException

    name, path = promoted(ours)
    url = f"api/2.0/mlflow-artifacts/artifacts/{path}/notes.txt"
    with pytest.raises(RestException, match="stay frozen") as caught:
        ours.client.delete_model_version_tag(name, "1", "attestflow.freeze")
    assert caught.value.get_http_status_code() == 403
    ours.client.delete_registered_model_alias(name, "production")
    refused(curl(ours, "PUT", url, data="x"))  # taking the alias away alone frees nothing: the way back stays short
    ours.client.delete_model_version_tag(name, "1", "attestflow.freeze")
    assert curl(ours, "PUT", url, data="x")[0] == 200
    refused(ours.call("api", "alias", name=name, alias="production", version="1"))


def test_files_that_another_name_holds_in_production_stay_frozen(ours: Side) -> None:
    """Two models share files by a copy; the one that is not in production cannot free them."""
    from mlflow.exceptions import RestException

    name, path = promoted(ours)
    copy = fresh("draft")
    ours.client.create_registered_model(copy)
    ours.client.create_model_version(copy, f"models:/{name}/1")
    with pytest.raises(RestException, match="stay frozen"):
        ours.client.delete_model_version_tag(copy, "1", "attestflow.freeze")
    refused(curl(ours, "PUT", f"api/2.0/mlflow-artifacts/artifacts/{path}/notes.txt", data="x"))


def test_nobody_freezes_a_run_that_still_logs(ours: Side) -> None:
    """A version whose source is all that a run logs, frozen, would stop that run."""
    import mlflow
    from mlflow.exceptions import RestException

    mlflow.set_tracking_uri(ours.server.url)
    mlflow.set_experiment("ways")
    name = fresh("credit")
    ours.client.create_registered_model(name)
    with mlflow.start_run() as run:
        mlflow.log_text("x", "first.txt")
        ours.client.create_model_version(name, run.info.artifact_uri, run_id=run.info.run_id)
        refused(ours.call("api", "alias", name=name, alias="production", version="1"))
        with pytest.raises(RestException, match="no functionary attested"):
            ours.client.set_model_version_tag(name, "1", "attestflow.freeze", "")
        mlflow.log_text("x", "second.txt")


def test_frozen_ahead_and_promoted_without_reading_again(ours: Side) -> None:
    name = fresh("credit")
    ours.version(name, attested=True)
    ours.client.set_model_version_tag(name, "1", "attestflow.freeze", "")
    tags = ours.client.get_model_version(name, "1").tags
    assert tags["attestflow.content"] == digest(ours, name)
    assert tags["attestflow.freeze"].startswith("since ")
    assert tags["attestflow.attested-by"] == "pipeline"
    path = ours.client.get_model_version_download_uri(name, "1").removeprefix("mlflow-artifacts:/")
    refused(curl(ours, "DELETE", f"api/2.0/mlflow-artifacts/artifacts/{path}"))
    # What was read under the freeze is what is decided about: the files are gone, and no request looked at them again.
    aside = Path(ours.home, fresh("aside"))
    (ours.server.artifacts / path).rename(aside)
    assert ours.call("api", "alias", name=name, alias="production", version="1")[0] == 200
    aside.rename(ours.server.artifacts / path)


def test_the_verdict_is_where_ml_teams_look(ours: Side) -> None:
    name, _ = promoted(ours)
    tag = "attestflow.verdict.alias:production"
    version = ours.client.get_model_version(name, "1")
    assert version.tags["attestflow.verdict.alias:production"].startswith("PASSED by policy production at ")
    assert "attestflow: PASSED by policy production" in version.description
    link = version.description.partition("](#/")[2].removesuffix("))").removesuffix(")")
    run, file = link.split("/runs/")[1].split("/artifacts/")
    import mlflow

    # The run's notices follow the answer, the tag after the artifact.
    assert eventually(lambda: any(key.startswith("attestflow.verdict.") for key in ours.client.get_run(run).data.tags))
    verdict = mlflow.artifacts.load_dict(f"runs:/{run}/{file}")
    assert verdict["result"] == "passed"
    assert verdict["attestation"] in version.tags["attestflow.verdict.alias:production"]
    # The owner's words in the description stay, and the gate's line stands once.
    ours.client.update_model_version(name, "1", "Owned by credit risk.\n" + version.description)
    ours.client.delete_registered_model_alias(name, "production")
    time.sleep(1.1)  # a verdict says its second
    ours.client.set_registered_model_alias(name, "production", "1")
    again = ours.client.get_model_version(name, "1")
    assert again.tags[tag] != version.tags[tag]
    said = again.description
    assert said.startswith("Owned by credit risk.\n")
    assert said.count("attestflow: ") == 1


@pytest.fixture(scope="module")
def on_s3(ours: Side, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """Our gate with its artifacts in S3, under the same policy."""
    folder = tmp_path_factory.mktemp("on-s3")
    destination = ("--artifacts-destination", "attestflow+s3://evidence/art")
    environ = {"ATTESTFLOW_HOME": str(ours.home)}
    with s3_server(), mlflow_server(folder, config=ours.config, environ=environ, arguments=destination) as server:
        yield Side(server, ours.config, ours.home)


def test_10_on_s3(on_s3: Side) -> None:
    name, path = promoted(on_s3)
    before = digest(on_s3, name)
    artifacts = "api/2.0/mlflow-artifacts/artifacts"
    refused(curl(on_s3, "PUT", f"{artifacts}/{path}/artifacts/weights.txt", data="poison"))
    refused(curl(on_s3, "PUT", f"{artifacts}/{path}/added.txt", data="poison"))
    refused(curl(on_s3, "DELETE", f"{artifacts}/{path}/MLmodel"))
    refused(curl(on_s3, "DELETE", f"{artifacts}/{path.rpartition('/')[0]}"))
    assert digest(on_s3, name) == before
    assert curl(on_s3, "PUT", f"{artifacts}/1/free.txt", data="x")[0] == 200
    refused(on_s3.call("api", "alias", name=name, alias="production", version=on_s3.version(name, attested=False)))


def test_10_a_multipart_upload_that_began_before(on_s3: Side) -> None:
    """The parts go to S3 directly; they become a file when the server completes the upload, and that is refused."""
    import urllib.request

    name = fresh("credit")
    on_s3.version(name, attested=True)
    path = on_s3.client.get_model_version_download_uri(name, "1").removeprefix("mlflow-artifacts:/")

    def ask(verb: str, folder: str, **body: Any) -> Any:
        url = f"api/2.0/mlflow-artifacts/mpu/{verb}/{folder}"
        return curl(on_s3, "POST", url, data=json.dumps(body), content="application/json")

    status, begun = ask("create", path, path="evil.bin", num_parts=1)
    assert status == 200, begun
    part_url = begun["credentials"][0]["url"]
    headers = {"Content-Type": "application/octet-stream"}
    with urllib.request.urlopen(urllib.request.Request(part_url, b"poison", headers, method="PUT")) as answer:
        part = {"part_number": 1, "etag": answer.headers["ETag"], "url": part_url}
    assert on_s3.call("api", "alias", name=name, alias="production", version="1")[0] == 200
    before = digest(on_s3, name)
    refused(ask("complete", path, path="evil.bin", upload_id=begun["upload_id"], parts=[part]))
    refused(ask("create", path, path="evil.bin", num_parts=1))
    refused(ask("create", path, path="..", num_parts=1))
    assert digest(on_s3, name) == before


def test_10_an_upload_url_for_the_bucket_itself(on_s3: Side) -> None:
    """An experiment in the same bucket, and MLflow's own endpoint that signs upload URLs with the server's credentials."""
    path = promoted(on_s3)[1]
    place = f"s3://evidence/art/{path}"
    run = on_s3.client.create_run(on_s3.client.create_experiment(fresh("evil"), artifact_location=place)).info
    body = json.dumps({"run_id": run.run_id, "path": "evil.txt"})
    url = "api/2.0/mlflow/artifacts/presigned-upload-url"
    status, told = curl(on_s3, "POST", url, data=body, content="application/json")
    assert status >= 400, told
    assert "presigned_url" not in told
    refused(curl(on_s3, "POST", f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={run.run_id}&path=e.txt", data="x"))
