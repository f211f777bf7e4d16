import pytest

from networking_romana.transport import Settings, Transport, Unreachable
from unit.scripted import certificate, scripted, server_side


def fine(method, path, body):
    return 200, {"items": []}


def test_a_request_and_its_answer():
    with scripted(lambda *_: (201, {"name": "a"})) as (url, seen):
        answer = Transport(Settings(url, token="s3cret")).request("POST", "/v1/x", {"a": 1}, {"if-match": '"7"'})
    assert (answer.status, answer.body) == (201, {"name": "a"})
    ((method, path, headers, body),) = seen
    assert (method, path, body) == ("POST", "/v1/x", {"a": 1})
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["if-match"] == '"7"'


def test_no_token_is_sent_when_there_is_none():
    with scripted(fine) as (url, seen):
        Transport(Settings(url)).request("GET", "/")
    assert "authorization" not in seen[0][2]


def test_a_unix_socket(tmp_path):
    with scripted(fine, unix=str(tmp_path / "romanad.sock")) as (url, _):
        assert Transport(Settings(url)).request("GET", "/").status == 200


def test_a_connection_that_was_closed_while_idle_is_made_anew():
    answers = iter([(200, {}), None, (200, {"again": True})])
    with scripted(lambda *_: next(answers)) as (url, seen):
        transport = Transport(Settings(url))
        transport.request("GET", "/")
        assert transport.request("GET", "/").body == {"again": True}
    assert len(seen) == 3


@pytest.mark.parametrize("answer", [None, (200, b"{"), (200, b"\xff\xfe")])
def test_what_is_no_answer(answer):
    with scripted(lambda *_: answer) as (url, _), pytest.raises(Unreachable):
        Transport(Settings(url)).request("GET", "/")


def test_nobody_listens(tmp_path):
    with pytest.raises(Unreachable):
        Transport(Settings(f"unix://{tmp_path}/nobody.sock")).request("GET", "/")


@pytest.mark.parametrize("url", ["romanad", "ftp://a", "unix://", "http://", ""])
def test_urls_that_cannot_be_used(url):
    with pytest.raises(ValueError, match=r"does not begin|has no"):
        Transport(Settings(url))


def test_tls_with_certificates_on_both_sides(tmp_path):
    server, client = certificate(tmp_path, "server"), certificate(tmp_path, "client")
    with scripted(fine, tls=server_side(*server, clients=client[0])) as (url, _):
        good = Settings(url, ca_file=server[0], cert_file=client[0], key_file=client[1])
        assert Transport(good).request("GET", "/").status == 200
        for bad in (Settings(url, ca_file=server[0]), Settings(url, ca_file=client[0]), Settings(url)):
            with pytest.raises(Unreachable):
                Transport(bad).request("GET", "/")
