"""Commands that ask a running P-CSCF over its admin socket.

Exit status: 0 done; 1 the P-CSCF refused, or knows of no such phone; 2 the command line is
wrong; 3 no P-CSCF could be asked. ``health`` says 0 or 1 alone, as container managers want it.

They start quickly, since scripts call them often: nothing of the P-CSCF itself is imported, and
rich only where there is a terminal to write to.
"""
