"""Records on a Valkey server, for several instances: a hash for each name that is served.

A name, such as an address, has one hash. Its fields are the records, each with its expiry in front,
and ``#batch``: the number of the last batch. By that number

- a batch that comes late, as a server that was stopped finds it in its sockets, changes nothing
  any more: newer ones have been sent since;
- a server that came back without what it had confirmed is found out, be it one that keeps nothing
  on disk or a replica that was promoted too early.

What a server confirms it has in memory. Whether that survives its own end is its configuration's
business (``appendonly yes``), and its replicas'.
"""

import struct
import time
from collections.abc import Callable, Sequence

from pcscf.errors import LeaseLostError, StoreError, StoreLostError
from pcscf.store.leases import ValkeyLeases, fence_key
from pcscf.store.model import Change
from pcscf.store.valkey_server import Argument, ValkeyServer

_EXPIRES = struct.Struct(">d")
_BATCH = b"#batch"
_KEPT = 7 * 86400  # seconds that a hash which nobody serves outlives its last record

_NUMBER = "return redis.call('HGET', KEYS[1], '#batch')"

# Lua. It answers "done"; "fenced", if another process serves the name; "lost", if what was
# confirmed is gone; or with the number of the last batch, if that is a later one.
#   new: nobody has read what is there, so it goes.
_WRITE = """
local token, number, confirmed, kept, new = unpack(ARGV, 1, 5)
local fence = redis.call('GET', KEYS[2])
if fence and fence ~= token then return 'fenced' end
local last = tonumber(redis.call('HGET', KEYS[1], '#batch') or 0)
if last >= tonumber(number) then return tostring(last) end
if new == '1' then
  redis.call('DEL', KEYS[1])
elseif last < tonumber(confirmed) then
  return 'lost'
end
for i = 6, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('HSET', KEYS[1], '#batch', number)
if redis.call('TTL', KEYS[1]) < tonumber(kept) then redis.call('EXPIRE', KEYS[1], kept) end
return 'done'
"""


class ValkeyStore:
    """A Store (``model``) for the records of one name; ``leases`` says whether they are ours.

    Records are written under the lease that was held at the time of ``load``: who lost it and
    takes it again has to load again, as another one may have served them meanwhile.
    """

    def __init__(
        self,
        server: ValkeyServer,
        prefix: str,
        name: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.leases = ValkeyLeases(server, prefix)
        self._server = server
        self._name = name
        self._hash = f"{prefix}{name}"
        self._keys = [self._hash, fence_key(prefix, name)]
        self._clock = clock
        self._token: str | None = None  # that all is written under; None: not known yet
        self._begun = False  # what is there is what we know
        self._confirmed = 0  # number of a batch
        self._sent = 0  # likewise

    async def open(self) -> None:
        """See whether the server answers."""
        await self._server.run("return 1", [], [])

    async def load(self) -> list[Change]:
        """Return what has not expired, and delete what has."""
        token = self.leases.token(self._name)
        fields = await self._server.fields(self._hash)
        number = self._number(fields.pop(_BATCH, None))
        found = [self._record(key, value) for key, value in fields.items()]
        self._token, self._confirmed, self._sent = token, number, number
        self._begun = True
        now = self._clock()
        expired = [Change(each.key, None, 0.0) for each in found if each.expires <= now]
        if expired:
            await self.write(expired)
        return [each for each in found if each.expires > now]

    async def write(self, changes: Sequence[Change]) -> None:
        """Write all or nothing, if the lease was not another one's meanwhile."""
        if self._token is None:
            self._token = self.leases.token(self._name)
        if not self._begun:
            self._sent = self._number(await self._server.run(_NUMBER, [self._hash], []))
        self._sent += 1
        number, is_new = self._sent, int(not self._begun)
        arguments: list[Argument] = [self._token, number, self._confirmed, self._kept(changes)]
        arguments.append(is_new)
        for key, value, expires in changes:
            arguments += key, b"" if value is None else _EXPIRES.pack(expires) + value
        self._judge(await self._server.run(_WRITE, self._keys, arguments))
        self._begun, self._confirmed = True, number

    async def close(self) -> None:
        """Close all connections; a lease is not released by that."""
        await self._server.close()

    def _judge(self, answer: object) -> None:
        """Return if a batch was written."""
        if answer == b"fenced":
            raise LeaseLostError(f"{self._server.name}: another process serves {self._name}")
        if answer == b"lost":
            self._begun = False  # not with the rest, of which some was to be forgotten
            raise StoreLostError(f"{self._server.name}: has lost records of {self._name}")
        if answer != b"done":
            self._sent = self._number(answer)
            raise self._server.error(f"another process writes records of {self._name}, no lease")

    def _kept(self, changes: Sequence[Change]) -> int:
        """Seconds to keep the hash for. By our clock alone: the server's may differ."""
        last = max((each.expires for each in changes if each.value is not None), default=0.0)
        return _KEPT + int(max(last - self._clock(), 0.0))

    def _number(self, value: object) -> int:
        """Read the number of a batch, or that there was none."""
        if value is None:
            return 0
        if not isinstance(value, bytes) or not value.isdigit():
            raise self._foreign()
        return int(value)

    def _record(self, key: bytes, value: bytes) -> Change:
        if len(value) < _EXPIRES.size:
            raise self._foreign()
        (expires,) = _EXPIRES.unpack_from(value)
        return Change(key.decode("utf-8", "replace"), value[_EXPIRES.size :], expires)

    def _foreign(self) -> StoreError:
        return self._server.error(f"{self._hash} was written by another program: store.prefix")
