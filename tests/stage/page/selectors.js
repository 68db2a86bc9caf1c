// CSS selectors.

const selectors = new Map();
function selectorOf(text, where = "Failed to execute 'matches' on 'Element'") {
  if (!selectors.has(text)) selectors.set(text, parseSelectors(text, where));
  return selectors.get(text);
}

/** Return a function that says whether an element matches the selector. */
function parseSelectors(text, where) {
  let rest = text;
  const bad = () =>
    new DOMException(
      text ? `${where}: '${text}' is not a valid selector.` : `${where}: The provided selector is empty.`,
      "SyntaxError",
    );
  const take = (pattern) => {
    const found = rest.match(pattern);
    if (found) rest = rest.slice(found[0].length);
    return found;
  };
  const unescape = (name) =>
    name.replace(/\\([0-9a-f]{1,6}) ?/gi, (_, hex) => String.fromCodePoint(parseInt(hex, 16))).replace(/\\(.)/g, "$1");
  const NAME = "((?:-?(?:[_a-zA-Z\\u0080-\\uffff]|\\\\.)|--)(?:[-\\w\\u0080-\\uffff]|\\\\.)*)";

  function simple() {
    let found;
    if (take(/^\*/)) return () => true;
    if ((found = take(new RegExp("^" + NAME)))) {
      const tag = unescape(found[1]).toLowerCase();
      return (e) => e.localName === tag;
    }
    if ((found = take(new RegExp("^#" + NAME)))) {
      const id = unescape(found[1]);
      return (e) => e.id === id;
    }
    if ((found = take(new RegExp("^\\." + NAME)))) {
      const name = unescape(found[1]);
      return (e) => e.classList.contains(name);
    }
    if (
      (found = take(
        new RegExp(
          "^\\[\\s*" + NAME + "\\s*(?:([~|^$*]?=)\\s*(?:\"([^\"]*)\"|'([^']*)'|" + NAME + ")\\s*[iIsS]?\\s*)?\\]",
        ),
      ))
    ) {
      const [, name, operator, ...values] = found,
        wanted = values.find((each) => each !== undefined);
      return (e) => {
        const value = e.getAttribute(name);
        if (value === null || !operator) return value !== null;
        return {
          "=": () => value === wanted,
          "^=": () => wanted && value.startsWith(wanted),
          "$=": () => wanted && value.endsWith(wanted),
          "*=": () => wanted && value.includes(wanted),
          "~=": () => value.split(/\s+/).includes(wanted),
          "|=": () => value === wanted || value.startsWith(wanted + "-"),
        }[operator]();
      };
    }
    if ((found = take(/^:(not|is|where)\(([^()]*(?:\([^()]*\)[^()]*)*)\)/))) {
      const matches = parseSelectors(found[2], where),
        wanted = found[1] !== "not";
      return (e) => matches(e) === wanted;
    }
    if ((found = take(/^:nth-(last-)?child\((\d+)\)/))) {
      return (e) => {
        const all = e.parentNode.children;
        return (found[1] ? all.length - all.indexOf(e) : all.indexOf(e) + 1) === Number(found[2]);
      };
    }
    if ((found = take(/^:([a-z-]+)(?![\w(-])/))) {
      const states = {
        "first-child": (e) => !e.previousElementSibling,
        "last-child": (e) => !e.nextElementSibling,
        "only-child": (e) => !e.previousElementSibling && !e.nextElementSibling,
        checked: (e) => e.checked === true,
        disabled: (e) => e.disabled,
        enabled: (e) => !e.disabled,
        empty: (e) => !e.hasChildNodes(),
        focus: (e) => focused === e,
        required: (e) => e.required,
        root: (e) => e === page.documentElement,
        link: (e) => e.localName === "a" && e.hasAttribute("href"),
      };
      if (states[found[1]]) return states[found[1]];
    }
    if (/^::?[a-z]/.test(rest)) {
      unknown(`the selector ${text}`);
      rest = "";
      return () => false;
    }
  }

  function compound() {
    const parts = [];
    for (let part; (part = simple());) parts.push(part);
    if (!parts.length) throw bad();
    return (e) => parts.every((part) => part(e));
  }

  function complex() {
    take(/^\s+/);
    let matches = compound(),
      found;
    while ((found = take(/^\s*([>+~])\s*|^\s+(?=[^,\s])/))) {
      const left = matches,
        right = compound(),
        how = found[1];
      const start = how === "+" || how === "~" ? (e) => e.previousElementSibling : (e) => e.parentElement;
      matches = (e) => {
        if (!right(e)) return false;
        for (let each = start(e); each; each = start(each)) {
          if (left(each)) return true;
          if (how === ">" || how === "+") return false;
        }
        return false;
      };
    }
    take(/^\s+/);
    return matches;
  }

  const all = [complex()];
  while (take(/^,/)) all.push(complex());
  if (rest) throw bad();
  return (e) => all.some((matches) => matches(e));
}
