"""Authorities and what they sign."""

from __future__ import annotations

import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from paretofleet_collector.errors import Refused
from paretofleet_collector.identity import authority


def test_dates_fit_any_clock_and_the_certificate_names_its_row():
    made = authority.make_authority("c")
    _, request = authority.make_request()
    pem = authority.issue(made, authority.public_key_of(request), "ab12")
    for text in (made.certificate_pem, pem.encode()):
        certificate = x509.load_pem_x509_certificate(text)
        assert (certificate.not_valid_before_utc.year, certificate.not_valid_after_utc.year) == (1970, 9999)
    names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [authority.URI + "ab12"]


def test_keys_are_for_their_user_only_and_numbers_are_never_used_again(tmp_path):
    for _ in range(3):
        authority.add(tmp_path, authority.make_authority("c"))
    three = authority.load(tmp_path)
    authority.retire_all_but_newest(tmp_path)
    assert authority.load(tmp_path) == three[-1:]
    authority.add(tmp_path, authority.make_authority("c"))
    assert authority.load(tmp_path)[0] == three[-1]
    keys = list((tmp_path / authority.FOLDER).rglob("*.key"))
    assert len(keys) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert stat.S_IMODE((tmp_path / authority.FOLDER).stat().st_mode) == 0o700


def rsa_request() -> str:
    key = rsa.generate_private_key(65537, 2048)
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def forged_request() -> str:
    """A request with one bit of its signature turned."""
    _, request = authority.make_request()
    der = bytearray(x509.load_pem_x509_csr(request.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("request_pem", "sentence"),
    [
        ("", "cannot be read"),
        ("x" * 8000, "cannot be read"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "cannot be read"),
        (rsa_request(), "another kind"),
        (forged_request(), "not signed with its own key"),
    ],
    ids=["empty", "rubbish", "short", "rsa", "forged"],
)
def test_a_wrong_request_is_refused_with_a_sentence(request_pem, sentence):
    with pytest.raises(Refused, match=sentence):
        authority.public_key_of(request_pem)
