// How numbers, times and addresses are written.

export const NOTHING = "\u2013";

export const number = (value) => (value === null || value === undefined ? NOTHING : value.toLocaleString("en"));

export const counted = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;

export const hex = (spi) => "0x" + spi.toString(16).padStart(8, "0");

export const octets = (value) => {
  if (value === null || value === undefined) return NOTHING;
  if (value < 10_000) return `${number(value)} B`;
  if (value < 10_000_000) return `${(value / 1e3).toFixed(1)} kB`;
  return `${number(Math.round(value / 1e6))} MB`;
};

const two = (value) => String(value).padStart(2, "0");

/** Write seconds as 1:02:03, 2:03, 0:03; days stand in front. */
export const span = (seconds) => {
  const whole = Math.max(0, Math.ceil(seconds));
  const [days, hours, minutes] = [whole / 86400, (whole / 3600) % 24, (whole / 60) % 60].map(Math.floor);
  const rest = two(whole % 60);
  if (!days && !hours) return `${minutes}:${rest}`;
  return `${days ? `${days} d ` : ""}${hours}:${two(minutes)}:${rest}`;
};

/** Give the time of day (UTC) of milliseconds since 1970 or of a time in ISO 8601. */
export const clock = (time) => {
  if (time === null || time === undefined) return NOTHING;
  const date = new Date(time);
  return Number.isNaN(date.valueOf()) ? NOTHING : date.toISOString().slice(11, 19);
};

/** Give date and time of day (UTC). */
export const moment = (time) => {
  const date = new Date(time);
  return Number.isNaN(date.valueOf()) ? NOTHING : date.toISOString().slice(0, 19).replace("T", " ");
};

export const pause = (milliseconds) => {
  if (milliseconds < 1) return "";
  if (milliseconds < 1000) return `+${Math.round(milliseconds)} ms`;
  if (milliseconds < 120_000) return `+${(milliseconds / 1000).toFixed(1)} s`;
  return `+${Math.round(milliseconds / 60_000)} min`;
};

/** Give the URI of an identity as P-Associated-URI has it: <sip:...>, with a name in front or parameters behind. */
export const uri = (identity) => /<([^<>]+)>\s*(?:;[^<>]*)?$/.exec(identity)?.[1] ?? identity;

/** Split "192.0.2.1:5060" or "[2001:db8::1]:5060"; the port may be missing. */
export const hostAndPort = (end) => {
  const found = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(end);
  return found ? [found[1], found[2] ?? ""] : [end, ""];
};
