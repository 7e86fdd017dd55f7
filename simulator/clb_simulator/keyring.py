"""The keys that sign requests: those that the simulator was started with, and those that STS issued.

Reads the store. Used by the HTTP front for every request.
"""

from collections.abc import Mapping

from clb_simulator.auth import SecretKey
from clb_simulator.store import Store


class Keyring:
    """Finds a key by its id."""

    def __init__(self, permanent: Mapping[str, SecretKey], store: Store) -> None:
        self._permanent = permanent
        self._store = store

    def get(self, secret_id: str) -> SecretKey | None:
        """Return a permanent or temporary key, or None; whether it has ended is not looked at."""
        permanent = self._permanent.get(secret_id)
        if permanent is not None:
            return permanent
        issued = self._store.temporary_keys.get(secret_id)
        if issued is None:
            return None
        return SecretKey(
            secret_id=issued.secret_id,
            secret_key=issued.secret_key,
            uin=issued.uin,
            token=issued.token,
            expires_at=issued.expires_at,
        )
