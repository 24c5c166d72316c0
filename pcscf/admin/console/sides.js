// Where a message of the trace belongs: between phone and P-CSCF, or between P-CSCF and core, and which way.
//
// A line says source and destination, not which of them we are. Our addresses on Gm are known, and so are
// phones and next hops; the rest is learnt from messages: what stands opposite to one that is known is ours,
// a phone's own request has one Via, and one that the core sends has more.

import { vias } from "./sip.js";
import { hostAndPort } from "./words.js";

const MOST = 20_000; // addresses that are remembered

const remember = (set, host) => {
  if (set.size < MOST) set.add(host);
};

export class Sides {
  #gm = new Set();
  #own = new Set();
  #phones = new Set();
  #core = new Set();

  /** Learn addresses: those on Gm that are ours, phones, and next hops as "udp:192.0.2.9:5060". */
  know({ gm, phones, hops }) {
    for (const host of gm) this.#gm.add(host) && this.#own.add(host);
    for (const host of phones) remember(this.#phones, host);
    for (const hop of hops) remember(this.#core, hostAndPort(hop.replace(/^\w+:/, ""))[0]);
  }

  /** Give {isGm, isSent, own, peer} of a message whose text is known too. */
  place(message, text) {
    const [from] = hostAndPort(message.src);
    const [to] = hostAndPort(message.dst);
    const isSent = this.#isSent(from, to);
    const [own, peer] = isSent ? [from, to] : [to, from];
    remember(this.#own, own);
    if (!isSent) this.#learn(peer, message.spi, text);
    return { isSent, isGm: this.#isGm(own, peer, message.spi), own, peer };
  }

  #isSent(from, to) {
    if (this.#own.has(from) !== this.#own.has(to)) return this.#own.has(from);
    return this.#core.has(to) || this.#phones.has(to);
  }

  #learn(peer, spi, text) {
    if (this.#phones.has(peer) || this.#core.has(peer)) return;
    if (spi !== null) remember(this.#phones, peer);
    else if (!/^SIP\//i.test(text)) remember(vias(text) > 1 ? this.#core : this.#phones, peer);
  }

  #isGm(own, peer, spi) {
    if (spi !== null || this.#phones.has(peer)) return true;
    return !this.#core.has(peer) && this.#gm.has(own);
  }
}
