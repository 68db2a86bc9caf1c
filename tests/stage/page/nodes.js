// The tree of a page: nodes, texts and what is inside what.

const VOID = new Set("area base br col embed hr img input link meta source track wbr".split(" "));
const RAW = new Set(["script", "style"]),
  TEXT_ONLY = new Set(["textarea", "title"]);

class NodeList extends Array {
  static get [Symbol.species]() {
    return Array;
  }
  item(index) {
    return this[index] ?? null;
  }
  namedItem(name) {
    return this.find((each) => each.id === name || each.getAttribute("name") === name) ?? null;
  }
}
const list = (nodes) => {
  const made = new NodeList();
  made.push(...nodes);
  return made;
};

class Node extends EventTarget {
  #children = [];
  #parent = null;
  get childNodes() {
    return list(this.#children);
  }
  get parentNode() {
    return this.#parent;
  }
  get parentElement() {
    return this.#parent instanceof Element ? this.#parent : null;
  }
  get firstChild() {
    return this.#children[0] ?? null;
  }
  get lastChild() {
    return this.#children.at(-1) ?? null;
  }
  get ownerDocument() {
    return this === page ? null : page;
  }
  get isConnected() {
    return this.getRootNode() === page;
  }
  get nextSibling() {
    return this.#sibling(1);
  }
  get previousSibling() {
    return this.#sibling(-1);
  }
  get nodeValue() {
    return null;
  }
  get textContent() {
    return this.#children.map((each) => each.textContent).join("");
  }
  set textContent(text) {
    this.replaceChildren(...(String(text ?? "") === "" ? [] : [String(text)]));
  }
  #sibling(step) {
    const all = this.#parent ? this.#parent.#children : [];
    return all[all.indexOf(this) + step] ?? null;
  }
  getRootNode() {
    let node = this;
    while (node.#parent) node = node.#parent;
    return node;
  }
  hasChildNodes() {
    return this.#children.length > 0;
  }
  contains(other) {
    for (let each = other; each; each = each.parentNode) if (each === this) return true;
    return false;
  }
  insertBefore(node, before) {
    if (!(node instanceof Node)) {
      throw new TypeError("Failed to execute 'appendChild' on 'Node': parameter 1 is not of type 'Node'.");
    }
    if (node.contains(this)) {
      throw new DOMException("The new child element contains the parent.", "HierarchyRequestError");
    }
    const nodes = node instanceof DocumentFragment ? [...node.#children] : [node];
    for (const each of nodes) {
      each.remove();
      const index = before ? this.#children.indexOf(before) : this.#children.length;
      this.#children.splice(index, 0, each);
      each.#parent = this;
      inserted(each);
    }
    return node;
  }
  appendChild(node) {
    return this.insertBefore(node, null);
  }
  removeChild(node) {
    if (node?.parentNode !== this) {
      throw new DOMException("Failed to execute 'removeChild' on 'Node': The node is not a child.", "NotFoundError");
    }
    node.remove();
    return node;
  }
  replaceChild(node, old) {
    this.insertBefore(node, old);
    old.remove();
    return old;
  }
  remove() {
    if (!this.#parent) return;
    const all = this.#parent.#children;
    all.splice(all.indexOf(this), 1);
    this.#parent = null;
  }
  append(...nodes) {
    for (const each of nodes) this.appendChild(asNode(each));
  }
  prepend(...nodes) {
    const first = this.firstChild;
    for (const each of nodes) this.insertBefore(asNode(each), first);
  }
  before(...nodes) {
    for (const each of nodes) this.#parent?.insertBefore(asNode(each), this);
  }
  after(...nodes) {
    const next = this.nextSibling;
    for (const each of nodes) this.#parent?.insertBefore(asNode(each), next);
  }
  replaceWith(...nodes) {
    this.before(...nodes);
    this.remove();
  }
  replaceChildren(...nodes) {
    for (const each of [...this.#children]) each.remove();
    this.append(...nodes);
  }
  cloneNode(deep = false) {
    const copy = this.copy();
    if (deep) for (const each of this.#children) copy.appendChild(each.cloneNode(true));
    return copy;
  }
  isEqualNode(other) {
    return this === other;
  }
  isSameNode(other) {
    return this === other;
  }
}

const asNode = (value) => (value instanceof Node ? value : new Text(String(value)));

class Text extends Node {
  #data;
  constructor(data = "") {
    super();
    this.#data = String(data);
  }
  get nodeType() {
    return 3;
  }
  get nodeName() {
    return "#text";
  }
  get data() {
    return this.#data;
  }
  set data(text) {
    this.#data = String(text);
  }
  get length() {
    return this.#data.length;
  }
  get nodeValue() {
    return this.#data;
  }
  set nodeValue(text) {
    this.#data = String(text);
  }
  get textContent() {
    return this.#data;
  }
  set textContent(text) {
    this.#data = String(text);
  }
  appendData(text) {
    this.#data += text;
  }
  copy() {
    return new Text(this.#data);
  }
}

class Comment extends Text {
  get nodeType() {
    return 8;
  }
  get nodeName() {
    return "#comment";
  }
  copy() {
    return new Comment(this.data);
  }
}

/** What documents, fragments and elements share: looking for elements inside them. */
class Parent extends Node {
  get children() {
    return list(this.childNodes.filter((each) => each instanceof Element));
  }
  get childElementCount() {
    return this.children.length;
  }
  get firstElementChild() {
    return this.children[0] ?? null;
  }
  get lastElementChild() {
    return this.children.at(-1) ?? null;
  }
  querySelector(selector) {
    const found = this.#find(String(selector), "querySelector")[0] ?? null;
    if (!found) seen.missed.push({selector: String(selector), where: where()});
    return found;
  }
  querySelectorAll(selector) {
    return this.#find(String(selector), "querySelectorAll");
  }
  #find(selector, verb) {
    const matches = selectorOf(
      selector,
      `Failed to execute '${verb}' on '${this instanceof Element ? "Element" : "Document"}'`,
    );
    return list(inside(this).filter((each) => matches(each)));
  }
  getElementsByClassName(names) {
    const wanted = String(names).split(/\s+/).filter(Boolean);
    return list(inside(this).filter((each) => wanted.every((name) => each.classList.contains(name))));
  }
  getElementsByTagName(tag) {
    return list(inside(this).filter((each) => tag === "*" || each.localName === String(tag).toLowerCase()));
  }
}

function inside(node, found = []) {
  for (const each of node.childNodes)
    if (each instanceof Element) {
      found.push(each);
      inside(each, found);
    }
  return found;
}

class DocumentFragment extends Parent {
  get nodeType() {
    return 11;
  }
  get nodeName() {
    return "#document-fragment";
  }
  getElementById(id) {
    return inside(this).find((each) => each.id === String(id)) ?? null;
  }
  copy() {
    return new DocumentFragment();
  }
}
