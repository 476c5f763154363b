"""The certificate of this device: one file, replaced as a whole, that only its user can read."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from paretofleet_agent.errors import HomeError, PfError
from paretofleet_agent.files import write_atomically

FILE = "credentials.json"
OPENSSL_S = 60.0


@dataclass(frozen=True)
class Credentials:
    """What joining gave: by whom, as whom, and key, certificate and authorities in PEM.

    `address` is HOST:PORT at which the certificate is accepted.
    """

    address: str
    collector_id: str
    name: str
    device_class: str
    key_pem: str
    certificate_pem: str
    authorities_pem: str

    def __repr__(self) -> str:
        return f"Credentials({self.address!r}, {self.name!r})"


def load(home: Path) -> Credentials | None:
    """The credentials in `home`; None before joining. Raises HomeError when the file is damaged."""
    path = home / FILE
    try:
        return Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError(f"{path} cannot be read ({error.strerror}): mend its rights.") from error
    except (ValueError, TypeError) as error:
        raise HomeError(
            f"{path} is damaged: put its copy back, or join again with `paretofleet-agent join`."
        ) from error


def save(home: Path, credentials: Credentials) -> None:
    """Keeps `credentials` in `home` durably, in place of those before. Raises HomeError."""
    try:
        write_atomically(home / FILE, json.dumps(asdict(credentials)) + "\n")
    except OSError as error:
        raise HomeError(
            f"{home / FILE} cannot be written ({error.strerror}): free some space or mend its rights."
        ) from error


def make_request() -> tuple[str, str]:
    """A new key on the curve P-256, and a signing request for it (PKCS #10), both in PEM.

    The package `cryptography` makes them where it is installed, else the `openssl` command. Raises PfError
    where this device has neither.
    """
    with contextlib.suppress(ImportError):
        return _by_cryptography()
    return _by_openssl()


def request_for(key_pem: str) -> str:
    """A signing request in PEM for the key `key_pem`, made before; raises PfError."""
    with contextlib.suppress(ImportError):
        from cryptography.hazmat.primitives import serialization

        return _signed(serialization.load_pem_private_key(key_pem.encode(), password=None))
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        _write_private(key, key_pem)
        return _openssl("req", "-new", "-key", str(key), "-subj", "/CN=device")


def _by_cryptography() -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode(), _signed(key)


def _signed(key: object) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PfError("The key of this device is of another kind than joining makes: join again.")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _by_openssl() -> tuple[str, str]:
    # The key goes through a pipe: it is in no file but the agent's.
    key_pem = _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    return key_pem, request_for(key_pem)


def _openssl(*arguments: str) -> str:
    # The subject is given, and a board's configuration may be missing or ask for more.
    environment = {**os.environ, "OPENSSL_CONF": os.devnull}
    try:
        done = subprocess.run(
            ["openssl", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=OPENSSL_S,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", b"") or b""
        lines = detail.decode("utf-8", "replace").split("\n")
        raise PfError(
            f"This device cannot make a key ({type(error).__name__} of openssl{': ' if lines[0] else ''}"
            f"{lines[0]}): install the command openssl, or `pip install cryptography` beside the agent."
        ) from error
    return done.stdout.decode("ascii")


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
