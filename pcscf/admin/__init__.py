"""The admin side: what an operator asks the P-CSCF, and has it do."""
