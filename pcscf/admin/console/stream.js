// Reads a stream of JSON lines for as long as it is wanted, and opens it again when it breaks.

import { Refused, Unauthorised, open } from "./api.js";

const AGAIN = 1000; // milliseconds until it is opened again
const SILENCE = 40_000; // a blank line comes every 15 s
const LONGEST = 1_000_000; // characters of a line

/** Give each line of a body that is not blank, as the value that it stands for. */
async function* values(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (rest.length > LONGEST) throw new RangeError("a line does not end");
    for (const line of lines) if (line.trim()) yield JSON.parse(line);
  }
}

const worded = (error) => {
  if (error instanceof Unauthorised) return "a token is needed";
  return error instanceof Refused ? error.message : "connection lost";
};

/** `got(value)` is told of each line, `state(isOpen, reason)` of each beginning and end. */
export const stream = (path, { got, state }) => {
  let wanted = null;
  let timer = 0;

  const readOnce = async (signal) => {
    const watch = new AbortController();
    let silence = 0;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => watch.abort(), SILENCE);
    };
    alive();
    try {
      const body = await open(path, AbortSignal.any([signal, watch.signal]));
      state(true, "");
      for await (const value of values(body, alive)) got(value);
      return "connection lost";
    } catch (error) {
      return worded(error);
    } finally {
      clearTimeout(silence);
    }
  };

  const run = async () => {
    const { signal } = (wanted = new AbortController());
    const reason = await readOnce(signal);
    if (signal.aborted) return;
    state(false, reason);
    timer = setTimeout(run, AGAIN);
  };

  return {
    start: run,
    stop: () => {
      clearTimeout(timer);
      wanted?.abort();
    },
  };
};
