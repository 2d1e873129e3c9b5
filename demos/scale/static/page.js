// Which worker answers, and what all of them say.  Nothing is lost when one ends: the page comes
// back to another, and says which event it has seen last.
const byId = id => document.getElementById(id);
const AT_ONCE = 6, LOAD = 120, KEPT = 60, SECONDS = 3, PAUSE = 500;
const workers = new Map(), seen = new Set();
let answers = 0, opened = 0, last = "", close = () => {};

// -- who answers

function name({ worker, pid }) {
  return worker ? `Worker ${worker} (process ${pid})` : `Process ${pid}`;
}

function row(who) {
  const key = `${who.machine} ${who.worker}`;
  if (!workers.has(key)) {
    const item = byId("worker").content.cloneNode(true).firstElementChild;
    item.querySelector("strong").textContent = who.worker ? `Worker ${who.worker}` : "The process";
    workers.set(key, { item, answers: 0 });
    const sorted = [...workers].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    byId("workers").replaceChildren(...sorted.map(([, each]) => each.item));
  }
  const found = workers.get(key);
  found.item.querySelector(".who").textContent = `process ${who.pid} on ${who.machine}`;
  found.item.querySelector("progress").setAttribute("aria-label", `Share of ${name(who)}`);
  found.item.dataset.pid = who.pid;
  return found;
}

function show() {
  for (const { item, answers: own } of workers.values()) {
    item.querySelector("progress").value = answers ? own / answers : 0;
    item.querySelector(".share").textContent = own === 1 ? "1 answer" : `${own} answers`;
  }
}

async function post(path, fields = {}) {
  const response = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
  const type = response.headers.get("Content-Type") ?? "";
  const answer = type.startsWith("application/json") ? await response.json() : {};
  if (answer.pid) {
    answers += 1;
    row(answer).answers += 1;
    show();
  }
  if (!response.ok) throw new Error(answer.error ?? `${response.status} ${response.statusText}`);
  return answer;
}

function outcome(text, failed = false) {
  byId("outcome").textContent = text;
  byId("outcome").toggleAttribute("data-failed", failed);
}

async function attempt(action) {
  try {
    outcome(await action());
  } catch (error) {
    outcome(`That failed: ${error.message}`, true);
  }
}

byId("add").addEventListener("click", () => attempt(async () => {
  const answer = await post("count");
  return `${name(answer)} has counted to ${answer.count}.`;
}));

byId("slow").addEventListener("click", () => attempt(async () => {
  outcome(`A request of ${SECONDS} seconds is under way; the rest goes on.`);
  return `${name(await post("slow", { seconds: SECONDS }))} has answered after a while.`;
}));

byId("crash").addEventListener("click", () => attempt(async () =>
  `${name(await post("crash"))} kills itself. Another takes its place.`));

byId("load").addEventListener("click", async () => {
  byId("load").disabled = true;
  const before = performance.now();
  let left = LOAD, failed = 0;
  const fetching = Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await post("work").catch(() => { failed += 1; });
  });
  outcome(`${LOAD} requests …`);
  await Promise.all(fetching);
  const rate = Math.round(LOAD * 1000 / (performance.now() - before));
  outcome(`${LOAD - failed} answers, ${rate} a second; ${failed} failed.`, failed > 0);
  byId("load").disabled = false;
});

byId("say").addEventListener("submit", event => {
  event.preventDefault();
  attempt(async () => {
    const answer = await post("say", { text: byId("text").value });
    byId("text").value = "";
    return `${name(answer)} has told all the others.`;
  });
});

// -- the feed

const WORDS = {
  count: event => `has counted to ${event.count}`,
  said: event => `was told: ${event.text}`,
  slow: event => `has answered after ${event.seconds} seconds`,
  crash: () => "kills itself",
  started: () => "has started",
};

function told(event) {
  if (seen.has(event.key) || !Object.hasOwn(WORDS, event.kind)) return;
  seen.add(event.key);
  if (event.kind === "started") { row(event); show(); }
  if (event.kind === "count") counted(event.count);
  const item = document.createElement("li");
  item.dataset.kind = event.kind;
  const by = document.createElement("span"), what = document.createElement("span");
  by.className = "by";
  by.textContent = `${new Date(event.time * 1000).toLocaleTimeString()} · ${event.machine} · ${name(event)} `;
  what.className = "what";
  what.textContent = WORDS[event.kind](event);
  item.append(by, what);
  byId("feed").prepend(item);
  while (byId("feed").children.length > KEPT) byId("feed").lastChild.remove();
}

function counted(count) {
  const shown = byId("count");
  // Two workers count at the same time, and what they say comes in either order.
  if (!(Number(shown.textContent) > count)) shown.textContent = count;
}

function state(value, text) {
  byId("state").dataset.state = value;
  if (byId("state-text").textContent !== text) byId("state-text").textContent = text;
}

function hello(who) {
  opened += 1;
  byId("opened").textContent = opened;
  byId("feeder").textContent = name(who);
  byId("feeder").dataset.pid = who.pid;
  row(who);
  show();
  state("on", "Connected");
}

function since() {
  return last ? `?since=${encodeURIComponent(last)}` : "";
}

function overEvents() {
  let source, later;
  function open() {
    source = new EventSource(`feed/events${since()}`);
    source.addEventListener("hello", ({ data }) => hello(JSON.parse(data)));
    source.addEventListener("message", ({ data, lastEventId }) => {
      last = lastEventId;
      told(JSON.parse(data));
    });
    source.addEventListener("error", () => {
      state("wait", "Connection lost, coming back …");
      // The browser gives up when it gets another answer than a stream, such as 502 from nginx.
      if (source.readyState === EventSource.CLOSED) later = setTimeout(open, PAUSE);
    });
  }
  open();
  return () => { clearTimeout(later); source.close(); };
}

function overSocket() {
  let socket, later, over = false;
  function open() {
    const url = new URL(`feed/socket${since()}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    socket = new WebSocket(url);
    socket.addEventListener("message", ({ data }) => {
      if (over) return;
      const message = JSON.parse(data);
      if (message.hello) { hello(message.hello); return; }
      last = message.id;
      told(message.event);
    });
    socket.addEventListener("close", () => {
      if (over) return;
      state("wait", "Connection lost, coming back …");
      later = setTimeout(open, PAUSE);
    });
  }
  open();
  return () => { over = true; clearTimeout(later); socket.close(); };
}

function connect() {
  close();
  state("wait", "Connecting …");
  const way = document.querySelector("input[name=way]:checked").value;
  close = way === "socket" ? overSocket() : overEvents();
}

for (const radio of document.querySelectorAll("input[name=way]"))
  radio.addEventListener("change", connect);
connect();
fetch("count").then(response => response.ok ? response.json() : {}).then(answer => {
  if (Number.isInteger(answer.count)) counted(answer.count);
}).catch(() => {});
