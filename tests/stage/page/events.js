// Events, and how they reach their listeners.

class Event {
  #type;
  #options;
  constructor(type, options = {}) {
    this.#type = String(type);
    this.#options = options ?? {};
    for (const [name, value] of Object.entries({
      prevented: false,
      target: null,
      currentTarget: null,
      eventPhase: 0,
      isTrusted: false,
      timeStamp: now,
      stopped: false,
      ended: false,
    }))
      hide(this, name, value);
  }
  get type() {
    return this.#type;
  }
  get bubbles() {
    return Boolean(this.#options.bubbles);
  }
  get cancelable() {
    return Boolean(this.#options.cancelable);
  }
  get composed() {
    return Boolean(this.#options.composed);
  }
  get defaultPrevented() {
    return this.prevented;
  }
  get srcElement() {
    return this.target;
  }
  get returnValue() {
    return !this.prevented;
  }
  set returnValue(value) {
    if (!value) this.preventDefault();
  }
  get cancelBubble() {
    return this.stopped;
  }
  set cancelBubble(value) {
    if (value) this.stopped = true;
  }
  preventDefault() {
    if (this.cancelable) this.prevented = true;
  }
  stopPropagation() {
    this.stopped = true;
  }
  stopImmediatePropagation() {
    this.stopped = this.ended = true;
  }
  composedPath() {
    return pathOf(this.target);
  }
}

/** What a page gets before it is closed: whoever cancels it, or gives it a returnValue, lets the browser ask first. */
class BeforeUnloadEvent extends Event {
  #returnValue = "";
  get returnValue() {
    return this.#returnValue;
  }
  set returnValue(value) {
    this.#returnValue = String(value);
  }
}

/** Make a class of events whose objects have these properties, each with the value that it has by default. */
function eventClass(name, defaults, parent = Event) {
  const made = {
    [name]: class extends parent {
      constructor(type, options = {}) {
        super(type, options);
        for (const [key, value] of Object.entries(defaults)) hide(this, key, options?.[key] ?? value);
      }
    },
  }[name];
  return made;
}
const UIEvent = eventClass("UIEvent", {detail: 0, view: null});
const modifiers = {ctrlKey: false, shiftKey: false, altKey: false, metaKey: false};
const KeyboardEvent = eventClass(
  "KeyboardEvent",
  {
    ...modifiers,
    key: "",
    code: "",
    keyCode: 0,
    which: 0,
    charCode: 0,
    location: 0,
    repeat: false,
    isComposing: false,
  },
  UIEvent,
);
KeyboardEvent.prototype.getModifierState = () => false;
const MouseEvent = eventClass("MouseEvent", {...modifiers, button: 0, buttons: 0, clientX: 0, clientY: 0}, UIEvent);
const PointerEvent = eventClass("PointerEvent", {}, MouseEvent);
const FocusEvent = eventClass("FocusEvent", {relatedTarget: null}, UIEvent);
const InputEvent = eventClass("InputEvent", {data: null, inputType: "", isComposing: false}, UIEvent);
const CustomEvent = eventClass("CustomEvent", {detail: null});
const SubmitEvent = eventClass("SubmitEvent", {submitter: null});
const MessageEvent = eventClass("MessageEvent", {data: null, origin: "", lastEventId: "", source: null, ports: []});
const CloseEvent = eventClass("CloseEvent", {code: 0, reason: "", wasClean: false});
const ErrorEvent = eventClass("ErrorEvent", {message: "", filename: "", lineno: 0, colno: 0, error: null});

const listeners = new WeakMap(),
  handlers = new WeakMap();

class EventTarget {
  addEventListener(type, listener, options) {
    const capture = typeof options === "object" ? Boolean(options?.capture) : Boolean(options);
    const all = listeners.get(this ?? globalThis) ?? [];
    if (listener && !all.some((each) => each.type === type && each.listener === listener && each.capture === capture)) {
      all.push({type: String(type), listener, capture, once: Boolean(options?.once)});
    }
    listeners.set(this ?? globalThis, all);
  }
  removeEventListener(type, listener) {
    const all = listeners.get(this ?? globalThis) ?? [];
    listeners.set(
      this ?? globalThis,
      all.filter((each) => each.type !== type || each.listener !== listener),
    );
  }
  dispatchEvent(event) {
    return dispatch(this ?? globalThis, event);
  }
}

function pathOf(target) {
  const path = [];
  for (let each = target; each; each = each.parentNode) path.push(each);
  if (path.at(-1) === document && target !== globalThis) path.push(globalThis);
  return path;
}

/** Let an event reach its listeners. Returns whether its default action may follow. */
function dispatch(target, event) {
  event.target = target;
  const path = pathOf(target);
  const steps = [...path].reverse().map((each) => [each, true]);
  steps.push(...path.slice(0, event.bubbles ? undefined : 1).map((each) => [each, false]));
  for (const [each, capture] of steps) {
    if (event.stopped) break;
    event.currentTarget = each;
    for (const found of [...(listeners.get(each) ?? [])]) {
      if (event.ended || found.type !== event.type || found.capture !== capture) continue;
      if (found.once) each.removeEventListener(event.type, found.listener);
      const before = globalThis.event;
      globalThis.event = event;
      const {listener} = found;
      if (typeof listener === "function") run(listener, each, event);
      else if (typeof listener.handleEvent === "function") run(listener.handleEvent, listener, event);
      globalThis.event = before;
    }
  }
  event.currentTarget = null;
  return !event.prevented;
}

/**
 * A property such as onclick: its function is a listener, and `return false` prevents the default action. For
 * onbeforeunload, anything that it returns does.
 */
function handlerProperty(target, name) {
  Object.defineProperty(target, name, {
    configurable: true,
    get() {
      return handlers.get(this ?? globalThis)?.[name]?.f ?? null;
    },
    set(f) {
      setHandler(this ?? globalThis, name, f);
    },
  });
}

function setHandler(target, name, f) {
  const own = handlers.get(target) ?? {};
  handlers.set(target, own);
  f = typeof f === "function" ? f : null;
  if (own[name]) own[name].f = f;
  else if (f) {
    const entry = (own[name] = {f});
    EventTarget.prototype.addEventListener.call(target, name.slice(2), (event) => {
      if (!entry.f) return;
      const result = run(entry.f, target, event);
      if (event instanceof BeforeUnloadEvent) {
        if (result === undefined || result === null) return;
        event.preventDefault();
        event.returnValue ||= result;
      } else if (result === false) event.preventDefault();
    });
  }
}
