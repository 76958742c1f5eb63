"""`regrow gateway` and `regrow invoke`: what they print, and with which exit code they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from regrow.cli.gateway import command as gateway_command
from regrow.cli.invoke import command as invoke_command
from regrow.connect import Gateway
from regrow.connect.broker import BrokerSettings
from regrow.connect.gateway_options import GatewayOptions
from tests.connect.fake_peer import TOKEN, served_on_another_loop

OPTIONS = GatewayOptions(broker=BrokerSettings(unknown_function_grace=0.1), drain_timeout=0.1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served_on_another_loop(
        lambda: Gateway(token=TOKEN, options=OPTIONS), f=lambda *args, **kwargs: [args, kwargs]
    ) as url:
        yield url


def invoke(*args: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(invoke_command, args, env={"REGROW_TOKEN": token})


def test_invoke_prints_the_result_as_json(url: str) -> None:
    result = invoke(url, "f", "--json", '[1, "two"]')
    assert (result.exit_code, json.loads(result.stdout)) == (0, [[1, "two"], {}])


def test_an_object_gives_named_arguments(url: str) -> None:
    assert json.loads(invoke(url, "f", "--json", '{"a": 1}').stdout) == [[], {"a": 1}]


@pytest.mark.parametrize(
    ("args", "token", "code", "says"),
    [
        (("f", "--json", "not json"), TOKEN, 2, "expected JSON"),
        (("f", "--json", "7"), TOKEN, 2, "expected a list or an object"),
        (("f", "--timeout", "soon"), TOKEN, 2, "timeout"),
        (("tpyo", "--timeout", "5"), TOKEN, 1, "unknown_function"),
        (("f",), "wrong", 4, "unauthorized"),
    ],
)
def test_invoke_says_what_went_wrong_and_with_which_code(
    url: str, args: tuple[str, ...], token: str, code: int, says: str
) -> None:
    result = invoke(url, *args, token=token)
    assert result.exit_code == code
    assert says in result.output


def test_a_gateway_that_is_not_there_is_code_4() -> None:
    result = invoke("ws://127.0.0.1:9", "f", "--timeout", "0.2")
    assert (result.exit_code, "cannot be reached" in result.output) == (4, True)


def test_a_url_that_is_none_is_wrong_usage() -> None:
    assert invoke("localhost", "f").exit_code == 2


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--store", "redis:x"), "expected memory or sqlite:PATH"),
        (("--lease", "0"), "lease"),
        (("--token", ""), "token"),
    ],
)
def test_gateway_refuses_wrong_usage(args: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(gateway_command, args)
    assert (result.exit_code, says in result.output) == (2, True)


def test_a_port_in_use_is_code_3(url: str) -> None:
    result = CliRunner().invoke(gateway_command, ["--port", url.rpartition(":")[2], "--log-level", "CRITICAL"])
    assert (result.exit_code, "in use" in result.output) == (3, True)


def test_metrics_that_nothing_can_write_are_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.exposition", None)
    result = CliRunner().invoke(gateway_command, ["--port", "0", "--metrics"])
    assert result.exit_code == 2
    assert "pip install 'regrow[metrics]'" in " ".join(result.output.split())
