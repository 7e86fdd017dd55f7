"""TagResources, UnTagResources, ModifyResourceTags and DescribeResourceTagsByResourceIds.

Pure over the store.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from clb_simulator.action import Action, Call, Kind
from clb_simulator.errors import ApiError, missing_parameter, too_long
from clb_simulator.model import Tags
from clb_simulator.params import Json, Object, Params
from clb_simulator.tag.names import Resource, parse, resource_key

_RESOURCES: Final = 50
_TAGS: Final = 20
_DEFAULT_LIMIT: Final = 15


def tag_resources(call: Call, params: Params) -> Object:
    """TagResources: set tags on resources; those that do not exist are listed as failed."""
    wanted = _tags(params, "Tags")
    if not wanted:
        raise missing_parameter("Tags")
    return _for_each(call, params, lambda held: {**held, **wanted})


def untag_resources(call: Call, params: Params) -> Object:
    """UnTagResources: remove tags by their keys."""
    keys = set(params.texts("TagKeys"))
    return _for_each(call, params, lambda held: {key: held[key] for key in held.keys() - keys})


def modify_resource_tags(call: Call, params: Params) -> Object:
    """ModifyResourceTags: set and remove tags of one resource."""
    resource = parse(params.required_text("Resource"))
    if not _exists(call, resource):
        raise ApiError("ResourceNotFound", f"The resource {resource.identifier} does not exist.")
    gone = {one.required_text("TagKey") for one in params.parts("DeleteTags")}
    held = {key: value for key, value in tags_at(call, resource.key).items() if key not in gone}
    _write(call, resource, {**held, **_tags(params, "ReplaceTags")})
    return {}


def describe_resource_tags_by_resource_ids(call: Call, params: Params) -> Object:
    """DescribeResourceTagsByResourceIds: the tags of several resources of one kind."""
    service, prefix = params.required_text("ServiceType"), params.required_text("ResourcePrefix")
    region, identifiers = params.text("ResourceRegion") or "", params.texts("ResourceIds")
    limit = _DEFAULT_LIMIT if (asked := params.integer("Limit")) is None else asked
    offset = params.integer("Offset") or 0
    found: list[Json] = [
        {
            "TagKey": key,
            "TagValue": value,
            "ResourceId": identifier,
            "TagKeyMd5": _md5(key),
            "TagValueMd5": _md5(value),
            "ServiceType": service,
        }
        for identifier in identifiers
        for key, value in tags_at(call, resource_key(service, region, prefix, identifier)).items()
    ]
    return {
        "TotalCount": len(found),
        "Offset": offset,
        "Limit": limit,
        "Tags": found[offset : offset + limit],
    }


def tags_at(call: Call, key: str) -> dict[str, str]:
    """Return the tags of a resource by its key."""
    held = call.store.tags.get(key)
    return dict(held.values) if held else {}


def _for_each(call: Call, params: Params, change: Callable[[dict[str, str]], dict[str, str]]) -> Object:
    names = params.texts("ResourceList")
    if not names:
        raise missing_parameter("ResourceList")
    if len(names) > _RESOURCES:
        raise too_long("ResourceList", _RESOURCES + 1)
    failed: list[Json] = []
    for name in names:
        resource = parse(name)
        if _exists(call, resource):
            _write(call, resource, change(tags_at(call, resource.key)))
        else:
            failed.append(
                {"Resource": name, "Code": "ResourceNotFound", "Message": "The resource does not exist."}
            )
    return {"FailedResources": failed}


def _write(call: Call, resource: Resource, tags: dict[str, str]) -> None:
    if len(tags) > _TAGS:
        raise ApiError("LimitExceeded.ResourceAttachedTags", f"A resource may have {_TAGS} tags.")
    call.store.tags.put(resource.key, Tags(resource=resource.key, values=tuple(tags.items())))


def _exists(call: Call, resource: Resource) -> bool:
    if resource.uin != call.uin:
        return False
    if (resource.service, resource.prefix) == ("ssl", "certificate"):
        certificate = call.store.certificates.get(resource.identifier)
        return certificate is not None and not certificate.deleted
    if (resource.service, resource.prefix) == ("clb", "clb"):
        owner = call.store.load_balancers.get(resource.identifier)
        return owner is not None and owner.region == resource.region
    return False


def _tags(params: Params, name: str) -> dict[str, str]:
    wanted = {}
    for one in params.parts(name):
        one.ignore("Category")
        wanted[one.required_text("TagKey")] = one.text("TagValue") or ""
    return wanted


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


ACTIONS: Final = {
    "TagResources": Action(handler=tag_resources, kind=Kind.WRITE),
    "UnTagResources": Action(handler=untag_resources, kind=Kind.WRITE),
    "ModifyResourceTags": Action(handler=modify_resource_tags, kind=Kind.WRITE),
    "DescribeResourceTagsByResourceIds": Action(
        handler=describe_resource_tags_by_resource_ids, kind=Kind.READ
    ),
}
