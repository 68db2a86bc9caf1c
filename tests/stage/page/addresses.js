// Addresses: URL, URLSearchParams, location.

const utf8 = (text) => unescape(encodeURIComponent(text.toWellFormed()));
const percent = (text, set) =>
  [...text]
    .map((c) =>
      c < "!" || c > "~" || set.includes(c)
        ? [...utf8(c)].map((byte) => "%" + byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")).join("")
        : c,
    )
    .join("");
const PORTS = {"http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21"};

class URL {
  #protocol = "";
  #user = "";
  #hostname = "";
  #port = "";
  #path = "";
  #search = "";
  #hash = "";
  #params;
  constructor(text, base) {
    this.#parse(
      String(text)
        .trim()
        .replace(/[\t\n\r]/g, ""),
      base === undefined ? null : base instanceof URL ? base : new URL(base),
    );
    this.#params = new URLSearchParams(this.#search);
    hide(this.#params, "changed", () => {
      this.#search = String(this.#params) && "?" + this.#params;
    });
  }
  static canParse(text, base) {
    try {
      return Boolean(new URL(text, base));
    } catch {
      return false;
    }
  }
  static parse(text, base) {
    try {
      return new URL(text, base);
    } catch {
      return null;
    }
  }
  #parse(text, base) {
    const invalid = () => new TypeError("Failed to construct 'URL': Invalid URL");
    let [, scheme, rest] = text.match(/^([a-zA-Z][a-zA-Z0-9+.-]*:)?([^]*)$/);
    if (!scheme && !base) throw invalid();
    scheme = scheme?.toLowerCase();
    let hash = "",
      search = "";
    if (rest.includes("#")) [rest, hash] = [rest.slice(0, rest.indexOf("#")), rest.slice(rest.indexOf("#"))];
    if (scheme && !(scheme in PORTS)) {
      this.#set(scheme, "", "", "");
      this.#path = rest;
      this.#hash = hash;
      return;
    }
    if (rest.includes("?")) [rest, search] = [rest.slice(0, rest.indexOf("?")), rest.slice(rest.indexOf("?"))];
    rest = rest.replace(/\\/g, "/");
    const absolute = scheme && (!base || scheme !== base.protocol || rest.startsWith("//"));
    if (absolute || rest.startsWith("//")) {
      const [, authority, path] = rest.replace(/^\/*/, "").match(/^([^/]*)([^]*)$/);
      const [, user = "", hostname, port = ""] = authority.match(/^(?:([^@]*)@)?(\[[^\]]*\]|[^:]*)(?::(.*))?$/) ?? [];
      if (!hostname || /[\s<>^|%]/.test(hostname) || !/^\d*$/.test(port) || Number(port) > 65535) throw invalid();
      this.#set(scheme ?? base.protocol, user, hostname.toLowerCase(), port);
      this.#path = normal(path);
    } else {
      this.#set(base.protocol, "", base.hostname, base.port);
      if (rest.startsWith("/")) this.#path = normal(rest);
      else if (rest) this.#path = normal(base.pathname.replace(/[^/]*$/, "") + rest);
      else {
        this.#path = base.pathname;
        search ||= base.search;
      }
    }
    this.search = search;
    this.hash = hash;
  }
  #set(protocol, user, hostname, port) {
    this.#protocol = protocol;
    this.#user = user;
    this.#hostname = hostname;
    this.#port = port && String(Number(port)) !== PORTS[protocol] ? String(Number(port)) : "";
    return this;
  }
  get protocol() {
    return this.#protocol;
  }
  set protocol(text) {
    const wanted = String(text).toLowerCase().replace(/:.*$/, "") + ":";
    if (wanted in PORTS === this.#protocol in PORTS) this.#set(wanted, this.#user, this.#hostname, this.#port);
  }
  get hostname() {
    return this.#hostname;
  }
  set hostname(text) {
    this.#hostname = String(text).toLowerCase();
  }
  get port() {
    return this.#port;
  }
  set port(text) {
    this.#set(this.#protocol, this.#user, this.#hostname, String(text).match(/^\d*/)[0]);
  }
  get host() {
    return this.#hostname + (this.#port && ":" + this.#port);
  }
  set host(text) {
    const [name, port] = String(text).split(":");
    this.hostname = name;
    if (port) this.port = port;
  }
  get origin() {
    return this.#protocol in PORTS ? `${this.#protocol}//${this.host}` : "null";
  }
  get pathname() {
    return this.#path;
  }
  set pathname(text) {
    this.#path = normal(String(text).replace(/[?#]/g, (c) => (c === "?" ? "%3F" : "%23")));
  }
  get search() {
    return this.#search;
  }
  set search(text) {
    text = String(text).replace(/^\?/, "");
    this.#search = text && "?" + percent(text, "\"#<>'");
    this.#params?.read(this.#search);
  }
  get searchParams() {
    return this.#params;
  }
  get hash() {
    return this.#hash;
  }
  set hash(text) {
    text = String(text).replace(/^#/, "");
    this.#hash = text && "#" + percent(text, '"<>`');
  }
  get username() {
    return this.#user.split(":")[0];
  }
  get password() {
    return this.#user.split(":")[1] ?? "";
  }
  get href() {
    if (!(this.#protocol in PORTS)) return this.#protocol + this.#path + this.#hash;
    return `${this.#protocol}//${this.#user && this.#user + "@"}${this.host}${this.#path}${this.#search}${this.#hash}`;
  }
  set href(text) {
    this.#parse(String(text), null);
  }
  toString() {
    return this.href;
  }
  toJSON() {
    return this.href;
  }
}

/** A path without its dots, and with what can't stand in one escaped. */
function normal(path) {
  const kept = [];
  const parts = percent(path, '"#<>?`{}^').replace(/^\//, "").split("/");
  parts.forEach((part, index) => {
    const last = index === parts.length - 1,
      dots = part.replace(/%2e/gi, ".");
    if (dots === "..") {
      kept.pop();
      if (last) kept.push("");
    } else if (dots === ".") {
      if (last) kept.push("");
    } else kept.push(part);
  });
  return "/" + kept.join("/");
}

class URLSearchParams {
  #pairs = [];
  constructor(from = "") {
    hide(this, "changed", () => {});
    if (typeof from === "string") this.read(from);
    else if (typeof from[Symbol.iterator] === "function")
      for (const [key, value] of from) this.#pairs.push([String(key), String(value)]);
    else for (const [key, value] of Object.entries(from)) this.#pairs.push([key, String(value)]);
  }
  read(text) {
    const plain = (part) => {
      try {
        return decodeURIComponent(part.replace(/\+/g, " "));
      } catch {
        return part;
      }
    };
    this.#pairs = text
      .replace(/^\?/, "")
      .split("&")
      .filter(Boolean)
      .map((pair) => {
        const [key, ...rest] = pair.split("=");
        return [plain(key), plain(rest.join("="))];
      });
  }
  get size() {
    return this.#pairs.length;
  }
  get(key) {
    return this.#pairs.find((pair) => pair[0] === key)?.[1] ?? null;
  }
  getAll(key) {
    return this.#pairs.filter((pair) => pair[0] === key).map((pair) => pair[1]);
  }
  has(key) {
    return this.#pairs.some((pair) => pair[0] === key);
  }
  append(key, value) {
    this.#pairs.push([String(key), String(value)]);
    this.changed();
  }
  delete(key) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== key);
    this.changed();
  }
  set(key, value) {
    const at = this.#pairs.find((pair) => pair[0] === key);
    if (at) {
      at[1] = String(value);
      this.changed();
    } else this.append(key, value);
  }
  entries() {
    return this.#pairs.map((pair) => [...pair])[Symbol.iterator]();
  }
  keys() {
    return this.#pairs.map((pair) => pair[0])[Symbol.iterator]();
  }
  values() {
    return this.#pairs.map((pair) => pair[1])[Symbol.iterator]();
  }
  forEach(f) {
    for (const [key, value] of this.#pairs) f(value, key, this);
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  toString() {
    const form = (text) =>
      encodeURIComponent(text)
        .replace(/%20/g, "+")
        .replace(/[!'()~]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
    return this.#pairs.map((pair) => pair.map(form).join("=")).join("&");
  }
}

class FormData extends URLSearchParams {
  constructor(form) {
    super(
      form
        ? form.elements
            .filter(
              (each) =>
                each.name &&
                !each.disabled &&
                !["submit", "button"].includes(each.type) &&
                (!["checkbox", "radio"].includes(each.type) || each.checked),
            )
            .map((each) => [each.name, each.value])
        : "",
    );
  }
}

let address;
const leave = (how, url) => {
  seen.left ??= {how, url: String(url)};
};
const location = {
  assign(url) {
    leave("location", new URL(url, address));
  },
  replace(url) {
    leave("location", new URL(url, address));
  },
  reload() {
    leave("reload", address);
  },
  toString() {
    return address.href;
  },
};
for (const part of ["href", "protocol", "host", "hostname", "port", "pathname", "search", "hash"]) {
  Object.defineProperty(location, part, {
    enumerable: true,
    get: () => address[part],
    set(value) {
      const url = part === "href" ? new URL(value, address) : new URL(address.href);
      if (part !== "href") url[part] = value;
      if (part === "hash") address = url;
      else leave("location", url);
    },
  });
}
Object.defineProperty(location, "origin", {enumerable: true, get: () => address.origin});
