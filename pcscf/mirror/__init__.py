"""Copies of decrypted SIP for people: the live trace of a phone, and HEP3 for Homer."""
