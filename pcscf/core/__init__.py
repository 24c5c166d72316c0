"""The P-CSCF's decisions: events in, effects out."""
