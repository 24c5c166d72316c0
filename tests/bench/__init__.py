"""What a registration costs: CPU, kernel, memory. Run by ``scripts/bench``."""
