"""What the machine must have for a P-CSCF, looked at before a phone finds out.

Each aspect is a function that gives findings; ``pcscf.net.checks.machine`` puts them together.
"""
