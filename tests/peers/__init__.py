"""Test peers for a P-CSCF: a phone (UE) and an IMS core (S-CSCF with HSS).

They speak real SIP over UDP and TCP, real AKA, and on the phone's side real ESP
through ``ip xfrm``. They import nothing of ``pcscf`` or ``xfrm``: text, keys and
checks are their own, so that a mistake on one side cannot hide on the other.
The methods block; one thread of each peer reads its sockets.

A whole test, with a P-CSCF in ``lab.pcscf`` between the two::

    in_ue, in_core = placed_in(lab.ue.entered), placed_in(lab.core.entered)
    card = subscriber(1)
    core = Core(Address(lab.v4.core, 5060), [card], socket_factory=in_core)
    phone = Phone(card, lab.v4.ue, Address(lab.v4.pcscf_gm, 5060), sas=IpXfrm(lab.ue.name),
                  offer=samsung, transport="TCP", socket_factory=in_ue)
    phone.register()                               # 401, AKA, four SAs, 200
    assert phone.message("sip:bob@example.com").status == 200
    assert core.request(phone.identity, "MESSAGE", body=b"hi").status == 200
    phone.take_challenge(phone.sm1(expires=3600))  # the same in single steps, with knobs
    phone.install()
    assert phone.sm7(verify=altered).status == 494
    core.next.append(Reaction(status=504))         # the core misbehaves once
    assert phone.sm1().status == 504
    phone.assert_clean()                           # no keys seen, nothing in clear, q right
    phone.close()
    core.close()

=================  ==========================================================
``phone``          Phone: each step of a registration, with knobs
``handset``        its sockets and SA sets, requests both ways
``core``           Core: answers, records, sends to registered phones
``registrar``      what the core decides about a REGISTER; Behaviour, Spelling
``registering``    Knobs: what can be otherwise in a REGISTER
``offers``         Security-Client of several vendors, Security-Verify gone wrong
``cleanliness``    what ``assert_clean`` checks
``sas``            keys and ``ip xfrm``; NoSas for tests without ESP
``aka``            AKA at both ends, Digest; ``milenage`` below it
``peer``           Sent, Received, waiting, retransmission; ``wire`` below it
``text``           SIP text
``subscription``   who the phones are
=================  ==========================================================
"""
