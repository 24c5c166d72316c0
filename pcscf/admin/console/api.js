// Asks the admin API. What can go wrong has three names; everything else is a fault of this page.

import { token } from "./token.js";

const PATIENCE = 10_000; // milliseconds

/** Nobody answers, or not in time. */
export class Unreachable extends Error {
  constructor(isSlow) {
    super(isSlow ? "does not answer in time" : "cannot be reached");
    this.isSlow = isSlow;
  }
}

/** A token is missing, or is not the right one. */
export class Unauthorised extends Error {}

/** The answer is no, in one line. */
export class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

const reasonOf = async (answer) => {
  const { error } = await answer.json().catch(() => ({}));
  return error ?? `status ${answer.status}`;
};

const ask = async (path, signal, options = {}) => {
  const key = token();
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  const answer = await fetch(path, { ...options, headers, signal, cache: "no-store" });
  if (answer.status === 401) throw new Unauthorised();
  if (!answer.ok) throw new Refused(answer.status, await reasonOf(answer));
  return answer;
};

const patient = async (path, given, options) => {
  const limit = AbortSignal.timeout(PATIENCE);
  try {
    const answer = await ask(path, given ? AbortSignal.any([given, limit]) : limit, options);
    return await answer.json();
  } catch (error) {
    if (given?.aborted || error instanceof Unauthorised || error instanceof Refused) throw error;
    throw new Unreachable(limit.aborted);
  }
};

export const get = (path, signal) => patient(path, signal);

export const post = (path, body = {}) =>
  patient(path, null, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

/** Open an answer that does not end; its body is a stream. */
export const open = async (path, signal) => (await ask(path, signal)).body;

/** Give a path below /api; what stands in it is encoded. */
export const path = (...steps) => ["api", ...steps.map(encodeURIComponent)].join("/");

export const query = (name, values) => `${path(name)}?${new URLSearchParams(values)}`;
