"""Sockets, the event loop and the kernel around one Edge: bytes in, effects carried out."""
