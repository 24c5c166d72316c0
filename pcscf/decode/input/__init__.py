"""From a capture to packets, and from packets to SIP messages."""
