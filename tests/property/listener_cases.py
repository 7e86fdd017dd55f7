"""Manifests for the examples of the fail-closed property."""

from typing import Any, Final

from builders import listener_manifest
from hypothesis import strategies as st
from property.converged_worlds import NAMES, PAIR, PURCHASED, SINGLE

PATHS: Final = (("/",), ("/",), ("/", "/v1"), ("/v1",))
LIKELY: Final = st.sampled_from(["clients", "clients", "partners"])
"""Mostly the authority as it was, so that what is left alone is seen as well."""
SOURCES: Final = {
    False: st.sampled_from([SINGLE, SINGLE, PURCHASED]),
    True: st.sampled_from([SINGLE, PAIR, PAIR]),
}
"""By whether the example has pairs: seldom, since reading RSA keys takes longer than all the rest."""
PAIRS: Final = st.sampled_from([*[False] * 7, True])


@st.composite
def manifests(draw: st.DrawFn, *, sni: bool, pairs: bool) -> dict[str, Any]:
    """Return a manifest with one to three domains."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
    default = draw(st.sampled_from([None, *names]))
    domains = []
    for name in names:
        paths = draw(st.sampled_from(PATHS))
        weight = draw(st.sampled_from([10, 20]))
        routes = [{"path": path, "backends": [{"nodePort": 30080, "weight": weight}]} for path in paths]
        source = draw(st.none() | SOURCES[pairs]) or {}
        own = {"tls": {"caRef": {"name": draw(LIKELY)}, "serverCertificate": source}} if sni else {}
        domains.append({"domain": name, "routes": routes, "default": name == default, **own})
    wanted = listener_manifest("api", *domains, sni=sni, drainPeriod=draw(st.sampled_from(["0s", "30s"])))
    wanted["spec"]["tls"] = {"caRef": {"name": draw(LIKELY)}, "serverCertificate": draw(SOURCES[pairs])}
    wanted["spec"]["nodeSelector"] = draw(st.sampled_from([{}, {}, {"pool": "two"}, {"pool": "none"}]))
    return wanted
