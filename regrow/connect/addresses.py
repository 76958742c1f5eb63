"""Where gateways are and what is presented there, as users say it: one of each, or several."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

__all__ = ("TOKENS_MAX", "Tokens", "Urls", "check_proxy", "tokens_of", "urls_of")

Urls: TypeAlias = str | Sequence[str]
"""One gateway, or several in the order of preference."""

Tokens: TypeAlias = str | Sequence[str]
"""One token, or the one that is meant and the one to fall back on."""

TOKENS_MAX: Final = 2

_PROXIES: Final = ("http", "https", "socks5h", "socks5", "socks4a", "socks4")


def urls_of(given: Urls) -> tuple[str, ...]:
    """Give the urls. Errors: ValueError naming the one that is none.

    >>> urls_of("ws://a:1"), urls_of(["ws://a:1", "wss://b:2"])
    (('ws://a:1',), ('ws://a:1', 'wss://b:2'))
    """
    urls = (given,) if isinstance(given, str) else tuple(given)
    if not urls:
        raise ValueError("url: expected ws://HOST:PORT or wss://HOST:PORT, or several, got none")
    for url in urls:
        if not _names_a_host(url, ("ws", "wss")):
            raise ValueError(f"url: expected ws://HOST:PORT or wss://HOST:PORT, got {url!r}")
    return urls


def tokens_of(given: Tokens) -> tuple[str, ...]:
    """Give the tokens. Errors: ValueError, which quotes none of them.

    >>> tokens_of("now"), tokens_of(["now", "before"])
    (('now',), ('now', 'before'))
    """
    tokens = (given,) if isinstance(given, str) else tuple(given)
    if not 1 <= len(tokens) <= TOKENS_MAX or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"token: expected a text, or two, the second to fall back on, got {len(tokens)} values")
    return tokens


def check_proxy(proxy: str | Literal[True] | None) -> None:
    """See that dialing through it can work. Errors: ValueError, which shows no password."""
    if proxy is None or proxy is True:
        return
    if not _names_a_host(proxy, _PROXIES):
        where = str(proxy).rpartition("@")[2]
        raise ValueError(f"proxy: expected {', '.join(_PROXIES)} and ://HOST:PORT, or True, got {where!r}")
    if proxy.startswith("socks") and find_spec("python_socks") is None:
        raise ValueError(f"proxy: expected python-socks to be installed for {proxy.partition(':')[0]}, it is not")


def _names_a_host(url: object, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts is not None and parts.scheme in schemes and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:  # a port that is none, a broken IPv6 address
        return False
