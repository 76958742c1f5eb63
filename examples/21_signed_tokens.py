"""Tokens that say who somebody is, what for, and until when: a gateway lets each in for that, and for no longer.

Run it from the repository root: .venv/bin/python examples/21_signed_tokens.py
From the shell the same is `regrow token new-key`, `regrow token make` and `regrow gateway --key-file`.
"""

import asyncio
import secrets
import time

import regrow
from regrow.connect.errors import Unauthorized
from regrow.connect.key_file import new_key
from regrow.connect.signed_tokens import Claims, KeyRing, Scope

RING = KeyRing(new_key())  # a service keeps it in a file: Gateway(keys="path/to/keys")


def token(subject: str, scope: Scope, seconds: int) -> str:
    """Sign one."""
    now = int(time.time())
    claims = Claims(
        subject=subject,
        scopes=frozenset({scope}),
        issued_at=now,
        expires_at=now + seconds,
        token_id=secrets.token_hex(8),
    )
    return RING.sign(claims)


async def ask(url: str, with_token: str) -> None:
    """Look at the gateway for as long as it lets us."""
    try:
        async with regrow.AsyncClient(url, token=with_token) as client:
            print("let in:", (await client.status())["subjects"])
            while True:
                await client.status()
                await asyncio.sleep(0.1)
    except Unauthorized as refused:
        print("refused:", refused.code)


async def main() -> None:
    """Show a client, one with the token of a worker, and one with a token that was changed."""
    async with regrow.Gateway(keys=RING) as gateway:
        good = token("shop", Scope.CLIENT, seconds=3)
        await ask(gateway.url, good)
        await ask(gateway.url, good)
        await ask(gateway.url, token("mill", Scope.WORKER, seconds=60))
        await ask(gateway.url, good.replace(".", ".x", 1))


if __name__ == "__main__":
    asyncio.run(main())
