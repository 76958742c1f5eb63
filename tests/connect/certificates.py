"""Certificates for tests, made by the `openssl` command: an authority, and what it signs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=20)


@dataclass(frozen=True)
class Certificate:
    """Files in PEM."""

    cert: str
    key: str


class Authority:
    """Signs certificates for this machine; `file` is what others trust it by."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = directory / f"{name}.key"
        self.file = str(directory / f"{name}.pem")
        _openssl("req", "-x509", *_KEY, "-keyout", self._key, "-out", self.file, "-subj", f"/CN={name}", "-days", "2")

    def sign(self, name: str, *, days: int = 2, where: str = "IP:127.0.0.1") -> Certificate:
        """Make one; with days below 0 it has expired."""
        key, request, cert = (self._directory / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        extension = self._directory / f"{name}.ext"
        extension.write_text(f"subjectAltName={where}\n")
        _openssl("req", *_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signed_by = ("-CA", self.file, "-CAkey", self._key, "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, *signed_by, "-days", str(days), "-extfile", extension, "-out", cert)
        return Certificate(str(cert), str(key))
