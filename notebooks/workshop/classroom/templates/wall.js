/*
 * The wall: what happens inside the chat server, four times a second, as one picture.
 *
 * The picture is a function of the last minute's snapshots: draw() looks at nothing else, and keeps nothing. So a
 * replay is the same code with another list, and a page that was away for a while is right again with the next
 * snapshot. Elements are kept by a key and changed where they differ, which is quick, and lets a click or a test hold
 * on to one.
 *
 * Messages on their way are the exception. Each flies alone, for less than a second, and nobody waits for it: a queue
 * of animations would fall behind a busy chat, and then the wall would show the past.
 *
 * People choose their names and write their messages, so these only ever become the content of text elements.
 */
"use strict";

const WIDTH = 1280;
const HEAD = 116;  // where the numbers end and the stage begins
const FOOT = 640;  // where the stage ends
const FEW = 8;  // people whose arrows can be followed
const SHOWN_ROOMS = 6;
const REMEMBERED = 60;  // seconds
const LEAVING = 1;  // seconds for which somebody who left is still shown
const SPOKEN = 6;  // seconds for which a room shows what was said last
const SILENT = 3;  // seconds without a snapshot until the page says so
const NOBODY = {
  at: 0, crowd: false, people: [], rooms: [], said: [], steps: [], capacity: 0,
  totals: {messages: 0, deliveries: 0, lost: 0},
  per_second: {messages: null, deliveries: null},
  delays: null,
  levers: {stop: null, halted: null, capacity: null, flood: false, deaf: false},
};

const byId = (id) => document.getElementById(id);
const page = document.documentElement;
const wall = byId("wall");
const data = JSON.parse(byId("wall-data").textContent);
const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");
const past = [];  // the snapshots so far, the newest last

// Words and numbers

const ruler = document.createElement("canvas").getContext("2d");
const family = getComputedStyle(wall).fontFamily;
const characters = new Intl.Segmenter();  // what a reader calls a character: an emoji of five code points is one
const fitted = new Map();

/** What people wrote, without the characters that would break a line or turn around the words beside it. */
const plain = (text) => text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, " ");

/** The same for a place within a sentence, which then keeps its direction. */
const isolate = (text) => `\u2068${plain(text)}\u2069`;

function measure(text, size, bold) {
  ruler.font = `${bold ? 700 : 400} ${size}px ${family}`;
  return ruler.measureText(text).width;
}

/** Cut a text to a width, with an ellipsis. */
function fit(text, width, size, bold) {
  const key = `${bold}/${size}/${width}/${text}`;
  if (!fitted.has(key)) {
    if (fitted.size > 2000) fitted.clear();
    fitted.set(key, cut(text, width, size, bold));
  }
  return fitted.get(key);
}

function cut(text, width, size, bold) {
  if (text.length < 500 && measure(text, size, bold) <= width) return text;
  const parts = Array.from(characters.segment(text.slice(0, 500)), (each) => each.segment);
  let [fits, tooLong] = [0, parts.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    const short = `${parts.slice(0, middle).join("")}…`;
    if (measure(short, size, bold) <= width) fits = middle; else tooLong = middle;
  }
  return `${parts.slice(0, fits).join("").trimEnd()}…`;
}

/** The largest size, of those allowed, in which bold words fit a width. */
function largest(words, width, from, to) {
  return Math.min(to, Math.max(from, Math.floor((to * width) / measure(words, to, true))));
}

function number(value) {
  if (value === null) return "–";
  if (Math.round(value) >= 10_000) return `${Math.round(value / 1000).toLocaleString("en")}k`;
  return value < 10 ? String(Math.round(value * 10) / 10) : Math.round(value).toLocaleString("en");
}

function count(value, one, many) {
  const shown = number(value);
  return `${shown} ${shown === "1" ? one : many}`;
}

const MIB = 1024 * 1024;
const sizeOf = (bytes) => bytes < MIB ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / MIB).toFixed(1)} MiB`;

// Drawing

/** Puts elements into the picture by a key. What a drawing doesn't put again, sweep() takes away. */
class Painter {
  constructor(parent, elements = new Map(), used = new Set(), prefix = "") {
    Object.assign(this, {parent, elements, used, prefix});
  }

  put(key, tag, attributes, text) {
    const path = this.prefix + key;
    this.used.add(path);
    let entry = this.elements.get(path);
    if (!entry) {
      entry = {element: this.parent.appendChild(create(tag)), attributes: {}};
      this.elements.set(path, entry);
    }
    for (const [name, value] of Object.entries(attributes)) {
      if (entry.attributes[name] !== value) entry.element.setAttribute(name, value);
    }
    entry.attributes = attributes;
    if (text !== undefined && entry.text !== text) entry.element.textContent = entry.text = text;
    return entry.element;
  }

  group(key, attributes = {}) {
    return new Painter(this.put(key, "g", attributes), this.elements, this.used, `${this.prefix}${key}/`);
  }

  box(key, x, y, width, height, kind = "box", radius = 8) {
    this.put(key, "rect", {x, y, width: Math.max(width, 0), height: Math.max(height, 0), rx: radius, class: kind});
  }

  line(key, x1, y1, x2, y2, kind = "lane") {
    this.put(key, "line", {x1, y1, x2, y2, class: kind});
  }

  text(key, x, y, words, size, kind = "", width = Infinity, more = {}) {
    const shown = fit(words, width, size, kind.includes("bold"));
    return this.put(key, "text", {x, y, "font-size": size, class: kind, ...more}, shown);
  }

  sweep() {
    for (const [key, {element}] of this.elements) {
      if (this.used.has(key)) continue;
      element.remove();
      this.elements.delete(key);
    }
    this.used.clear();
  }
}

function create(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const painters = {head: new Painter(byId("head")), stage: new Painter(byId("stage")), foot: new Painter(byId("foot"))};

function crossPath(x, y, half) {
  const size = 2 * half;
  return `M${x - half} ${y - half}l${size} ${size}m0 ${-size}l${-size} ${size}`;
}

/** Draw the newest of these snapshots. If it is fresh, what has just been said sets out on its way. */
function draw(history, fresh = false) {
  const now = history.at(-1) ?? NOBODY;
  const {head, stage, foot} = painters;
  const area = {x: 16, y: HEAD, width: WIDTH - 32, height: stageBottom() - HEAD};
  const mode = chooseMode(now, history);
  wall.dataset.mode = mode;
  byId("stage").classList.toggle("stale", mode !== "welcome" && ["lost", "silent"].includes(connection.state));
  drawHead(head, now, mode);
  const places = MODES[mode](stage.group(mode), now, history, area) ?? new Map();
  for (const flight of [...byId("flights").children]) {
    if (flight.dataset.place !== placeOf(places.get(flight.dataset.whose))) flight.remove();
  }
  drawFoot(foot, now, history);
  for (const painter of Object.values(painters)) painter.sweep();
  showControls(now);
  if (fresh) setOut(now, places);
}

/** Where somebody is drawn, to compare: what is on its way there is taken away when that changes. */
function placeOf(place) {
  const {side, y, height, tile, plan} = place ?? {};
  return JSON.stringify([side, y, height, tile, plan?.box, plan?.rail]);
}

function chooseMode(now, history) {
  if (now.crowd) return "crowd";
  if (withLeaving(now, history).length === 0) return "welcome";
  return now.people.length <= FEW ? "arrows" : "tiles";
}

const MODES = {welcome: drawWelcome, arrows: drawArrows, tiles: drawTiles, crowd: drawCrowd};

/** The stage ends where the levers, or the controls of a replay, begin: they never hide anything. */
function stageBottom() {
  const open = [byId("panel"), byId("player")].find((each) => !each.hidden);
  return open ? (open.offsetTop / byId("frame").clientHeight) * 720 - 8 : FOOT - 4;
}

function drawHead(head, now, mode) {
  const numbers = [
    [24, "messages", "messages / s", now.per_second.messages],
    [180, "deliveries", "deliveries / s", now.per_second.deliveries],
    [374, "median", "ms delay, median", now.delays?.median ?? null],
    [550, "p95", "ms delay, 95 %", now.delays?.p95 ?? null],
    [710, "lost", "lost", now.totals.lost],
  ];
  for (const [place, [x, name, caption, value]] of numbers.entries()) {
    const width = (numbers[place + 1]?.[0] ?? 820) - x - 24;
    const shown = number(value);
    head.text(name, x, 60, shown, largest(shown, width, 24, 44), "bold", Infinity, {"data-number": name});
    head.text(`${name} caption`, x, 92, caption, 18, "soft", width + 20);
  }
  if (now.totals.lost) head.put("lost cross", "path", {d: crossPath(766, 86, 8), class: "cross"});
  head.line("rule", 16, HEAD - 6, WIDTH - 16, HEAD - 6, "rule");
  const small = mode !== "welcome" && drawCode(head, 1162, 4, 104);
  const right = small ? 1150 : WIDTH - 24;
  if (data.film) {
    head.text("replay", right, 56, "Replay", 30, "bold end");
    head.text("status", right, 92, new Date(now.at * 1000).toLocaleString(), 18, "end soft");
    return;
  }
  if (small) {
    head.text("join", right, 32, "Join the chat:", 18, "end soft");
    const size = largest(data.address, right - 820, 16, 28);
    head.text("address", right, 62, data.address, size, "end bold", Infinity, {id: "address"});
  }
  head.text("status", right, 92, connection.words, 18, connection.state === "live" ? "end soft" : "end bold");
}

const code = new DOMParser().parseFromString(data.qr, "text/html").querySelector("svg");

/** Draw the QR code, on white paper also in the dark: not every phone reads a code in light on dark. */
function drawCode(painter, x, y, size) {
  if (data.film) return false;
  painter.box("paper", x, y, size, size, "paper", 4);
  const holder = painter.put("code", "g", {id: "code"});
  for (const [name, value] of Object.entries({x: x + 4, y: y + 4, width: size - 8, height: size - 8})) {
    code.setAttribute(name, value);
  }
  if (code.parentNode !== holder) holder.append(code);
  return true;
}

function drawWelcome(stage, now, history, area) {
  const middle = area.y + area.height / 2;
  const size = Math.min(area.height - 24, 440);
  if (!drawCode(stage, 60, middle - size / 2, size)) {
    stage.text("nobody", WIDTH / 2, middle, "Nobody is here.", 44, "bold middle");
    return;
  }
  const x = 60 + size + 60;
  const address = data.address.replace(/\/$/, "");
  stage.text("join", x, middle - 70, "Join the chat", 48, "bold");
  const large = largest(address, WIDTH - 40 - x, 16, 60);
  stage.text("address", x, middle + 20, address, large, "bold", Infinity, {id: "address"});
  const room = isolate(data.room);
  const lines = [
    `Scan the code: it leads to the room ${room}.`,
    `Or type the address and choose ${room}.`,
    "You need the same network as this computer.",
  ];
  for (const [line, words] of lines.entries()) {
    stage.text(`how ${line}`, x, middle + 80 + 38 * line, words, 26, "soft", WIDTH - 40 - x);
  }
}

// Up to eight people: each arrow can be followed. A row has one person to the left and one to the right of their room.
// What comes in goes along its upper lane, what goes out along its lower one. These are distances from the middle:

const ROOM = 84;
const MAILBOX = 142;
const CONSUMER = 236;
const SOCKET = 400;
const PERSON = 508;
const EDGE = 626;
const STOPPED = {accept: "after accept", group_add: "after group_add", delivery: "before a delivery"};
const STRANGER = {room: null, waiting: 0, bytes: 0, lost: 0};  // refused before any snapshot knew them
const LEFT = ["disconnect", "connection lost", "close", "refuse", "raises"];
const UNREAD = 1024;  // bytes in the server's socket, from which on a client is said not to read

function drawArrows(stage, now, history, area) {
  const byRoom = Map.groupBy(withLeaving(now, history), (person) => person.room);
  const {seats, rooms} = seatPlan(...atMost(stage, [...byRoom], area));
  for (const room of rooms) drawGroup(stage.group(`room ${room.name}`, {"data-room": room.name}), room, now, history);
  for (const seat of seats.values()) {
    const {name, waiting} = seat.person;
    drawSeat(stage.group(`person ${name}`, {"data-person": name, "data-waiting": waiting}), seat, now);
  }
  return seats;
}

/**
 * Somebody who has just left keeps their place for a moment, so that one sees them go. Numbers are given again: who is
 * there now comes before all who had that name, and of those only the last one is shown.
 */
function withLeaving(now, history) {
  const people = [...now.people];
  const shown = new Set(people.map((person) => person.name));
  for (const {at, step} of leavings(now, history)) {
    const name = owner(step);
    if (shown.has(name)) continue;
    shown.add(name);
    const before = history.findLast((each) => each.people.some((person) => person.name === name))?.people ?? [];
    const place = before.findIndex((person) => person.name === name);
    const gone = {...(before[place] ?? STRANGER), name, stopped: null, holds: false, member: false};
    const bytes = ["close", "connection lost"].includes(step.what) ? mostUnread(name, at, history) : 0;
    gone.gone = step.what === "refuse" ? "refused" : bytes ? "dropped" : "left";
    if (bytes) gone.bytes = bytes;
    if (step.what === "raises") gone.raised = step.payload;
    const moment = gone.raised || bytes ? SPOKEN : LEAVING;  // these are more to read
    if (now.at - at < moment) people.splice(place < 0 ? people.length : place, 0, gone);
  }
  return people;
}

/** Return {at, step} of all who left lately, the last one first. */
function leavings(now, history) {
  const found = [];
  for (const [place, {at, people, steps, crowd}] of history.entries()) {
    if (now.at - at >= SPOKEN || crowd) continue;
    const before = history[place - 1];
    const here = new Set(people.map((person) => person.name));
    // While too much happens to note each step, those who don't read are the ones that are missed.
    const known = before && !before.crowd ? before.people : [];
    const missed = known.map(({name}) => name).filter((name) => !here.has(name) && mostUnread(name, at, history));
    const ends = steps ?? missed.map((name) => ({source: name, target: `${name}'s consumer`, what: "connection lost"}));
    found.push(...ends.filter((step) => LEFT.includes(step.what) && owner(step)).map((step) => ({at, step})));
  }
  return found.reverse();
}

/** How many bytes somebody hadn't read in the second before they left, or 0 if that was nothing to speak of. */
function mostUnread(name, at, history) {
  const lately = history.filter((each) => each.at <= at && at - each.at <= 1).flatMap((each) => each.people);
  const most = Math.max(0, ...lately.filter((person) => person.name === name).map((person) => person.bytes));
  return most >= UNREAD ? most : 0;
}

const CONSUMERS = /'s consumer$/;
const owner = ({source, target}) => [source, target].find((end) => CONSUMERS.test(end))?.replace(CONSUMERS, "");

/** Give each person a seat {person, side, y, height}, room by room, and each room its place between them. */
function seatPlan(byRoom, area) {
  const rows = byRoom.reduce((sum, [, members]) => sum + Math.ceil(members.length / 2), 0);
  const height = Math.min(200, area.height / rows);
  let y = area.y + (area.height - height * rows) / 2;
  const seats = new Map();
  const rooms = [];
  for (const [name, members] of byRoom) {
    const high = Math.ceil(members.length / 2) * height;
    for (const [place, person] of members.entries()) {
      const middle = y + ((place >> 1) + 0.5) * height;
      const lane = Math.min(height * 0.18, 30);  // from the middle of the row
      seats.set(person.name, {person, side: place % 2 ? 1 : -1, y: middle, height, lane});
    }
    const inGroup = members.filter((person) => person.member).length;
    if (name !== null) rooms.push({name, y, height: high, members: inGroup});
    y += high;
  }
  return {seats, rooms};
}

const across = (seat, distance) => WIDTH / 2 + seat.side * distance;
const leftOf = (seat, near, far) => Math.min(across(seat, near), across(seat, far));
const middleOf = (seat, near, far) => across(seat, (near + far) / 2);

function drawGroup(group, room, now, history) {
  const [x, y, high] = [WIDTH / 2, room.y + 5, room.height - 10];
  group.box("box", x - ROOM, y, 2 * ROOM, high, "room", 14);
  group.text("name", x, y + 27, plain(room.name), 22, "bold middle", 2 * ROOM - 12);
  if (high < 80) return;
  group.text("group", x, y + 50, `a group of ${room.members}`, 18, "middle soft", 2 * ROOM - 10);
  const delay = now.rooms.find((each) => each.name === room.name)?.delay ?? null;
  if (delay !== null) group.text("delay", x, y + 72, `delay ${number(delay)} ms`, 18, "middle soft", 2 * ROOM - 10);
  const said = lastSaid(room.name, now, history);
  if (said && high >= 120) {
    const line = y + Math.max(high / 2 + 18, 90);
    group.text("who", x, line, plain(said[1]), 18, "middle soft", 2 * ROOM - 12);
    const words = plain(said[2]);
    const size = largest(words, 2 * ROOM - 12, 17, high < 140 ? 20 : 26);
    group.text("said", x, line + (high < 140 ? 22 : 26), words, size, "bold middle", 2 * ROOM - 12);
  }
}

function lastSaid(room, now, history) {
  const lately = history.filter((each) => now.at - each.at < SPOKEN);
  return lately.flatMap((each) => each.said).findLast((said) => said[0] === room);
}

function drawSeat(group, seat, now) {
  const {person, y, height, lane} = seat;
  const [top, high] = [y - height / 2 + 5, height - 10];
  const open = person.accepted && !person.gone;
  drawLanes(group, seat, open);
  group.box("person", leftOf(seat, PERSON, EDGE), top, EDGE - PERSON, high, open ? "box" : "box not-yet", 20);
  const facts = [];
  if (height >= 100 || person.gone === "dropped") facts.push(person.gone ?? `said ${number(person.said)}`);
  if (height >= 130 && !person.gone) facts.push(`heard ${number(person.heard)}`);
  if (person.lost) facts.push(`lost ${number(person.lost)}`);
  const first = y + 6 - facts.length * 10;
  const name = plain(person.name);
  group.text("name", middleOf(seat, PERSON, EDGE), first, name, largest(name, 108, 16, 20), "bold middle", 112);
  for (const [line, fact] of facts.entries()) {
    const kind = fact.startsWith("lost") ? "bold middle" : "middle soft";
    group.text(`fact ${line}`, middleOf(seat, PERSON, EDGE), first + 22 * (line + 1), fact, 18, kind, 112);
  }
  const state = open ? "socket" : person.gone ?? "connecting";
  const [socket, kind] = person.bytes >= UNREAD ? [sizeOf(person.bytes), "bold middle"] : [state, "middle soft"];
  if (height >= 75) group.text("socket", middleOf(seat, SOCKET, PERSON), y + 6, socket, 18, kind, 130);
  drawConsumer(group, seat, top, high, now);
  drawMailbox(group, seat, y + lane, now.capacity);
}

function drawLanes(group, seat, open) {
  const [up, down] = [seat.y - seat.lane, seat.y + seat.lane];
  const kind = open ? "pipe" : "pipe not-yet";
  group.box("pipe", leftOf(seat, SOCKET, PERSON), up - 12, PERSON - SOCKET, 2 * seat.lane + 24, kind, 12);
  group.line("in", across(seat, PERSON), up, across(seat, SOCKET + 10), up, open ? "lane" : "lane not-yet");
  arrowhead(group, "in head", seat, SOCKET + 2, up, -1);
  group.line("out", across(seat, SOCKET), down, across(seat, PERSON - 10), down, open ? "lane" : "lane not-yet");
  arrowhead(group, "out head", seat, PERSON - 2, down, 1);
  if (!seat.person.member) return;
  group.line("to group", across(seat, CONSUMER), up, across(seat, ROOM + 10), up);
  arrowhead(group, "to group head", seat, ROOM + 2, up, -1);
  group.line("to mailbox", across(seat, ROOM), down, across(seat, MAILBOX - 10), down);
  arrowhead(group, "to mailbox head", seat, MAILBOX - 2, down, 1);
}

/** An arrow's head at a distance from the middle, pointing away from the middle (1) or towards it (-1). */
function arrowhead(group, key, seat, distance, y, direction) {
  const [tip, back] = [across(seat, distance), across(seat, distance - direction * 13)];
  group.put(key, "path", {d: `M${tip} ${y}L${back} ${y - 7}L${back} ${y + 7}Z`, class: "mark"});
}

function drawConsumer(group, seat, top, high, now) {
  const {person, y} = seat;
  const [x, middle] = [leftOf(seat, CONSUMER, SOCKET), middleOf(seat, CONSUMER, SOCKET)];
  const lines = stopWords(person, now.levers);
  group.box("consumer", x, top, SOCKET - CONSUMER, high, lines.length ? "box stopped" : "box", 4);
  if (lines.length && high >= 80) group.box("flag", x + 4, top + 4, SOCKET - CONSUMER - 8, 14, "flag", 0);
  const first = y + 6 - (lines.length - 1) * 11;
  for (const [line, words] of lines.entries()) {
    const kind = line ? "middle" : "bold middle";
    const size = line ? largest(words, SOCKET - CONSUMER - 8, 14, 18) : 20;
    group.text(`stopped ${line}`, middle, first + line * 22, words, size, kind, SOCKET - CONSUMER - 6);
  }
  if (!lines.length) group.text("caption", middle, y + 6, "consumer", 20, "middle soft");
}

function stopWords(person, levers) {
  if (person.raised) return ["raises", person.raised];
  if (person.name === levers.halted) return ["halted"];
  return person.stopped ? ["stopped", STOPPED[person.stopped]] : [];
}

/** Draw a mailbox as slots, the next event beside the consumer. Slots for all only if there are few. */
function drawMailbox(group, seat, y, capacity) {
  const {person, height} = seat;
  const slots = Math.min(capacity, 8);
  const wide = (CONSUMER - MAILBOX) / slots;
  const high = height >= 90 ? 24 : 16;
  const full = person.waiting >= capacity;
  for (let slot = 0; slot < slots; slot += 1) {
    const far = CONSUMER - slot * wide;
    const kind = slot >= person.waiting ? "slot" : full ? "slot full" : "slot taken";
    group.box(`slot ${slot}`, leftOf(seat, far - wide, far), y - high / 2, wide, high, kind, 0);
  }
  const words = full ? `full: ${number(person.waiting)}` : count(person.waiting, "waits", "wait");
  const [caption, size, kind] = person.waiting ? [words, 18, "bold middle"] : ["mailbox", 18, "middle soft"];
  group.text("waiting", middleOf(seat, MAILBOX, CONSUMER), y + high / 2 + 17, caption, size, kind);
}

/** The first rooms, and the area for them. Where there are others, the picture says how many. */
function atMost(stage, rooms, area) {
  const hidden = rooms.length - SHOWN_ROOMS;
  if (hidden <= 0) return [rooms, area];
  const words = `and ${count(hidden, "more room", "more rooms")}`;
  const [x, y] = [area.x + area.width / 2, area.y + area.height - 6];
  stage.text("more", x, y, words, 22, "bold middle", Infinity, {id: "more-rooms"});
  return [rooms.slice(0, SHOWN_ROOMS), {...area, height: area.height - 30}];
}

// Up to sixty people: a tile for each, in the room's panel

const NUMBERED = /^Person (\d+)$/;  // if there is little space, the number is enough
const LEAST = 42;  // a row of tiles: below this, name and mailbox are hard to read
const FACTS = 390;  // the width of a room's facts
const TWO_LINES = 54;  // a tile: above this, there is room for a second line of words

function drawTiles(stage, now, history, area) {
  const shown = withLeaving(now, history).filter(({gone, raised}) => !gone || raised || gone === "dropped");
  const people = Map.groupBy(shown, (person) => person.room);
  const [rooms, space] = atMost(stage, largestFirst(roomsOf(people.keys(), now, history)), area);
  const plans = panels(rooms, space).map(([room, box]) => panelPlan(room, people.get(room.name), box));
  const tight = ([{name}, tile]) => NUMBERED.test(name) && measure(name, 17, true) > tile.width - 12;
  const short = plans.some(({tiles}) => [...tiles].some(tight));
  const places = new Map();
  for (const plan of plans) {
    const {name} = plan.room;
    const group = stage.group(`room ${name}`, {"data-room": name});
    drawPanel(group, plan, now, history);
    for (const [person, tile] of plan.tiles) {
      const attributes = {"data-person": person.name, "data-waiting": person.waiting};
      drawTile(group.group(`person ${person.name}`, attributes), person, tile, now, short);
      places.set(person.name, {tile, plan});
    }
  }
  return places;
}

/** The rooms of these names. One that the last person has just left is as it was, and empty. */
function roomsOf(names, now, history) {
  const rooms = new Map(now.rooms.map((room) => [room.name, room]));
  const last = (name) => history.flatMap((each) => each.rooms).findLast((room) => room.name === name);
  const room = (name) => rooms.get(name) ?? (last(name) && {...last(name), people: 0, delay: null});
  return [...names].map(room).filter(Boolean);
}

const largestFirst = (rooms) => rooms.toSorted((one, other) => other.people - one.people);

/** Divide an area among the rooms, into one or two rows. Who has more people gets more. */
function panels(rooms, area) {
  const perRow = rooms.length <= 3 ? rooms.length : Math.ceil(rooms.length / 2);
  const rows = [rooms.slice(0, perRow), rooms.slice(perRow)].filter((row) => row.length);
  const weight = (row) => row.reduce((sum, room) => sum + room.people + 8, 0);
  const least = Math.min(100, area.height / rows.length);
  const rest = area.height - least * rows.length;
  const boxes = [];
  let y = area.y;
  for (const row of rows) {
    const height = least + (rest * weight(row)) / weight(rooms);
    let x = area.x;
    for (const room of row) {
      const width = (area.width * weight([room])) / weight(row);
      boxes.push([room, {x: x + 3, y: y + 2, width: width - 6, height: height - 4}]);
      x += width;
    }
    y += height;
  }
  return boxes;
}

/** Where a room's words and tiles go. Tiles come first: what was said last is only shown if they stay high enough. */
function panelPlan(room, people, box) {
  const inner = box.width - 24;
  const beside = inner - Math.min(180, measure(plain(room.name), 24, true)) > FACTS;  // the facts, beside the name
  const facts = box.y + (beside ? 28 : 52);
  const said = facts + (beside ? 28 : 24);
  const under = (line) => {
    const top = line + 14;
    return grid(people.length, {x: box.x + 8, y: top, width: box.width - 16, height: box.y + box.height - top - 6});
  };
  const roomy = under(said);
  const talks = roomy[0].height >= TWO_LINES && roomy[0].width >= roomy[0].height;
  const places = talks ? roomy : under(facts);
  const tiles = new Map(people.map((person, place) => [person, places[place]]));
  return {room, box, inner, beside, facts, said, talks, tiles, rail: places[0].y - 7};
}

function drawPanel(group, {room, box, inner, beside, facts, said, talks, rail}, now, history) {
  const [left, right] = [box.x + 12, box.x + box.width - 12];
  const words = [count(room.people, "person", "people"), rate(room, now, history)];
  if ((room.delay ?? null) !== null) words.push(`${number(room.delay)} ms`);
  while (words.length > 1 && measure(words.join(" · "), 18) > inner) words.pop();
  group.box("box", box.x, box.y, box.width, box.height, "room", 14);
  group.text("name", left, box.y + 29, plain(room.name), 24, "bold", beside ? inner - FACTS : inner);
  group.text("facts", beside ? right : left, facts, words.join(" · "), 18, beside ? "end" : "", inner);
  const last = talks && lastSaid(room.name, now, history);
  if (last) group.text("said", left, said, `${isolate(last[1])}: ${isolate(last[2])}`, 18, "bold", inner);
  group.line("rail", left, rail, right, rail);
}

/** How many messages a second a room had over the last second. */
function rate(room, now, history) {
  const before = history.findLast((each) => now.at - each.at >= 1) ?? history[0];
  const earlier = before.rooms.find((each) => each.name === room.name)?.messages ?? 0;
  const perSecond = now.at > before.at ? Math.max(0, room.messages - earlier) / (now.at - before.at) : 0;
  return count(perSecond, "message / s", "messages / s");
}

/** Places for so many tiles: as large as they can be if half as wide again as high, but rather narrow than flat. */
function grid(many, area) {
  const high = (columns) => area.height / Math.ceil(many / columns);
  const size = (columns) => Math.min(area.width / columns / 1.5, high(columns));
  let columns = 1;
  for (let more = 2; more <= many; more += 1) if (size(more) > size(columns)) columns = more;
  while (high(columns) < LEAST && columns < many) columns += 1;
  const width = Math.min(200, area.width / columns);
  const height = Math.min(130, high(columns));
  return Array.from({length: many}, (_, place) => ({
    x: area.x + (place % columns) * width + 3,
    y: area.y + Math.floor(place / columns) * height + 3,
    width: width - 6,
    height: height - 6,
  }));
}

function drawTile(group, person, {x, y, width, height}, now, short) {
  const [stopped] = stopWords(person, now.levers);
  const flag = stopped && height >= 80;
  const middle = x + width / 2;
  group.box("box", x, y, width, height, `box${stopped ? " stopped" : ""}${person.member ? "" : " not-yet"}`, 6);
  if (flag) group.box("flag", x + 3, y + 3, width - 6, 8, "flag", 0);
  // From below: the mailbox, what there is to say, and the name in the middle of what is left.
  const high = Math.min(10, height * 0.16);
  const [left, bar, wide] = [x + 8, y + height - high - 5, width - 16];
  const kind = person.waiting >= now.capacity ? "slot full" : "slot taken";
  group.box("mailbox", left, bar, wide, high, "slot", 0);
  group.box("fill", left, bar, wide * fullness(person.waiting, now.capacity), high, kind, 0);
  const two = height >= TWO_LINES;
  const words = two ? tileWords(person, stopped, width - 8) : "";
  const wordsHigh = height >= 80 ? largest(words || " ", width - 8, 16, 18) : 16;
  if (words) group.text("words", middle, bar - 6, words, wordsHigh, "bold middle", width - 6);
  const lost = !two && person.lost ? `✕ ${number(person.lost)}` : "";  // then it has to go beside the name
  const taken = lost && measure(lost, 16, true) + 6;
  const top = y + (flag ? 14 : 3);
  const space = bar - (words ? wordsHigh + 4 : 2) - top;
  const name = short ? plain(person.name).replace(NUMBERED, "$1") : plain(person.name);
  const most = Math.min(24, Math.max(17, height * 0.33));
  const size = Math.min(space, largest(name, width - 12 - taken, 17, most));
  const line = top + space / 2 + size * 0.36;
  group.text("name", middle - taken / 2, line, name, size, "bold middle", width - 10 - taken);
  if (lost) group.text("lost", x + width - 6, line, lost, 16, "bold end");
}

/** What there is to say in a tile, as long as fits. What is lost comes before what waits: the mailbox shows that. */
function tileWords(person, stopped, width) {
  const waiting = person.waiting ? number(person.waiting) : "";
  const lost = person.lost ? `✕ ${number(person.lost)}` : "";
  let ways = [];
  if (person.gone === "dropped") ways = [`dropped, ${sizeOf(person.bytes)}`, "dropped"];
  else if (stopped) ways = [`${stopped} ${waiting} ${lost}`, `■ ${waiting} ${lost}`, `■ ${lost}`, lost || "■"];
  else if (waiting) ways = [`${count(person.waiting, "waits", "wait")} ${lost}`, `${waiting} ${lost}`, lost];
  else if (lost) ways = [`lost ${lost}`, lost];
  return ways.find((words) => measure(words, 16, true) <= width)?.trim().replace("  ", " ") ?? "";
}

/** How full a mailbox looks. For a large one the scale is logarithmic: otherwise a hundred of 10,000 wouldn't show. */
function fullness(waiting, capacity) {
  if (waiting >= capacity) return 1;
  return capacity <= 10 ? waiting / capacity : Math.log1p(waiting) / Math.log1p(capacity);
}

// A crowd: a summary

const FILLS = ["empty", "1–9", "10–99", "100–999", "1000+"];

const CHARTS = [  // the title, and of each curve its look and what it shows
  ["messages / s", [["messages", (each) => each.per_second.messages]]],
  ["deliveries / s", [["deliveries", (each) => each.per_second.deliveries]]],
  [
    "ms delay: median, and 95 % dashed",
    [["messages", (each) => each.delays?.median ?? null], ["second", (each) => each.delays?.p95 ?? null]],
  ],
];

function drawCrowd(stage, now, history, area) {
  const [rooms, space] = atMost(stage, largestFirst(now.rooms), {...area, width: 640});
  const high = space.height / rooms.length;
  for (const [place, room] of rooms.entries()) {
    const group = stage.group(`room ${room.name}`, {"data-room": room.name, "data-fill": room.fill.join()});
    drawFill(group, room, {...space, y: area.y + place * high + 2, height: high - 4}, now, history);
  }
  const chartHigh = area.height / CHARTS.length;
  for (const [place, [title, curves]] of CHARTS.entries()) {
    const box = {x: 672, y: area.y + place * chartHigh, width: WIDTH - 16 - 672, height: chartHigh - 8};
    drawChart(stage.group(title), title, curves, box, now, history);
  }
}

function drawFill(group, room, box, now, history) {
  group.box("box", box.x, box.y, box.width, box.height, "room", 14);
  const three = box.height >= 80;  // lines of words
  const middle = box.y + Math.min(box.height / 2, 60) + (three ? 0 : 8);
  group.text("name", box.x + 14, middle - 14, plain(room.name), three ? 24 : 20, "bold", 196);
  group.text("people", box.x + 14, middle + 9, count(room.people, "person", "people"), three ? 20 : 18, "", 196);
  if (three) group.text("rate", box.x + 14, middle + 32, rate(room, now, history), 18, "soft", 196);
  const [left, wide, foot] = [box.x + 218, (box.width - 226) / FILLS.length, box.y + box.height - 26];
  const high = Math.max(0, foot - box.y - 28 - (box.height > 160 ? 24 : 0));
  if (box.height > 160) group.text("caption", left, box.y + 24, "mailboxes, by how many messages wait", 18, "soft");
  for (const [place, mailboxes] of room.fill.entries()) {
    const [x, tall] = [left + place * wide, (high * mailboxes) / Math.max(room.people, 1)];
    group.box(`bar ${place}`, x + 6, foot - tall, wide - 12, tall, place ? "bar" : "bar none", 0);
    group.text(`number ${place}`, x + wide / 2, foot - tall - 5, String(mailboxes), 18, "bold middle");
    group.text(`label ${place}`, x + wide / 2, foot + 19, FILLS[place], 18, "middle soft", wide);
  }
  group.line("ground", left, foot, left + FILLS.length * wide, foot);
}

function drawChart(group, title, curves, box, now, history) {
  const values = history.flatMap((each) => curves.map(([, read]) => read(each) ?? 0));
  const most = roundUp(Math.max(1, ...values));
  const [top, foot, left] = [box.y + 34, box.y + box.height - 22, box.x + 62];
  const wide = box.x + box.width - left;
  group.text("title", box.x, box.y + 22, title, 18, "bold");
  group.text("most", left - 8, top + 12, number(most), 18, "end soft");
  group.text("none", left - 8, foot, "0", 18, "end soft");
  group.text("before", left, foot + 19, "a minute ago", 18, "soft");
  group.text("now", left + wide, foot + 19, "now", 18, "end soft");
  group.line("ceiling", left, top, left + wide, top, "rule");
  group.line("ground", left, foot, left + wide, foot, "rule");
  for (const [kind, read] of curves) {
    let path = "";
    let pen = "M";  // to move: where nothing is known there is no line
    for (const each of history.filter(({at}) => now.at - at <= REMEMBERED)) {
      const value = read(each);
      if (value !== null) {
        const [x, y] = [left + wide * (1 - (now.at - each.at) / REMEMBERED), foot - ((foot - top) * value) / most];
        path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      }
      pen = value === null ? "M" : "L";
    }
    group.put(kind, "path", {d: path, class: `${kind} curve`});
  }
}

/** The next of 1, 2, 5, 10, 20, 50…, so that a chart's scale changes seldom. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value);
}

// The foot: who is behind, and what the teacher has set

function drawFoot(foot, now, history) {
  foot.line("rule", 16, FOOT, WIDTH - 16, FOOT, "rule");
  const late = behind(now, history);
  const names = late.map((person) => `${isolate(person.name)}: ${howFar(person)}`).join(" · ");
  foot.text("behind title", 24, 670, late.length ? "Behind:" : "Nobody is behind.", 24, late.length ? "bold" : "soft");
  foot.text("behind", 134, 670, names, 24, "", WIDTH - 158, {id: "behind"});
  const set = data.levers.filter((lever) => isSet(lever, now.levers)).map((lever) => setWords(lever, now.levers));
  foot.text("levers", 24, 704, set.length ? `Set: ${set.join(" · ")}` : "", 22, "bold", 890, {id: "set-levers"});
}

/**
 * Who is behind has mail in two snapshots in a row: an event that is read at once is nothing to report. It is where
 * nothing moves, in a replay that pauses. In a crowd a snapshot names only those furthest behind, and never the same
 * ones twice. A consumer that stops may have taken an event: that one isn't in the mailbox, and still waits.
 */
function behind(now, history) {
  const before = new Map(history.at(-2)?.people.map((person) => [person.name, person]));
  const stays = (person) => now.crowd || pauses || before.get(person.name)?.waiting;
  const inAll = (person) => person.waiting + inHand(person);
  return now.people
    .filter((person) => person.bytes >= UNREAD || inHand(person) || (person.waiting && stays(person)))
    .sort((one, other) => inAll(other) - inAll(one) || other.bytes - one.bytes);
}

const inHand = (person) => (person.holds && person.stopped ? 1 : 0);

function howFar(person) {
  const waits = person.waiting && count(person.waiting, "waits", "wait");
  const unread = person.bytes >= UNREAD && `${sizeOf(person.bytes)} unread`;
  return [waits, inHand(person) && "1 in hand", unread].filter(Boolean).join(", ");
}

// A lever without a value of its own is one of persons.
const isSet = ({name, value}, levers) => value === null ? levers[name] !== null : levers[name] === value;
const setWords = ({name, value, title}, levers) => value === null ? `${title}, ${isolate(levers[name])}` : title;

// On their way

const LEG = 190;  // milliseconds for one of a message's four legs: in, to the group, to the mailboxes, out
const FADE = 180;  // milliseconds
const LINGER = 900;  // milliseconds for what went wrong, which is more to read
const MOST = 120;  // steps: more at once nobody can follow, and the numbers say it better
const LEGS = {  // step: lane, from, to (distances from the middle), how it looks, the leg's turn
  handshake: [-1, PERSON, SOCKET, "control", 0],
  group_add: [-1, CONSUMER, ROOM, "control", 1],
  group_discard: [-1, CONSUMER, ROOM, "control", 1],
  accept: [1, SOCKET, PERSON, "control", 2],
  refuse: [1, SOCKET, PERSON, "bad", 1],
  "frame in": [-1, PERSON, SOCKET, "message", 0],
  group_send: [-1, CONSUMER, ROOM, "message", 1],
  event: [1, ROOM, MAILBOX + 10, "delivery", 2],
  lost: [1, ROOM, MAILBOX - 8, "bad", 2],
  "frame out": [1, SOCKET, PERSON, "delivery", 3],
  "lost frame": [1, SOCKET, PERSON - 40, "bad", 3],
  disconnect: [-1, PERSON, SOCKET, "control", 0],
  "connection lost": [-1, PERSON, SOCKET + 40, "bad", 0],
  close: [1, SOCKET, PERSON, "control", 2],
  stops: [0, SOCKET, CONSUMER, "control", 1],
  "goes on": [0, SOCKET, CONSUMER, "control", 0],
  raises: [0, SOCKET, CONSUMER, "bad", 1],
};

function setOut(now, places) {
  const {mode} = wall.dataset;
  if (mode === "tiles") for (const name of new Set(now.said.map((said) => said[1]))) speak(name, places.get(name));
  if (mode !== "arrows" || !now.steps || now.steps.length > MOST) return;
  const arrived = new Map();  // what comes where, and when
  for (const step of now.steps) {
    const leg = LEGS[step.what === "frame" ? (CONSUMERS.test(step.target) ? "frame in" : "frame out") : step.what];
    const seat = places.get(owner(step));
    if (!leg || !seat) continue;
    // It sets out when what led to it has arrived, if that is among these steps, but never later than its leg's turn.
    const content = contentOf(step);
    const start = Math.min(leg[4] * LEG, arrived.get(`${step.source} ${content.words}`) ?? 0);
    arrived.set(`${step.target} ${content.words}`, start + LEG);
    fly(owner(step), seat, leg, step.what, content, start);
  }
}

/** What a step carries, and whether it is an error. A frame's text may be anything that a client sends. */
function contentOf({what, payload}) {
  if (payload === undefined || !["frame", "group_send", "event", "lost", "lost frame"].includes(what)) {
    return {words: what};
  }
  let content = payload;
  try {
    if (typeof payload === "string") content = JSON.parse(payload);
  } catch { /* not JSON: shown as it is */ }
  if (typeof content?.error === "string") return {words: content.error, error: true};
  const message = content?.message ?? content;
  return {words: typeof message === "string" ? message : JSON.stringify(message)};
}

function fly(name, seat, [lane, from, to, look], what, {words, error}, start) {
  const kind = error ? "bad" : look;
  const y = seat.y + lane * seat.lane;
  const [x1, x2] = [across(seat, from), across(seat, to)];
  const still = lessMotion.matches || lane === 0;
  const flight = create("g", {class: "flight", "data-step": what, "data-whose": name, "data-place": placeOf(seat)});
  const dot = mark(kind, what, x2, y);
  if (still && lane) flight.append(create("line", {x1, y1: y, x2, y2: y, class: `trail ${kind}`}));
  flight.append(dot);
  if (!["event", "raises", "stops"].includes(what)) {  // what becomes of those, the mailbox and the consumer say
    const label = create("text", {x: (x1 + x2) / 2, y: y + (lane > 0 ? 27 : -13), "font-size": 17, class: "middle"});
    label.textContent = fit(plain(what === "lost" ? "lost" : words), error ? 360 : 150, 17, true);
    flight.append(label);
  }
  byId("flights").append(flight);
  const travel = [{transform: `translate(${x1 - x2}px)`}, {transform: "none"}];
  if (!still) dot.animate(travel, {delay: start, duration: LEG, fill: "both"});
  light(flight, start, kind === "bad" ? LINGER : FADE);
}

function mark(kind, what, x, y) {
  if (["lost", "lost frame", "connection lost", "refuse", "raises"].includes(what)) {
    return create("path", {d: crossPath(x, y, 9), class: "cross"});
  }
  if (kind === "message" || kind === "delivery") return create("circle", {cx: x, cy: y, r: 9, class: `dot ${kind}`});
  return create("path", {d: `M${x - 10} ${y}L${x} ${y - 10}L${x + 10} ${y}L${x} ${y + 10}Z`, class: `dot ${kind}`});
}

/** Light an element up, let it fade, and take it away. */
function light(element, delay, fade = FADE) {
  const frames = [{opacity: 0}, {opacity: 1, offset: 0.05}, {opacity: 1, offset: 0.6}, {opacity: 0}];
  element.animate(frames, {delay, duration: LEG + fade, fill: "both"}).onfinish = () => element.remove();
}

/** Among tiles: who speaks lights up, with the way between the tiles to the room's rail, then the rail and the room. */
function speak(name, place) {
  if (!place) return;
  const whose = {"data-whose": name, "data-place": placeOf(place)};
  const {tile, plan: {box, rail}} = place;
  const gap = tile.x - 3;
  shine(0, whose, [
    ["rect", {...tile, rx: 6, class: "trail"}],
    ["path", {d: `M${tile.x} ${tile.y + tile.height / 2}H${gap}V${rail}`, class: "trail thin"}],
    ["circle", {cx: gap, cy: rail, r: 6, class: "dot message"}],
  ]);
  shine(LEG, whose, [
    ["rect", {...box, rx: 14, class: "trail delivery"}],
    ["path", {d: `M${box.x} ${rail}h${box.width}`, class: "trail thin delivery"}],
  ]);
}

function shine(delay, whose, parts) {
  const flight = create("g", {class: "flight", ...whose});
  flight.append(...parts.map((part) => create(...part)));
  byId("flights").append(flight);
  light(flight, delay);
}

// The levers

const buttons = new Map();  // of the levers
let asked = null;  // {lever, value}: what the class is asked about

function buildLevers() {
  for (const lever of data.levers) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = lever.title;
    Object.assign(button.dataset, {lever: lever.name, value: String(lever.value)});
    button.onclick = () => pull(lever);
    buttons.set(lever, button);
    if (lever.value === null) byId("person").after(button); else byId("levers").append(button);
  }
}

function pull(lever) {
  const person = byId("person").value;
  if (buttons.get(lever).getAttribute("aria-pressed") === "true") {
    undo({lever: lever.name, value: lever.value === true ? false : null});
  } else if (lever.value === null && !person) {
    notify("Whom? Choose a person first.");
    byId("person").focus();
  } else {
    asked = {lever, value: lever.value ?? person};
    byId("question-text").textContent = lever.ask;
    showQuestion(true);
    byId("do-it").focus();
  }
}

function undo(message) {
  send(message);
  byId("watch").textContent = "";
  redraw();
}

function showQuestion(open) {
  byId("question").hidden = !open;
  byId("controls").hidden = open;
  redraw();
}

function answer(doIt) {
  const {lever, value} = asked;
  if (doIt) send({lever: lever.name, value});
  byId("watch").textContent = doIt ? lever.watch : "";
  asked = null;
  showQuestion(false);
  buttons.get(lever).focus();
}

function openLevers(open) {
  byId("panel").hidden = !open;
  byId("open-levers").setAttribute("aria-expanded", open);
  if (!open && asked) answer(false);
  byId("watch").textContent = "";
  redraw();
  (open ? byId("levers").firstElementChild : byId("open-levers")).focus();
}

function showControls(now) {
  for (const [lever, button] of buttons) button.setAttribute("aria-pressed", isSet(lever, now.levers));
  const select = byId("person");
  const names = now.people.map((person) => person.name);
  if (select.dataset.names === JSON.stringify(names)) return;  // to change an open list would close it
  select.dataset.names = JSON.stringify(names);
  const chosen = select.value;
  select.replaceChildren(new Option("choose…", ""), ...names.map((name) => new Option(plain(name), name)));
  select.value = names.includes(chosen) ? chosen : "";
}

function choosePerson(event) {
  const name = event.target.closest("[data-person]")?.dataset.person;
  if (!name || data.film) return;
  if (byId("panel").hidden) openLevers(true);
  byId("person").value = name;
}

function onKey(event) {
  if (event.key === "Escape" && asked) answer(false);
  const typing = event.target.matches?.("select, input") || event.ctrlKey || event.metaKey || event.altKey;
  if (event.key.toLowerCase() === "l" && !typing) openLevers(byId("panel").hidden);
}

// What the page says in words

let noticeTimer;

function notify(words) {
  byId("notice").textContent = words;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { byId("notice").textContent = ""; }, 6000);
}

/** For those who listen: one sentence, at most every ten seconds, and only if something is different. */
function summarize() {
  const now = past.at(-1) ?? NOBODY;
  const people = now.rooms.reduce((sum, room) => sum + room.people, 0);
  const late = behind(now, past).map((person) => person.name).join(", ");
  const rooms = count(now.rooms.length, "room", "rooms");
  const where = `${count(people, "person", "people")} in ${rooms}`;
  const words = `${where}. Lost: ${now.totals.lost}. Behind: ${plain(late) || "nobody"}.`;
  if (byId("summary").textContent !== words) byId("summary").textContent = words;
}

// The socket

const connection = {state: "connecting", words: "Connecting…", heard: 0};
let socket;
let pause = 500;  // milliseconds until the next attempt to connect

function connect() {
  const url = new URL(data.socket, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = () => {
    if (connection.state === "ended") return;
    setState("lost", "✕ Connection lost. Trying again…");
    setTimeout(connect, pause);
    pause = Math.min(2 * pause, 4000);
  };
}

function hear(frame) {
  pause = 500;
  if (frame.snapshot) {
    connection.heard = Date.now();
    setState("live", "● Live");
    take(frame.snapshot);
  }
  if (frame.kept) notify(`Kept in ${frame.kept.folder}: ${frame.kept.files.join(", ")}`);
  if (frame.error) notify(frame.error);
  if (frame.ended) {
    notify(frame.ended);
    setState("ended", "■ The chat has ended.");
  }
}

function setState(state, words) {
  if (connection.state === state) return;
  Object.assign(connection, {state, words});
  page.dataset.connection = state;
  redraw();
}

function noticeSilence() {
  if (connection.state === "live" && Date.now() - connection.heard > SILENT * 1000) {
    setState("silent", "✕ No news from the chat.");
  }
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  else notify("Not connected to the class: nothing was sent.");
}

let due = false;  // a drawing

/** Take a snapshot. It is drawn with the screen's next picture; if another one comes before that, only that one is. */
function take(snapshot) {
  past.push(snapshot);
  while (past[0].at < snapshot.at - REMEMBERED) past.shift();
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    draw(past, true);
    const late = Math.round(Date.now() - past.at(-1).at * 1000);
    page.dataset.behind = late;
    page.dataset.mostBehind = Math.max(late, page.dataset.mostBehind ?? 0);
    if (socket.readyState === WebSocket.OPEN) send({drawn: true});  // then the next one comes
  });
}

// Keeping

const STYLES = [
  "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "paint-order",
  "font-weight", "text-anchor", "opacity", "unicode-bidi",
];

/** The picture as a file of its own, which no style sheet comes with: each element says itself how it looks. */
function standalone() {
  const copy = wall.cloneNode(true);
  const originals = [wall, ...wall.querySelectorAll("*")];
  const copies = [copy, ...copy.querySelectorAll("*")];
  for (const [place, original] of originals.entries()) {
    const computed = getComputedStyle(original);
    for (const style of STYLES) copies[place].setAttribute(style, computed.getPropertyValue(style).replaceAll('"', ""));
    if (computed.transform !== "none") copies[place].setAttribute("transform", computed.transform);
    copies[place].removeAttribute("class");
    copies[place].removeAttribute("style");
  }
  copy.setAttribute("font-family", family);
  return new XMLSerializer().serializeToString(copy);
}

// A replay

let pauses = Boolean(data.film);  // whether nothing moves

function replay(film) {
  const [start, end] = [film[0].at, film.at(-1).at];
  const slider = byId("time");
  let [place, timer] = [0, null];

  function show(fresh) {
    const seconds = film[place].at - start;
    const begin = film.findIndex((each) => each.at >= film[place].at - REMEMBERED);
    draw(film.slice(begin, place + 1), fresh);
    byId("clock").textContent = `${seconds.toFixed(1)} s of ${(end - start).toFixed(1)} s`;
    slider.setAttribute("aria-valuetext", byId("clock").textContent);
  }

  function next() {
    if (place === film.length - 1) return run(false);
    timer = setTimeout(() => {
      place += 1;
      slider.value = film[place].at - start;
      show(true);
      next();
    }, (film[place + 1].at - film[place].at) * 1000);
  }

  function run(on) {
    clearTimeout(timer);
    pauses = !on;
    byId("play").textContent = on ? "Pause" : "Play";
    const flights = byId("flights").getAnimations({subtree: true});
    for (const animation of flights) animation[on ? "play" : "pause"]();
    if (on && place === film.length - 1) place = 0;
    show(false);
    if (on) next();
  }

  byId("play").onclick = () => run(byId("play").textContent === "Play");
  slider.max = end - start;
  slider.oninput = () => {
    place = film.findLastIndex((each) => each.at - start <= Number(slider.value) + 0.001);
    byId("flights").replaceChildren();
    run(byId("play").textContent === "Pause");
  };
  redraw = () => show(false);
  page.dataset.connection = "film";
  for (const id of ["open-levers", "keep"]) byId(id).hidden = true;
  byId("player").hidden = false;
  show(false);
}

/** Draw again after a change that is no news from the chat. */
let redraw = () => draw(past);

// The start

function useTheme(theme) {
  page.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
}

const darkness = matchMedia("(prefers-color-scheme: dark)");
useTheme(darkness.matches ? "dark" : "light");
darkness.onchange = () => useTheme(darkness.matches ? "dark" : "light");
byId("theme").onclick = () => useTheme(page.dataset.theme === "dark" ? "light" : "dark");

function live() {
  buildLevers();
  byId("open-levers").onclick = () => openLevers(byId("panel").hidden);
  byId("do-it").onclick = () => answer(true);
  byId("not-now").onclick = () => answer(false);
  byId("step").onclick = () => send({lever: "step"});
  byId("on").onclick = () => undo({lever: "stop", value: null});
  byId("undo").onclick = () => undo({lever: "undo"});
  byId("keep").onclick = () => send({keep: standalone()});
  if (data.board) Object.assign(byId("board"), {href: data.board, hidden: false});
  wall.addEventListener("pointerdown", choosePerson);
  document.addEventListener("keydown", onKey);
  addEventListener("resize", () => redraw());
  setInterval(noticeSilence, 1000);
  setInterval(summarize, 10_000);
  draw(past);
  connect();
}

if (data.film) replay(data.film.length ? data.film : [NOBODY]); else live();
