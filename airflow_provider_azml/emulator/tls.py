"""The emulator's certificates: an authority of its own, which can vouch for this machine alone, and one certificate."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from airflow_provider_azml.emulator.identity import write_private

_YEARS_OF_AUTHORITY = 10
_DAYS = 365
_RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificates:
    """The files of the certificates.

    Args:
        certificate: The server's certificate.
        key: Its key.
        bundle: What clients must trust.
    """

    certificate: Path
    key: Path
    bundle: Path


def certificates(home: Path) -> Certificates:
    """The certificates of a home; made when they are not there or about to expire.

    The bundle is what the process itself trusts (``REQUESTS_CA_BUNDLE``, else certifi's) with the authority added.
    """
    folder = home / "tls"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = Certificates(folder / "server.pem", folder / "server.key", folder / "ca-bundle.pem")
    authority = folder / "ca.pem"
    if not _is_current(files.certificate, authority):
        _make(files, authority)
    write_private(files.bundle, _trusted(files.bundle).rstrip() + b"\n" + authority.read_bytes())
    return files


def _is_current(certificate: Path, authority: Path) -> bool:
    if not (certificate.exists() and authority.exists()):
        return False
    left = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc - datetime.now(timezone.utc)
    return left > timedelta(days=_RENEW_DAYS)


def _make(files: Certificates, authority: Path) -> None:
    """Make authority and certificate anew; the authority's key is not kept, so it can vouch for nothing else."""
    now = datetime.now(timezone.utc) - timedelta(minutes=5)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "azml emulator authority")])
    ca = (
        x509
        .CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=_YEARS_OF_AUTHORITY * _DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        x509
        .CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(files.key, private)
    write_private(authority, ca.public_bytes(serialization.Encoding.PEM))
    write_private(files.certificate, leaf.public_bytes(serialization.Encoding.PEM))


def _names() -> list[x509.GeneralName]:
    return [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _trusted(own_bundle: Path) -> bytes:
    named = os.environ.get("REQUESTS_CA_BUNDLE", "")
    if named and Path(named).is_file() and Path(named).resolve() != own_bundle.resolve():
        return Path(named).read_bytes()
    return Path(certifi.where()).read_bytes()
