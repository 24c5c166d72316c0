"""What survives: records of registrations, in a file of this machine or on a Valkey server.

Change
    A record's new value, or that it is to be forgotten (``model``).
Store
    Takes batches of changes, each whole or not at all, and gives back what has not expired:
    ``sqlite`` for one instance, ``valkey`` for several. ``opening`` makes the configured one.
Writer
    Gathers changes off the message path and writes them; a store that is slow or gone costs
    nothing but the assurance (``writer``).
Lease
    Who serves the records of a name. Never two: whose lease another one took cannot write any
    more (``leases``); a ``Keeper`` holds one.
Sealer
    Encrypts records that hold keys (``sealing``), with keys of the operator's (``key_file``).
"""
