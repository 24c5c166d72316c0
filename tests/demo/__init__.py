"""The demonstration behind ``scripts/demo``: registrations over real ESP, and what proves it.

=============  ================================================================
``scenario``   two phones, the real P-CSCF and a core; captures on both links
``recorder``   what the phones' own sockets sent and received
``packets``    from a capture file to whole IP packets
``wiretap``    from packets to SIP; ESP is opened with scapy's own code
``overheard``  what `pcscf decode` reads, beside what the sockets noted
``proof``      the claims, each a function that can fail
``evidence``   from a story and its captures to the claims
``report``     what is printed
``forge``      packets made for the tests of all this
``__main__``   plays the scenario, prints the ladder and the claims
=============  ================================================================
"""
