"""Leases on a Valkey server: who serves what bears a name, and that never two do.

Two keys a name. ``lease`` holds the owner and runs out by itself, by the server's clock: those of
the instances do not matter. ``fence`` holds a token, which is drawn anew whenever the lease comes
to another process; each batch of records names the token it was written under, and a batch under
an older one is refused (``valkey``). So it does no harm if somebody believes for too long that the
lease is his, as a process does that was stopped for a while.
"""

import secrets
from typing import cast

from pcscf.store.valkey_server import Argument, ValkeyServer

# Lua, one step for all others. It answers with the token, or nothing where it is another's, and
# with who had it.
#   held: our token, or nothing. drawn: what it will be if the lease comes to us with this.
#   fresh: this process has never had the lease, and may take it from one of the same owner.
#   abandoned: one that nobody released but that is not there may be taken.
_TAKE = """
local owner, milliseconds, held, drawn, fresh, abandoned = unpack(ARGV)
local holder = redis.call('GET', KEYS[1])
local fence = redis.call('GET', KEYS[2])
local token = nil
if holder and holder ~= '' and holder ~= owner then
  return {false, holder}
elseif held ~= '' and (fence == held or not fence) then
  token = held  -- without a fence the server has lost its data, and nobody else was here
elseif fence == drawn or holder == '' or (holder and fresh == '1') then
  token = drawn
elseif not holder and abandoned == '1' then
  token = drawn
else
  return {false, holder or ''}
end
redis.call('SET', KEYS[1], owner, 'PX', milliseconds)
redis.call('SET', KEYS[2], token)
return {token, ''}
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('GET', KEYS[2]) == ARGV[2] then
  return redis.call('SET', KEYS[1], '')  -- which tells it from one that ran out
end
return 0
"""


def fence_key(prefix: str, name: str) -> str:
    """Name the key of a fence."""
    return f"{prefix}{name}:fence"


class ValkeyLeases:
    """The leases (``model``) that this process has or would like to have."""

    def __init__(self, server: ValkeyServer, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        self._held: dict[str, str] = {}  # tokens, by name
        self._known: set[str] = set()  # names that were held once
        self._drawn: dict[str, str] = {}  # tokens to come; kept until an answer has
        self._holders: dict[str, str] = {}  # who had it when it was refused, by name

    async def take(self, name: str, owner: str, seconds: float, *, abandoned: bool = True) -> bool:
        """Take or renew a lease."""
        drawn = self._drawn.setdefault(name, secrets.token_hex(8))
        fresh = int(name not in self._known)
        milliseconds = int(seconds * 1000)
        arguments: list[Argument] = [owner, milliseconds, self.token(name), drawn, fresh]
        arguments.append(int(abandoned))
        answer = await self._server.run(_TAKE, self._keys(name), arguments)
        token, holder = cast("tuple[bytes | None, bytes]", answer)
        if token is None:
            self._held.pop(name, None)
            self._holders[name] = holder.decode(errors="replace")
            return False
        self._known.add(name)
        self._held[name] = token.decode()
        if self._held[name] == drawn:
            del self._drawn[name]
        return True

    def holder(self, name: str) -> str:
        """Return who had a lease that was refused."""
        return self._holders.get(name, "")

    async def release(self, name: str, owner: str) -> None:
        """End a lease of ours."""
        await self._server.run(_RELEASE, self._keys(name), [owner, self.token(name)])

    def token(self, name: str) -> str:
        """Return what records of that name are to be written under."""
        return self._held.get(name, "")

    def _keys(self, name: str) -> list[str]:
        return [f"{self._prefix}{name}:lease", fence_key(self._prefix, name)]
