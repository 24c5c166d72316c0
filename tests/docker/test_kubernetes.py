"""The manifests: of Kubernetes' own form, and what the P-CSCF needs to start is in them."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pcscf.config import load
from tests.docker import DOCKER
from tests.docker.files import manifests, write_settings

OBJECTS = {f"{one['kind']} {one['metadata']['name']}": one for one in manifests()}


@pytest.mark.parametrize("name", OBJECTS)
def test_it_is_of_the_form_of_kubernetes(name: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], kubernetes_validate.latest_version(), strict=True)


def test_a_key_that_does_not_exist_is_seen() -> None:
    wrong = {**OBJECTS["Deployment pcscf"], "spce": {}}
    with pytest.raises(kubernetes_validate.ValidationError, match="spce"):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


@pytest.fixture
def pod() -> dict[str, Any]:
    found: dict[str, Any] = OBJECTS["Deployment pcscf"]["spec"]["template"]["spec"]
    return found


def test_the_file_capability_counts_and_no_other(pod: dict[str, Any]) -> None:
    context = pod["containers"][0]["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert context["allowPrivilegeEscalation"] is True  # else no_new_privs voids it
    assert context["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 5060


def test_probes_ask_the_p_cscf_itself(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    commands = {name: container[f"{name}Probe"]["exec"]["command"] for name in PROBES}
    assert commands == PROBES


PROBES = {
    "startup": ["pcscf", "health"],
    "liveness": ["pcscf", "health"],
    "readiness": ["pcscf", "health", "--ready"],
}


def test_its_settings_are_right(tmp_path: Path, pod: dict[str, Any]) -> None:
    text = OBJECTS["ConfigMap pcscf"]["data"]["pcscf.toml"]
    settings = load(write_settings(tmp_path, text))
    assert settings.log.format == "json"
    assert settings.admin.http is None
    mounts = {one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    assert mounts == {"/etc/pcscf", "/run/pcscf"}


def test_the_settings_it_shows_are_right_too(tmp_path: Path) -> None:
    """Those that are commented out."""
    text = OBJECTS["ConfigMap pcscf"]["data"]["pcscf.toml"].replace('http = ""\n', "")
    shown = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    settings = load(write_settings(tmp_path, shown))
    assert settings.gm.routes
    assert settings.admin.token_file
    assert settings.store.kind == "sqlite"
    mounts = {one["name"]: one["mountPath"] for one in shown_pod()["containers"][0]["volumeMounts"]}
    assert Path(settings.store.path).parent == Path(mounts["store"])
    assert Path(settings.store.key_file).parent == Path(mounts["store-key"])


def test_the_volumes_it_shows_are_of_the_right_form_too() -> None:
    deployment = OBJECTS["Deployment pcscf"]
    template = {**deployment["spec"]["template"], "spec": shown_pod()}
    whole = {**deployment, "spec": {**deployment["spec"], "template": template}}
    kubernetes_validate.validate(whole, kubernetes_validate.latest_version(), strict=True)
    assert {one["name"] for one in shown_pod()["volumes"]} >= {"store", "store-key"}


def shown_pod() -> dict[str, Any]:
    """The pod with what is commented out."""
    text = (DOCKER / "kubernetes" / "pcscf.yaml").read_text()
    shown = re.sub(r"(?m)^( +)# (- \{? ?name: |  (?:hostPath|secret): )", r"\1\2", text)
    (found,) = [one for one in yaml.safe_load_all(shown) if one["kind"] == "Deployment"]
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod
