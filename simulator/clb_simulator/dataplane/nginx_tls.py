r"""Certificates and client verification of one server block.

Pure. Called by `nginx_server`. nginx's own `ssl_verify_client` completes every handshake, answers 400, and
answers 421 as soon as the Host is not the SNI. The two switches need more than that:

| refusal   | foreign host | who verifies                                                          |
|-----------|--------------|-----------------------------------------------------------------------|
| http400   | 421          | `ssl_verify_client`                                                   |
| http400   | route        | OpenSSL asks and never fails; `$ssl_client_verify` decides per SNI    |
| tls-alert | either       | OpenSSL, without nginx's callback that forgives: a bad chain is fatal |
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
    if not binding.key_pairs:
        raise DataPlaneError("A TLS binding has no server certificate; bind at least one.")
    return [*_server_certificates(binding, files), *_client_verification(binding, files, switches)]


def _server_certificates(binding: TlsBinding, files: TlsFiles) -> list[str]:
    lines = []
    for pair in binding.key_pairs:
        chain, key = files.add_pair(pair)
        lines += [f"ssl_certificate {quoted(chain)};", f"ssl_certificate_key {quoted(key)};"]
    return lines


def _client_verification(binding: TlsBinding, files: TlsFiles, switches: Switches) -> list[str]:
    if binding.verify == "off":
        return ["ssl_verify_client off;"]
    if not binding.client_ca_pem:
        raise DataPlaneError("Client certificates are required but no CA is bound to verify them with.")
    authority = quoted(files.add_authority(binding.client_ca_pem))
    if switches.refusal == "tls-alert":
        return _fatal_verification(binding, authority)
    depth = f"ssl_verify_depth {switches.verify_depth};"
    if switches.foreign_host == "route":
        return [depth, *_recorded_verification(authority)]
    return [depth, f"ssl_client_certificate {authority};", f"ssl_verify_client {binding.verify};"]


def _fatal_verification(binding: TlsBinding, authority: str) -> list[str]:
    mode = "Require" if binding.verify == "on" else "Request"
    return [
        "ssl_verify_client off;",
        f"ssl_conf_command VerifyMode {mode};",
        f"ssl_conf_command VerifyCAFile {authority};",
        f"ssl_conf_command ClientCAFile {authority};",
    ]


def _recorded_verification(authority: str) -> list[str]:
    # ssl_trusted_certificate brings the depth and the callback that lets the handshake finish, and unlike
    # ssl_verify_client it does not make nginx compare Host and SNI.
    return [
        "ssl_verify_client off;",
        f"ssl_trusted_certificate {authority};",
        "ssl_conf_command VerifyMode Request;",
        f"ssl_conf_command ClientCAFile {authority};",
    ]
