"""``pcscf decode``: its words, its filters, its run."""
