import pytest

from networking_romana.client import ApiError
from networking_romana.errors import refusal
from networking_romana.transport import Unreachable


@pytest.mark.parametrize(
    ("status", "data", "code", "message"),
    [
        (
            404,
            {"code": "not-found", "noun": "host", "name": "h9", "detail": 'Cannot find host "h9"'},
            409,
            'Cannot x: host "h9" is not a host of Romana',
        ),
        (
            507,
            {"code": "pool-exhausted", "detail": "Cannot allocate endpoint: all is full"},
            409,
            "Cannot x: all is full",
        ),
        (507, {"code": "quota-exceeded", "detail": "Cannot allocate endpoint: over"}, 409, "Cannot x: over"),
        (
            422,
            {"code": "invalid-input", "detail": "Cannot allocate: address: bad"},
            400,
            "Cannot x: address: bad",
        ),
        (409, {"code": "conflict", "detail": "Cannot allocate endpoint: taken"}, 409, "Cannot x: taken"),
    ],
)
def test_what_the_tenant_did_is_told(status, data, code, message):
    error = refusal("x", ApiError(status, data))
    assert (error.__class__.__mro__[1].__name__, str(error)) == (
        {409: "Conflict", 400: "BadRequest"}[code],
        message,
    )


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("[Errno 111] 192.0.2.7"),
        ApiError(500, {"code": "internal", "detail": "secret path"}),
        ApiError(503, {"code": "unavailable", "detail": "the disk of romanad-1 is full"}),
        ApiError(401, {"detail": "the token expired"}),
        ApiError(403, {}),
        ApiError(502, {}),
    ],
)
def test_what_the_operator_must_mend_is_not(error):
    refused = refusal("x", error)
    assert refused.__class__.__name__ == "RomanaUnavailable"
    assert str(refused) == "Cannot x: the address service is not available at the moment. Try again later."
