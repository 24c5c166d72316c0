// A table whose rows stay while they are asked for again. On a narrow screen the style turns each
// row into a card; the roles say that it is still a table.

import { make, write } from "./dom.js";
import { Keyed } from "./keyed.js";

const role = (element, name) => {
  element.setAttribute("role", name);
  return element;
};

const heading = (column) => {
  const side = column.kind?.includes("number") ? "number" : "";
  const cell = role(make("th", side, column.name), "columnheader");
  cell.scope = "col";
  return cell;
};

const cellOf = (column) => {
  const cell = column.head ? role(make("th", column.kind), "rowheader") : role(make("td", column.kind), "cell");
  if (column.head) cell.scope = "row";
  cell.dataset.label = column.name;
  let drawn;
  return {
    cell,
    update: (item) => {
      if (column.put) return column.put(cell, item);
      if (!column.mark) return write(cell, column.show(item));
      const mark = column.mark(item);
      if (mark === drawn) return;
      drawn = mark;
      cell.replaceChildren(...[column.show(item)].flat());
    },
  };
};

/**
 * Columns are {name, kind, head} and one of: `show(item)`, a text; `show` and `mark(item)`, nodes that are
 * made anew when the mark is another one; `put(cell, item)`, which does all by itself.
 */
export const table = ({ caption, columns, keyOf, kind = "", none }) => {
  const body = role(make("tbody"), "rowgroup");
  const rows = new Keyed(body, keyOf, () => {
    const cells = columns.map(cellOf);
    return {
      element: role(make("tr", "", ...cells.map(({ cell }) => cell)), "row"),
      update: (item) => cells.forEach((one) => one.update(item)),
    };
  });
  const head = role(make("thead", "", role(make("tr", "", ...columns.map(heading)), "row")), "rowgroup");
  const whole = role(make("table", kind, make("caption", "unseen", caption), head, body), "table");
  const empty = make("p", "none", none ?? "");
  whole.hidden = true;
  empty.hidden = true;
  return {
    element: make("div", "listing", whole, empty),
    update: (items) => {
      rows.update(items);
      whole.hidden = !items.length;
      empty.hidden = items.length > 0 || !none;
    },
  };
};
