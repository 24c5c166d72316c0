"""The shortest configuration that a P-CSCF takes."""

MINIMAL = """
[gm]
addresses = ["192.0.2.1"]
[core]
addresses = ["198.51.100.1"]
next_hops = ["udp:198.51.100.9:5060"]
[network]
visited_network = "ims.example"
"""
