// Where we are is in the address behind #: #/phones?find=alice, #/phone/sip%3Aalice%40home.example

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
};

/** Read an address: {view, who, options}. */
export const parse = (hash) => {
  const [path, options = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view, ...who] = path.split("/");
  return { view: view || "phones", who: decoded(who.join("/")), options: new URLSearchParams(options) };
};

export const hrefOf = (view, who = "", options = {}) => {
  const told = Object.entries(options).filter(([, value]) => value);
  const behind = told.length ? `?${new URLSearchParams(told)}` : "";
  return `#/${view}${who ? `/${encodeURIComponent(who)}` : ""}${behind}`;
};

/** Note in the address what a view shows now; it is no new place to go back to. */
export const note = (view, who, options) => history.replaceState(null, "", hrefOf(view, who, options));
