"""2. Temporary keys come from AssumeRole and the unsigned AssumeRoleWithWebIdentity, and need their token.

Source: documented (X-TC-Token, AuthFailure.TokenFailure, durations) and seen (the SDK sends SKIP for the one
unsigned action); the codes for a bad RoleArn and a bad identity token are the SDK's list's.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from simulator.cloud import REGION, UIN, Cloud, refused
from simulator.signing import hand_made, json_body, outcome, send
from tencentcloud.clb.v20180317 import clb_client_async
from tencentcloud.clb.v20180317 import models as clb_models
from tencentcloud.common import credential

ROLE = f"qcs::cam::uin/{UIN}:roleName/operator"
Start = Callable[..., Awaitable[Cloud]]


def web_token(**claims: object) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{encoded}.c2lnbmF0dXJl"


async def assume(cloud: Cloud, **fields: Any) -> Any:
    return await cloud.call("sts", "AssumeRole", **{"RoleArn": ROLE, "RoleSessionName": "session", **fields})


async def describe_with(cloud: Cloud, issued: Any, token: str | None) -> str:
    keys = {"secret_id": issued.Credentials.TmpSecretId, "secret_key": issued.Credentials.TmpSecretKey}
    return await outcome(cloud, hand_made(cloud, **keys), **({"X-TC-Token": token} if token else {}))


async def test_issued_key_works_with_its_token_only_and_until_it_ends(cloud: Cloud) -> None:
    issued = await assume(cloud, DurationSeconds=600)
    token = issued.Credentials.Token
    assert issued.ExpiredTime == int(cloud.clock.now().timestamp()) + 600
    assert await describe_with(cloud, issued, token) == "ok"
    assert await describe_with(cloud, issued, None) == "AuthFailure.TokenFailure"
    assert await describe_with(cloud, issued, token + "x") == "AuthFailure.TokenFailure"
    other = await assume(cloud)
    assert await describe_with(cloud, issued, other.Credentials.Token) == "AuthFailure.TokenFailure"
    cloud.clock.advance(599)
    assert await describe_with(cloud, issued, token) == "ok"
    cloud.clock.advance(1)
    assert await describe_with(cloud, issued, token) == "AuthFailure.TokenFailure"


async def test_official_client_uses_an_issued_key(cloud: Cloud) -> None:
    issued = (await assume(cloud)).Credentials
    keys = credential.Credential(issued.TmpSecretId, issued.TmpSecretKey, issued.Token)
    client = clb_client_async.ClbClient(keys, REGION, cloud.profile())
    try:
        assert (await client.DescribeQuota(clb_models.DescribeQuotaRequest())).QuotaSet
    finally:
        await client.close()


async def test_web_identity_needs_no_signature_and_nothing_else_goes_without(cloud: Cloud) -> None:
    fields = {
        "ProviderId": "tke",
        "WebIdentityToken": web_token(exp=int(cloud.clock.now().timestamp()) + 60),
        "RoleArn": ROLE,
        "RoleSessionName": "pod",
    }
    request = hand_made(cloud, "AssumeRoleWithWebIdentity", service="sts", body=json_body(**fields))
    reply = (await send(cloud, request, Authorization="SKIP")).json()["Response"]
    keys = reply["Credentials"]
    signed = hand_made(
        cloud,
        "GetCallerIdentity",
        service="sts",
        secret_id=keys["TmpSecretId"],
        secret_key=keys["TmpSecretKey"],
    )
    identity = (await send(cloud, signed, **{"X-TC-Token": keys["Token"]})).json()["Response"]
    assert identity["AccountId"] == UIN
    for service, action in (("sts", "AssumeRole"), ("sts", "GetCallerIdentity"), ("clb", "DescribeQuota")):
        unsigned = hand_made(cloud, action, service=service)
        code = await outcome(cloud, unsigned, Authorization="SKIP")
        assert code == "AuthFailure.InvalidAuthorization"


async def test_official_provider_gets_its_keys_without_a_signature(cloud: Cloud) -> None:
    endpoint = cloud.server.api.url  # With a scheme, since the provider takes HTTPS otherwise.
    provider = credential.OIDCRoleArnCredential(REGION, "tke", web_token(), ROLE, "pod", 7200, endpoint)
    secret_id, secret_key, token = await asyncio.to_thread(provider.get_credential_info)
    request = hand_made(cloud, secret_id=secret_id, secret_key=secret_key)
    assert await outcome(cloud, request, **{"X-TC-Token": token}) == "ok"


@pytest.mark.parametrize(
    "token",
    ["not-a-token", web_token(exp=1), "a.!.c", "e30.W10.c2ln"],
    ids=["form", "expired", "base64", "list"],
)
async def test_bad_identity_token_is_refused(cloud: Cloud, token: str) -> None:
    with refused("InvalidParameter.WebIdentityTokenError"):
        await cloud.call(
            "sts",
            "AssumeRoleWithWebIdentity",
            ProviderId="tke",
            WebIdentityToken=token,
            RoleArn=ROLE,
            RoleSessionName="pod",
        )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"RoleArn": "operator"}, "InvalidParameter.ParamError"),
        ({"RoleArn": "qcs::cam::uin/1:roleName/operator"}, "ResourceNotFound.RoleNotFound"),
        ({"RoleSessionName": "a b"}, "InvalidParameter.ParamError"),
        ({"DurationSeconds": 43201}, "InvalidParameter.OverTimeError"),
        ({"DurationSeconds": 0}, "InvalidParameter.OverTimeError"),
        ({"Policy": "{}"}, "UnsupportedOperation"),
    ],
    ids=str,
)
async def test_refused_role(cloud: Cloud, fields: dict[str, Any], code: str) -> None:
    with refused(code):
        await assume(cloud, **fields)


async def test_issued_key_survives_a_restart_and_is_nowhere_to_be_read(
    start_cloud: Start, tmp_path: Path
) -> None:
    cloud = await start_cloud(state_file=tmp_path / "state")
    issued = await assume(cloud)
    secrets = (issued.Credentials.TmpSecretKey, issued.Credentials.Token)
    dumped = str(await cloud.admin("GET", "/state")) + str(await cloud.admin("GET", "/calls"))
    kept = cloud.server.engine.store.temporary_keys.all()
    assert not any(secret in dumped + repr(kept) for secret in secrets)
    again = await start_cloud(state_file=tmp_path / "state")
    assert await describe_with(again, issued, issued.Credentials.Token) == "ok"
