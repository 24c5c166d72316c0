// Small pictures beside words: a state is told by word and shape, and by colour only then.

const SHAPES = {
  shield: "M8 1.5 13.5 3.5V7.5C13.5 10.8 11.2 13.2 8 14.5 4.8 13.2 2.5 10.8 2.5 7.5V3.5ZM5.4 7.8 7.3 9.7 10.8 6.2",
  open: "M3.5 7.5H12.5V14H3.5ZM5.5 7.5V5A2.5 2.5 0 0 1 10.4 4.3",
  ok: "M3 8.5 6.5 12 13 4.5",
  bad: "M4 4 12 12M12 4 4 12",
  note: "M8 7V11.5M8 4.2V4.6M8 1.5A6.5 6.5 0 1 1 7.99 1.5Z",
  warn: "M8 2 14.5 13.5H1.5ZM8 6.5V9.5M8 11.4V11.8",
  wait: "M8 1.5A6.5 6.5 0 1 1 7.99 1.5ZM8 4.5V8L10.5 9.5",
  leave: "M9 2.5H3V13.5H9M6.5 8H14M11 5 14 8 11 11",
  silent: "M2 6H4.5L8 3V13L4.5 10H2ZM10.5 6 14 10M14 6 10.5 10",
  star: "M8 2V14M2.8 5 13.2 11M13.2 5 2.8 11",
  guest: "M8 8A2.8 2.8 0 1 0 7.99 8ZM2.8 14C3.2 11.4 5.3 10 8 10 10.7 10 12.8 11.4 13.2 14",
  half: "M8 1.5A6.5 6.5 0 1 1 7.99 1.5ZM8 1.5V14.5M8 4H10.5M8 8H14M8 12H10.5",
  call: "M4 2 6 5.5 4.8 7C5.6 8.8 7.2 10.4 9 11.2L10.5 10 14 12C13.8 13.4 12.8 14 11.5 14 6.5 13.5 2.5 9.5 2 4.5 2 3.2 2.6 2.2 4 2Z",
};

const SVG = "http://www.w3.org/2000/svg";

export const icon = (name) => {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", SHAPES[name]);
  picture.append(shape);
  return picture;
};
