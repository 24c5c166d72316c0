"""Asking a server: errors of one line without a password, and the ways there are to reach one."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pcscf.errors import StoreError
from pcscf.store.valkey_server import ValkeyServer, shown
from tests.store.valkey_process import ValkeyProcess


def ask(url: str, patience: float = 5.0) -> object:
    async def whole() -> object:
        server = ValkeyServer(url, patience)
        try:
            return await server.run("return KEYS[1] .. ARGV[1]", ["a"], ["b"])
        finally:
            await server.close()

    return asyncio.run(whole())


def refusal(url: str, patience: float = 5.0) -> str:
    with pytest.raises(StoreError) as caught:
        ask(url, patience)
    text = str(caught.value)
    assert text.startswith(shown(url) + ": ")
    assert "\n" not in text
    assert "secret" not in text
    return text.removeprefix(shown(url) + ": ")


def test_it_answers(server) -> None:
    assert ask(server.url) == b"ab"
    assert ask(server.url.replace("valkey", "redis")) == b"ab"
    assert ask(server.url.replace("/0", "/3")) == b"ab"


def test_a_password_is_never_shown() -> None:
    assert shown("valkey://user:secret@host:1/2?db=secret") == "store.url: valkey://host:1/2"
    assert shown("valkey://:secret@[::1]:1/2") == "store.url: valkey://[::1]:1/2"
    assert shown("unix:///run/valkey.sock?password=secret") == "store.url: unix:///run/valkey.sock"


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert f"connecting to 127.0.0.1:{port}" in refusal(f"valkey://:secret@127.0.0.1:{port}")


def test_a_host_that_takes_connections_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"valkey://:secret@127.0.0.1:{silent.getsockname()[1]}"
        assert "Timeout" in refusal(url, patience=0.05)


def test_a_password_where_none_is_wanted_and_none_where_one_is(server, own_server) -> None:
    own_server.command("CONFIG", "SET", "requirepass", "secret")
    assert refusal(own_server.url) == "Authentication required."
    right = own_server.url.replace("//", "//:secret@")
    assert ask(right) == b"ab"
    assert "invalid username-password pair" in refusal(right.replace("secret", "secret2"))
    assert "without any password" in refusal(server.url.replace("//", "//:secret@"))


def test_a_long_error_is_cut(server) -> None:
    async def whole() -> None:
        asked = ValkeyServer(server.url, 5.0)
        try:
            with pytest.raises(StoreError) as caught:
                await asked.run("error('" + "x" * 5000 + "')", [], [])
            assert len(str(caught.value)) < 300
            assert "\n" not in str(caught.value)
        finally:
            await asked.close()

    asyncio.run(whole())


def test_a_connection_that_the_server_has_closed_is_made_again(server) -> None:
    async def whole() -> None:
        asked = ValkeyServer(server.url, 5.0)
        try:
            for _ in range(3):
                assert await asked.run("return 7", [], []) == 7
                server.command("CLIENT", "KILL", "TYPE", "normal")
                await asyncio.sleep(0.02)
        finally:
            await asked.close()

    asyncio.run(whole())


def test_a_unix_socket(tmp_path) -> None:
    path = tmp_path / "socket"
    with ValkeyProcess(tmp_path, "--unixsocket", str(path)):
        assert ask(f"unix://{path}") == b"ab"
    assert "Error" in refusal(f"unix://{path}")


# TLS


def certificate(directory: Path, name: str) -> Path:
    """Make a certificate that is its own authority; the key stands beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.with_suffix(".key").write_bytes(secret)
    return path


@pytest.fixture
def tls_url(tmp_path) -> Iterator[tuple[str, Path]]:
    """A server that has a certificate for localhost; with it, that of the authority."""
    path = certificate(tmp_path, "localhost")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        *("--tls-port", str(port), "--tls-cert-file", str(path)),
        *("--tls-key-file", str(path.with_suffix(".key")), "--tls-auth-clients", "no"),
    ]
    with ValkeyProcess(tmp_path, *options):
        yield f"valkeys://localhost:{port}/0", path


def test_tls_with_a_known_authority_and_the_right_name(tls_url) -> None:
    url, path = tls_url
    assert ask(f"{url}?ssl_ca_certs={path}") == b"ab"
    assert "certificate verify failed" in refusal(url)
    other = url.replace("localhost", "127.0.0.1")
    assert "certificate verify failed" in refusal(f"{other}?ssl_ca_certs={path}")
