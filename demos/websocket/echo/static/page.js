const byId = id => document.getElementById(id);
const frames = byId("frames");
const KEPT = 200;
let socket = null;
let sent = [];       // when those were sent that have not come back
let times = [];
let measuring = null;

function state(name, text) {
  byId("state").dataset.state = name;
  byId("state").textContent = text;
  byId("toggle").textContent = name === "off" ? "Connect" : "Disconnect";
  for (const button of document.querySelectorAll("#send button, #close button"))
    button.disabled = name !== "on";
  for (const box of document.querySelectorAll("#connection input")) box.disabled = name !== "off";
}

function note(kind, text, size) {
  const item = document.createElement("li");
  item.dataset.kind = kind;
  const what = document.createElement("b");
  what.textContent = { out: "sent", in: "received", open: "opened", close: "closed" }[kind];
  item.append(what, ` ${text}`);
  if (size !== undefined) {
    const small = document.createElement("small");
    small.textContent = ` ${size}`;
    item.append(small);
  }
  const follow = frames.scrollHeight - frames.scrollTop - frames.clientHeight < 40;
  frames.append(item);
  while (frames.children.length > KEPT) frames.firstChild.remove();
  if (follow) frames.scrollTop = frames.scrollHeight;
}

const hex = bytes => [...bytes.slice(0, 64)].map(b => b.toString(16).padStart(2, "0")).join(" ")
  + (bytes.length > 64 ? " …" : "");
const short = text => text.length > 200 ? `${text.slice(0, 200)} …` : text;
const bytesOf = text => new TextEncoder().encode(text).length;

function describe(kind, data) {
  if (typeof data === "string") note(kind, short(data), `text, ${bytesOf(data)} bytes`);
  else note(kind, hex(new Uint8Array(data)), `binary, ${data.byteLength} bytes`);
}

const ms = value => value === undefined ? "–" : `${value.toFixed(2)} ms`;

function facts() {
  const sorted = [...times].sort((a, b) => a - b);
  byId("last").textContent = ms(times.at(-1));
  byId("fastest").textContent = ms(sorted[0]);
  byId("median").textContent = ms(sorted[sorted.length >> 1]);
  byId("slowest").textContent = ms(sorted.at(-1));
  byId("count").textContent = times.length;
}

function connect() {
  const url = new URL("echo", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (byId("compress").checked) url.searchParams.set("compress", "1");
  state("wait", "Connecting …");
  socket = new WebSocket(url, byId("subprotocol").checked ? ["echo"] : []);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    const extras = [socket.extensions, socket.protocol && `subprotocol ${socket.protocol}`];
    state("on", "Connected");
    note("open", [url.pathname, ...extras].filter(Boolean).join(", "));
  });
  socket.addEventListener("message", ({ data }) => {
    if (sent.length) times.push(performance.now() - sent.shift());
    if (times.length > 10000) times.shift();
    if (measuring) return measuring();
    describe("in", data);
    facts();
  });
  socket.addEventListener("close", ({ code, reason, wasClean }) => {
    note("close", `with ${code}${reason && ` “${reason}”`}${wasClean ? "" : ", not cleanly"}`);
    state("off", `Closed with ${code}`);
    socket = measuring = null;
    sent = [];
  });
}

function send(data) {
  sent.push(performance.now());
  socket.send(data);
}

function parse(text) {
  const digits = text.replace(/\s|0x/gi, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error("Bytes are pairs of hexadecimal digits, such as 00 ff");
  return Uint8Array.from(digits.match(/../g) ?? [], pair => parseInt(pair, 16)).buffer;
}

byId("connection").addEventListener("submit", event => {
  event.preventDefault();
  if (socket) socket.close(1000);
  else connect();
});

byId("send").addEventListener("submit", event => {
  event.preventDefault();
  byId("problem").textContent = "";
  const text = byId("message").value;
  try {
    const data = new FormData(event.target).get("kind") === "binary" ? parse(text) : text;
    describe("out", data);
    send(data);
  } catch (error) {
    byId("problem").textContent = error.message;
  }
});

byId("measure").addEventListener("click", () => {
  const text = "x".repeat(64);
  let left = 100;
  times = [];
  note("out", "100 messages, one after the other", "text, 64 bytes each");
  measuring = () => {
    if (--left > 0) return send(text);
    measuring = null;
    facts();
    note("in", "100 messages");
  };
  send(text);
});

byId("close").addEventListener("submit", event => {
  event.preventDefault();
  const code = byId("code").valueAsNumber, reason = byId("reason").value;
  byId("close-problem").textContent = "";
  try {
    if (event.submitter?.value === "there") {
      const command = `/close ${code} ${reason}`.trim();
      describe("out", command);
      socket.send(command);
    } else socket.close(code, reason);
  } catch (error) {
    byId("close-problem").textContent = error.message;
  }
});

byId("clear").addEventListener("click", () => frames.replaceChildren());
state("off", "Not connected");
connect();
