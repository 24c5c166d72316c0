"""Test peers for a P-CSCF: a phone (UE) and an IMS core (S-CSCF with HSS).

They speak real SIP over UDP and TCP, real AKA, and on the phone's side real ESP
through ``ip xfrm``. They import nothing of ``pcscf`` or ``xfrm``: text, keys and
checks are their own, so that a mistake on one side cannot hide on the other.
The methods block; one thread of each peer reads its sockets.

A whole test, with a P-CSCF between the two that listens on 10.0.1.1 towards
phones and 10.0.2.1 towards the core::

    in_ue, in_core = factory_in("ue"), factory_in("core")   # sockets in a namespace
    cards = [subscriber(1)]
    core = Core(Address("10.0.2.2", 5060), cards, socket_factory=in_core)
    phone = Phone(cards[0], "10.0.1.2", Address("10.0.1.1", 5060),
                  sas=IpXfrm("ue"), offer=samsung, transport="TCP", socket_factory=in_ue)
    phone.register()                            # 401, AKA, four SAs, 200
    assert phone.message("sip:bob@example.com").status == 200
    assert core.request(phone.identity, "MESSAGE", body=b"hi").status == 200
    phone.take_challenge(phone.sm1(expires=0))  # the same in single steps, with knobs
    phone.install()
    assert phone.sm7(verify=altered).status == 494
    core.next.append(Reaction(status=504))      # the core misbehaves once
    phone.assert_clean()                        # no keys seen, nothing in clear, q right
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
