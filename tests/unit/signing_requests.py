"""Certificate signing requests as they stand in a manifest."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from mtls_operator.pki.keys import KeyAlgorithm, KeySpec, PrivateKey, generate_key

P256 = KeySpec(KeyAlgorithm.ECDSA, 256)


def new_key() -> PrivateKey:
    return generate_key(P256)


def csr(key: PrivateKey, *extensions: x509.ExtensionType, subject: x509.Name | None = None) -> str:
    """Return a request for a key, which asks for nothing else unless told."""
    builder = x509.CertificateSigningRequestBuilder(subject or x509.Name([]))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(pem).decode()
