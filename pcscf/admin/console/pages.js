// Takes one page out of a list of the API. The API knows no states: with a filter, as many of its
// pages are looked at as fill one of ours.

export const PAGE = 50;
const STRIDE = 500;

/**
 * `ask(first, most)` resolves to {total, items}. Gives {total, items, next}, where `next` is the number of
 * the first item that was not looked at.
 */
export const pageFrom = async (ask, first, fits) => {
  if (!fits) {
    const { total, items } = await ask(first, PAGE);
    return { total, items, next: first + items.length };
  }
  const found = [];
  let next = first;
  for (;;) {
    const { total, items } = await ask(next, STRIDE);
    for (const item of items) {
      next++;
      if (fits(item)) found.push(item);
      if (found.length === PAGE) return { total, items: found, next };
    }
    if (!items.length || next >= total) return { total, items: found, next };
  }
};
