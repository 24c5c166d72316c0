"""SIP text and values. Knows no IMS procedure and does no I/O.

``message`` keeps a message's bytes and finds its header lines; one module per
header value parses and prints it; ``framing`` cuts messages out of a stream;
``check`` says whether a proxy may go on with a message; ``response`` answers one.
"""
