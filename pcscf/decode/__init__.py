"""Captures to the SIP in them: the offline side. Needs no privileges and no running P-CSCF."""
