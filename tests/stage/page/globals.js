// What every script finds by its name.

const saying =
  (level) =>
  (...words) => {
    seen.console.push({
      level,
      text: words
        .map((word) =>
          typeof word === "object" && word !== null && !(word instanceof Error)
            ? (JSON.stringify(word) ?? String(word))
            : String(word),
        )
        .join(" "),
    });
  };
const timer =
  (repeats) =>
  (f, ms = 0, ...args) => {
    const every = Number(ms) > 0 ? Number(ms) : 0;
    timers.push({
      number: ++timerNumber,
      due: now + every,
      every: repeats ? every : null,
      args,
      f: typeof f === "function" ? f : () => (0, eval)(String(f)),
    });
    return timerNumber;
  };
const forget = (number) => {
  const at = timers.findIndex((each) => each.number === number);
  if (at >= 0) timers.splice(at, 1);
};
const dialog =
  (kind, answer) =>
  (text = "") => {
    seen.dialogs.push({kind, text: String(text)});
    return answer;
  };

const random = Math.random;  // a test may replace the page's

/** Fill an array of integers with random bytes, as a browser does. It returns the array itself. */
function getRandomValues(array) {
  const fail = (why, name) => new DOMException(`Failed to execute 'getRandomValues' on 'Crypto': ${why}`, name);
  if (!ArrayBuffer.isView(array)) throw new TypeError(fail("parameter 1 is not of type 'ArrayBufferView'.").message);
  const kind = array.constructor.name.replace("Array", "");
  if (!/^(Big)?U?[Ii]nt/.test(kind)) {
    const why = `The provided ArrayBufferView is of type '${kind}', which is not an integer array type.`;
    throw fail(why, "TypeMismatchError");
  }
  if (array.byteLength > 65536) {
    const sizes = `(${array.byteLength}) exceeds the number of bytes of entropy available via this API (65536)`;
    throw fail(`The ArrayBufferView's byte length ${sizes}.`, "QuotaExceededError");
  }
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  bytes.forEach((_, at) => {
    bytes[at] = random() * 256;
  });
  return array;
}
function randomUUID() {
  const digits = [...getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-a$4-$5");
}

class Storage {
  #items = new Map();
  get length() {
    return this.#items.size;
  }
  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }
  getItem(key) {
    return this.#items.get(String(key)) ?? null;
  }
  setItem(key, value) {
    this.#items.set(String(key), String(value));
  }
  removeItem(key) {
    this.#items.delete(String(key));
  }
  clear() {
    this.#items.clear();
  }
}
class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    return Uint8Array.from(utf8(String(text)), (c) => c.charCodeAt(0));
  }
}
class TextDecoder {
  get encoding() {
    return "utf-8";
  }
  decode(bytes = new Uint8Array()) {
    const all = new Uint8Array(
      ArrayBuffer.isView(bytes) ? bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) : bytes,
    );
    return decodeURIComponent([...all].map((byte) => "%" + byte.toString(16).padStart(2, "0")).join(""));
  }
}

for (const [name, value] of Object.entries({
  DOMException,
  Event,
  BeforeUnloadEvent,
  UIEvent,
  KeyboardEvent,
  MouseEvent,
  PointerEvent,
  FocusEvent,
  InputEvent,
  CustomEvent,
  SubmitEvent,
  MessageEvent,
  CloseEvent,
  ErrorEvent,
  EventTarget,
  Node,
  Text,
  Comment,
  Element,
  HTMLElement,
  HTMLInputElement,
  HTMLButtonElement,
  HTMLSelectElement,
  HTMLTextAreaElement,
  HTMLScriptElement,
  HTMLFormElement,
  HTMLAnchorElement,
  DocumentFragment,
  Document: HTMLDocument,
  HTMLDocument,
  NodeList,
  HTMLCollection: NodeList,
  DOMTokenList,
  Storage,
  URL,
  URLSearchParams,
  FormData,
  WebSocket,
  TextEncoder,
  TextDecoder,
  setTimeout: timer(false),
  setInterval: timer(true),
  clearTimeout: forget,
  clearInterval: forget,
  requestAnimationFrame: (f) => timer(false)(() => f(now), 16),
  cancelAnimationFrame: forget,
  requestIdleCallback: (f) => timer(false)(f, 16),
  cancelIdleCallback: forget,
  queueMicrotask: (f) => {
    Promise.resolve().then(() => run(f));
  },
  structuredClone: (value) => JSON.parse(JSON.stringify(value)),
  alert: dialog("alert"),
  confirm: dialog("confirm", true),
  prompt: dialog("prompt", null),
  localStorage: new Storage(),
  sessionStorage: new Storage(),
  console: Object.fromEntries(
    "log info debug warn error trace dir table group groupCollapsed groupEnd time timeEnd timeLog assert count clear"
      .split(" ")
      .map((level) => [level, saying(level)]),
  ),
  performance: {now: () => now, mark() {}, measure() {}},
  crypto: {getRandomValues, randomUUID},  // boot() takes away what only a secure context has
  CSS: {
    escape: (text) =>
      String(text).replace(/[^\w\u0080-\uffff-]|^\d/g, (c) =>
        /\d/.test(c) ? `\\${c.charCodeAt(0).toString(16)} ` : "\\" + c,
      ),
    supports: () => true,
  },
  navigator: {
    userAgent: "a page without a browser",
    language: "en",
    languages: ["en"],
    onLine: true,
    platform: "",
    cookieEnabled: false,
  },
  history: {length: 1, state: null, pushState() {}, replaceState() {}, back() {}, forward() {}, go() {}},
  self: globalThis,
  frames: globalThis,
  parent: globalThis,
  name: "",
  status: "",
  closed: false,
  length: 0,
  opener: null,
  innerWidth: 1000,
  innerHeight: 800,
  devicePixelRatio: 1,
  scrollX: 0,
  scrollY: 0,
  scrollTo() {},
  scrollBy() {},
  scroll() {},
  focus() {},
  blur() {},
  close() {},
  stop() {},
  print() {},
  event: undefined,
  addEventListener: EventTarget.prototype.addEventListener,
  removeEventListener: EventTarget.prototype.removeEventListener,
  dispatchEvent: EventTarget.prototype.dispatchEvent,
  getComputedStyle: (element) => element.style,
  matchMedia: () => ({matches: false, addEventListener() {}, addListener() {}}),
  fetch: (url) => {
    unknown("fetch");
    return new Promise(() => {});
  },
})) {
  if (typeof value === "function" && value.prototype && /^[A-Z]/.test(name)) {
    Object.defineProperty(value.prototype, Symbol.toStringTag, {value: value.name, configurable: true});
  }
  if (Object.getOwnPropertyDescriptor(globalThis, name)?.configurable === false)
    globalThis[name] = value; // the engine's
  else hide(globalThis, name, value);
}
for (const [name, value] of Object.entries({window: globalThis, top: globalThis}))
  Object.defineProperty(globalThis, name, {value, enumerable: true});
Object.defineProperty(globalThis, "location", {
  get: () => location,
  set(url) {
    location.href = url;
  },
  enumerable: true,
});
hide(Node, "ELEMENT_NODE", 1);
hide(Node, "TEXT_NODE", 3);
hide(Node.prototype, "ELEMENT_NODE", 1);
hide(Node.prototype, "TEXT_NODE", 3);
