"""IPsec ESP for Gm: algorithms, security associations, the Linux XFRM netlink, ESP on bytes.

Knows no SIP and imports nothing of ``pcscf``.
"""
