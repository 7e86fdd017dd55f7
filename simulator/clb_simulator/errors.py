"""The errors that the simulated API answers with, and their wording.

Pure. Raised by every layer between the HTTP front and the rules; `envelope` turns them into replies.
Code and message follow what was documented or seen in the field; a message without a known wording is
our own, so clients must match on the code.
"""

from collections.abc import Iterable
from typing import Final

CHINESE: Final = "zh-CN"
RESOURCE_IN_OPERATING: Final = "FailedOperation.ResourceInOperating"


class ApiError(Exception):
    """A refusal that reaches the client as `Response.Error`.

    Attributes:
        code: the error code, for example `InvalidParameter.LBIdNotFound`.
        message: the sentence that goes with it, in English.
        chinese: the same in Chinese, where that wording is known.
    """

    def __init__(self, code: str, message: str, chinese: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.chinese = chinese

    def message_in(self, language: str | None) -> str:
        """Return the message in the language of an X-TC-Language header, or in English."""
        return self.chinese if self.chinese and language == CHINESE else self.message


def missing_parameter(path: str) -> ApiError:
    """A required field, or a common header such as Region, is absent."""
    return ApiError("MissingParameter", f"The request is missing a required parameter `{path}`.")


def secret_id_not_found() -> ApiError:
    """The key does not exist or is disabled. Both wordings were seen."""
    return ApiError(
        "AuthFailure.SecretIdNotFound",
        "The SecretId is not found, please ensure that your SecretId is correct.",
        "SecretId不存在，请输入正确的密钥。",  # noqa: RUF001
    )


def signature_failure() -> ApiError:
    """The signature is not the request's. Both wordings were seen."""
    return ApiError(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated. Please check your signature is correct.",
        "请求签名验证失败，请检查您的签名计算是否正确。",  # noqa: RUF001
    )


def unknown_parameter(path: str) -> ApiError:
    """A field that the definition of the action does not have."""
    return ApiError("UnknownParameter", f"The parameter `{path}` is not recognized.")


def wrong_type(path: str, expected: str) -> ApiError:
    """A field whose JSON type is not the documented one."""
    return ApiError("InvalidParameter", f"The parameter `{path}` is not of the expected type {expected}.")


def invalid(message: str) -> ApiError:
    """A combination of fields that the action refuses."""
    return ApiError("InvalidParameter", message)


def invalid_value(path: str, reason: str) -> ApiError:
    """One field with a value outside its range."""
    return ApiError("InvalidParameterValue", f"The value of the parameter `{path}` is not valid: {reason}")


def too_long(path: str, limit: int) -> ApiError:
    """A list or a text with `limit` elements or more where fewer are allowed."""
    return ApiError("InvalidParameterValue.Length", f"The length of .{path} should be less than {limit}.")


def limit_exceeded(what: str, limit: int) -> ApiError:
    """A quota is used up."""
    return ApiError("LimitExceeded", f"The quota of {what} is {limit} and would be exceeded.")


def load_balancer_not_found(load_balancer_id: str) -> ApiError:
    """The load balancer does not exist in this region."""
    return ApiError("InvalidParameter.LBIdNotFound", f"LoadBalancer {load_balancer_id} not found.")


def listener_not_found(listener_ids: Iterable[str]) -> ApiError:
    """The listener does not exist on this load balancer."""
    named = ",".join(listener_ids)
    return ApiError("InvalidParameter.ListenerIdNotFound", f"some ListenerId {named} not found.")


def location_not_found(what: str) -> ApiError:
    """The forwarding rule does not exist on this listener."""
    return ApiError("InvalidParameter.LocationNotFound", f"some Location {what} not found.")


def task_in_progress(job: str) -> ApiError:
    """A change of the load balancer is under way: the wording that names the job."""
    return ApiError(
        RESOURCE_IN_OPERATING,
        f"Your task is working ({job}). Pls wait for the task to complete and try again.",
    )


def not_in_normal_state(load_balancer_id: str) -> ApiError:
    """The load balancer is busy with something that has no task of the caller: the other wording."""
    return ApiError(
        RESOURCE_IN_OPERATING,
        f"Loadbalancer({load_balancer_id}) is not in normal desState, "
        "maybe some tasks are being processed, please try later.",
    )


def certificate_not_found(certificate_id: str) -> ApiError:
    """The certificate does not exist in the SSL service."""
    return ApiError("FailedOperation.CertificateNotFound", f"Certificate {certificate_id} does not exist.")
