"""What a server's certificate was refused for."""

from __future__ import annotations

import ssl

EXPIRED = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED


def has_run_out(fault: object) -> bool:
    """Whether only time has made it wrong: whoever runs the server will renew it, and nothing here is to be changed."""
    return isinstance(fault, ssl.SSLCertVerificationError) and fault.verify_code == EXPIRED
