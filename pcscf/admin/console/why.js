// Why a phone is registered or not, in sentences.

import { make, write } from "./dom.js";
import { Keyed } from "./keyed.js";
import { icon } from "./icons.js";
import { saying } from "./states.js";
import { clock } from "./words.js";

const sentence = ({ level }) => {
  const { word, picture, tone } = saying(level);
  const time = make("time");
  const text = make("span", "text");
  return {
    element: make("li", tone, icon(picture), make("span", "unseen", `${word}: `), time, text),
    update: (said) => {
      time.hidden = said.time === null;
      write(time, said.time === null ? "" : clock(said.time));
      if (said.time) time.title = said.time;
      write(text, said.text);
    },
  };
};

export const why = () => {
  const list = make("ul", "why");
  const parts = new Keyed(list, (said) => `${said.time} ${said.level} ${said.text}`, sentence);
  return {
    element: list,
    update: (sentences) => {
      parts.update(sentences);
      list.hidden = !sentences.length;
    },
  };
};
