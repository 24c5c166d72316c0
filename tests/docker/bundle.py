"""Containers as Docker makes them, for an OCI runtime: of an image and a compose file's service.

Only what our files use is translated; another key of a service is an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Nothing that a container could be told by them belongs to what a bundle says.
_ELSEWHERE = {"image", "build", "networks", "depends_on", "restart", "env_file", "privileged"}
_TRANSLATED = {
    "cap_add", "cap_drop", "command", "environment", "read_only", "secrets", "security_opt",
    "tmpfs",
}  # fmt: skip
# docker/docs: those that a container has unless `cap_drop` takes them.
_USUAL = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
_NO_SETS: Json = {"effective": [], "permitted": [], "inheritable": [], "ambient": []}
_NOT_TO_WRITE = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def bundle(
    image: Mapping[str, Any],
    service: Mapping[str, Any],
    root: Path,
    netns: Path | None = None,
    secrets: Mapping[str, Path] | None = None,
) -> Json:
    """Return the ``config.json`` of a container; ``image`` is the image's own configuration.

    ``secrets`` are files by their names, for a service that asks for them.
    """
    strange = set(service) - _ELSEWHERE - _TRANSLATED
    assert not strange, f"no word of {strange} here"
    return {
        "ociVersion": "1.0.2",
        "process": _process(image, service),
        "root": {"path": str(root), "readonly": bool(service.get("read_only"))},
        "hostname": "container",
        "mounts": [
            *_mounts(),
            *map(_tmpfs, service.get("tmpfs", ())),
            *(_secret(name, (secrets or {})[name]) for name in service.get("secrets", ())),
        ],
        "linux": {
            "namespaces": [
                *({"type": kind} for kind in ("pid", "ipc", "uts", "mount")),
                {"type": "network"} | ({"path": str(netns)} if netns else {}),
            ],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
            "readonlyPaths": _NOT_TO_WRITE,
        },
    }


def _process(image: Mapping[str, Any], service: Mapping[str, Any]) -> Json:
    uid, _, gid = (image.get("User") or "0:0").partition(":")
    environment = dict(line.split("=", 1) for line in image["Env"])
    environment |= {name: str(value) for name, value in service.get("environment", {}).items()}
    command = service.get("command") or image.get("Cmd") or []
    return {
        "terminal": False,
        "user": {"uid": int(uid), "gid": int(gid)},
        "args": [*(image.get("Entrypoint") or []), *command],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": image.get("WorkingDir") or "/",
        "capabilities": capabilities(service, root=uid == "0"),
        "noNewPrivileges": "no-new-privileges:true" in service.get("security_opt", ()),
    }


def capabilities(service: Mapping[str, Any], *, root: bool) -> Json:
    """Give the sets as Docker does: who is not root has none, and may get those of a file."""
    kept = [] if "ALL" in service.get("cap_drop", ()) else list(_USUAL)
    bounding = sorted({f"CAP_{name}" for name in (*kept, *service.get("cap_add", ()))})
    sets = {**_NO_SETS, "bounding": bounding}
    return sets | {"effective": bounding, "permitted": bounding} if root else sets


def _mounts() -> list[Json]:
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666"),
        _mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        _mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
    ]


def _tmpfs(written: str) -> Json:
    where, _, options = written.partition(":")
    return _mount(where, "tmpfs", "nosuid", "nodev", "noexec", *filter(None, options.split(",")))


def _secret(name: str, file: Path) -> Json:
    where = f"/run/secrets/{name}"
    return {
        "destination": where, "type": "bind", "source": str(file), "options": ["bind", "ro"],
    }  # fmt: skip


def _mount(destination: str, kind: str, *options: str) -> Json:
    return {"destination": destination, "type": kind, "source": kind, "options": list(options)}
