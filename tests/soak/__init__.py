"""Random histories of the real P-CSCF, and of its decisions alone: ``python -m tests.soak``.

::

    script     what happens: steps drawn from a seed, and what is to be so after each. Pure
    accounts   what kernel, store and memory say, and where they differ
    machine    the P-CSCF's process with its store: what befalls it, and its accounts
    twins      two of them that share a store, and change places
    player     has the steps happen: phones, a core, a machine in namespaces
    run        step, look, step: until it is over or something is wrong
    alone      the same idea for the core of the program, without kernel and sockets
"""
