"""What an operator, a script or Prometheus asks a running P-CSCF: HTTP on a Unix socket and on TCP.

It looks at the core by its views and acts on it by events, in the event loop of the server.
"""
