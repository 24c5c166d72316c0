"""Typical messages of a registration, for tests of any layer."""


def wire(text: str, body: bytes = b"") -> bytes:
    """Give a message written with plain line ends as it goes on the wire."""
    head = text.strip("\n").replace("\n", "\r\n")
    return head.encode() + b"\r\n\r\n" + body


REGISTER = wire("""
REGISTER sip:ims.mnc001.mcc001.3gppnetwork.org SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:40002;branch=z9hG4bK-524287-1---abcdef;rport
Max-Forwards: 70
From: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>;tag=4fa3
To: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>
Call-ID: apb03a0s09dkjdfglkj49111@192.0.2.10
CSeq: 1 REGISTER
Contact: <sip:192.0.2.10:5060>;expires=600000;+sip.instance="<urn:gsma:imei:90420156-025763-0>"
P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=00101D0FCE11
Authorization: Digest username="001010123456789@ims.mnc001.mcc001.3gppnetwork.org",\
 realm="ims.mnc001.mcc001.3gppnetwork.org", uri="sip:ims.mnc001.mcc001.3gppnetwork.org",\
 nonce="", response=""
Security-Client: ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; prot=esp; mod=trans;\
 spi-c=1234567801; spi-s=1234567802; port-c=40001; port-s=40002
Require: sec-agree
Proxy-Require: sec-agree
Supported: path, sec-agree
Expires: 600000
Content-Length: 0
""")

CHALLENGE = wire("""
SIP/2.0 401 Unauthorized
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKp1
Via: SIP/2.0/UDP 192.0.2.10:40002;branch=z9hG4bK-524287-1---abcdef;rport
From: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>;tag=4fa3
To: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>;tag=s1
Call-ID: apb03a0s09dkjdfglkj49111@192.0.2.10
CSeq: 1 REGISTER
WWW-Authenticate: Digest realm="ims.mnc001.mcc001.3gppnetwork.org",\
 nonce="I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=", algorithm=AKAv1-MD5,\
 ik="f769bcd751044604127672711c6d3441", ck="b40ba9a3c58b2a05bbf0d987b21bf8cb"
Content-Length: 0
""")

OK = wire("""
SIP/2.0 200 OK
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKp2
Via: SIP/2.0/UDP 192.0.2.10:40002;branch=z9hG4bK-524287-1---fedcba;rport
From: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>;tag=4fa3
To: <sip:001010123456789@ims.mnc001.mcc001.3gppnetwork.org>;tag=s2
Call-ID: apb03a0s09dkjdfglkj49111@192.0.2.10
CSeq: 2 REGISTER
Contact: <sip:192.0.2.10:40002>;expires=600000
Path: <sip:t1@198.51.100.1;lr>
Service-Route: <sip:orig@scscf.example.org:5060;lr>
P-Associated-URI: <sip:alice@example.org>, "Alice, at home" <sip:+15551234@example.org;user=phone>
P-Associated-URI: <tel:+15551234>
P-Charging-Vector: icid-value="AyretyU0dm+6O2IrT5tAFrbHLso=-1";icid-generated-at=192.0.2.9
Content-Length: 0
""")

INVITE = wire(
    """
INVITE sip:bob@example.org SIP/2.0
v: SIP/2.0/TCP 192.0.2.10:40002;branch=z9hG4bKinv1
Max-Forwards: 70
Route: <sip:198.51.100.1:6100;lr>,
  <sip:orig@scscf.example.org:5060;lr>
f: "Alice \\"A\\"" <sip:alice@example.org>;tag=a1
t: <sip:bob@example.org>
i: inv1@192.0.2.10
CSeq: 1 INVITE
m: <sip:192.0.2.10:40002>
c: application/sdp
l: 5
""",
    b"v=0\r\n",
)

ALL = (REGISTER, CHALLENGE, OK, INVITE)
