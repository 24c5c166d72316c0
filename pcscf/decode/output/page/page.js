"use strict";
// Every text comes from a capture and is hostile: it enters the page as text, never as markup.
(() => {
  const ROW = 46; // the height of a row, as in the style
  const LEFT = 160; // to the first host: the times are there
  const RIGHT = 110; // behind the last one: half of its name
  const LANE = 188; // the least distance of two hosts
  const AROUND = 8; // rows drawn above and below what is seen

  const at = (id) => document.getElementById(id);
  const lines = (id) => at(id).textContent.split("\n").filter(Boolean).map((one) => JSON.parse(one));

  const messages = lines("messages-data");
  const sas = lines("sas-data");
  const { hosts, start, date, sentences } = JSON.parse(at("end-data").textContent);
  const saOf = new Map(sas.filter((sa) => sa.id !== null).map((sa) => [sa.id, sa]));
  const lanes = [];
  const laneOf = new Map(); // address -> lane
  const addLane = (address, name) => {
    let lane = lanes.find((one) => one.name === name);
    if (!lane) lanes.push((lane = { name, addresses: [] }));
    lane.addresses.push(address);
    laneOf.set(address, lane);
  };
  for (const [address, name] of hosts) addLane(address, name);
  for (const { src, dst } of messages) {
    for (const host of [src, dst]) if (!laneOf.has(host)) addLane(host, host);
  }

  let shown = messages.map((_, place) => place); // places of the messages that pass the filters
  let columns = lanes; // the lanes they use
  let chosen = null; // a place in messages
  let query = [];

  // small helpers

  const make = (tag, kind, text) => {
    const element = document.createElement(tag);
    if (kind) element.className = kind;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const hex = (spi) => "0x" + spi.toString(16).padStart(8, "0");
  const seconds = (time) => ((time - start) / 1e6).toFixed(3);
  const ending = (host, port) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  const nameOf = (host) => (laneOf.has(host) ? laneOf.get(host).name : host);
  const number = (value) => value.toLocaleString("en");

  const pause = (microseconds) => {
    if (microseconds < 1000) return "";
    if (microseconds < 1e6) return `+${Math.round(microseconds / 1000)} ms`;
    if (microseconds < 120e6) return `+${(microseconds / 1e6).toFixed(1)} s`;
    return `+${Math.round(microseconds / 60e6)} min`;
  };

  // neighbouring dialogs get colours that are far apart
  const colours = new Map();
  const threadColour = (callId) => {
    if (callId === null) return "transparent";
    if (!colours.has(callId)) colours.set(callId, `hsl(${(colours.size * 137.5 + 250) % 360} 60% 55%)`);
    return colours.get(callId);
  };

  const searched = (message) => {
    if (message.all === undefined) {
      const sa = saOf.get(message.sa);
      message.all = [
        message.raw, message.title, message.notes, message.call || "",
        nameOf(message.src), nameOf(message.dst),
        ending(message.src, message.sport), ending(message.dst, message.dport),
        message.transport, sa ? `esp ${hex(sa.spi)} ${sa.spi} ${sa.user}` : message.sa === null ? "clear" : "esp",
      ].join("\n").toLowerCase();
    }
    return message.all;
  };

  // filters

  const filter = () => {
    query = at("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const method = at("method").value;
    const dialog = at("dialog").value;
    const way = at("way").value;
    shown = [];
    messages.forEach((message, place) => {
      if (method && message.method !== method) return;
      if (dialog && message.call !== dialog) return;
      if (way && (message.sa === null) !== (way === "clear")) return;
      if (query.every((word) => searched(message).includes(word))) shown.push(place);
    });
    const used = new Set();
    for (const place of shown) {
      used.add(laneOf.get(messages[place].src)).add(laneOf.get(messages[place].dst));
    }
    columns = lanes.filter((lane) => used.has(lane));
    at("count").textContent =
      shown.length === messages.length
        ? `${number(messages.length)} messages`
        : `${number(shown.length)} of ${number(messages.length)} messages`;
    at("clear").hidden = !(query.length || method || dialog || way);
    at("none").hidden = shown.length > 0;
    layOut();
  };

  const tally = (key) => {
    const counts = new Map();
    for (const message of messages) {
      const value = message[key];
      if (value) counts.set(value, (counts.get(value) || 0) + 1);
    }
    return counts;
  };

  const fill = (id, choices) => {
    for (const [value, text] of choices) {
      const option = make("option", "", text);
      option.value = value;
      at(id).append(option);
    }
  };

  // the diagram

  const gaps = () => Math.max(1, columns.length - 1);
  const width = () => Math.max(at("scroll").clientWidth, LEFT + gaps() * LANE + RIGHT);
  const x = (lane) => LEFT + ((width() - LEFT - RIGHT) / gaps()) * columns.indexOf(lane);

  const layOut = () => {
    const whole = `${width()}px`;
    at("hosts").style.width = whole;
    at("rows").style.width = whole;
    at("rows").style.height = `${shown.length * ROW + 20}px`;
    at("hosts").replaceChildren(
      ...columns.map((lane) => {
        const host = make("div", "host");
        host.style.left = `${x(lane)}px`;
        const known = lane.addresses.filter((address) => address !== lane.name);
        host.append(make("b", "", lane.name), make("span", "", known.join(", ")));
        host.title = lane.addresses.join("\n");
        return host;
      }),
    );
    draw();
  };

  const draw = () => {
    const top = at("scroll").scrollTop;
    const first = Math.max(0, Math.floor(top / ROW) - AROUND);
    const last = Math.min(shown.length, Math.ceil((top + at("scroll").clientHeight) / ROW) + AROUND);
    const drawn = columns.map((lane) => {
      const life = make("div", "life");
      life.style.left = `${x(lane)}px`;
      return life;
    });
    for (let place = first; place < last; place++) drawn.push(drawRow(place));
    at("rows").replaceChildren(...drawn);
  };

  const drawRow = (place) => {
    const message = messages[shown[place]];
    const row = make("div", `row ${message.kind}`);
    row.style.top = `${place * ROW}px`;
    row.dataset.place = place;
    if (shown[place] === chosen) row.classList.add("chosen");
    else if (chosen !== null && message.call && messages[chosen].call === message.call) {
      row.classList.add("related");
    }
    const thread = make("div", "thread");
    thread.style.background = threadColour(message.call);
    const time = make("div", "time", seconds(message.time));
    const before = place ? messages[shown[place - 1]].time : message.time;
    time.append(make("small", "", pause(message.time - before)));
    row.append(thread, time, ...drawArrow(message));
    return row;
  };

  const drawArrow = (message) => {
    const sa = saOf.get(message.sa);
    const from = x(laneOf.get(message.src));
    const to = x(laneOf.get(message.dst));
    const self = from === to;
    const left = Math.min(from, to);
    const span = self ? 46 : Math.abs(to - from);
    const direction = self ? "self" : to > from ? "right" : "left";
    const arrow = make("div", `arrow ${direction} ${message.sa === null ? "clear" : "protected"}`);
    arrow.style.left = `${left}px`;
    arrow.style.width = `${span}px`;
    const label = make("div", "label");
    label.style.left = `${left + (self ? 54 : 12)}px`;
    label.style.width = `${self ? 300 : span - 24}px`;
    label.title = [message.title, message.notes].filter(Boolean).join("\n");
    label.append(make("b", "", message.title));
    if (message.notes) label.append(make("i", "", message.notes));
    const way = make("div", sa ? "way protected" : "way");
    way.textContent = sa ? `ESP ${hex(sa.spi)} ${message.transport}` : message.transport;
    way.style.left = `${left + span / 2}px`;
    way.style.transform = "translateX(-50%)";
    const ports = self ? [] : [
      [to > from ? message.sport : message.dport, "port of-left", left],
      [to > from ? message.dport : message.sport, "port of-right", left + span],
    ].map(([port, kind, place]) => {
      const end = make("div", kind, port);
      end.style.left = `${place}px`;
      return end;
    });
    return [arrow, label, way, ...ports];
  };

  // a message as a whole

  const choose = (place) => {
    chosen = place;
    at("detail").hidden = place === null;
    if (place !== null) describe(messages[place]);
    layOut();
  };

  const describe = (message) => {
    const sa = saOf.get(message.sa);
    at("detail").className = message.kind;
    at("title").textContent = message.title;
    const facts = [
      ["Time", `${seconds(message.time)} s, frame ${message.frame}`],
      ["From", `${nameOf(message.src)}  ${ending(message.src, message.sport)}`],
      ["To", `${nameOf(message.dst)}  ${ending(message.dst, message.dport)}`],
      ["Carried", message.transport + (sa ? ` in ESP, SPI ${hex(sa.spi)}` : message.sa === null ? ", in clear" : " in ESP")],
    ];
    if (sa) {
      facts.push(["SA", [sa.suite || "unknown suite", sa.user && `of ${sa.user}`].filter(Boolean).join(" ")]);
      facts.push(["Keys", sa.origin || "none"]);
    }
    if (message.notes) facts.push(["Notes", message.notes]);
    at("about").replaceChildren(
      ...facts.flatMap(([name, text]) => [make("dt", "", name), make("dd", "", text)]),
    );
    at("only").hidden = message.call === null;
    at("raw").replaceChildren(...dress(message.raw));
    at("raw").scrollTop = 0;
  };

  // header names stand out, and so do the words that are looked for
  const dress = (raw) => {
    const [head, ...rest] = raw.split("\n\n");
    const pieces = [];
    head.split("\n").forEach((line, place) => {
      if (place) pieces.push("\n");
      const colon = line.search(/:/);
      if (!place) pieces.push(make("u", "", line));
      else if (colon > 0 && !/^\s/.test(line)) {
        pieces.push(make("b", "", line.slice(0, colon)), ...marked(line.slice(colon)));
      } else pieces.push(...marked(line));
    });
    if (rest.length) pieces.push("\n\n", ...marked(rest.join("\n\n")));
    return pieces;
  };

  const marked = (text) => {
    const word = query.find((one) => text.toLowerCase().includes(one));
    if (!word) return [text];
    const pieces = [];
    let from = 0;
    const lower = text.toLowerCase();
    for (let found = lower.indexOf(word); found >= 0; found = lower.indexOf(word, from)) {
      pieces.push(text.slice(from, found), make("mark", "", text.slice(found, found + word.length)));
      from = found + word.length;
    }
    return [...pieces, text.slice(from)];
  };

  const step = (by) => {
    if (!shown.length) return;
    const now = shown.indexOf(chosen);
    const next = now < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, now + by));
    choose(shown[next]);
    reveal(next);
  };

  const reveal = (place) => {
    const scroll = at("scroll");
    const room = scroll.clientHeight - 54 - ROW;
    if (place * ROW < scroll.scrollTop) scroll.scrollTop = place * ROW;
    else if (place * ROW > scroll.scrollTop + room) scroll.scrollTop = place * ROW - room;
  };

  // SAs

  const COLUMNS = [
    ["SPI", (sa) => hex(sa.spi), "spi"],
    ["From, to", (sa) => ends(sa)],
    ["Suite", (sa) => sa.suite],
    ["User", (sa) => sa.user],
    ["Keys", (sa) => sa.origin || "no keys"],
    ["Packets", (sa) => number(sa.packets), "number"],
    ["Bytes", (sa) => number(sa.bytes), "number"],
    ["Numbers", (sa) => (sa.packets ? `${sa.first}\u2013${sa.last}` : ""), "number"],
    ["Missing", (sa) => number(sa.missing), "number"],
    ["Not read", (sa) => number(sa.unread), "number"],
  ];

  const ends = (sa) => {
    const [from, to] = sa.ports ? sa.ports.map((port) => `:${port}`) : ["", ""];
    return `${nameOf(sa.src)}${from} \u2192 ${nameOf(sa.dst)}${to}`;
  };

  const listSas = () => {
    const withKeys = sas.some((sa) => sa.keys);
    const told = withKeys ? [...COLUMNS, ["Secret", (sa) => sa.keys || "", "spi"]] : COLUMNS;
    const table = make("table");
    const head = table.createTHead().insertRow();
    for (const [name] of told) head.append(make("th", "", name));
    const body = table.createTBody();
    for (const sa of sas) {
      const rows = [body.insertRow()];
      for (const [, text, kind] of told) rows[0].append(make("td", kind, text(sa)));
      if (sa.reason) {
        const reason = make("td", "reason", sa.reason);
        reason.colSpan = told.length;
        rows.push(body.insertRow());
        rows[0].className = "told";
        rows[1].className = sa.unread ? "bad" : "";
        rows[1].append(reason);
      }
      for (const row of rows) row.addEventListener("click", () => search(hex(sa.spi)));
    }
    at("sas").append(table);
  };

  const search = (words) => {
    at("words").value = words;
    filter();
  };

  // what the page says, and what it listens to

  const facts = () => {
    at("when").textContent = date;
    for (const [text, fine] of sentences) {
      at("facts").append(make("span", fine ? "fact" : "fact bad", text.replace(/\.$/, "")));
    }
    at("show-sas").textContent = `Security associations (${number(sas.length)})`;
    at("show-sas").hidden = !sas.length;
  };

  const listen = () => {
    let timer = 0;
    at("words").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(filter, 120);
    });
    for (const id of ["method", "dialog", "way"]) at(id).addEventListener("change", filter);
    at("clear").addEventListener("click", () => {
      for (const id of ["words", "method", "dialog", "way"]) at(id).value = "";
      filter();
    });
    at("rows").addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) choose(shown[row.dataset.place]);
    });
    at("close").addEventListener("click", () => choose(null));
    at("only").addEventListener("click", () => {
      showDialog(messages[chosen].call);
    });
    at("copy").addEventListener("click", () => navigator.clipboard?.writeText(messages[chosen].raw));
    at("show-sas").addEventListener("click", () => {
      at("sas").hidden = !at("sas").hidden;
      layOut();
    });
    at("scheme").addEventListener("click", () => {
      const root = document.documentElement;
      root.dataset.scheme = root.dataset.scheme === "dark" ? "light" : "dark";
    });
    let waiting = false;
    at("scroll").addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        draw();
      });
    });
    new ResizeObserver(() => requestAnimationFrame(layOut)).observe(at("scroll"));
    document.addEventListener("keydown", press);
  };

  const showDialog = (callId) => {
    const select = at("dialog");
    if (![...select.options].some((option) => option.value === callId)) fill("dialog", [[callId, callId]]);
    select.value = callId;
    filter();
    reveal(shown.indexOf(chosen));
  };

  const press = (event) => {
    const typing = ["INPUT", "SELECT"].includes(event.target.tagName);
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else choose(null);
    } else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === "/") at("words").focus();
    else if (event.key === "ArrowDown" || event.key === "j") step(1);
    else if (event.key === "ArrowUp" || event.key === "k") step(-1);
    else return;
    event.preventDefault();
  };

  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.scheme = dark ? "dark" : "light";
  for (const message of messages) threadColour(message.call);
  fill("method", [...tally("method")].map(([method, count]) => [method, `${method} (${number(count)})`]));
  // a select with thousands of choices serves nobody: the longest dialogs, others by a click
  const dialogs = [...tally("call")].sort((one, other) => other[1] - one[1]).slice(0, 200);
  fill("dialog", dialogs.map(([call, count]) => [call, `${call} (${number(count)})`]));
  facts();
  listSas();
  listen();
  filter();
})();
