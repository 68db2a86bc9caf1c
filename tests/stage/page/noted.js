// What a page's script finds in a browser: the document, its events, sockets, timers and addresses.
//
// The files in this folder are one function, in the order that browser.py gives. Nothing happens in it by itself: no
// time passes and no socket opens unless browser.py says so. `seen` is what it reads afterwards. What browsers have and
// this page hasn't goes into seen.unknown, so that nobody is blamed for using it.

const seen = {errors: [], console: [], dialogs: [], unknown: [], missed: [], left: null};
const sockets = [],
  timers = [];
let now = 0,
  timerNumber = 0,
  entities = () => ({}),
  parser = null,
  currentScript = null,
  focused = null,
  valueAtFocus = "";
let readyState = "loading",
  page = null;

const hide = (target, name, value) => Object.defineProperty(target, name, {value, writable: true, configurable: true});

function describe(error) {
  const isError = error !== null && typeof error === "object" && "message" in error;
  return {
    name: isError ? String(error.name) : "",
    message: isError ? String(error.message) : String(error),
    stack: isError ? String(error.stack || "") : "",
  };
}

function report(error, how = "error") {
  const found = {...describe(error), how};
  seen.errors.push(found);
  const handler = globalThis.onerror;
  if (how === "error" && typeof handler === "function") handler(`Uncaught ${error}`, "", 0, 0, error);
}

/** Call a listener or a timer's function. What it raises, at once or as a promise, is noted. */
function run(f, self, ...args) {
  try {
    const result = f.apply(self, args);
    watch(result);
    return result;
  } catch (error) {
    report(error);
  }
}

function watch(result) {
  if (result instanceof Promise) result.then(undefined, (error) => report(error, "rejection"));
}

const where = () =>
  new Error().stack.split("\n").filter((line) => !/browser\.js|<anonymous>:|^Error/.test(line))[0] || "";

/** Note that the script uses something that this page hasn't, and return a stand-in that bears anything. */
function unknown(name) {
  if (!seen.unknown.includes(name)) seen.unknown.push(name);
  return new Proxy(function () {}, {
    get: (_, key) => (key === Symbol.toPrimitive ? () => "" : key === "then" ? undefined : unknown(name)),
    apply: () => unknown(name),
    construct: () => unknown(name),
    set: () => true,
  });
}

/** Give an object every name that a browser's has: those that are missing here note that they were used. */
function complete(target, kind, names) {
  for (const name of names) {
    if (name in target || name === "constructor") continue;
    Object.defineProperty(target, name, {
      configurable: true,
      get: () => unknown(kind ? `${kind}.${name}` : name),
      set(value) {
        Object.defineProperty(this, name, {value, writable: true, configurable: true, enumerable: true});
      },
    });
  }
}

class DOMException extends Error {
  #name;
  constructor(message, name = "Error") {
    super(message);
    this.#name = name;
  }
  get name() {
    return this.#name;
  }
}
