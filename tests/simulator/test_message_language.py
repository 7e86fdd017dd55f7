"""4. X-TC-Language chooses the language of the messages whose wording is known in both.

Source: documented (the header) and seen (both wordings; MissingParameter was seen in English under zh-CN).
"""

from typing import Any

import pytest
from simulator.cloud import Cloud
from simulator.signing import hand_made, send

CHINESE = {
    "AuthFailure.SecretIdNotFound": "SecretId不存在，请输入正确的密钥。",  # noqa: RUF001
    "AuthFailure.SignatureFailure": "请求签名验证失败，请检查您的签名计算是否正确。",  # noqa: RUF001
}


async def error(cloud: Cloud, language: str, **changes: str) -> tuple[str, str]:
    extra: dict[str, Any] = {"X-TC-Language": language}
    reply = await send(cloud, hand_made(cloud, **changes), **extra)
    told = reply.json()["Response"]["Error"]
    return told["Code"], told["Message"]


@pytest.mark.parametrize("changes", [{"secret_id": "AKIDunknown"}, {"secret_key": "wrong"}], ids=str)
async def test_language_changes_the_message_and_not_the_code(cloud: Cloud, changes: dict[str, str]) -> None:
    code, chinese = await error(cloud, "zh-CN", **changes)
    assert chinese == CHINESE[code]
    for language in ("en-US", ""):
        same, english = await error(cloud, language, **changes)
        assert same == code
        assert english.isascii()


async def test_message_without_a_known_translation_stays_english(cloud: Cloud) -> None:
    for language in ("zh-CN", "en-US"):
        assert await error(cloud, language, action="DescribeListeners") == (
            "MissingParameter",
            "The request is missing a required parameter `LoadBalancerId`.",
        )
