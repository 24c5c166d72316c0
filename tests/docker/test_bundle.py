"""What becomes of an image and a service in an OCI runtime's hands."""

from pathlib import Path
from typing import Any

import pytest

from tests.docker.bundle import bundle, capabilities

IMAGE = {
    "User": "5060:5060",
    "Env": ["PATH=/bin", "A=1"],
    "Entrypoint": ["tini", "--"],
    "Cmd": ["run"],
    "WorkingDir": "",
}


def made(image: dict[str, Any] | None = None, **service: Any) -> dict[str, Any]:
    return bundle({**IMAGE, **(image or {})}, service, Path("/root-of-it"), Path("/netns"))


def test_it_runs_as_the_image_says_and_the_service_adds() -> None:
    process = made(environment={"A": 2, "B": "x"})["process"]
    assert process["user"] == {"uid": 5060, "gid": 5060}
    assert process["args"] == ["tini", "--", "run"]
    assert process["env"] == ["PATH=/bin", "A=2", "B=x"]
    assert made(command=["health"])["process"]["args"] == ["tini", "--", "health"]


def test_who_is_not_root_begins_without_capabilities() -> None:
    sets = capabilities({"cap_drop": ["ALL"], "cap_add": ["NET_ADMIN"]}, root=False)
    empty = sets["effective"] + sets["permitted"] + sets["inheritable"] + sets["ambient"]
    assert (sets["bounding"], empty) == (["CAP_NET_ADMIN"], [])


def test_root_has_what_it_may_have() -> None:
    sets = capabilities({"cap_drop": ["ALL"], "cap_add": ["NET_ADMIN"]}, root=True)
    assert sets["effective"] == sets["permitted"] == sets["bounding"] == ["CAP_NET_ADMIN"]
    assert "CAP_CHOWN" in capabilities({}, root=True)["bounding"]


def test_the_file_system_is_as_read_only_as_the_service_says() -> None:
    config = made(read_only=True, tmpfs=["/run/x:uid=5060,mode=0750"])
    assert config["root"] == {"path": "/root-of-it", "readonly": True}
    assert config["mounts"][-1]["destination"] == "/run/x"
    assert {"uid=5060", "mode=0750"} < set(config["mounts"][-1]["options"])
    assert made()["root"]["readonly"] is False


def test_a_secret_is_a_file_that_it_may_read(tmp_path: Path) -> None:
    service = {"secrets": ["token"]}
    config = bundle(IMAGE, service, Path("/root"), secrets={"token": tmp_path / "a"})
    mount = config["mounts"][-1]
    assert (mount["destination"], mount["source"]) == ("/run/secrets/token", str(tmp_path / "a"))
    assert "ro" in mount["options"]
    with pytest.raises(KeyError):
        bundle(IMAGE, service, Path("/root"))


@pytest.mark.parametrize(("given", "there"), [(["no-new-privileges:true"], True), ([], False)])
def test_no_new_privileges(given: list[str], *, there: bool) -> None:
    assert made(security_opt=given)["process"]["noNewPrivileges"] is there


def test_what_is_not_understood_is_not_passed_over() -> None:
    with pytest.raises(AssertionError, match="pid"):
        made(pid="host")
