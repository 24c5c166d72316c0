"""The manifests: of Kubernetes' own form, and what the P-CSCF needs to start is in them."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from pcscf.config import load
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
