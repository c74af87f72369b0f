"""Certificates for the lines inside: PostgreSQL and Redis prove who they are, also at home.

python -m deploy.certificates FOLDER

FOLDER/ca/ca.crt             what clients trust; the key behind it is never written
FOLDER/<server>/server.crt   and server.key, for that server's eyes only
FOLDER/redis/password.conf   `requirepass`, so that the password stands on no command line

All are made anew, together, when one is missing or the old ones have less than ninety days left;
so an `up` now and then renews them, and a restart of the servers is part of it.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVERS: Final = ("postgres", "redis")
LIFE: Final = timedelta(days=825)
RENEW_BEFORE: Final = timedelta(days=90)
SERVER_ID: Final = 999  # both servers' user in their images


def are_good(folder: Path, at: datetime) -> bool:
    """Whether everything is there and lasts for a while."""
    certificates = [folder / "ca" / "ca.crt", *(folder / s / "server.crt" for s in SERVERS)]
    keys = [folder / server / "server.key" for server in SERVERS]
    if not all(path.exists() for path in (*certificates, *keys)):
        return False
    ends = [
        x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        for path in certificates
    ]
    return min(ends) - at > RENEW_BEFORE


def make(folder: Path, at: datetime) -> None:
    """A new authority, and under it a certificate for each server."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SmartInvoicing inside")])
    authority = _certificate(name, name, authority_key, at)
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    signs = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    authority = authority.add_extension(signs, True)
    _write(folder / "ca" / "ca.crt", _pem(authority.sign(authority_key, hashes.SHA256())))
    for server in SERVERS:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, server)])
        builder = (
            _certificate(subject, name, key, at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(server), x509.DNSName("localhost")]),
                False,
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        )
        _write(folder / server / "ca.crt", (folder / "ca" / "ca.crt").read_bytes())
        _write(folder / server / "server.crt", _pem(builder.sign(authority_key, hashes.SHA256())))
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(folder / server / "server.key", secret, secret=True)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + LIFE)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Whole or not at all; a secret for the server's user alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    if secret and os.geteuid() == 0:
        os.chown(new, SERVER_ID, SERVER_ID)
    new.replace(path)


def main(folder: Path, password: str, at: datetime) -> None:
    if not are_good(folder, at):
        make(folder, at)
    if '"' in password or "\n" in password:
        raise SystemExit("REDIS_PASSWORD must hold neither quotes nor line breaks.")
    _write(folder / "redis" / "password.conf", f'requirepass "{password}"\n'.encode(), secret=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.environ["REDIS_PASSWORD"], datetime.now(UTC))
