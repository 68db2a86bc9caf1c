// Fields, buttons, forms, and the document.

class Control extends HTMLElement {
  #value = null;
  #checked = null;
  constructor(tag) {
    super(tag);
    hide(this, "selectionStart", 0);
    hide(this, "selectionEnd", 0);
  }
  get defaultValue() {
    return this.getAttribute("value") ?? "";
  }
  set defaultValue(text) {
    this.setAttribute("value", text);
  }
  get value() {
    return this.#value ?? this.defaultValue;
  }
  set value(text) {
    this.#value = text === null ? "" : String(text);
  }
  get valueAsNumber() {
    return Number(this.value || NaN);
  }
  get textLength() {
    return this.value.length;
  }
  get checked() {
    return this.#checked ?? this.hasAttribute("checked");
  }
  set checked(value) {
    this.#checked = Boolean(value);
  }
  get type() {
    return (
      (this.getAttribute("type") ?? "").toLowerCase() ||
      {input: "text", button: "submit"}[this.localName] ||
      this.localName
    );
  }
  set type(text) {
    this.setAttribute("type", text);
  }
  get labels() {
    return list(
      inside(page).filter(
        (each) => each.localName === "label" && ((each.htmlFor === this.id && this.id) || each.contains(this)),
      ),
    );
  }
  get willValidate() {
    return !this.disabled;
  }
  get validity() {
    return {valid: this.checkValidity(), valueMissing: this.required && !this.value};
  }
  get validationMessage() {
    return this.checkValidity() ? "" : "Please fill in this field.";
  }
  checkValidity() {
    return this.disabled || !(this.required && !this.value);
  }
  reportValidity() {
    return this.checkValidity();
  }
  setCustomValidity() {}
  select() {
    this.focus();
  }
  setSelectionRange() {}
  reset() {
    this.#value = this.#checked = null;
  }
}
class HTMLInputElement extends Control {}
class HTMLButtonElement extends Control {}
class HTMLSelectElement extends Control {
  get options() {
    return this.querySelectorAll("option");
  }
  get value() {
    return (this.options.find((each) => each.selected) ?? this.options[0])?.getAttribute("value") ?? "";
  }
  set value(text) {
    for (const each of this.options) each.selected = each.getAttribute("value") === String(text);
  }
}
class HTMLTextAreaElement extends Control {
  get defaultValue() {
    // Its own texts: elements put into a textarea are never shown.
    return this.childNodes.filter((each) => each instanceof Text).map((each) => each.data).join("");
  }
  set defaultValue(text) {
    this.textContent = text;
  }
  get value() {
    return super.value.replace(/\r\n?/g, "\n");
  }
  set value(text) {
    super.value = text;
  }
}
class HTMLScriptElement extends HTMLElement {
  get text() {
    return this.textContent;
  }
  set text(code) {
    this.textContent = code;
  }
  get type() {
    return this.getAttribute("type") ?? "";
  }
  set type(text) {
    this.setAttribute("type", text);
  }
  get async() {
    return this.hasAttribute("async");
  }
  set async(value) {
    this.toggleAttribute("async", Boolean(value));
  }
}
class HTMLFormElement extends HTMLElement {
  get elements() {
    const all = list(
      inside(page).filter((each) => each.form === this && !["label", "option"].includes(each.localName)),
    );
    for (const each of all) for (const key of [each.id, each.name]) if (key && !(key in all)) hide(all, key, each);
    return all;
  }
  get length() {
    return this.elements.length;
  }
  get action() {
    return new URL(this.getAttribute("action") || location.href, page.baseURI).href;
  }
  set action(text) {
    this.setAttribute("action", text);
  }
  get method() {
    return (this.getAttribute("method") ?? "get").toLowerCase();
  }
  set method(text) {
    this.setAttribute("method", text);
  }
  checkValidity() {
    return this.elements.every((each) => each.checkValidity?.() ?? true);
  }
  reportValidity() {
    return this.checkValidity();
  }
  requestSubmit(submitter = null) {
    submit(this, submitter);
  }
  submit() {
    send(this, null);
  }
  reset() {
    if (dispatch(this, new Event("reset", {bubbles: true, cancelable: true}))) {
      for (const each of this.elements) each.reset?.();
    }
  }
}
class HTMLAnchorElement extends HTMLElement {
  toString() {
    return this.href;
  }
}
for (const part of ["protocol", "host", "hostname", "port", "pathname", "search", "hash", "origin"]) {
  Object.defineProperty(HTMLAnchorElement.prototype, part, {
    configurable: true,
    get() {
      return new URL(this.href)[part];
    },
    set(value) {
      const url = new URL(this.href);
      url[part] = value;
      this.setAttribute("href", url.href);
    },
  });
}
const CLASSES = {
  input: HTMLInputElement,
  button: HTMLButtonElement,
  select: HTMLSelectElement,
  textarea: HTMLTextAreaElement,
  form: HTMLFormElement,
  script: HTMLScriptElement,
  a: HTMLAnchorElement,
};
const create = (tag) => new (CLASSES[tag] ?? HTMLElement)(tag);

/** After a node has come into the page: its names become the names that scripts may use. */
function inserted(node) {
  if (!(node instanceof Element) || !node.isConnected) return;
  if (node.localName === "script" && !parser.inserting && node.type !== "application/json")
    unknown("a script that a script inserts");
  for (const each of [node, ...inside(node)]) {
    if (each.id && !(each.id in globalThis)) {
      const id = each.id;
      Object.defineProperty(globalThis, id, {
        configurable: true,
        get: () => page.getElementById(id) ?? undefined,
        set(value) {
          Object.defineProperty(globalThis, id, {value, writable: true, configurable: true});
        },
      });
    }
    for (const key of [each.id, each.getAttribute("name")]) {
      const form = each instanceof Control ? each.form : null;
      if (key && form && !(key in form)) hide(form, key, each);
    }
  }
}

class HTMLDocument extends Parent {
  get nodeType() {
    return 9;
  }
  get nodeName() {
    return "#document";
  }
  get documentElement() {
    return this.children[0] ?? null;
  }
  get head() {
    return this.documentElement?.children.find((each) => each.localName === "head") ?? null;
  }
  get body() {
    return this.documentElement?.children.find((each) => each.localName === "body") ?? null;
  }
  get title() {
    return this.getElementsByTagName("title")[0]?.textContent.trim().replace(/\s+/g, " ") ?? "";
  }
  set title(text) {
    const found = this.getElementsByTagName("title")[0] ?? this.head.appendChild(create("title"));
    found.textContent = text;
  }
  get forms() {
    return this.#named("form");
  }
  get scripts() {
    return this.#named("script");
  }
  get links() {
    return this.#named("a");
  }
  get images() {
    return this.#named("img");
  }
  #named(tag) {
    const all = this.getElementsByTagName(tag);
    for (const each of all)
      for (const key of [each.id, each.getAttribute("name")]) if (key && !(key in all)) hide(all, key, each);
    return all;
  }
  get currentScript() {
    return currentScript;
  }
  get readyState() {
    return readyState;
  }
  get activeElement() {
    return focused?.isConnected ? focused : this.body;
  }
  get location() {
    return location;
  }
  set location(url) {
    location.href = url;
  }
  get URL() {
    return location.href;
  }
  get documentURI() {
    return location.href;
  }
  get baseURI() {
    return location.href;
  }
  get domain() {
    return location.hostname;
  }
  get referrer() {
    return "";
  }
  get cookie() {
    return "";
  }
  set cookie(text) {}
  get defaultView() {
    return globalThis;
  }
  get hidden() {
    return false;
  }
  get visibilityState() {
    return "visible";
  }
  get characterSet() {
    return "UTF-8";
  }
  get compatMode() {
    return "CSS1Compat";
  }
  hasFocus() {
    return true;
  }
  getElementById(id) {
    const found = inside(this).find((each) => each.id === String(id)) ?? null;
    if (!found) seen.missed.push({id: String(id), where: where()});
    return found;
  }
  getElementsByName(name) {
    return list(inside(this).filter((each) => each.getAttribute("name") === String(name)));
  }
  createElement(tag) {
    return create(String(tag).toLowerCase());
  }
  createTextNode(text) {
    return new Text(text);
  }
  createComment(text) {
    return new Comment(text);
  }
  createDocumentFragment() {
    return new DocumentFragment();
  }
  createEvent() {
    const event = new Event("");
    event.initEvent = (type, bubbles, cancelable) =>
      Object.defineProperties(event, {
        type: {value: type},
        bubbles: {value: bubbles},
        cancelable: {value: cancelable},
      });
    return event;
  }
  importNode(node, deep) {
    return node.cloneNode(deep);
  }
  adoptNode(node) {
    node.remove();
    return node;
  }
}
