"""Certificates and client verification of one server block.

Pure. Called by `nginx_server`. nginx's own `ssl_verify_client` completes every handshake, answers 400, and
answers 421 as soon as the Host is not the SNI. Where requests are to be routed by Host whatever the SNI
was, OpenSSL asks for the certificate and never fails, and `nginx_sni` decides by `$ssl_client_verify`.

Under `tls-alert` nginx has no part in TLS: see `tls_terminator`.
"""

from clb_simulator.dataplane.model import DataPlaneError, TlsBinding
from clb_simulator.dataplane.nginx_files import TlsFiles
from clb_simulator.dataplane.nginx_syntax import quoted
from clb_simulator.dataplane.switches import Switches


def tls_directives(binding: TlsBinding | None, files: TlsFiles, switches: Switches) -> list[str]:
    """Return the directives by which a server block shows and asks certificates.

    Without a binding every handshake is rejected: a domain whose certificate is missing must not fall back
    to serving anybody.

    Raises:
        DataPlaneError: if clients are to be verified and there is no CA to verify them with, or there is
            no server certificate.
    """
    if binding is None:
        return ["ssl_reject_handshake on;"]
    check_binding(binding)
    return [*_server_certificates(binding, files), *_client_verification(binding, files, switches)]


def check_binding(binding: TlsBinding) -> None:
    """Refuse what cannot be served.

    Raises:
        DataPlaneError: if clients are to be verified and there is no CA to verify them with, or there is
            no server certificate.
    """
    if not binding.key_pairs:
        raise DataPlaneError("A TLS binding has no server certificate; bind at least one.")
    if binding.verify != "off" and not binding.client_ca_pem:
        raise DataPlaneError("Client certificates are required but no CA is bound to verify them with.")


def _server_certificates(binding: TlsBinding, files: TlsFiles) -> list[str]:
    lines = []
    for pair in binding.key_pairs:
        chain, key = files.add_pair(pair)
        lines += [f"ssl_certificate {quoted(chain)};", f"ssl_certificate_key {quoted(key)};"]
    return lines


def _client_verification(binding: TlsBinding, files: TlsFiles, switches: Switches) -> list[str]:
    if binding.verify == "off":
        return ["ssl_verify_client off;"]
    authority = quoted(files.add_authority(binding.client_ca_pem or ""))
    depth = f"ssl_verify_depth {switches.verify_depth};"
    return [depth, "ssl_conf_command VerifyMode Request;", *_authority(binding, authority, switches)]


def _authority(binding: TlsBinding, authority: str, switches: Switches) -> list[str]:
    if switches.foreign_host == "421":
        return [f"ssl_client_certificate {authority};", f"ssl_verify_client {binding.verify};"]
    # ssl_trusted_certificate brings the depth and the callback that lets the handshake finish, and unlike
    # ssl_verify_client it does not make nginx compare Host and SNI.
    return [
        "ssl_verify_client off;",
        f"ssl_trusted_certificate {authority};",
        f"ssl_conf_command ClientCAFile {authority};",
    ]
