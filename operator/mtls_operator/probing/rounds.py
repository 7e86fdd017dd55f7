"""Try all doors of a listener: plan, ask, judge. The same for the operator and for the plugin.

I/O through the `Prober`. A domain's control comes first; where it does not get through, nobody else
asks, so that an address that swallows everything costs a few seconds and not a minute.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mtls_operator.core.trials import Credentials, Shows, control_of, trials_of
from mtls_operator.core.verification import Answered, Silent, report_site
from mtls_operator.probing.prober import Knock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mtls_operator.api.meta import ObjectRef
    from mtls_operator.core.trials import Door, Site, Trial
    from mtls_operator.core.verification import Observation, SiteReport
    from mtls_operator.probing.prober import Prober

_CONTROLS_BEFORE: Final = 2
_CONTROLS_AFTER: Final = 2
"""What changed meanwhile, and which other real server answers, shows in these."""
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """What an authority's clients can show; what cannot be had is missing.

    Attributes:
        shown: by what it is; nothing needs to be had for none.
    """

    shown: Mapping[Shows, Credentials] = field(repr=False)


class Trials:
    """Tries doors, a few requests at a time in all."""

    def __init__(self, prober: Prober, *, at_once: int = _AT_ONCE) -> None:
        """Take who makes the requests, and how many may be under way."""
        self._prober = prober
        self._limit = asyncio.Semaphore(at_once)

    async def try_door(self, door: Door, keyrings: Mapping[ObjectRef, Keyring]) -> tuple[SiteReport, ...]:
        """Return what the trials of every domain show.

        Args:
            door: the listener.
            keyrings: by authority; a domain whose authority has none cannot be judged.
        """
        return tuple(await asyncio.gather(*(self._try_site(door, site, keyrings) for site in door.sites)))

    async def _try_site(self, door: Door, site: Site, keyrings: Mapping[ObjectRef, Keyring]) -> SiteReport:
        missing = _what_is_missing(site, keyrings)
        if missing:
            return report_site(site.domain, [Silent(why=missing)], [], door.certificates)
        control = control_of(site)
        controls: list[Observation] = [await self._ask(door, control, keyrings)]
        if not isinstance(controls[0], Answered):
            return report_site(site.domain, controls, [], door.certificates)
        controls += await self._ask_all(door, [control] * (_CONTROLS_BEFORE - 1), keyrings)
        planned = [t for t in trials_of(door, site) if _can_show(t, keyrings)]
        seen = await self._ask_all(door, planned, keyrings)
        controls += await self._ask_all(door, [control] * _CONTROLS_AFTER, keyrings)
        return report_site(site.domain, controls, zip(planned, seen, strict=True), door.certificates)

    async def _ask_all(
        self, door: Door, trials: Iterable[Trial], keyrings: Mapping[ObjectRef, Keyring]
    ) -> Sequence[Observation]:
        return await asyncio.gather(*(self._ask(door, trial, keyrings) for trial in trials))

    async def _ask(self, door: Door, trial: Trial, keyrings: Mapping[ObjectRef, Keyring]) -> Observation:
        shown = None if trial.shows is Shows.NONE else keyrings[trial.authority].shown[trial.shows]
        knock = Knock(
            address=door.address,
            port=door.port,
            sni=trial.sni,
            host=trial.host,
            path=door.path,
            credentials=shown,
        )
        async with self._limit:
            return await self._prober.knock(knock)


def _what_is_missing(site: Site, keyrings: Mapping[ObjectRef, Keyring]) -> str:
    """Return why a domain cannot be asked for at all, empty when it can."""
    if not site.host:
        return "no name is known that this expression matches. Set healthCheck.domain of one of its routes"
    keyring = keyrings.get(site.authority)
    if keyring is None or Shows.GOOD not in keyring.shown:
        return f"there is no good certificate of CertificateAuthority {site.authority} to compare with"
    return ""


def _can_show(trial: Trial, keyrings: Mapping[ObjectRef, Keyring]) -> bool:
    if trial.shows is Shows.NONE:
        return True
    keyring = keyrings.get(trial.authority)
    return keyring is not None and trial.shows in keyring.shown
