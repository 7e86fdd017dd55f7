"""Whatever the cloud looks like, whoever changes it and whatever fails: the operator opens no door.

A machine that starts from a converged world. People change the manifest, the nodes and the cloud, also
right between two effects of a pass; writes fail in every way; the process dies; a `DoorWatch` looks at
every single effect of the real reconcilers on the fake cloud. In the end two passes put all in order.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from builders import node
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from property.converged_worlds import ALONE, PAIRED, copied
from property.door_watch import REF, DoorWatch, ours
from property.listener_cases import PAIRS, manifests
from property.vandalism import DEEDS, Deed
from unit.fakes.faults import Crash, Fault

from mtls_operator.api.meta import Kind
from mtls_operator.core.cloud import Endpoint, TargetHealth
from mtls_operator.core.reasons import Reason

if TYPE_CHECKING:
    from unit.fakes.world import World

LISTENER = Kind.MUTUAL_TLS_LISTENER
NUMBERS = st.integers(0, 8)
RARELY = st.sampled_from([False, False, False, True])
NODES = st.frozensets(st.integers(1, 4), min_size=1)
FOR_A_PERSON = {Reason.PORT_TAKEN, Reason.SNI_DIFFERS}
"""What only a person can put right: somebody else has the port, or the cloud cannot go back."""


@dataclass(frozen=True)
class Trouble:
    """What comes between one pass and the next, and into the middle of it."""

    seconds: int
    restarts: bool
    sick: frozenset[int]
    verdict: TargetHealth
    deeds: list[Deed]
    interruptions: list[tuple[int, Deed]]
    faults: list[tuple[int, Fault]]


TROUBLE = st.builds(
    Trouble,
    seconds=st.sampled_from([1, 10, 31]),
    restarts=RARELY,
    sick=st.just(frozenset[int]()) | st.frozensets(st.integers(1, 4), max_size=2),
    verdict=st.sampled_from(TargetHealth),
    deeds=st.lists(DEEDS, min_size=1, max_size=2) | st.lists(DEEDS, max_size=2),
    interruptions=st.just([]) | st.lists(st.tuples(NUMBERS, DEEDS), max_size=2),
    faults=st.just([]) | st.lists(st.tuples(NUMBERS, st.sampled_from(Fault)), max_size=2),
)


class ListenerMachine(RuleBasedStateMachine):
    """One listener's life."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._is_retained = False

    @initialize(sni=st.booleans(), pairs=PAIRS, paired=st.booleans())
    def begin(self, *, sni: bool, pairs: bool, paired: bool) -> None:
        self._sni, self._pairs = sni, pairs
        self.world: World = copied((PAIRED if pairs and paired else ALONE)[sni])
        self._watch = DoorWatch(self.world)

    # What people do, what goes wrong, and the pass that follows.

    @precondition(lambda self: self._may_be_applied())
    @rule(data=st.data(), trouble=TROUBLE)
    def change_the_manifest(self, data: st.DataObject, trouble: Trouble) -> None:
        self.world.apply(data.draw(manifests(sni=self._sni, pairs=self._pairs)))
        self._live(trouble)

    @rule(numbers=NODES, pool=NODES, trouble=TROUBLE)
    def change_the_nodes(self, numbers: frozenset[int], pool: frozenset[int], trouble: Trouble) -> None:
        self.world.view.held_nodes = [
            node(n, labels={"pool": "two"} if n in pool else {}) for n in sorted(numbers)
        ]
        self._live(trouble)

    @rule(trouble=TROUBLE)
    def go_on(self, trouble: Trouble) -> None:
        self._live(trouble)

    @precondition(lambda self: not self._is_leaving())
    @rule(goes=RARELY, retain=RARELY, trouble=TROUBLE)
    def delete(self, *, goes: bool, retain: bool, trouble: Trouble) -> None:
        if goes:
            self._delete(retain=retain)
        self._live(trouble)

    def _delete(self, *, retain: bool) -> None:
        body = self.world.kube.objects[LISTENER, REF]
        body["spec"]["deletionPolicy"] = "Retain" if retain else "Delete"
        self._is_retained = retain
        self.world.kube.delete(LISTENER, REF)

    def _live(self, trouble: Trouble) -> None:
        world = self.world
        world.clock.advance(timedelta(seconds=trouble.seconds))
        if trouble.restarts:
            world.restart()
        world.balancers.sick = {
            Endpoint(instance_id=f"ins-{n:08d}", port=30080): trouble.verdict for n in trouble.sick
        }
        for deed in trouble.deeds:
            deed(world)
        self._watch.begin_anew()
        for number, deed in trouble.interruptions:
            world.faults.interrupt(number, partial(self._interrupt, deed))
        for number, fault in trouble.faults:
            world.faults.plan(number, fault)
        struck = world.faults.struck
        self._pass()
        if world.faults.struck == struck and not self._is_leaving():
            self._assert_closed()

    def _interrupt(self, deed: Deed) -> None:
        deed(self.world)
        self._watch.begin_anew()

    def _pass(self) -> None:
        try:
            self._runner.run(self.world.pass_over_all())
        except Crash:
            self.world.restart()

    def _may_be_applied(self) -> bool:
        """Not while it is leaving; nor again when it left its listener behind, which it would find taken."""
        return not self._is_leaving() or (
            (LISTENER, REF) not in self.world.kube.objects and not self._is_retained
        )

    def _is_leaving(self) -> bool:
        body: dict[str, Any] | None = self.world.kube.objects.get((LISTENER, REF))
        return body is None or "deletionTimestamp" in body["metadata"]

    # In the end.

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self._runner.close()

    def _end(self) -> None:
        self.world.faults.clear()
        self.world.balancers.sick = {}
        self._pass()
        self.world.clock.advance(timedelta(seconds=31))
        self._pass()
        if self._is_leaving():
            assert (LISTENER, REF) not in self.world.kube.objects
            assert self._is_retained or ours(self.world) is None
        elif self._reason() in FOR_A_PERSON:
            self._assert_closed()
        else:
            self._watch.assert_in_order()
        written = self.world.written()
        self._pass()
        assert self.world.faults.writes[written - len(self.world.recorder.events) :] == []
        assert self.world.written() == written

    def _assert_closed(self) -> None:
        """Complain about an open door; one renamed before its id was noted is not known to be ours."""
        if self._reason() != Reason.PORT_TAKEN:
            self._watch.assert_closed()

    def _reason(self) -> str:
        ready = self.world.condition(LISTENER, REF.name, "Ready")
        return ready["reason"] if ready is not None else ""


TestListenerMachine = ListenerMachine.TestCase
TestListenerMachine.settings = settings(
    deadline=None,
    max_examples=60,
    stateful_step_count=8,
    phases=[Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
