"""docker/entrypoint: what variables of other deployments become."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.docker import DOCKER
from tests.scripts.tree import stand_in

ADDRESS = {"PCSCF_IP": "172.22.0.21"}
NETWORK = {"MCC": "001", "MNC": "01"}
NAME = "ims.mnc001.mcc001.3gppnetwork.org"


@pytest.fixture
def start(tmp_path: Path):
    """Run the script with these variables; return those that the P-CSCF gets, and its arguments."""
    stand_in(tmp_path / "pcscf", 'printf "%s\\0" "$@" ""; env -0 | grep -z ^PCSCF_.*__')

    def run(*words: str, **variables: str) -> tuple[dict[str, object], list[str]]:
        done = subprocess.run(
            (DOCKER / "entrypoint", *words),
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        arguments, _, rest = done.stdout.partition("\0\0")
        found = dict(one.split("=", 1) for one in rest.split("\0") if one)
        return {k: json.loads(v) if v[0] in "[{" else v for k, v in found.items()}, (
            arguments.split("\0")
        )

    return run


def test_what_it_is_told_goes_on(start) -> None:
    settings, words = start("run", "--config", "a file")
    assert words == ["run", "--config", "a file"]
    assert settings == {}


def test_one_address_is_on_both_sides(start) -> None:
    assert start("run", **ADDRESS)[0] == {
        "PCSCF_GM__ADDRESSES": ["172.22.0.21"],
        "PCSCF_CORE__ADDRESSES": ["172.22.0.21"],
    }


@pytest.mark.parametrize(
    ("mnc", "name"), [("01", NAME), ("001", NAME), ("260", "ims.mnc260.mcc001.3gppnetwork.org")]
)
def test_the_network_is_named_and_asked_by_its_name(start, mnc: str, name: str) -> None:
    assert start("run", MCC="001", MNC=mnc)[0] == {
        "PCSCF_NETWORK__VISITED_NETWORK": name,
        "PCSCF_CORE__NEXT_HOPS": [f"sip:{name}"],
    }


def test_the_i_cscf_is_the_next_hop_where_it_is_named(start) -> None:
    settings, _ = start("run", **NETWORK, ICSCF_IP="172.22.0.19")
    assert settings["PCSCF_CORE__NEXT_HOPS"] == ["udp:172.22.0.19:4060"]
    settings, _ = start("run", ICSCF_IP="172.22.0.19", ICSCF_BIND_PORT="5070")
    assert settings == {"PCSCF_CORE__NEXT_HOPS": ["udp:172.22.0.19:5070"]}


def test_the_name_server_is_asked(start) -> None:
    assert start("run", DNS_IP="172.22.0.15")[0] == {"PCSCF_DNS__SERVERS": ["172.22.0.15"]}


def test_the_way_to_the_phones_is_by_the_upf(start) -> None:
    pools = {"UE_IPV4_IMS": "192.168.101.0/24", "UE_IPV4_INTERNET": "192.168.100.0/24"}
    assert start("run", **pools)[0] == {}
    assert start("run", UPF_IP="172.22.0.8")[0] == {}
    assert start("run", **pools, UPF_IP="172.22.0.8")[0] == {
        "PCSCF_GM__ROUTES": [
            {"to": "192.168.101.0/24", "via": "172.22.0.8"},
            {"to": "192.168.100.0/24", "via": "172.22.0.8"},
        ]
    }


def test_what_is_set_for_us_is_left_alone(start) -> None:
    own = {
        "PCSCF_GM__ADDRESSES": '["192.0.2.1"]',
        "PCSCF_CORE__NEXT_HOPS": '["udp:192.0.2.9:5060"]',
        "PCSCF_NETWORK__VISITED_NETWORK": "own.example",
    }
    settings, _ = start("run", **own, **ADDRESS, **NETWORK)
    assert settings["PCSCF_GM__ADDRESSES"] == ["192.0.2.1"]
    assert settings["PCSCF_CORE__NEXT_HOPS"] == ["udp:192.0.2.9:5060"]
    assert settings["PCSCF_NETWORK__VISITED_NETWORK"] == "own.example"


def test_a_value_is_never_a_command(start, tmp_path: Path) -> None:
    made = tmp_path / "made"
    settings, _ = start("run", DNS_IP=f"$(touch {made})`touch {made}`; touch {made}")
    assert not made.exists()
    assert settings["PCSCF_DNS__SERVERS"] == [f"$(touch {made})`touch {made}`; touch {made}"]
