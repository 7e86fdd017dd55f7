"""What `kubectl mtls verify` tries with and what it prints.

Pure but for the random source. Called by `commands.verify`; what is tried and how it is judged is the
operator's own: `mtls_operator.core.trials` and `mtls_operator.core.verification`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from kubectl_mtls.errors import Refusal
from mtls_operator.api.listener_status import VerificationResult
from mtls_operator.core import probe_cert
from mtls_operator.core.leaf import CA_CRT, read_leaf
from mtls_operator.core.trials import Credentials, Door, Shows, parse_address, sites_of
from mtls_operator.core.verification import overall
from mtls_operator.pki.error import PkiError
from mtls_operator.pki.inspect import chain_to_pem, load_chain
from mtls_operator.pki.keys import key_to_pem
from mtls_operator.probing.rounds import Keyring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mtls_operator.api.listener import MutualTLSListener
    from mtls_operator.core.cluster import Secret
    from mtls_operator.core.verification import SiteReport

HEADINGS: Final = ("DOMAIN", "TRIAL", "VERDICT", "ANSWER")
_MEANINGS: Final = {
    VerificationResult.ENFORCED: "Enforced: every domain answers a good certificate and refuses all others.",
    VerificationResult.OPEN: "Open: somebody without a good certificate gets in.",
    VerificationResult.UNKNOWN: "Unknown: not everything could be found out.",
}


class ExitStatus(IntEnum):
    """What a script sees."""

    ENFORCED = 0
    OPEN = 1
    UNKNOWN = 3


def door_of(listener: MutualTLSListener, address: str | None) -> Door:
    """Return where the listener is tried.

    Args:
        listener: the object.
        address: HOST or HOST:PORT; None for the manifest's, else the load balancer's.

    Raises:
        Refusal: there is no address, or it is none.
    """
    spec = listener.spec
    where = address or spec.verification.address or next(iter(listener.status.addresses), "")
    if not where:
        raise Refusal(
            f"MutualTLSListener {listener.ref} has no address yet. Wait until it is Ready, or give --address."
        )
    try:
        host, port = parse_address(where, spec.port)
    except ValueError as error:
        raise Refusal(str(error)) from None
    return Door(address=host, port=port, path=spec.verification.path, sites=sites_of(listener))


def keyring_of(secret: Secret, now: datetime) -> Keyring:
    """Return what can be shown with a ClientCert's Secret: its certificate, and a foreign one like it.

    Raises:
        Refusal: it holds no client certificate with its key and roots, or one that has ended.
    """
    leaf = read_leaf(secret)
    if leaf is None or leaf.key is None:
        raise _no_client(secret, "tls.crt and tls.key are needed")
    try:
        foreign = probe_cert.foreign(load_chain(secret.data.get(CA_CRT, b""))[0], now)
    except PkiError as error:
        raise _no_client(secret, f"{CA_CRT}: {error}") from None
    if now >= leaf.facts.not_after:
        raise Refusal(f"the certificate in Secret {secret.ref} has ended. Name another Secret by --secret.")
    good = Credentials(chain=chain_to_pem(leaf.chain), key=key_to_pem(leaf.key))
    return Keyring(shown={Shows.GOOD: good, Shows.FOREIGN: foreign})


def _no_client(secret: Secret, why: str) -> Refusal:
    return Refusal(
        f"Secret {secret.ref} has no client certificate to try with ({why}). "
        "Name the Secret of a ClientCert by --secret."
    )


def rows_of(reports: Sequence[SiteReport]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the lines of the table."""
    for report in reports:
        verdict = "Unknown" if report.failure else "Served"
        yield report.domain, "a good certificate", verdict, report.failure or report.control
        for finding in report.findings:
            yield report.domain, finding.trial.what, str(finding.verdict), finding.why


def conclusion(reports: Sequence[SiteReport]) -> tuple[ExitStatus, str]:
    """Return the exit status, and what it means."""
    result = overall(reports)
    return ExitStatus[result.name], _MEANINGS[result]
