// A list of buttons with one stop for Tab; the arrow keys go on from there.

const STEPS = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 };

/** `moved(button)` is told of each step. Gives what is to be called once buttons came or went. */
export const roving = (list, moved) => {
  const buttons = () => [...list.querySelectorAll("button")];

  const targetOf = (key, now, count) => {
    if (key === "Home") return 0;
    if (key === "End") return count - 1;
    return key in STEPS ? now + STEPS[key] : -1;
  };

  const stopAt = (button) => {
    for (const one of list.querySelectorAll('button[tabindex="0"]')) one.tabIndex = -1;
    button.tabIndex = 0;
  };

  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const all = buttons();
    const now = all.indexOf(document.activeElement);
    const next = all[targetOf(event.key, now, all.length)];
    if (now < 0 || !next) return;
    event.preventDefault();
    next.focus();
    moved(next);
  });
  list.addEventListener("focusin", (event) => stopAt(event.target));

  return () => {
    if (!list.querySelector('button[tabindex="0"]')) list.lastElementChild?.querySelector("button")?.setAttribute("tabindex", "0");
  };
};
