// Reading and writing HTML.

const decode = (text) =>
  text.replace(/&(#x[0-9a-f]+|#\d+|\w+);?/gi, (whole, name) => {
    if (name[0] !== "#") return entities()[name + ";"] ?? (whole.endsWith(";") ? whole : (entities()[name] ?? whole));
    const number = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    return number && number < 0x110000 ? String.fromCodePoint(number) : "\ufffd";
  });
const escaped = (text) =>
  text
    .replace(/&/g, "&amp;")
    .replace(/\u00a0/g, "&nbsp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;");

function written(node) {
  if (node instanceof Comment) return `<!--${node.data}-->`;
  if (node instanceof Text) return RAW.has(node.parentNode?.localName) ? node.data : escaped(node.data);
  const tag = node.localName;
  const attributes = node.attributes.map(
    ({name, value}) => ` ${name}="${value.replace(/&/g, "&amp;").replace(/"/g, "&quot;")}"`,
  );
  return `<${tag}${attributes.join("")}>` + (VOID.has(tag) ? "" : `${node.innerHTML}</${tag}>`);
}

const CLOSES = {
  // a tag that closes an open element which its writer may leave open
  li: ["li"],
  option: ["option"],
  tr: ["tr", "td", "th"],
  td: ["td", "th"],
  th: ["td", "th"],
  dt: ["dt", "dd"],
  dd: ["dt", "dd"],
};
for (const tag of "address article aside blockquote div dl fieldset footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section table ul".split(
  " ",
))
  CLOSES[tag] = ["p"];
const IN_HEAD = new Set("base link meta noscript script style template title".split(" "));

/** Reads HTML into a page or an element, and stops after each script, so that it runs while the rest isn't there yet. */
class Parser {
  constructor(text, root, whole) {
    Object.assign(this, {text, root, whole, at: 0, open: [root], inserting: true});
    if (whole) {
      this.html = root.appendChild(create("html"));
      this.head = this.html.appendChild(create("head"));
      this.body = null;
      this.open = [this.head];
    }
  }
  get top() {
    return this.open.at(-1);
  }

  /** Return the next script element, or null at the page's end. */
  next() {
    while (this.at < this.text.length) {
      const script = this.step();
      if (script) return script;
    }
    if (this.whole) this.inBody();
    return null;
  }

  inBody() {
    if (this.body || !this.whole) return;
    this.body = this.html.appendChild(create("body"));
    this.open = [this.body];
  }

  step() {
    const rest = this.text.slice(this.at, this.at + 1) === "<" ? this.text.slice(this.at) : null;
    let found;
    if (rest && (found = rest.match(/^<!--(?:>|->|([^]*?)(?:--!?>|$))/))) {
      this.at += found[0].length;
      this.top.appendChild(new Comment(found[1] ?? ""));
    } else if (rest && (found = rest.match(/^<[!?][^>]*>?/))) {
      this.at += found[0].length;
    } else if (rest && (found = rest.match(/^<\/([a-z][^\s/>]*)[^>]*>/i))) {
      this.at += found[0].length;
      this.close(found[1].toLowerCase());
    } else if (rest && (found = rest.match(/^<([a-z][^\s/>]*)((?:[^>"'=]|=\s*"[^"]*"|=\s*'[^']*'|=|["'])*)>/i))) {
      return this.start(found);
    } else {
      const end = this.text.indexOf("<", this.at + 1);
      const text = this.text.slice(this.at, end < 0 ? undefined : end);
      this.at += text.length;
      this.addText(decode(text));
    }
    return null;
  }

  addText(text) {
    if (this.whole && !this.body) {
      if (!text.trim()) return;
      this.inBody();
    }
    if (this.top.lastChild instanceof Text && !(this.top.lastChild instanceof Comment))
      this.top.lastChild.appendData(text);
    else this.top.appendChild(new Text(text));
  }

  start([whole, name, attributes]) {
    const tag = name.toLowerCase();
    this.at += whole.length;
    let element;
    if (this.whole && ["html", "head", "body"].includes(tag)) {
      if (tag === "body") this.inBody();
      element = {html: this.html, head: this.head, body: this.body}[tag];
    } else {
      if (!IN_HEAD.has(tag)) this.inBody();
      const closes = CLOSES[tag] ?? [];
      while (closes.includes(this.top.localName)) this.open.pop();
      if (tag === "form" && this.open.some((each) => each.localName === "form")) return null; // no form is in a form
      element = create(tag);
    }
    for (const [, key, a, b, c] of attributes.matchAll(
      /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g,
    )) {
      if (!element.hasAttribute(key)) element.setAttribute(key, decode(a ?? b ?? c ?? ""));
    }
    if (element.parentNode) return null;
    this.top.appendChild(element);
    if (RAW.has(tag) || TEXT_ONLY.has(tag)) return this.raw(element, tag);
    if (!VOID.has(tag)) this.open.push(element);
    return null;
  }

  raw(element, tag) {
    const rest = this.text.slice(this.at);
    let end = rest.search(new RegExp(`</${tag}[\\s/>]`, "i"));
    if (tag === "script") end = scriptEnd(rest, end);
    const text = end < 0 ? rest : rest.slice(0, end);
    if (text) element.appendChild(new Text(TEXT_ONLY.has(tag) ? decode(text.replace(/^\r?\n/, "")) : text));
    hide(element, "place", this.at);
    this.at += text.length;
    this.at += this.text.slice(this.at).match(/^<\/[^>]*>?/)?.[0].length ?? 0;
    return tag === "script" && end >= 0 ? element : null;
  }

  close(tag) {
    if (this.whole && tag === "head") {
      this.inBody();
      return;
    }
    if (["html", "body"].includes(tag)) return;
    if (tag === "br") {
      this.top.appendChild(create("br"));
      return;
    }
    const index = this.open.findLastIndex((each) => each.localName === tag);
    if (index > 0 || (index === 0 && this.open[0] !== this.root && !["head", "body"].includes(tag)))
      this.open.length = index;
  }
}

/** Where a script ends: after <!-- and <script inside it, the first </script> doesn't end it. */
function scriptEnd(rest, end) {
  const comment = rest.indexOf("<!--");
  if (comment < 0 || comment > end) return end;
  const inner = rest.slice(comment).search(/<script[\s/>]/i),
    over = rest.indexOf("-->", comment);
  if (inner < 0 || comment + inner > end || (over >= 0 && over < comment + inner)) return end;
  const second = rest.slice(end + 8).search(/<\/script[\s/>]/i);
  return second < 0 ? -1 : end + 8 + second;
}

/** Return the nodes that HTML describes. Scripts in it don't run. */
function fragment(text, tag = "body") {
  const root = new HTMLElement(tag);
  if (RAW.has(tag) || TEXT_ONLY.has(tag)) return text ? [new Text(TEXT_ONLY.has(tag) ? decode(text) : text)] : [];
  const own = new Parser(text, root, false),
    outer = parser.inserting;
  parser.inserting = true;
  while (own.next());
  const nodes = [...root.childNodes];
  for (const each of nodes) each.remove();
  parser.inserting = outer;
  return nodes;
}
