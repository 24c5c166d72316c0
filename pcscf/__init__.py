"""An IMS P-CSCF that secures the Gm interface with IPsec ESP.

The nouns, from the wire inwards:

Message
    One SIP message: its header lines as they came, found once (``pcscf.sip``).
Flow
    Where a message came from or goes to: transport, side, local and remote
    address and port. Whether a message is protected is a property of its flow
    and of the SaSets, never of a header.
Event
    Something that happened: a message came, a deadline passed, the kernel refused.
Effect
    Something to do: send a message, install or remove SAs. Effects are carried
    out in order by the server; a failed install drops those behind it.
Edge
    The decisions. Events in, effects out; no I/O, no clock, no randomness.
Registration
    What the P-CSCF knows of one phone: identities, routes, and its SaSets.
Hook
    An operator's own function that sees and changes messages (``pcscf.hooks``).
SaSet
    The four ESP security associations of one security agreement (``xfrm``).
Server
    Sockets, timer and kernel around one Edge (``pcscf.net``).
"""
