// Elements: attributes, classes, what they hold.

class DOMTokenList {
  #element;
  constructor(element) {
    this.#element = element;
  }
  get #names() {
    return (this.#element.getAttribute("class") ?? "").split(/\s+/).filter(Boolean);
  }
  set #names(names) {
    this.#element.setAttribute("class", [...new Set(names)].join(" "));
  }
  get length() {
    return this.#names.length;
  }
  get value() {
    return this.#names.join(" ");
  }
  set value(text) {
    this.#element.setAttribute("class", text);
  }
  item(index) {
    return this.#names[index] ?? null;
  }
  contains(name) {
    return this.#names.includes(name);
  }
  add(...names) {
    this.#names = [...this.#names, ...names];
  }
  remove(...names) {
    this.#names = this.#names.filter((each) => !names.includes(each));
  }
  toggle(name, force = !this.contains(name)) {
    if (force) this.add(name);
    else this.remove(name);
    return Boolean(force);
  }
  replace(old, name) {
    this.#names = this.#names.map((each) => (each === old ? name : each));
  }
  forEach(f) {
    this.#names.forEach(f);
  }
  toString() {
    return this.value;
  }
  [Symbol.iterator]() {
    return this.#names[Symbol.iterator]();
  }
}

class Style {
  setProperty(name, value) {
    this[name] = String(value);
  }
  getPropertyValue(name) {
    return this[name] ?? "";
  }
  removeProperty(name) {
    delete this[name];
  }
}

const dashed = (name) => "data-" + name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());

class Element extends Parent {
  #tag;
  #attributes = new Map();
  #style = new Style();
  #classes = new DOMTokenList(this);
  constructor(tag) {
    super();
    this.#tag = tag;
    hide(this, "scrollTop", 0);
    hide(this, "scrollLeft", 0);
  }
  get nodeType() {
    return 1;
  }
  get localName() {
    return this.#tag;
  }
  get tagName() {
    return this.#tag.toUpperCase();
  }
  get nodeName() {
    return this.tagName;
  }
  get attributes() {
    return [...this.#attributes].map(([name, value]) => ({name, value}));
  }
  getAttribute(name) {
    return this.#attributes.get(String(name).toLowerCase()) ?? null;
  }
  setAttribute(name, value) {
    name = String(name).toLowerCase();
    this.#attributes.set(name, String(value));
    if (/^on[a-z]+$/.test(name)) setHandler(this, name, handlerFrom(String(value), name));
  }
  removeAttribute(name) {
    this.#attributes.delete(String(name).toLowerCase());
  }
  hasAttribute(name) {
    return this.#attributes.has(String(name).toLowerCase());
  }
  hasAttributes() {
    return this.#attributes.size > 0;
  }
  getAttributeNames() {
    return [...this.#attributes.keys()];
  }
  toggleAttribute(name, force = !this.hasAttribute(name)) {
    if (force) this.setAttribute(name, "");
    else this.removeAttribute(name);
    return Boolean(force);
  }
  get classList() {
    return this.#classes;
  }
  get className() {
    return this.getAttribute("class") ?? "";
  }
  set className(text) {
    this.setAttribute("class", text);
  }
  get style() {
    return this.#style;
  }
  set style(text) {
    this.setAttribute("style", text);
  }
  get dataset() {
    return new Proxy(this, {
      get: (element, name) =>
        typeof name === "string" ? (element.getAttribute(dashed(name)) ?? undefined) : undefined,
      set: (element, name, value) => {
        element.setAttribute(dashed(name), value);
        return true;
      },
      has: (element, name) => element.hasAttribute(dashed(name)),
      deleteProperty: (element, name) => {
        element.removeAttribute(dashed(name));
        return true;
      },
    });
  }
  get nextElementSibling() {
    return this.#beside(1);
  }
  get previousElementSibling() {
    return this.#beside(-1);
  }
  #beside(step) {
    const all = this.parentNode?.children ?? [];
    return all[all.indexOf(this) + step] ?? null;
  }
  matches(selector) {
    return selectorOf(String(selector))(this);
  }
  closest(selector) {
    for (let each = this; each instanceof Element; each = each.parentNode) if (each.matches(selector)) return each;
    return null;
  }
  get innerHTML() {
    return this.childNodes.map(written).join("");
  }
  set innerHTML(text) {
    this.replaceChildren(...fragment(String(text ?? ""), this.#tag));
  }
  get outerHTML() {
    return written(this);
  }
  set outerHTML(text) {
    this.replaceWith(...fragment(String(text)));
  }
  get innerText() {
    return this.childNodes.map((each) => (each.localName === "br" ? "\n" : (each.innerText ?? each.data))).join("");
  }
  set innerText(text) {
    this.replaceChildren(
      ...String(text ?? "")
        .split(/(\n)/)
        .filter(Boolean)
        .map((part) => (part === "\n" ? new HTMLElement("br") : part)),
    );
  }
  get outerText() {
    return this.innerText;
  }
  insertAdjacentElement(position, element) {
    const how = {beforebegin: "before", afterbegin: "prepend", beforeend: "append", afterend: "after"};
    const verb = how[String(position).toLowerCase()];
    if (!verb) throw new DOMException(`The value provided ('${position}') is not one of the positions.`, "SyntaxError");
    this[verb](...[element].flat());
    return element;
  }
  insertAdjacentHTML(position, text) {
    this.insertAdjacentElement(position, fragment(String(text)));
  }
  insertAdjacentText(position, text) {
    this.insertAdjacentElement(position, new Text(String(text)));
  }
  // This page has no height: what a script scrolls is not seen.
  get scrollHeight() {
    return 0;
  }
  get clientHeight() {
    return 0;
  }
  get clientWidth() {
    return 0;
  }
  get scrollWidth() {
    return 0;
  }
  get offsetHeight() {
    return 0;
  }
  get offsetWidth() {
    return 0;
  }
  get offsetTop() {
    return 0;
  }
  scroll() {}
  scrollTo() {}
  scrollBy() {}
  scrollIntoView() {}
  getBoundingClientRect() {
    return {x: 0, y: 0, width: 0, height: 0, top: 0, left: 0, bottom: 0, right: 0};
  }
  copy() {
    const copy = create(this.#tag);
    for (const [name, value] of this.#attributes) copy.setAttribute(name, value);
    return copy;
  }
}

/** The function that an attribute such as onsubmit="…" describes. */
function handlerFrom(code, name) {
  try {
    return Function(
      "event",
      `with (document) { with (this.form ?? {}) { with (this) {\n${code}\n}}}\n//# sourceURL=${name}`,
    );
  } catch (error) {
    report(error);
    return null;
  }
}

class HTMLElement extends Element {
  get hidden() {
    return this.hasAttribute("hidden");
  }
  set hidden(value) {
    this.toggleAttribute("hidden", Boolean(value));
  }
  get content() {
    return this.localName === "template" ? fragmentOf(this) : undefined;
  }
  get form() {
    const id = this.getAttribute("form");
    if (!CONTROLS.has(this.localName)) return undefined;
    return id === null ? this.closest("form") : page.getElementById(id);
  }
  focus() {
    moveFocus(this);
  }
  blur() {
    if (focused === this) moveFocus(null);
  }
  click() {
    if (!this.disabled) clicked(this);
  }
}
const CONTROLS = new Set(["input", "textarea", "button", "select", "output", "fieldset", "label", "option"]);

const fragments = new WeakMap();
function fragmentOf(template) {
  if (!fragments.has(template)) {
    const made = new DocumentFragment();
    made.append(...template.childNodes.map((each) => each.cloneNode(true)));
    fragments.set(template, made);
  }
  return fragments.get(template);
}

/** Properties that are written as attributes of the same name, or of another. */
function reflect(names, read, write) {
  for (const [property, attribute] of Object.entries(names)) {
    Object.defineProperty(HTMLElement.prototype, property, {
      configurable: true,
      get() {
        return read(this, attribute);
      },
      set(value) {
        write(this, attribute, value);
      },
    });
  }
}
const texts = {
  id: "id",
  name: "name",
  title: "title",
  placeholder: "placeholder",
  htmlFor: "for",
  lang: "lang",
  dir: "dir",
  role: "role",
  action: "action",
  method: "method",
  target: "target",
  rel: "rel",
  autocomplete: "autocomplete",
  alt: "alt",
  ariaLabel: "aria-label",
  ariaLive: "aria-live",
  enterKeyHint: "enterkeyhint",
  accept: "accept",
};
reflect(
  texts,
  (element, name) => element.getAttribute(name) ?? "",
  (element, name, value) => element.setAttribute(name, value),
);
reflect(
  {
    disabled: "disabled",
    required: "required",
    readOnly: "readonly",
    autofocus: "autofocus",
    defer: "defer",
    multiple: "multiple",
    noValidate: "novalidate",
    selected: "selected",
  },
  (element, name) => element.hasAttribute(name),
  (element, name, value) => element.toggleAttribute(name, Boolean(value)),
);
reflect(
  {href: "href", src: "src"},
  (element, name) => {
    const value = element.getAttribute(name);
    return value === null ? "" : new URL(value, page.baseURI).href;
  },
  (element, name, value) => element.setAttribute(name, value),
);
reflect(
  {
    tabIndex: "tabindex",
    rows: "rows",
    cols: "cols",
    size: "size",
    maxLength: "maxlength",
    minLength: "minlength",
    width: "width",
    height: "height",
  },
  (element, name) => Number(element.getAttribute(name) ?? (/length|index/.test(name) ? -1 : 0)),
  (element, name, value) => element.setAttribute(name, value),
);
