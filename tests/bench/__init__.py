"""What a registration costs: CPU, kernel, memory. Run by ``scripts/bench``.

Figures are CPU microseconds of this process, the best of several rounds: other
work on the machine only ever makes them larger.
"""
