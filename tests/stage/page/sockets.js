// WebSocket, for which browser.py plays the server.

/** Whether an address is this computer's own: a browser trusts it without TLS. */
const isNear = (url) => /^(localhost|127\..*|\[::1\])$/.test(url.hostname);

class WebSocket extends EventTarget {
  #url;
  #state = 0;
  #binaryType = "blob";
  constructor(url, protocols = []) {
    super();
    const fail = (why, name = "SyntaxError") => new DOMException(`Failed to construct 'WebSocket': ${why}`, name);
    if (!arguments.length)
      throw new TypeError("Failed to construct 'WebSocket': 1 argument required, but only 0 present.");
    let parsed;
    try {
      parsed = new URL(url, address);
    } catch {
      throw fail(`The URL '${url}' is invalid.`);
    }
    if (/^https?:$/.test(parsed.protocol)) parsed.protocol = parsed.protocol.replace("http", "ws");
    if (!/^wss?:$/.test(parsed.protocol)) {
      throw fail(
        `The URL's scheme must be either 'http', 'https', 'ws', or 'wss'. '${parsed.protocol.slice(0, -1)}' is not allowed.`,
      );
    }
    if (String(url).includes("#"))
      throw fail(
        `The URL contains a fragment identifier ('${parsed.hash.slice(1)}'). Fragment identifiers are not allowed in WebSocket URLs.`,
      );
    if (address.protocol === "https:" && parsed.protocol === "ws:" && !isNear(parsed)) {
      sockets.push({url: parsed.href, state: 3, frames: [], refused: true, socket: null});
      throw fail(
        "An insecure WebSocket connection may not be initiated from a page loaded over HTTPS.",
        "SecurityError",
      );
    }
    this.#url = parsed.href;
    const own = {
      url: parsed.href,
      protocols: [protocols].flat(),
      frames: [],
      early: [],
      late: [],
      socket: this,
      closed: null,
    };
    own.setState = (state) => {
      this.#state = state;
    };
    sockets.push(own);
    Object.defineProperty(own, "state", {get: () => this.#state});
  }
  get url() {
    return this.#url;
  }
  get readyState() {
    return this.#state;
  }
  get bufferedAmount() {
    return 0;
  }
  get extensions() {
    return "";
  }
  get protocol() {
    return "";
  }
  get binaryType() {
    return this.#binaryType;
  }
  set binaryType(type) {
    this.#binaryType = type;
  }
  send(data) {
    const own = sockets.find((each) => each.socket === this);
    if (!arguments.length)
      throw new TypeError("Failed to execute 'send' on 'WebSocket': 1 argument required, but only 0 present.");
    if (this.#state === 0)
      throw new DOMException(
        "Failed to execute 'send' on 'WebSocket': Still in CONNECTING state.",
        "InvalidStateError",
      );
    const binary = data instanceof ArrayBuffer || ArrayBuffer.isView(data);
    const frame = {text: binary ? null : String(data), type: binary ? "binary" : typeof data};
    if (this.#state === 1) own.frames.push(frame);
    else own.late.push(frame);
  }
  close(code, reason = "") {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new DOMException(
        `Failed to execute 'close' on 'WebSocket': The close code must be either 1000, or between 3000 and 4999. ${code} is neither.`,
        "InvalidAccessError",
      );
    }
    if (this.#state >= 2) return;
    this.#state = 2;
    sockets.find((each) => each.socket === this).closed = {code: code ?? 1005, reason: String(reason)};
  }
}
["CONNECTING", "OPEN", "CLOSING", "CLOSED"].forEach((name, value) => {
  Object.defineProperty(WebSocket, name, {value, enumerable: true});
  Object.defineProperty(WebSocket.prototype, name, {value, enumerable: true});
});
for (const name of ["onopen", "onmessage", "onerror", "onclose"]) handlerProperty(WebSocket.prototype, name);
