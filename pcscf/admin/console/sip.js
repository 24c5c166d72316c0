// The little of SIP that a ladder needs. The text came from a peer: whatever is missing is left out.

const LONGEST = 200; // of a title
const SHORT = 80; // of a note

const OF_METHOD = {
  REGISTER: "register",
  MESSAGE: "text",
  ...Object.fromEntries(["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "REFER"].map((name) => [name, "call"])),
  ...Object.fromEntries(["SUBSCRIBE", "NOTIFY", "PUBLISH"].map((name) => [name, "event"])),
};
const CHALLENGES = [401, 407, 421, 494]; // answered by another try

/** Decode the octets of a message; what is no UTF-8 becomes U+FFFD. */
export const textOf = (raw) =>
  new TextDecoder().decode(Uint8Array.from(atob(raw), (letter) => letter.charCodeAt(0))).replaceAll("\r\n", "\n");

const headOf = (text) => text.split("\n\n", 1)[0];

/** Give the values of a header, unfolded; `compact` is its one-letter name. */
const values = (text, name, compact = "") => {
  const lines = headOf(text).replace(/\n[ \t]+/g, " ").split("\n").slice(1);
  return lines.flatMap((line) => {
    const colon = line.indexOf(":");
    const found = line.slice(0, colon).trim().toLowerCase();
    return colon > 0 && (found === name || (compact && found === compact)) ? [line.slice(colon + 1).trim()] : [];
  });
};

const kindOf = (method, status) => {
  if (status === null) return OF_METHOD[method] ?? "other";
  if (status < 200) return "provisional";
  if (status < 300) return "success";
  return CHALLENGES.includes(status) ? "challenge" : "failure";
};

const notesOf = (text, method, status) => {
  const notes = [];
  const first = (name, compact) => values(text, name, compact)[0];
  if (method === "REGISTER" && status === null && first("expires") === "0") notes.push("Expires: 0");
  for (const [name, shown, compact] of [
    ["event", "Event", "o"], ["subscription-state", "Subscription-State"], ["reason", "Reason"],
    ["warning", "Warning"], ["retry-after", "Retry-After"],
  ]) {
    const value = first(name, compact);
    if (value) notes.push(`${shown}: ${value}`.slice(0, SHORT));
  }
  const type = first("content-type", "c");
  if (type) notes.push(type.split(";", 1)[0].slice(0, SHORT));
  return notes;
};

/** Say what a message is: {method, status, kind, title, notes}. */
export const glance = (text) => {
  const start = text.split("\n", 1)[0];
  const answered = /^SIP\/2\.0 +(\d{3})/i.exec(start);
  const status = answered ? Number(answered[1]) : null;
  const method = answered ? (values(text, "cseq")[0] ?? "").split(/\s+/)[1] ?? "" : start.split(" ", 1)[0];
  const title = answered
    ? start.slice(8).trim() + (method ? ` (${method})` : "")
    : start.replace(/ SIP\/2\.0$/i, "");
  return { method, status, kind: kindOf(method, status), title: title.slice(0, LONGEST), notes: notesOf(text, method, status) };
};
