// What browser.py calls.

const made = (entry) => ({
  url: entry.url,
  state: entry.state,
  frames: entry.frames,
  late: entry.late ?? [],
  refused: Boolean(entry.refused),
  closed: entry.closed ?? null,
  own: entry.socket ? Object.keys(entry.socket) : [],
  handlers: entry.socket ? Object.keys(handlers.get(entry.socket) ?? {}) : [],
  listens: entry.socket ? (listeners.get(entry.socket) ?? []).map((each) => each.type) : [],
});

const api = {
  /** Begin a page. `setup` has its HTML, its address, the names of a browser's objects and the names of characters. */
  boot(setup) {
    address = new URL(setup.url);
    const {parse} = JSON;  // a script may replace the page's
    let parsed;
    entities = () => (parsed ??= parse(setup.entities));  // thousands, and few pages have one
    page = new HTMLDocument();
    globalThis.document ?? Object.defineProperty(globalThis, "document", {value: page, enumerable: true});
    const secure = address.protocol === "https:" || isNear(address);
    hide(globalThis, "isSecureContext", secure);
    if (!secure) delete crypto.randomUUID;
    api.handlers(setup.names);
    parser = new Parser(setup.html, page, true);
    for (const [kind, target] of Object.entries({
      Element: HTMLElement.prototype,
      Control: Control.prototype,
      Form: HTMLFormElement.prototype,
      Document: HTMLDocument.prototype,
      Event: Event.prototype,
      WebSocket: WebSocket.prototype,
      location,
      window: globalThis,
    }))
      complete(target, kind === "window" ? "" : kind, setup.names[kind] ?? []);
  },
  handlers(names) {
    const known = new Set(
      [...names.window, ...names.Element, ...names.Document].filter((name) => /^on[a-z]+$/.test(name)),
    );
    for (const name of known) {
      handlerProperty(HTMLElement.prototype, name);
      handlerProperty(HTMLDocument.prototype, name);
      handlerProperty(globalThis, name);
    }
  },
  /** Read the page as far as its next script, and say which that is. */
  nextScript() {
    parser.inserting = true;
    const script = parser.next();
    parser.inserting = false;
    if (!script) return null;
    api.scripts.push(script);
    const type = script.getAttribute("type") ?? "";
    return {
      number: api.scripts.length - 1,
      type: type.toLowerCase(),
      src: script.getAttribute("src"),
      code: script.textContent,
      place: script.place,
      later:
        script.hasAttribute("async") ||
        type === "module" ||
        (script.hasAttribute("src") && script.hasAttribute("defer")),
    };
  },
  scripts: [],
  begin(number, isModule) {
    currentScript = isModule ? null : api.scripts[number];
  },
  end() {
    currentScript = null;
  },
  watch,
  /** The page has been read. */
  focusFirst() {
    inside(page)
      .find((each) => each.hasAttribute("autofocus"))
      ?.focus();
    readyState = "interactive";
    dispatch(page, new Event("readystatechange"));
  },
  ready() {
    dispatch(page, new Event("DOMContentLoaded", {bubbles: true}));
  },
  loaded() {
    readyState = "complete";
    dispatch(page, new Event("readystatechange"));
    dispatch(globalThis, new Event("load"));
    dispatch(globalThis, new Event("pageshow"));
  },
  /** Run the next timer that is due within this many milliseconds, and return how many are left; null if none is due. */
  runTimer(ms) {
    timers.sort((a, b) => a.due - b.due || a.number - b.number);
    if (!timers.length || timers[0].due > now + ms) {
      now += ms;
      return null;
    }
    const timer = timers.shift(),
      left = Math.max(0, now + ms - timer.due);
    now = Math.max(now, timer.due);
    if (timer.every !== null) timers.push({...timer, due: now + Math.max(timer.every, 4)});
    run(timer.f, globalThis, ...timer.args);
    return left;
  },
  timers: () => timers.length,
  open(index) {
    const own = sockets[index];
    own.setState(1);
    dispatch(own.socket, new Event("open"));
  },
  receive(index, data) {
    if (sockets[index].state === 1)
      dispatch(sockets[index].socket, new MessageEvent("message", {data, origin: new URL(sockets[index].url).origin}));
  },
  closeSocket(index, code, clean) {
    const own = sockets[index];
    if (own.state === 3) return;
    own.setState(3);
    if (!clean) dispatch(own.socket, new Event("error"));
    dispatch(own.socket, new CloseEvent("close", {code, reason: "", wasClean: clean}));
  },
  press,
  compose,
  close,
  focus(id) {
    const found = inside(page).find((each) => each.id === id);
    found?.focus();
  },
  click(id) {
    const found = inside(page).find((each) => each.id === id);
    if (!found || found.disabled) return;
    touched = true;
    for (const type of ["pointerdown", "mousedown"])
      dispatch(found, new PointerEvent(type, {bubbles: true, cancelable: true}));
    moveFocus(found);
    for (const type of ["pointerup", "mouseup"])
      dispatch(found, new PointerEvent(type, {bubbles: true, cancelable: true}));
    clicked(found);
  },
  /** What an element shows: the text in a field, or the text in it. */
  shown(id) {
    const found = inside(page).find((each) => each.id === id);
    return found ? (found instanceof Control && found.localName !== "button" ? found.value : found.textContent) : null;
  },
  ids: () =>
    inside(page)
      .map((each) => each.id)
      .filter(Boolean),
  matches: (selector) => {
    try {
      return inside(page).some(selectorOf(selector));
    } catch {
      return false;
    }
  },
  listens: () =>
    [globalThis, page, ...inside(page)].flatMap((target) =>
      (listeners.get(target) ?? []).map((each) => [target.id || target.localName || "", each.type]),
    ),
  /** The properties of elements that look like handlers and are none: onsumbit. */
  strangers: () =>
    [globalThis, page, ...inside(page)].flatMap((target) =>
      Object.keys(target)
        .filter((name) => /^on[a-z]/i.test(name))
        .map((name) => [target.id || target.localName || "", name]),
    ),
  sockets: () => sockets.map(made),
  text: () =>
    page.body.childNodes
      .filter((each) => each.localName !== "script")
      .map((each) => each.textContent)
      .join(" "),
  seen: () => seen,
};
