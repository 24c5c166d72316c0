// Elements are made here, and text enters them as text: nothing in this page is parsed as markup.
// What a peer wrote may not reorder or hide what stands beside it either.

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export const plain = (text) => String(text).replace(UNSEEN, "\ufffd");

export const at = (id) => document.getElementById(id);

/** Make an element; children are nodes or text, and null ones are left out. */
export const make = (tag, kind = "", ...children) => {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  for (const child of children) {
    if (child !== null) element.append(child instanceof Node ? child : plain(child));
  }
  return element;
};

/** Set a text only where it differs, so that a selection stays. */
export const write = (element, text) => {
  const wanted = plain(text);
  if (element.textContent !== wanted) element.textContent = wanted;
};

export const button = (text, act, kind = "") => {
  const element = make("button", kind, text);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
};

/** Let a line end between the parts of a name rather than within one. */
export const breakable = (text) => {
  const [user, ...domain] = plain(text).split(/(?=[@.])/);
  return [user, ...domain.flatMap((part) => [make("wbr"), part])];
};

export const link = (text, href) => {
  const element = make("a", "", ...breakable(text));
  element.href = href;
  return element;
};
