"""The collector's certificate authorities: keys and certificates in files, and what they sign.

Dates in certificates run from 1970 to 9999, so that a board whose clock is years off can join, and because
what TLS refuses reaches a client as a closed connection without a word. Until when a certificate counts
stands in the store. While authorities change there are several: the oldest signs for the server, which
everybody trusts already, the newest signs for all others.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from paretofleet_collector.errors import Refused

#: The name of every collector in its certificate: clients check this and no address, so that tunnels work.
SERVER_NAME = "collector.paretofleet.internal"
#: What the URI of a certificate begins with; its id in the store follows.
URI = "paretofleet:certificate:"
FOLDER = "identity"
_FIRST = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - X.509 dates are UTC without saying so
_LAST = dt.datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001


@dataclass(frozen=True)
class Authority:
    """A key and its self-signed certificate, both in PEM."""

    key_pem: bytes
    certificate_pem: bytes

    @cached_property  # every call is held against it
    def sha256(self) -> str:
        """The SHA-256 of its certificate in hex, which tokens carry."""
        der = x509.load_pem_x509_certificate(self.certificate_pem).public_bytes(serialization.Encoding.DER)
        return hashlib.sha256(der).hexdigest()


def make_authority(collector_id: str) -> Authority:
    """A new authority of the collector `collector_id`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"paretofleet {collector_id}")
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(_key_pem(key), certificate.public_bytes(serialization.Encoding.PEM))


def load(home: Path) -> tuple[Authority, ...]:
    """The authorities in the collector's folder `home`, the oldest first; empty without identity.

    Raises Refused where a file cannot be read.
    """
    try:
        return tuple(
            Authority(path.with_suffix(".key").read_bytes(), path.read_bytes())
            for path in sorted((home / FOLDER).glob("authority-*.pem"))
        )
    except OSError as error:
        raise Refused(f"The authority {error.filename} cannot be read: {error.strerror}.") from None


def add(home: Path, authority: Authority) -> None:
    """Keeps `authority` as the newest in the collector's folder `home`; raises Refused."""
    folder = home / FOLDER
    numbers = [int(path.stem.rpartition("-")[2]) for path in folder.glob("**/authority-*.pem")]
    stem = folder / f"authority-{max(numbers, default=0) + 1:04d}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(stem.with_suffix(".key"), authority.key_pem)
        _write_new(stem.with_suffix(".pem"), authority.certificate_pem)
    except OSError as error:
        raise Refused(f"{error.filename} cannot be written: {error.strerror}.") from None


def retire_all_but_newest(home: Path) -> None:
    """Moves every authority but the newest in the collector's folder `home` to `retired`; raises Refused."""
    retired = home / FOLDER / "retired"
    try:
        retired.mkdir(exist_ok=True, mode=0o700)
        for path in sorted((home / FOLDER).glob("authority-*.pem"))[:-1]:
            path.rename(retired / path.name)
            path.with_suffix(".key").rename(retired / path.with_suffix(".key").name)
    except OSError as error:
        raise Refused(f"{error.filename} cannot be moved: {error.strerror}.") from None


def server_pair(authority: Authority) -> tuple[bytes, bytes]:
    """A new key and its certificate for a server, signed by `authority`, both in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)])
    return _key_pem(key), _sign(authority, key.public_key(), SERVER_NAME, names)


def issue(authority: Authority, public_key: ec.EllipticCurvePublicKey, certificate_id: str) -> str:
    """The certificate in PEM by which `authority` vouches for the holder of `public_key`.

    `certificate_id` is what the store knows it by.
    """
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(URI + certificate_id)])
    return _sign(authority, public_key, certificate_id, names).decode()


def public_key_of(request_pem: str) -> ec.EllipticCurvePublicKey:
    """The public key in `request_pem` (PKCS #10), whose holder signed it; raises Refused."""
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
        key = request.public_key()
        is_signed = request.is_signature_valid
    except Exception as error:  # noqa: BLE001 - a stranger's bytes: whatever the parser dislikes
        raise Refused(f"The signing request cannot be read ({type(error).__name__}).") from None
    if not is_signed:
        raise Refused("The signing request is not signed with its own key.")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1"):
        raise Refused("The signing request has a key of another kind; make one on the curve P-256.")
    return key


def sha256_of_key(public_key: ec.EllipticCurvePublicKey) -> str:
    """The SHA-256 of `public_key` in hex, by which people compare keys."""
    der = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def make_request() -> tuple[bytes, str]:
    """A new key in PEM and a signing request for it in PEM, for a person's certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(_name("person")).sign(key, hashes.SHA256())
    return _key_pem(key), request.public_bytes(serialization.Encoding.PEM).decode()


def _sign(
    authority: Authority,
    public_key: ec.EllipticCurvePublicKey,
    name: str,
    names: x509.SubjectAlternativeName,
) -> bytes:
    issuer = x509.load_pem_x509_certificate(authority.certificate_pem)
    key = serialization.load_pem_private_key(authority.key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Refused("The authority's key is not one that `paretofleet collector init` makes.")
    certificate = (
        _builder(_name(name), issuer.subject, public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FIRST)
        .not_valid_after(_LAST)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
