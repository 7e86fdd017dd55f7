"""Shake hands with a listener as a client of a certain kind, and look at the certificate that it shows.

Starts openssl. The connection must end with an answer of a real server, so a handshake that the listener
turned down is none.
"""

import subprocess
from collections.abc import Sequence

from cluster.tenant import DOMAIN, PORT, Tenant
from cryptography import x509

from mtls_devcluster.client_files import ClientFiles

RSA_ONLY = {
    "cipher": ("-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
    "signature": ("-sigalgs", "RSA+SHA256", "-client_sigalgs", "ECDSA+SHA256"),
}
ECDSA_ONLY = {
    "cipher": ("-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    "signature": ("-sigalgs", "ECDSA+SHA256"),
}
"""By what a client that knows one key algorithm says of itself. The client's own key is an ECDSA key."""

_SECONDS = 15
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def presented(tenant: Tenant, client: ClientFiles, options: Sequence[str] = ()) -> x509.Certificate:
    """Return the server certificate that a client sees which then gets its answer.

    Args:
        tenant: whose listener is asked.
        client: the client's files.
        options: what openssl s_client is told of the client's abilities.
    """
    files = ("-cert", "client.crt", "-key", "client.key")
    request = f"GET / HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n"
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"{tenant.address}:{PORT}", "-servername", DOMAIN, "-tls1_2",
         "-ign_eof", *files, *options],
        cwd=client.folder,
        input=request.encode(),
        capture_output=True,
        check=False,
        timeout=_SECONDS,
    )  # fmt: skip
    assert b"HTTP/1.1 200" in run.stdout, run.stderr.decode()
    return x509.load_pem_x509_certificate(run.stdout[run.stdout.index(_BEGIN) :])
