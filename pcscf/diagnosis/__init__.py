"""Why a phone is not registered, and why its ESP was dropped.

``diagnosis.Diagnosis`` joins the parts: ``journal`` remembers what became of each phone,
``xfrm_stat`` and ``xfrm.kernel`` have the kernel's counters, ``unknown_spis`` the ESP that
no SA takes, and ``why`` makes sentences of them all.
"""
